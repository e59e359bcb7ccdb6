package paging_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access/postgres"
)

// random makes random changes to what libraries are derived from, each with the refresh
// that belongs to it.
type random struct {
	w *harness
	r *rand.Rand
}

func (c random) one(of ...string) string { return of[c.r.IntN(len(of))] }

// change changes one thing.
func (c random) change(ctx context.Context, users, items []string) error {
	user, item := c.one(users...), c.one(items...)
	var sql string
	switch c.r.IntN(6) {
	case 0, 1:
		kind := c.one("purchased", "complimentary", "preview")
		expires := c.one("NULL", "now() + interval '1 day'", "now() - interval '1 day'")
		if kind == "purchased" {
			expires = "NULL" // what was bought does not expire
		}
		sql = fmt.Sprintf(
			`INSERT INTO content_access (user_id, content_id, access_type, source_id, expires_at, deleted_at)
			VALUES ($1, $2, '%s', '%d', %s, %s) ON CONFLICT (user_id, content_id, access_type, source_id)
			DO UPDATE SET deleted_at = excluded.deleted_at, expires_at = excluded.expires_at`,
			kind,
			c.r.IntN(2),
			expires,
			c.one("NULL", "NULL", "now()"),
		)
	case 2:
		sql = `UPDATE content_access SET deleted_at = now() WHERE user_id = $1 AND content_id = $2`
	case 3:
		sql = fmt.Sprintf(
			`INSERT INTO video_playback (user_id, content_id, duration_seconds, completed) VALUES ($1, $2, 9, %s)
			ON CONFLICT (user_id, content_id) DO UPDATE SET updated_at = now(), completed = excluded.completed`,
			c.one("true", "false"),
		)
	default:
		return c.changeItem(ctx, item)
	}
	return pgx.BeginFunc(ctx, c.w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sql, user, item); err != nil {
			return err
		}
		b := &pgx.Batch{}
		postgres.QueueRefreshLibrary(b, []postgres.Question{{UserID: user, ContentID: item}})
		return tx.SendBatch(ctx, b).Close()
	})
}

// changeItem changes an item, and then does what the reaction to its event does.
func (c random) changeItem(ctx context.Context, item string) error {
	_, err := c.w.pool.Exec(
		ctx,
		fmt.Sprintf(
			`UPDATE content SET title = 'T%d', status = '%s', published_at = now(), access_type = '%s', price_cents = NULL
		WHERE id = $1`,
			c.r.IntN(99),
			c.one("published", "published", "draft"),
			c.one("members", "private", "team", "followers"),
		),
		item,
	)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, c.w.pool, func(tx pgx.Tx) error {
		return postgres.RefreshLibraryItems(ctx, tx, []string{item}, nil)
	})
}

// After any changes, made side by side, the entries are what the grants, playbacks and items
// say, and a library is the same in every order and by its sources.
func TestLibraryEntriesFollowEveryChange(t *testing.T) {
	t.Parallel()
	w := newHarness(t, size{rows: 30, items: 30, heavy: 20, others: 5})
	ctx := context.Background()
	items := read(t, w, `SELECT id::text FROM content`)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var failed sync.Map
	var side sync.WaitGroup
	for n := range uint64(4) {
		side.Go(func() {
			c := random{w, rand.New(rand.NewPCG(seed, n))}
			for range 120 {
				if err := c.change(ctx, []string{"customer", "creator", "member", "other1"}, items); err != nil {
					failed.Store(err.Error(), true)
				}
			}
		})
	}
	side.Wait()
	failed.Range(func(err, _ any) bool { t.Errorf("a change failed: %v", err); return true })
	const entries = `SELECT e::text FROM library_entries e ORDER BY user_id, content_id`
	before := read(t, w, entries)
	check(t, pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(
			ctx,
			`SELECT user_id, content_id FROM content_access UNION SELECT user_id, content_id FROM video_playback
			UNION SELECT user_id, content_id FROM library_entries`,
		)
		if err != nil {
			return err
		}
		pairs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[postgres.Question])
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		postgres.QueueRefreshLibrary(b, pairs)
		return tx.SendBatch(ctx, b).Close()
	}))
	if after := read(t, w, entries); !slices.Equal(before, after) {
		at := difference(before, after)
		t.Errorf(
			"%d entries, %d when they are derived anew; they differ from entry %d on:\n%s\n%s",
			len(before),
			len(after),
			at,
			before[at],
			after[at],
		)
	}

	for _, user := range []string{"customer", "creator", "member"} {
		path := "/api/access/user/library?"
		want := sorted(w.all(t, list{"library", user, path}, 7))
		for _, sort := range []string{"title", "duration"} {
			if got := sorted(w.all(t, list{"library by " + sort, user, path + "sortBy=" + sort}, 7)); !slices.Equal(want, got) {
				t.Errorf("the library of %s has %d items, %d by %s", user, len(want), len(got), sort)
			}
		}
		var bySource []string
		for _, source := range []string{"purchased", "membership", "subscription", "complimentary", "preview", "free"} {
			bySource = append(bySource, w.all(t, list{"library of a source", user, path + "accessType=" + source}, 50)...)
		}
		if got := sorted(bySource); !slices.Equal(want, got) {
			t.Errorf("the library of %s has %d items, %d by source", user, len(want), len(got))
		}
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

func read(t *testing.T, w *harness, sql string) []string {
	t.Helper()
	rows, err := w.pool.Query(context.Background(), sql)
	check(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(t, err)
	return list
}
