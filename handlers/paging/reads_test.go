package paging_test

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

// hotRead is a read that is sent most, with the round trips to the database that it may take,
// the look-up of the session included.
type hotRead struct {
	name, user, path string
	trips            int
}

func hotReads() []hotRead {
	const item = "00000063-0000-7000-8000-000000000001"
	return []hotRead{
		{"access decision", "customer", "/api/access/content/" + item + "/decision", 2},
		{"access decision about another user", "creator", "/api/access/content/" + item + "/decision?userId=customer", 2},
		{"stream", "customer", "/api/access/content/" + item + "/stream", 2},
		{"own item", "creator", "/api/content/" + item, 2},
		{"public item", "", "/api/content/public/" + item, 1},
		{"public list", "", "/api/content/public?limit=10&orgId=" + heavyOrganization, 2},
		{"library", "customer", "/api/access/user/library?limit=10", 3},
		{"library of a member", "member", "/api/access/user/library?limit=10", 3},
	}
}

func TestReadsTakeFewRoundTrips(t *testing.T) {
	t.Parallel()
	w := newHarness(t, size{rows: 40, items: 40, heavy: 40, others: 5})
	for _, r := range hotReads() {
		w.ask(t, r.user, r.path) // prepares the statements
		w.statements.take("")
		w.ask(t, r.user, r.path)
		if got := w.statements.roundTrips(); got != r.trips {
			t.Errorf("%s: %d round trips, want %d", r.name, got, r.trips)
		}
	}
	next := w.read(t, "customer", "/api/access/user/library?limit=10").Pagination.NextCursor
	w.statements.take("")
	w.ask(t, "customer", "/api/access/user/library?limit=10&cursor="+*next)
	if counts := w.statements.take("SELECT count(*)"); len(counts) > 0 {
		t.Error("a page behind a cursor is counted again")
	}
}

func TestStatementsOfReadsArePlannedOncePerConnection(t *testing.T) {
	t.Parallel()
	w := newHarness(t, size{rows: 40, items: 40, heavy: 40, others: 5})
	one := w.wider(t, 1)
	for _, r := range hotReads() {
		w.statements.take("")
		w.ask(t, r.user, r.path)
		for _, s := range w.statements.take("") {
			// More often than Postgres would plan for the arguments before it compares the plans.
			for range 7 {
				rows, err := one.Query(context.Background(), s.sql, s.args...)
				check(t, err)
				rows.Close()
				check(t, rows.Err())
			}
			var custom, generic int64
			check(t, one.QueryRow(context.Background(), `SELECT custom_plans, generic_plans FROM pg_prepared_statements
				WHERE statement = $1`, s.sql).Scan(&custom, &generic))
			if custom > 0 || generic < 7 {
				t.Errorf("%s: planned for its arguments %d times of %d\n%s", r.name, custom, custom+generic, s.sql)
			}
			if slices.ContainsFunc(s.args, func(arg any) bool { return arg == pgx.QueryExecModeCacheDescribe }) {
				t.Errorf("%s: planned anew for each call\n%s", r.name, s.sql)
			}
		}
	}
}
