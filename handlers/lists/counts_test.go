package lists_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/handlers/lists"
)

// chance makes random changes to everything that lists are derived from. Statements
// that the schema refuses change nothing.
type chance struct {
	w *world
	r *rand.Rand
}

func (c chance) one(of ...string) string { return of[c.r.IntN(len(of))] }

func (c chance) time() string {
	return fmt.Sprintf("timestamptz '2025-03-01 00:00Z' + interval '%d hours'", c.r.IntN(24*5))
}

func (c chance) user() string { return c.one("'customer'", "'creator'", "'member'", "'other1'") }
func (c chance) content() string {
	return fmt.Sprintf("(SELECT id FROM content OFFSET %d LIMIT 1)", c.r.IntN(30))
}

func (c chance) organization() string {
	return fmt.Sprintf("(SELECT id FROM organizations ORDER BY id LIMIT 1 OFFSET %d)", c.r.IntN(3))
}

func (c chance) change() string {
	maybe := c.one("NULL", c.time())
	switch c.r.IntN(15) {
	case 0:
		return fmt.Sprintf(`INSERT INTO content (id, creator_id, organization_id, title, slug, content_type, access_type, status, published_at, created_at)
			VALUES (gen_random_uuid(), %s, %s, 'T', 's' || substr(md5(random()::text), 1, 12), '%s', '%s', 'published', %s, %s)`,
			c.user(), c.organization(), c.one("video", "written"), c.one("members", "private", "team"), c.time(), c.time())
	case 1, 2:
		return fmt.Sprintf(`UPDATE content SET status = '%s', published_at = %s, access_type = '%s', price_cents = NULL, deleted_at = %s WHERE id = %s`,
			c.one("published", "published", "draft"), c.time(), c.one("members", "private", "team", "followers"), c.one("NULL", "NULL", c.time()), c.content())
	case 3:
		return fmt.Sprintf(`UPDATE content SET organization_id = %s, view_count = view_count + %d, title = 'T%d', category = 'c%[4]d', category_slug = 'c%[4]d' WHERE id = %[5]s`,
			c.organization(), c.r.IntN(9), c.r.IntN(99), c.r.IntN(3), c.content())
	case 4, 5, 6:
		return fmt.Sprintf(`INSERT INTO content_access (user_id, content_id, access_type, source_id, expires_at, deleted_at, created_at)
			VALUES (%s, %s, '%s', '%d', %s, %s, %s) ON CONFLICT (user_id, content_id, access_type, source_id) DO UPDATE SET deleted_at = excluded.deleted_at, expires_at = excluded.expires_at`,
			c.user(), c.content(), c.one("purchased", "complimentary", "preview"), c.r.IntN(2), c.one("NULL", maybe, "now() + interval '1 day'"), c.one("NULL", "NULL", "now()"), c.time())
	case 7:
		return fmt.Sprintf(`UPDATE content_access SET deleted_at = %s, expires_at = %s WHERE user_id = %s`, maybe, c.one("NULL", maybe), c.user())
	case 8:
		return fmt.Sprintf(`DELETE FROM content_access WHERE content_id = %s AND user_id = %s`, c.content(), c.user())
	case 9, 10:
		return fmt.Sprintf(`INSERT INTO video_playback (user_id, content_id, duration_seconds, updated_at) VALUES (%s, %s, 9, %s)
			ON CONFLICT (user_id, content_id) DO UPDATE SET updated_at = GREATEST(video_playback.updated_at, excluded.updated_at)`, c.user(), c.content(), c.time())
	case 11:
		return fmt.Sprintf(`DELETE FROM video_playback WHERE content_id = %s`, c.content())
	case 12:
		return fmt.Sprintf(`INSERT INTO organization_memberships (organization_id, user_id, role, status, created_at) VALUES (%s, %s, '%s', 'active', %s)
			ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role, status = '%s'`,
			c.organization(), c.user(), c.one("member", "admin", "subscriber"), c.time(), c.one("active", "inactive"))
	case 13:
		return fmt.Sprintf(`UPDATE purchases SET status = '%s' WHERE customer_id = 'customer' AND content_id = %s`, c.one("completed", "refunded"), c.content())
	default:
		return fmt.Sprintf(`UPDATE media_items SET status = '%s', deleted_at = %s WHERE creator_id = 'creator' AND id IN (SELECT id FROM media_items OFFSET %d LIMIT 3)`,
			c.one("failed", "uploaded"), maybe, c.r.IntN(20))
	}
}

