package paging_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var update = flag.Bool("update", false, "write testdata/plans.txt again")

// statement is a statement that a pool ran.
type statement struct {
	sql   string
	args  []any
	began time.Time
	took  time.Duration
}

// recorder keeps the statements that a pool runs, and counts its round trips.
type recorder struct {
	mu    sync.Mutex
	list  []statement
	trips int
}

type traced struct{}

// TraceQueryStart implements pgx.QueryTracer.
func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	r.trip()
	return context.WithValue(ctx, traced{}, statement{sql: q.SQL, args: q.Args, began: time.Now()})
}

// TraceQueryEnd implements pgx.QueryTracer.
func (r *recorder) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	s, _ := ctx.Value(traced{}).(statement)
	s.took = time.Since(s.began)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, s)
}

// TraceBatchStart implements pgx.BatchTracer.
func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	r.trip()
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (r *recorder) TraceBatchQuery(_ context.Context, _ *pgx.Conn, q pgx.TraceBatchQueryData) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, statement{
		sql:   q.SQL,
		args:  q.Args,
		began: q.ReadStartTime,
		took:  time.Since(q.ReadStartTime),
	})
}

// TraceBatchEnd implements pgx.BatchTracer.
func (*recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (r *recorder) trip() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trips++
}

// roundTrips returns how many round trips there were since take.
func (r *recorder) roundTrips() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trips
}

// take returns the statements that were run since and contain a text.
func (r *recorder) take(containing string) (found []statement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.list {
		if strings.Contains(s.sql, containing) {
			found = append(found, s)
		}
	}
	r.list, r.trips = nil, 0
	return found
}

// hottest are the lists that are asked for most, and those that would be the slowest with
// another plan.
func hottest() []list {
	return []list{
		{"public, newest", "", "/api/content/public?orgId=" + heavyOrganization},
		{"discover, newest", "", "/api/content/public/discover?"},
		{"discover, title", "", "/api/content/public/discover?sort=title"},
		{"library", "customer", "/api/access/user/library?"},
		{"library of a member", "member", "/api/access/user/library?"},
		{"purchases", "customer", "/purchases?"},
		{"content", "creator", "/api/content?"},
		{"content by views", "creator", "/api/content?sortBy=viewCount"},
		{"browse", "member", "/api/content/browse?organizationId=" + heavyOrganization},
		{"members", "creator", "/api/organizations/" + heavyOrganization + "/members?"},
	}
}

// comparePlans compares the plans of the statements that read the hottest lists' pages
// with those in testdata/plans.txt. In other versions of Postgres they may differ; there
// they are only searched for tables that are read whole.
func comparePlans(t *testing.T, w *harness) {
	t.Helper()
	ctx := context.Background()
	var version string
	check(t, w.pool.QueryRow(ctx, `SHOW server_version_num`).Scan(&version))
	var text strings.Builder
	fmt.Fprintf(
		&text,
		"Postgres %s. go test ./handlers/paging -run TestLists -update writes this file again.\n",
		version[:len(version)-4],
	)
	compare := func(l list, containing string) {
		w.statements.take("")
		w.ask(t, l.user, l.path)
		for _, s := range w.statements.take(containing) {
			plan := explain(t, w.pool, s)
			if strings.Contains(plan, "Seq Scan") {
				t.Errorf("%s: a table is read whole\n%s", l.name, plan)
			}
			fmt.Fprintf(&text, "\n# %s\n%s\n", l.name, plan)
		}
	}
	for _, l := range hottest() {
		l.path += "&page=3&limit=20"
		compare(l, ") page ORDER BY")
	}
	const item = "/api/access/content/00000063-0000-7000-8000-000000000001/"
	compare(list{"library items", "customer", "/api/access/user/library?"}, "SELECT l.id")
	public := "/api/content/public?orgId=" + heavyOrganization
	compare(list{"public items", "", public}, "SELECT content.id, content.creator_id")
	compare(list{"session", "customer", item + "decision"}, "FROM sessions")
	compare(list{"access decision", "customer", item + "decision"}, "FROM (SELECT $1::text AS user_id")
	compare(list{"access decision about another user", "creator", item + "decision?userId=customer"}, "unnest")
	compare(list{"stream", "customer", item + "stream"}, "SELECT c.content_type")
	file := filepath.Join("testdata", "plans.txt")
	if *update {
		check(t, os.WriteFile(file, []byte(text.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	check(t, err)
	head, _, _ := strings.Cut(text.String(), "\n")
	switch {
	case !strings.HasPrefix(string(want), head):
		t.Logf("%s is about another version of Postgres than %s", file, version)
	case string(want) != text.String():
		t.Errorf("the plans differ from %s:\n%s", file, text.String())
	}
}

// explain returns the plan that a statement has for any arguments, as a pool with
// [postgres.Planner] keeps it.
func explain(tb testing.TB, pool *pgxpool.Pool, s statement) string {
	tb.Helper()
	ctx := context.Background()
	conn, err := pool.Acquire(ctx)
	check(tb, err)
	defer conn.Release()
	_, err = conn.Exec(ctx, "PREPARE explained AS "+s.sql, pgx.QueryExecModeSimpleProtocol)
	check(tb, err)
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(s.args)), ", ")
	rows, err := conn.Query(
		ctx,
		"EXPLAIN (COSTS OFF) EXECUTE explained("+nulls+")",
		pgx.QueryExecModeSimpleProtocol,
	)
	check(tb, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(tb, err)
	_, err = conn.Exec(ctx, "DEALLOCATE explained")
	check(tb, err)
	return strings.Join(lines, "\n")
}
