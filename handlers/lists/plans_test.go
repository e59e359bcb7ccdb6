package lists_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var update = flag.Bool("update", false, "write testdata/plans anew")

// recorder keeps the statements that a pool runs.
type recorder struct {
	mu  sync.Mutex
	sql []string
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	r.add(q.SQL)
	return ctx
}
func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (r *recorder) TraceBatchQuery(_ context.Context, _ *pgx.Conn, q pgx.TraceBatchQueryData) {
	r.add(q.SQL)
}
func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (r *recorder) add(sql string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sql = append(r.sql, sql)
}

// take returns what was run since, without the look-up of the session.
func (r *recorder) take() (statements []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, sql := range r.sql {
		if !strings.Contains(sql, "token_hash") {
			statements = append(statements, sql)
		}
	}
	r.sql = nil
	return statements
}

// comparePlans compares the plans of all statements of all lists with those in
// testdata/plans. They are plans for any parameters, as the platform's sessions end up
// with; in other versions of Postgres than the one of the files they may differ, and
// are only searched for what must not be there.
func comparePlans(t *testing.T, w *world) {
	ctx := context.Background()
	conn, err := pgx.ConnectConfig(ctx, w.pool.Config().ConnConfig)
	check(t, err)
	defer func() { check(t, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, `SET plan_cache_mode = force_generic_plan`)
	check(t, err)
	var version string
	check(t, conn.QueryRow(ctx, `SHOW server_version_num`).Scan(&version))
	version = version[:len(version)-4]
	versionFile := filepath.Join("testdata", "plans", "VERSION")
	if *update {
		check(t, os.WriteFile(versionFile, []byte(version+"\n"), 0o644))
	}
	known, err := os.ReadFile(versionFile)
	check(t, err)
	same := strings.TrimSpace(string(known)) == version
	if !same {
		t.Logf("the plans are those of Postgres %s; this is %s", strings.TrimSpace(string(known)), version)
	}
	for _, l := range append(counted(), uncounted()...) {
		w.statements.take()
		w.ask(t, l.user, l.path+"&page=3&limit=20")
		var text strings.Builder
		for _, sql := range w.statements.take() {
			plan := explain(t, conn, sql)
			for _, complaint := range complaints(plan) {
				t.Errorf("%s: %s\n%s", l.name, complaint, plan)
			}
			fmt.Fprintf(&text, "%s\n%s\n\n", strings.TrimSpace(blank.ReplaceAllString(sql, " ")), plan)
		}
		file := filepath.Join("testdata", "plans", strings.Trim(odd.ReplaceAllString(l.name, "-"), "-")+".txt")
		if *update {
			check(t, os.WriteFile(file, []byte(text.String()), 0o644))
		}
		want, err := os.ReadFile(file)
		check(t, err)
		if same && string(want) != text.String() {
			t.Errorf("%s: the plans differ from %s (go test ./handlers/lists -run TestLists -update writes them anew):\n%s", l.name, file, text.String())
		}
	}
}

var (
	blank   = regexp.MustCompile(`\s+`)
	odd     = regexp.MustCompile(`[^A-Za-z]+`)
	scanned = regexp.MustCompile(`Index (?:Only )?Scan.* using (\w+)`)
)

// explain returns a statement's generic plan.
func explain(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	ctx := context.Background()
	description, err := conn.Prepare(ctx, "planned", sql)
	check(t, err)
	execute := "EXPLAIN (COSTS OFF) EXECUTE planned"
	if n := len(description.ParamOIDs); n > 0 {
		execute += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", n), ", ") + ")"
	}
	rows, err := conn.Query(ctx, execute, pgx.QueryExecModeSimpleProtocol)
	check(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(t, err)
	check(t, conn.Deallocate(ctx, "planned"))
	return strings.Join(lines, "\n")
}

// whole are the indexes that hold no more than what is asked for.
var whole = map[string]bool{"library_stale_content": true, "content_discover": true, "content_discover_title": true}

// complaints says what is wrong with a plan: a table, or an index that holds more than
// the list, is read from one end to the other.
func complaints(plan string) (found []string) {
	lines := strings.Split(plan, "\n")
	for i, line := range lines {
		if strings.Contains(line, "Seq Scan") {
			found = append(found, "a table is read whole:"+line)
		}
		if m := scanned.FindStringSubmatch(line); m != nil && !whole[m[1]] {
			if i+1 == len(lines) || !strings.Contains(lines[i+1], "Index Cond:") {
				found = append(found, "an index is read whole:"+line)
			}
		}
	}
	return found
}

// record lets a pool's statements be taken.
func (w *world) record(cfg *pgxpool.Config) {
	w.statements = &recorder{}
	cfg.ConnConfig.Tracer = w.statements
}