// After any changes, made side by side, the counts are those of the rows, an entry is
// what the grants and playbacks say, and both ways of reading a library agree.
func TestCountsAndLibrariesFollowEveryChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, size{rows: 30, items: 30, heavy: 20, others: 5})
	folder := &lists.Folder{Pool: w.pool, Log: slog.New(slog.DiscardHandler)}
	ctx := context.Background()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range uint64(6) {
		var side sync.WaitGroup
		for n := range uint64(3) {
			side.Go(func() {
				c := chance{w, rand.New(rand.NewPCG(seed, round*10+n))}
				for range 40 {
					// The schema refuses some, and some wait for each other in a circle.
					_, _ = w.pool.Exec(ctx, c.change())
				}
			})
		}
		side.Go(func() {
			for range 5 {
				_, err := folder.Fold(ctx)
				check(t, err)
				_, err = folder.Follow(ctx)
				check(t, err)
				_, err = w.pool.Exec(ctx, `SELECT list_cut(list, owner, 3) FROM long_lists`)
				check(t, err)
			}
		})
		side.Wait()
		w.follow(t) // what was renamed while it was given
		w.consistent(t)
		// From the second round on all lists are long ones, cut as soon as nobody changes them.
		for _, sql := range []string{`SELECT lists_find_long(1)`, `SELECT list_cut(list, owner, 3) FROM long_lists`} {
			_, err := w.pool.Exec(ctx, sql)
			check(t, err)
		}
		w.consistent(t)
	}
	w.until(t, "all long lists are cut", func() (cut bool) {
		check(t, w.pool.QueryRow(ctx, `SELECT count(*) > 5 AND bool_and(cut_at IS NOT NULL OR list_cut(list, owner, 3)) FROM long_lists`).Scan(&cut))
		return cut
	})
	w.consistent(t)
	for more := 1; more > 0; {
		var err error
		more, err = folder.Fold(ctx)
		check(t, err)
	}
	w.consistent(t)
}

func (w *world) consistent(t *testing.T) {
	t.Helper()
	for what, sql := range map[string]string{
		"count": `WITH stretched AS (
				SELECT list, owner, kinds, by_column, key, id FROM list_order_of_content
				UNION ALL SELECT list, owner, kinds, by_column, key, id FROM list_order_of_media_items
				UNION ALL SELECT list, owner, kinds, by_column, key, id FROM list_order_of_library_entries
			) SELECT list || ' of ' || owner || ', ' || kind || ' on ' || day || ': ' || sum(n) FROM (
				SELECT list, owner, kind, day, n FROM list_days
				UNION ALL SELECT list, owner, kind, day, -1 FROM list_days_of_purchases
				UNION ALL SELECT list, owner, kind, day, -1 FROM list_days_of_media_items
				UNION ALL SELECT list, owner, kind, day, -1 FROM list_days_of_content
				UNION ALL SELECT list, owner, kind, day, -1 FROM list_days_of_organization_memberships
				UNION ALL SELECT list, owner, kind, day, -1 FROM list_days_of_library_entries
				UNION ALL SELECT list || ' by ' || by_column, owner, kind, list_stretch(list, owner, by_column, key, id), -1
					FROM (TABLE stretched) x JOIN long_lists g USING (list, owner) CROSS JOIN LATERAL unnest(kinds) kind WHERE g.cut_at IS NOT NULL
			) x GROUP BY list, owner, kind, day HAVING sum(n) <> 0`,
		"entry": `SELECT COALESCE(e::text, 'none') || ' for ' || COALESCE(f::text, 'nothing') FROM library_entries e
			FULL JOIN (
				SELECT user_id, content_id, bool_or(granted) AS granted, COALESCE(max(progress), 'not_started') AS progress,
				       CASE WHEN NOT bool_or(granted AND expires_at IS NULL) THEN max(expires_at) END AS expires_at, max(at) AS recent
				FROM (
					SELECT user_id, content_id, true AS granted, expires_at, created_at AS at, NULL AS progress FROM content_access WHERE deleted_at IS NULL
					UNION ALL SELECT user_id, content_id, false, NULL, updated_at, library_progress(completed) FROM video_playback
				) x GROUP BY user_id, content_id
			) f USING (user_id, content_id)
			LEFT JOIN library_item i USING (content_id)
			WHERE (e.granted, e.expires_at, e.recent, e.progress) IS DISTINCT FROM (f.granted, f.expires_at, f.recent, f.progress)
			   OR e.granted AND (e.title, e.seconds, e.content_type, e.shown) IS DISTINCT FROM (i.title, i.seconds, i.content_type, i.shown)`,
	} {
		rows, err := w.pool.Query(context.Background(), sql)
		check(t, err)
		wrong, err := pgx.CollectRows(rows, pgx.RowTo[string])
		check(t, err)
		if len(wrong) > 0 {
			t.Fatalf("%d times a wrong %s:\n%s", len(wrong), what, strings.Join(wrong[:min(len(wrong), 10)], "\n"))
		}
	}
	w.sameLibraries(t)
	w.statements.take()
}

