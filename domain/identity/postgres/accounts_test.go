package postgres_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
)

func TestAnAddressHasOneAccount(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	addUser(t, pool, "u1", "ada@example.org")
	second, _ := identity.Register("u2", identity.SignUp{Name: "Ada", Email: "ada@example.org"}, identity.Customer, noon)
	err := within(
		t,
		pool,
		func(tx pgx.Tx) error { return postgres.InsertUser(t.Context(), tx, second, "h", uuid.NewString()) },
	)
	if !errors.Is(err, identity.ErrEmailInUse) {
		t.Fatalf("second account: %v", err)
	}
	if n := count(t, pool, `SELECT count(*) FROM users`); n != 1 {
		t.Fatalf("%d accounts", n)
	}
}

func TestCredentialsComeBackAsStored(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	stored := addUser(t, pool, "u1", "ada@example.org")
	u, hash, err := postgres.Credentials(t.Context(), pool, "ada@example.org")
	must(t, err)
	if u.ID != stored.ID || u.Name != stored.Name || u.Version != 1 || !u.CreatedAt.Equal(noon) || u.EmailVerified ||
		hash != "hash-of-u1" {
		t.Fatalf("%+v, %s", u, hash)
	}
	if u, hash, err = postgres.Credentials(t.Context(), pool, "bob@example.org"); err != nil || u.ID != "" || hash != "" {
		t.Fatalf("unknown address: %+v, %s, %v", u, hash, err)
	}
	_, err = pool.Exec(t.Context(), `UPDATE users SET deleted_at = now()`)
	must(t, err)
	if _, hash, err = postgres.Credentials(t.Context(), pool, "ada@example.org"); err != nil || hash != "" {
		t.Fatalf("deleted account: %s, %v", hash, err)
	}
	if taken, err := postgres.EmailTaken(t.Context(), pool, "ada@example.org", "", time.Now()); err != nil || !taken {
		t.Fatalf("the address of a deleted account is free: %v, %v", taken, err)
	}
}

func TestAHashIsReplacedOnlyWhileThePasswordIsTheSame(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	addUser(t, pool, "u1", "ada@example.org")
	for _, c := range []struct{ old, replacement, want string }{
		{"stale", "stronger", "hash-of-u1"},
		{"hash-of-u1", "stronger", "stronger"},
	} {
		must(t, within(t, pool, func(tx pgx.Tx) error {
			return postgres.ReplaceHash(t.Context(), tx, "u1", c.old, c.replacement, noon)
		}))
		if _, hash, err := postgres.Credentials(t.Context(), pool, "ada@example.org"); err != nil || hash != c.want {
			t.Fatalf("after replacing %s: %s, %v", c.old, hash, err)
		}
	}
}

func TestTakingATokenInvalidatesItsSiblings(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	addUser(t, pool, "u1", "ada@example.org")
	addUser(t, pool, "u2", "bob@example.org")
	first, second, other := identity.NewToken([32]byte{1}), identity.NewToken([32]byte{2}), identity.NewToken([32]byte{3})
	must(t, within(t, pool, func(tx pgx.Tx) error {
		return errors.Join(
			postgres.InsertVerification(
				t.Context(),
				tx,
				identity.NewVerification("v1", identity.ProveEmail, "u1", "ada@example.org", first, noon),
			),
			postgres.InsertVerification(
				t.Context(),
				tx,
				identity.NewVerification("v2", identity.ProveEmail, "u1", "ada@example.org", second, noon),
			),
			postgres.InsertVerification(
				t.Context(),
				tx,
				identity.NewVerification("v3", identity.ProveEmail, "u2", "bob@example.org", other, noon),
			),
		)
	}))
	take := func(token identity.Token, at time.Time) (email string, found bool) {
		must(t, within(t, pool, func(tx pgx.Tx) error {
			v, taken, err := postgres.TakeVerification(t.Context(), tx, token, at, identity.ProveEmail)
			email, found = v.Email, taken
			return err
		}))
		return email, found
	}
	must(t, within(t, pool, func(tx pgx.Tx) error {
		_, found, err := postgres.TakeVerification(t.Context(), tx, first, noon, identity.ResetForgotten, identity.MoveEmail)
		if found {
			t.Error("taken for another purpose")
		}
		return err
	}))
	if _, found := take(first, noon.Add(24*time.Hour)); found {
		t.Error("taken after 24 hours")
	}
	if email, found := take(first, noon.Add(24*time.Hour-time.Second)); !found || email != "ada@example.org" {
		t.Errorf("not taken: %q, %v", email, found)
	}
	for _, token := range []identity.Token{first, second} {
		if _, found := take(token, noon); found {
			t.Error("a used token, or its sibling, is taken")
		}
	}
	if email, found := take(other, noon); !found || email != "bob@example.org" {
		t.Errorf("another user's token is gone: %q, %v", email, found)
	}
}

