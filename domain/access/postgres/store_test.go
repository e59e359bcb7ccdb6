package postgres_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/migrations"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type database struct{ *pgxpool.Pool }

func newDatabase(t *testing.T) database {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return database{pool}
}

func (w database) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (w database) user(t *testing.T) string {
	t.Helper()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	w.exec(t, `INSERT INTO users (id, name, email) VALUES ($1, 'Test', $1 || '@example.test')`, id)
	return id
}

func (w database) organization(t *testing.T) string {
	t.Helper()
	id := uuid.NewString()
	w.exec(t, `INSERT INTO organizations (id, name, slug) VALUES ($1, 'Test', $2)`, id, "o-"+id)
	return id
}

func (w database) content(t *testing.T, creator, organization string) string {
	t.Helper()
	id := uuid.NewString()
	w.exec(t, `
INSERT INTO content (id, creator_id, organization_id, title, slug, content_type, access_type, price_cents,
    status, published_at)
VALUES ($1, $2, NULLIF($3, '')::uuid, 'A film', $4, 'video', 'paid', 2999, 'published', now())`,
		id, creator, organization, "c-"+id)
	return id
}

func (w database) facts(t *testing.T, questions ...postgres.Question) map[postgres.Question]postgres.Facts {
	t.Helper()
	found := map[postgres.Question]postgres.Facts{}
	b := &pgx.Batch{}
	postgres.QueueFacts(b, questions, found)
	if err := w.SendBatch(context.Background(), b).Close(); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEveryQuestionGetsItsOwnFacts(t *testing.T) {
	t.Parallel()
	w := newDatabase(t)
	maker, member, buyer, deleted := w.user(t), w.user(t), w.user(t), w.user(t)
	organization := w.organization(t)
	film, personal := w.content(t, maker, organization), w.content(t, maker, "")
	w.exec(t, `INSERT INTO organization_memberships (organization_id, user_id, role, status)
		VALUES ($1, $2, 'member', 'active'), ($1, $3, 'owner', 'inactive'), ($1, $4, 'owner', 'active')`,
		organization, member, buyer, deleted)
	w.exec(t, `UPDATE users SET deleted_at = now() WHERE id = $1`, deleted)
	w.exec(t, `INSERT INTO content_access (user_id, content_id, access_type, source_id, expires_at)
		VALUES ($1, $2, 'complimentary', 'x', $3)`, buyer, film, now)
	nothing := uuid.NewString()
	questions := []postgres.Question{
		{member, film}, {buyer, film}, {buyer, personal}, {deleted, film}, {member, nothing}, {member, film},
	}
	found := w.facts(t, questions...)
	for i, want := range []struct {
		role   string
		grants int
		viewer string
	}{{"member", 0, member}, {"", 1, buyer}, {"", 0, buyer}, {"", 0, ""}, {"", 0, ""}} {
		got := found[questions[i]].Viewer
		if got.Role != want.role || len(got.Grants) != want.grants || got.UserID != want.viewer {
			t.Errorf("question %d: %+v", i, got)
		}
	}
	c := found[questions[0]].Content
	if c.ID != film || c.CreatorID != maker || c.OrganizationID != organization || c.Access != access.Paid ||
		*c.PriceCents != 2999 || !c.Published || c.Deleted {
		t.Errorf("content %+v", c)
	}
	if _, known := found[questions[4]]; known {
		t.Error("an item that does not exist was found")
	}
	if g := found[questions[1]].Viewer.Grants[0]; g.Source != access.Complimentary || g.SourceID != "x" ||
		!g.ExpiresAt.Equal(now) || g.Live(now) {
		t.Errorf("grant %+v", g)
	}
	w.exec(t, `UPDATE organizations SET deleted_at = now()`)
	if got := w.facts(t, questions[0])[questions[0]].Viewer; got.Role != "" {
		t.Errorf("a member of a deleted organization has the role %q", got.Role)
	}
}

// follow applies one event to the grant of its purchase, as the projection does.
func (w database) follow(t *testing.T, p events.Payload, version int64) (grant access.Grant, found bool) {
	t.Helper()
	err := pgx.BeginFunc(context.Background(), w.Pool, func(tx pgx.Tx) error {
		id, user, content, _ := access.PurchaseOf(p)
		purchase := postgres.Purchase{ID: id, UserID: user, ContentID: content}
		locked, err := lock(tx, purchase)
		if err != nil {
			return err
		}
		if grant, found = locked[purchase]; !found {
			return nil
		}
		grant, _ = grant.Follow(p, uuid.NewString(), version, now)
		return save(tx, map[postgres.Purchase]access.Grant{purchase: grant})
	})
	if err != nil {
		t.Error(err)
	}
	return grant, found
}

func lock(tx pgx.Tx, purchases ...postgres.Purchase) (map[postgres.Purchase]access.Grant, error) {
	found := map[postgres.Purchase]access.Grant{}
	b := &pgx.Batch{}
	if err := postgres.QueueLockPurchaseGrants(b, purchases, now, found); err != nil {
		return nil, err
	}
	return found, tx.SendBatch(context.Background(), b).Close()
}

func save(tx pgx.Tx, grants map[postgres.Purchase]access.Grant) error {
	b := &pgx.Batch{}
	if err := postgres.QueueSaveGrants(b, grants); err != nil {
		return err
	}
	return tx.SendBatch(context.Background(), b).Close()
}

func TestGrantsOfManyPurchasesAreLockedAndSavedTogether(t *testing.T) {
	t.Parallel()
	w := newDatabase(t)
	maker, first, second := w.user(t), w.user(t), w.user(t)
	film, series := w.content(t, maker, ""), w.content(t, maker, w.organization(t))
	purchases := []postgres.Purchase{
		{ID: uuid.NewString(), UserID: first, ContentID: film},
		{ID: uuid.NewString(), UserID: first, ContentID: series},
		{ID: uuid.NewString(), UserID: second, ContentID: film},
		{ID: uuid.NewString(), UserID: "unknown", ContentID: film},
	}
	purchases = append(purchases, purchases[0]) // twice in one batch
	for round := range 2 {
		err := pgx.BeginFunc(context.Background(), w.Pool, func(tx pgx.Tx) error {
			found, err := lock(tx, purchases...)
			if err != nil {
				return err
			}
			if len(found) != 3 {
				t.Errorf("round %d: %d grants, want 3", round, len(found))
			}
			for purchase, g := range found {
				if g.SourceID != purchase.ID || g.CreatorID != maker || g.Version != int64(round) {
					t.Errorf("round %d: %+v of %+v", round, g, purchase)
				}
				g.Version++
				g.RevokedAt = nil
				found[purchase] = g
			}
			return save(tx, found)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var live, total int
	err := w.QueryRow(context.Background(),
		`SELECT count(*) FILTER (WHERE deleted_at IS NULL AND version = 2), count(*) FROM content_access`).Scan(&live, &total)
	if err != nil {
		t.Fatal(err)
	}
	if live != 3 || total != 3 {
		t.Errorf("%d of %d grants are saved, want 3 of 3", live, total)
	}
}

func TestAGrantIsReadAsItWasSaved(t *testing.T) {
	t.Parallel()
	w := newDatabase(t)
	maker, buyer, organization := w.user(t), w.user(t), w.organization(t)
	film, purchase := w.content(t, maker, organization), uuid.NewString()
	saved, _ := w.follow(t, &events.PurchaseCompleted{PurchaseID: purchase, CustomerID: buyer, ContentID: film}, 1)
	if !saved.Live(now) || saved.ID == "" || saved.OrganizationID != organization || saved.CreatorID != maker ||
		saved.Version != 1 {
		t.Fatalf("saved %+v", saved)
	}
	q := postgres.Question{UserID: buyer, ContentID: film}
	found := w.facts(t, q)[q]
	saved.CreatorID = "" // not kept with the grant
	if got := found.Viewer.Grants; len(got) != 1 || got[0].ID != saved.ID || got[0].SourceVersion != 1 ||
		!got[0].Live(now) || got[0].SourceID != purchase {
		t.Errorf("found %+v", got)
	}
	ended, _ := w.follow(t, &events.PurchaseRefunded{
		PurchaseID: purchase,
		CustomerID: buyer,
		ContentID:  film,
		Full:       true,
	}, 2)
	if ended.Live(now) || !ended.SourceEnded || ended.SourceVersion != 2 || ended.Version != 2 {
		t.Errorf("ended %+v", ended)
	}
	if got := w.facts(t, q)[q].Viewer.Grants[0]; got.RevokedReason != "refund" || !got.SourceEnded ||
		got.SourceVersion != 2 || got.Version != 2 || !got.RevokedAt.Equal(now) {
		t.Errorf("found %+v", got)
	}
}

func TestAnUnknownUserOrItemHasNoGrant(t *testing.T) {
	t.Parallel()
	w := newDatabase(t)
	maker := w.user(t)
	film := w.content(t, maker, "")
	for _, p := range []*events.PurchaseCompleted{
		{PurchaseID: uuid.NewString(), CustomerID: "unknown", ContentID: film},
		{PurchaseID: uuid.NewString(), CustomerID: maker, ContentID: uuid.NewString()},
	} {
		if g, found := w.follow(t, p, 1); found {
			t.Errorf("made %+v", g)
		}
	}
}

func TestConcurrentEventsOfOnePurchaseAreSerialized(t *testing.T) {
	t.Parallel()
	w := newDatabase(t)
	buyer := w.user(t)
	film := w.content(t, w.user(t), "")
	for range 10 {
		purchase := uuid.NewString()
		var wait sync.WaitGroup
		for version, p := range []events.Payload{
			&events.PurchaseCompleted{PurchaseID: purchase, CustomerID: buyer, ContentID: film},
			&events.PurchaseDisputed{PurchaseID: purchase, CustomerID: buyer, ContentID: film},
			&events.PurchaseDisputeClosed{
				PurchaseID: purchase,
				CustomerID: buyer,
				ContentID:  film,
				Won:        true,
			},
			&events.PurchaseRefunded{
				PurchaseID: purchase,
				CustomerID: buyer,
				ContentID:  film,
				Full:       true,
			},
		} {
			wait.Go(func() { w.follow(t, p, int64(version+1)) })
		}
		wait.Wait()
	}
	var live, rows int
	err := w.QueryRow(t.Context(), `
SELECT count(*) FILTER (WHERE deleted_at IS NULL), count(*) FROM content_access`).Scan(&live, &rows)
	if err != nil {
		t.Fatal(err)
	}
	if live != 0 || rows != 10 {
		t.Errorf("%d of %d grants are live after full refunds", live, rows)
	}
}

func TestPlaybackIsReadAndWrittenInSets(t *testing.T) {
	t.Parallel()
	w := newDatabase(t)
	a, b := w.user(t), w.user(t)
	film := w.content(t, a, "")
	list := []access.Playback{
		{
			ID:              postgres.PlaybackID(a, film),
			UserID:          a,
			ContentID:       film,
			PositionSeconds: 5,
			DurationSeconds: 10,
			Version:         1,
			CreatedAt:       now,
			UpdatedAt:       now,
		},
		{
			ID:              postgres.PlaybackID(b, film),
			UserID:          b,
			ContentID:       film,
			PositionSeconds: 10,
			DurationSeconds: 10,
			Completed:       true,
			Version:         2,
			CreatedAt:       now,
			UpdatedAt:       now,
		},
	}
	for range 2 { // inserted, then updated
		batch := &pgx.Batch{}
		if err := postgres.QueuePlaybackSave(batch, list); err != nil {
			t.Fatal(err)
		}
		found := map[postgres.Question]access.Playback{}
		postgres.QueuePlaybackLock(batch, []postgres.Question{{a, film}, {b, film}, {"unknown", film}}, found)
		if err := w.SendBatch(context.Background(), batch).Close(); err != nil {
			t.Fatal(err)
		}
		if len(found) != len(list) {
			t.Fatalf("found %d", len(found))
		}
		for _, want := range list {
			got := found[postgres.Question{UserID: want.UserID, ContentID: want.ContentID}]
			got.CreatedAt, got.UpdatedAt = got.CreatedAt.UTC(), got.UpdatedAt.UTC()
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		list[0].PositionSeconds, list[0].Version, list[0].UpdatedAt = 7, 2, now.Add(time.Minute)
	}
	if postgres.PlaybackID(a, film) == postgres.PlaybackID(b, film) {
		t.Error("two users share a playback")
	}
}

func TestAnErasedUserHasNoPlaybacksAndNoLibrary(t *testing.T) {
	t.Parallel()
	w := newDatabase(t)
	leaves, stays := w.user(t), w.user(t)
	film := w.content(t, w.user(t), "")
	for _, user := range []string{leaves, stays} {
		purchase := uuid.NewString()
		w.follow(t, &events.PurchaseCompleted{PurchaseID: purchase, CustomerID: user, ContentID: film}, 1)
		w.exec(t, `
INSERT INTO video_playback (user_id, content_id, position_seconds, duration_seconds) VALUES ($1, $2, 1, 2)`, user, film)
	}

	err := pgx.BeginFunc(t.Context(), w.Pool, func(tx pgx.Tx) error { return postgres.Erase(t.Context(), tx, leaves) })
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]int{leaves: 0, stays: 2} {
		var n int
		err := w.QueryRow(t.Context(), `
SELECT (SELECT count(*) FROM library_entries WHERE user_id = $1) +
       (SELECT count(*) FROM video_playback WHERE user_id = $1)`, user).Scan(&n)
		if err != nil || n != want {
			t.Errorf("%d rows, want %d, %v", n, want, err)
		}
	}
}
