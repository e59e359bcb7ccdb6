package ratelimit_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
	"github.com/codex-platform/codex/migrations"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// counted is a pool that counts its statements.
type counted struct {
	*pgxpool.Pool
	statements atomic.Int64
}

func (c *counted) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	c.statements.Add(1)
	return c.Pool.QueryRow(ctx, sql, args...)
}

func database(tb testing.TB) *counted {
	tb.Helper()
	pool, err := pgxpool.New(context.Background(), pgtest.Database(tb))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return &counted{Pool: pool}
}

func take(tb testing.TB, l *ratelimit.Limiter, key ratelimit.Key, limit int, window time.Duration) ratelimit.Verdict {
	tb.Helper()
	verdict, err := l.Take(context.Background(), key, limit, window)
	if err != nil {
		tb.Error(err)
	}
	return verdict
}

func TestSeveralProcessesTogetherLetThroughExactlyTheLimit(t *testing.T) {
	t.Parallel()
	db := database(t)
	for _, limit := range []int{1, 5, 20, 60, 100} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			processes := []*ratelimit.Limiter{
				ratelimit.New(ratelimit.Config{DB: db}),
				ratelimit.New(ratelimit.Config{DB: db}),
				ratelimit.New(ratelimit.Config{DB: db}),
			}
			key := ratelimit.KeyOf(t.Name(), "192.0.2.1")
			var allowed atomic.Int64
			var all sync.WaitGroup
			start := make(chan struct{})
			for i := range 500 {
				all.Go(func() {
					<-start
					if take(t, processes[i%len(processes)], key, limit, 15*time.Minute).Allowed {
						allowed.Add(1)
					}
				})
			}
			close(start)
			all.Wait()
			if got := allowed.Load(); got != int64(limit) {
				t.Errorf("%d of 500 were let through, want %d", got, limit)
			}
		})
	}
}

func TestAVerdictSaysWhatIsLeftAndUntilWhen(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(ratelimit.Config{DB: database(t)})
	key := ratelimit.KeyOf("sign-in", "192.0.2.1")
	for left := 4; left >= 0; left-- {
		v := take(t, l, key, 5, time.Minute)
		if !v.Allowed || v.Limit != 5 || v.Remaining != left {
			t.Errorf("%+v, want %d left", v, left)
		}
		untilReset := time.Until(v.Reset).Round(time.Second)
		if v.Wait <= 50*time.Second || v.Wait > time.Minute || untilReset != v.Wait.Round(time.Second) {
			t.Errorf("the window ends in %s, at %s", v.Wait, v.Reset)
		}
	}
	if v := take(t, l, key, 5, time.Minute); v.Allowed || v.Remaining != 0 || v.Wait <= 0 {
		t.Errorf("the sixth use: %+v", v)
	}
	if v := take(t, l, ratelimit.KeyOf("sign-in", "192.0.2.2"), 5, time.Minute); !v.Allowed {
		t.Error("another address is not let through")
	}
}

func TestAnotherWindowBeginsAnew(t *testing.T) {
	t.Parallel()
	var shift atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }
	db := database(t)
	one, other := ratelimit.New(ratelimit.Config{DB: db, Now: now}), ratelimit.New(ratelimit.Config{DB: db, Now: now})
	key := ratelimit.KeyOf("list", "192.0.2.1")
	for range 3 {
		allowed := 0
		for i := range 300 {
			if take(t, []*ratelimit.Limiter{one, other}[i%2], key, 100, time.Minute).Allowed {
				allowed++
			}
		}
		if allowed != 100 {
			t.Errorf("%d in a window, want 100", allowed)
		}
		shift.Add(int64(time.Minute + time.Second))
	}
}

func TestALeaseEndsWithItsWindow(t *testing.T) {
	t.Parallel()
	db := database(t)
	holder, other := ratelimit.New(ratelimit.Config{DB: db}), ratelimit.New(ratelimit.Config{DB: db})
	key := ratelimit.KeyOf("list", "192.0.2.1")
	const window = 500 * time.Millisecond
	// The holder has 11 of the first window left; they are worth nothing in the second.
	take(t, holder, key, 100, window)
	for over := false; !over; {
		if err := db.QueryRow(t.Context(), `SELECT resets_at <= clock_timestamp() FROM rate_leases`).Scan(&over); err != nil {
			t.Fatal(err)
		}
	}
	allowed := 0
	for start := time.Now(); time.Since(start) < window/2; {
		for _, l := range []*ratelimit.Limiter{other, holder} {
			if take(t, l, key, 100, window).Allowed {
				allowed++
			}
		}
	}
	if allowed != 100 {
		t.Errorf("%d in the second window, want 100", allowed)
	}
}