func TestOneOfManyConcurrentRequestsTakesAToken(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	addUser(t, pool, "u1", "ada@example.org")
	token := identity.NewToken([32]byte{1})
	must(t, within(t, pool, func(tx pgx.Tx) error {
		return postgres.InsertVerification(
			t.Context(),
			tx,
			identity.NewVerification("v1", identity.ProveEmail, "u1", "ada@example.org", token, noon),
		)
	}))
	var wg sync.WaitGroup
	taken := make(chan bool, 8)
	for range cap(taken) {
		wg.Go(func() {
			err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
				_, found, err := postgres.TakeVerification(t.Context(), tx, token, noon, identity.ProveEmail)
				taken <- found
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(taken)
	n := 0
	for found := range taken {
		if found {
			n++
		}
	}
	if n != 1 {
		t.Fatalf("taken %d times", n)
	}
}

func TestASessionIsReadWithItsUserAndEndsOnce(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	u := addUser(t, pool, "u1", "ada@example.org")
	s, _ := identity.Start("s1", u, "192.0.2.1", "browser", false, noon)
	must(t, within(t, pool, func(tx pgx.Tx) error {
		return postgres.InsertSession(t.Context(), tx, s, identity.NewToken([32]byte{1}))
	}))
	got, user, found, err := postgres.Session(t.Context(), pool, "s1")
	must(t, err)
	if !found || user.ID != "u1" || got.Address != "192.0.2.1" || got.UserAgent != "browser" || got.Persistent ||
		!got.ExpiresAt.Equal(s.ExpiresAt) {
		t.Fatalf("%+v, %+v, %v", got, user, found)
	}
	if n := count(
		t,
		pool,
		`SELECT count(*) FROM sessions WHERE token_hash = sha256(convert_to($1, 'UTF8'))`,
		string(identity.NewToken([32]byte{1})),
	); n != 1 {
		t.Fatal("the stored hash is not the SHA-256 of the token")
	}

	end := noon.Add(30 * time.Hour)
	for want := true; ; want = false { // the second one comes too late
		wrote, err := postgres.ExtendSession(t.Context(), pool, s, end, noon.Add(time.Hour))
		must(t, err)
		if wrote != want {
			t.Fatalf("extended: %v, want %v", wrote, want)
		}
		if !want {
			break
		}
	}
}

func TestTheSweeperRemovesExpiredRowsOnly(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	u := addUser(t, pool, "u1", "ada@example.org")
	for i, at := range []time.Time{noon, noon.Add(time.Hour)} {
		s, _ := identity.Start(uuid.NewString(), u, "", "", true, at)
		token := identity.NewToken([32]byte{byte(i)})
		must(t, within(t, pool, func(tx pgx.Tx) error {
			return errors.Join(
				postgres.InsertSession(t.Context(), tx, s, token),
				postgres.InsertVerification(
					t.Context(),
					tx,
					identity.NewVerification(uuid.NewString(), identity.ProveEmail, u.ID, "ada@example.org", token, at),
				),
			)
		}))
	}
	sweeper := &postgres.Sweeper{Pool: pool, Now: func() time.Time { return noon.Add(24 * time.Hour) }}
	for _, want := range []int{2, 0} {
		if removed, err := sweeper.Sweep(t.Context()); err != nil || removed != want {
			t.Fatalf("removed %d, %v; want %d", removed, err, want)
		}
	}
	if n := count(t, pool, `SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM verification)`); n != 2 {
		t.Fatalf("%d rows are left", n)
	}
}
