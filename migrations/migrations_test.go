package migrations

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/deploy/embedded/postgres"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// update writes testdata/baseline.sql again, from the files of the baseline and
// testdata/rows.sql:
//
//	go test ./migrations -run TestADumpOfTheBaseline -update
var update = flag.Bool("update", false, "write testdata/baseline.sql again")

// baseline is the version of the baseline's last file.
const baseline = 8

func TestLandedFilesAreNotEdited(t *testing.T) {
	t.Parallel()
	kept, err := os.ReadFile("checksums.txt")
	check(t, err)
	sums := map[string]string{}
	for line := range strings.Lines(string(kept)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	names, err := fs.Glob(files, "*.sql")
	check(t, err)
	for _, name := range names {
		text, err := files.ReadFile(name)
		check(t, err)
		switch sum := fmt.Sprintf("%x", sha256.Sum256(text)); sums[name] {
		case sum:
		case "":
			t.Errorf("%s has no checksum: (cd migrations && sha256sum %s >> checksums.txt)", name, name)
		default:
			t.Errorf("%s was edited after it had landed: databases that have applied it would differ. "+
				"Put the change into a new file", name)
		}
		delete(sums, name)
	}
	for name := range sums {
		t.Errorf("%s has landed and was removed", name)
	}
}

func TestADumpOfTheBaselineIsMigrated(t *testing.T) {
	t.Parallel()
	if *update {
		writeBaseline(t)
	}
	dump, err := os.ReadFile(filepath.Join("testdata", "baseline.sql"))
	check(t, err)
	url := pgtest.Database(t)
	// Newer versions of pg_dump write commands for psql around the dump.
	run(t, url, regexp.MustCompile(`(?m)^\\.*$`).ReplaceAllString(string(dump), ""))
	before := counts(t, url)
	version, err := Apply(t.Context(), url)
	check(t, err)
	if version < baseline {
		t.Errorf("version %d", version)
	}
	for table, n := range counts(t, url) {
		if n != before[table] || n == 0 {
			t.Errorf("%s has %d rows, and had %d in the dump", table, n, before[table])
		}
	}
}

func TestRefundsAndDisputesOfEarlierVersionsAreKept(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	db, err := sql.Open("pgx", url)
	check(t, err)
	defer func() { check(t, db.Close()) }()
	provider, err := newProvider(db)
	check(t, err)
	_, err = provider.UpTo(t.Context(), 14)
	check(t, err)
	run(t, url, `
INSERT INTO payments (payment_intent, purchase_id, paid_at, outcome, refunded_cents, refunded_at, refund_id,
    refund_reason, dispute_id, dispute_reason, dispute_status, disputed_at, dispute_closed_at)
VALUES ('pi_1', '018f0000-0000-7000-8000-000000000001', '2026-01-01', 'purchase', 500, '2026-01-02', 're_1',
        'duplicate', 'dp_1', 'fraudulent', 'won', '2026-01-03', '2026-01-04');
INSERT INTO payments (payment_intent, purchase_id, refunded_cents, refunded_at, dispute_status, disputed_at)
VALUES ('pi_2', '018f0000-0000-7000-8000-000000000002', 700, '2026-01-02', 'open', '2026-01-03');
INSERT INTO payments (payment_intent, purchase_id, paid_at, outcome)
VALUES ('pi_3', '018f0000-0000-7000-8000-000000000003', '2026-01-01', 'purchase')`)
	_, err = Apply(t.Context(), url)
	check(t, err)
	for query, want := range map[string]string{
		`SELECT string_agg(concat_ws(' ', payment_intent, refund_id, amount_cents, status, reason, created_at::date), ', ')
		 FROM payment_refunds`: "pi_1 re_1 0 succeeded duplicate 2026-01-02",
		`SELECT string_agg(concat_ws(' ', payment_intent, dispute_id, status, reason, opened_at::date, closed_at::date), ', '
		                   ORDER BY payment_intent)
		 FROM payment_disputes`: "pi_1 dp_1 won fraudulent 2026-01-03 2026-01-04, pi_2  open 2026-01-03",
		`SELECT string_agg(payment_intent, ' ' ORDER BY payment_intent) FROM payments WHERE look_up_at IS NOT NULL`: "pi_1",
	} {
		var got string
		check(t, db.QueryRowContext(t.Context(), query).Scan(&got))
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestEveryUUIDThatIsAKeyHasADefault(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	_, err := Apply(t.Context(), url)
	check(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer func() { check(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	rows, err := conn.Query(t.Context(), `
		SELECT c.table_name::text FROM information_schema.columns c
		JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.column_name = 'id'
		  AND c.data_type = 'uuid' AND c.column_default IS NULL`)
	check(t, err)
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(t, err)
	if len(missing) > 0 {
		t.Errorf("ids without a default: %v", missing)
	}
}

func TestApplyIsRepeatable(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	first, err := Apply(t.Context(), url)
	check(t, err)
	second, err := Apply(t.Context(), url)
	check(t, err)
	if first != second || first < baseline {
		t.Errorf("version %d, then %d", first, second)
	}
}

func TestDatabasesOfOtherVersionsAreRejected(t *testing.T) {
	t.Parallel()
	older, newer := pgtest.Database(t), pgtest.Database(t)
	run(t, older, `CREATE TABLE goose_db_version (version_id bigint); CREATE TABLE content ()`)
	if _, err := Apply(t.Context(), older); !errors.Is(err, ErrOldSchema) {
		t.Errorf("older: %v", err)
	}
	_, err := Apply(t.Context(), newer)
	check(t, err)
	run(t, newer, `INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, true)`)
	if _, err := Apply(t.Context(), newer); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("newer: %v", err)
	}
}

func TestTheSchemaHasNoTriggers(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	_, err := Apply(t.Context(), url)
	check(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer func() { check(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	var triggers, functions int
	check(t, conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal),
		(SELECT count(*) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		 WHERE l.lanname = 'plpgsql' AND p.pronamespace = 'public'::regnamespace)`).Scan(&triggers, &functions))
	if triggers != 0 || functions != 2 {
		t.Errorf("%d triggers and %d functions in PL/pgSQL", triggers, functions)
	}
}

// counts returns how many rows each table of testdata/rows.sql has.
func counts(t *testing.T, url string) map[string]int {
	t.Helper()
	rows, err := os.ReadFile(filepath.Join("testdata", "rows.sql"))
	check(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer func() { check(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	found := map[string]int{}
	for _, match := range regexp.MustCompile(`INSERT INTO (\w+)`).FindAllStringSubmatch(string(rows), -1) {
		var n int
		check(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM public.`+match[1]).Scan(&n))
		found[match[1]] = n
	}
	return found
}

// writeBaseline applies the baseline to an empty database, adds the rows and dumps it.
func writeBaseline(t *testing.T) {
	t.Helper()
	url := pgtest.Database(t)
	db, err := sql.Open("pgx", url)
	check(t, err)
	defer func() { check(t, db.Close()) }()
	provider, err := newProvider(db)
	check(t, err)
	_, err = provider.UpTo(t.Context(), baseline)
	check(t, err)
	rows, err := os.ReadFile(filepath.Join("testdata", "rows.sql"))
	check(t, err)
	run(t, url, string(rows))
	binaries, err := postgres.FindBinaries("", 0)
	check(t, err)
	var dump, complaint bytes.Buffer
	command := exec.CommandContext(t.Context(), filepath.Join(binaries.Dir, "pg_dump"),
		"--dbname="+url, "--inserts", "--no-owner", "--no-privileges")
	command.Stdout, command.Stderr = &dump, &complaint
	if err := command.Run(); err != nil {
		t.Fatalf("pg_dump: %v: %s", err, complaint.String())
	}
	check(t, os.WriteFile(filepath.Join("testdata", "baseline.sql"), dump.Bytes(), 0o644))
}

func run(t *testing.T, url, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer func() { check(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	_, err = conn.Exec(t.Context(), statements, pgx.QueryExecModeSimpleProtocol)
	check(t, err)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