// sameLibraries compares both ways of reading a library.
func (w *world) sameLibraries(t *testing.T) {
	t.Helper()
	for _, user := range []string{"customer", "creator", "member"} {
		var walked []string
		for _, sort := range []string{"recent", "title", "duration"} {
			ids := w.all(t, list{"library by " + sort, user, "/api/access/user/library?sortBy=" + sort}, 7)
			slices.Sort(ids)
			if sort == "recent" {
				walked = ids
			} else if !slices.Equal(walked, ids) {
				t.Fatalf("the library of %s has %d items by day, %d by %s", user, len(walked), len(ids), sort)
			}
		}
		// What is searched is derived from grants and memberships.
		derived := w.all(t, list{"library with a letter", user, "/api/access/user/library?search=e"}, 50)
		derived = append(derived, w.all(t, list{"library with a letter", user, "/api/access/user/library?search=T"}, 50)...)
		slices.Sort(derived)
		if derived = slices.Compact(derived); !slices.Equal(walked, derived) {
			t.Fatalf("the library of %s has %d items by day, %d when it is derived", user, len(walked), len(derived))
		}
	}
}

// follow brings all entries up to date. It takes a while when others, in other databases
// as well, have transactions open.
func (w *world) follow(t *testing.T) {
	t.Helper()
	folder := &lists.Folder{Pool: w.pool, Log: slog.New(slog.DiscardHandler)}
	w.until(t, "all entries follow their items", func() (done bool) {
		_, err := folder.Follow(context.Background())
		check(t, err)
		check(t, w.pool.QueryRow(context.Background(), `SELECT count(*) = 0 FROM library_stale`).Scan(&done))
		return done
	})
}

// until waits for a condition.
func (w *world) until(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) { // between two looks at it
		if time.Now().After(deadline) {
			tb.Fatalf("not in time: %s", what)
		}
	}
}

// What changed for more users than are told at once is counted as it is now.
func TestLibrariesDoNotWaitForTheirEntries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, size{rows: 40, items: 40, heavy: 30, others: 5})
	ctx := context.Background()
	for _, sql := range []string{
		`UPDATE content SET status = CASE WHEN status = 'published' THEN 'archived' ELSE 'published' END, published_at = created_at WHERE id::text ~ '[05a]$'`,
		// As if they were too many: entries keep what they were, and are due.
		`UPDATE library_entries SET shown = NOT shown, title = 'as it was' WHERE granted AND content_id::text ~ '[05a]$'`,
	} {
		_, err := w.pool.Exec(ctx, sql)
		check(t, err)
	}
	w.sameLibraries(t)
	w.follow(t)
	w.consistent(t)
}

// A transaction that began before a list is cut, or before an item was renamed, is waited
// for: what it does is counted, and what it read is corrected.
func TestWhatIsUnderWayIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, size{rows: 40, items: 40, heavy: 30, others: 5})
	ctx := context.Background()
	folder := &lists.Folder{Pool: w.pool, Log: slog.New(slog.DiscardHandler)}
	item := `(SELECT content_id FROM library_entries WHERE user_id = 'customer' AND granted LIMIT 1)`
	begun := func(sql string) *pgx.Conn {
		conn, err := pgx.ConnectConfig(ctx, w.pool.Config().ConnConfig)
		check(t, err)
		t.Cleanup(func() { _ = conn.Close(ctx) })
		_, err = conn.Exec(ctx, `BEGIN; `+sql, pgx.QueryExecModeSimpleProtocol)
		check(t, err)
		return conn
	}
	do := func(sql string) {
		t.Helper()
		_, err := w.pool.Exec(ctx, sql)
		check(t, err)
	}
	giving := begun(`INSERT INTO content_access (user_id, content_id, access_type, source_id) SELECT 'member', ` + item + `, 'complimentary', 'x'`)
	do(`UPDATE content SET title = 'Renamed' WHERE id = ` + item)
	changing := begun(`UPDATE content SET view_count = view_count + 5000, title = 'A' || title WHERE creator_id = 'creator' AND title <> 'Renamed'`)
	do(`SELECT lists_find_long(1)`)
	for range 3 {
		_, err := folder.Follow(ctx)
		check(t, err)
		do(`SELECT list_cut(list, owner, 3) FROM long_lists`)
	}
	for _, conn := range []*pgx.Conn{giving, changing} {
		_, err := conn.Exec(ctx, `COMMIT`)
		check(t, err)
	}
	w.follow(t)
	w.consistent(t)
	do(`SELECT list_cut(list, owner, 3) FROM long_lists`)
	do(`UPDATE content SET title = 'B' || title WHERE creator_id = 'creator'`)
	w.consistent(t)
}
