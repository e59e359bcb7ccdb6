package invariants_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/chaos/invariants"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/migrations"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// world returns a database with the consistent world.
func world(t *testing.T) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := invariants.CreateSchema(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), read(t, "world")); err != nil {
		t.Fatal(err)
	}
	return db
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAConsistentWorldViolatesNothing(t *testing.T) {
	t.Parallel()
	violations, err := invariants.Check(t.Context(), world(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Error(v)
	}
}

// A query that finds nothing looks like one that cannot find anything: each has to find
// every violation that is planted for it.
func TestEveryInvariantFindsItsPlantedViolations(t *testing.T) {
	t.Parallel()
	all, err := invariants.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 30 {
		t.Errorf("there are only %d invariants", len(all))
	}
	db := world(t)
	for _, one := range all {
		for _, plant := range strings.Split(read(t, one.ID), "-- or\n") {
			if !found(t, db, one, plant) {
				t.Errorf("%s (%s) finds nothing after: %s", one.ID, one.Statement, plant)
			}
		}
	}
}

// found plants a violation, checks, and takes it back.
func found(t *testing.T, db *pgxpool.Pool, one invariants.Invariant, plant string) bool {
	t.Helper()
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), plant, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("%s: %v: %s", one.ID, err, plant)
	}
	violations, err := one.Check(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	return len(violations) > 0
}