func TestUsesCostFewStatementsAndRefusalsNone(t *testing.T) {
	t.Parallel()
	db := database(t)
	l := ratelimit.New(ratelimit.Config{DB: db})
	key := ratelimit.KeyOf("webhook", "192.0.2.1")
	for range 1000 {
		take(t, l, key, 1000, time.Minute)
	}
	used := db.statements.Load()
	t.Logf("1000 uses of a limit of 1000: %d statements", used)
	if used > 60 {
		t.Errorf("%d statements for 1000 uses", used)
	}
	take(t, l, key, 1000, time.Minute) // learns that nothing is left
	used = db.statements.Load()
	for range 1000 {
		if take(t, l, key, 1000, time.Minute).Allowed {
			t.Fatal("one too many")
		}
	}
	if got := db.statements.Load(); got != used {
		t.Errorf("1000 refusals cost %d statements", got-used)
	}
}

func TestRequestsAreRejectedWhileTheyCannotBeCounted(t *testing.T) {
	t.Parallel()
	db := database(t)
	l := ratelimit.New(ratelimit.Config{DB: db})
	take(t, l, ratelimit.KeyOf("sign-in", "192.0.2.1"), 5, time.Minute)
	db.Close()
	v, err := l.Take(context.Background(), ratelimit.KeyOf("sign-in", "192.0.2.1"), 5, time.Minute)
	if err == nil || v.Allowed {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestMemoryIsBoundedAndForgettingGrantsNothing(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(ratelimit.Config{DB: database(t), Leases: 8})
	allowed := map[int]int{}
	for round := range 200 {
		for address := range 16 { // twice as many as are kept
			if take(t, l, ratelimit.KeyOf("list", fmt.Sprint(address)), 100, time.Hour).Allowed {
				allowed[address]++
			}
		}
		if round == 0 && l.Leases() != 8 {
			t.Errorf("%d leases are kept, want 8", l.Leases())
		}
	}
	for address, n := range allowed {
		if n > 100 {
			t.Errorf("address %d was let through %d times", address, n)
		}
	}
}

func TestWhoWaitsForALeaseCanGiveUp(t *testing.T) {
	t.Parallel()
	db := database(t)
	l := ratelimit.New(ratelimit.Config{DB: db})
	key := ratelimit.KeyOf("list", "192.0.2.1")
	take(t, l, key, 5, time.Hour)
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `SELECT 1 FROM rate_leases WHERE key = $1 FOR UPDATE`, key[:]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if v, err := l.Take(ctx, key, 5, time.Hour); err == nil || v.Allowed {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestWindowsThatAreOverAreRemoved(t *testing.T) {
	t.Parallel()
	db := database(t)
	l := ratelimit.New(ratelimit.Config{DB: db})
	take(t, l, ratelimit.KeyOf("list", "over"), 5, time.Hour)
	take(t, l, ratelimit.KeyOf("list", "not over"), 5, time.Hour)
	over := ratelimit.KeyOf("list", "over")
	_, err := db.Exec(t.Context(),
		`UPDATE rate_leases SET resets_at = now() - interval '2 minutes' WHERE key = $1`, over[:])
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{time.Now().Add(-time.Hour), time.Now()} {
		key := ratelimit.KeyOf("failures", at.String())
		if _, _, err := ratelimit.Hit(t.Context(), db, key, 10*time.Minute, at); err != nil {
			t.Fatal(err)
		}
	}
	s := &ratelimit.Sweeper{DB: db.Pool, Now: time.Now}
	if n, err := s.Sweep(t.Context()); n != 2 || err != nil {
		t.Errorf("%d removed, %v", n, err)
	}
	if n, err := s.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("%d removed the second time, %v", n, err)
	}
}

func BenchmarkTake(b *testing.B) {
	db := database(b)
	l := ratelimit.New(ratelimit.Config{DB: db})
	key := ratelimit.KeyOf("list", "192.0.2.1")
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			take(b, l, key, 10_000, time.Second)
		}
	})
}
