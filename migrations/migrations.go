// Package migrations carries the database's schema and brings a database up to it.
//
// The files up to 00008 are the baseline, one per context, each index with the query that
// it serves. From there on:
//
//   - A file that has landed is never edited: checksums.txt keeps the sum of each, and a
//     test compares. A change of the schema is a new file, with its line in checksums.txt:
//
//     (cd migrations && sha256sum 00009_tiers.sql >> checksums.txt)
//
//   - Expand before contract. While a new version starts, processes of the last one still
//     work on the same database. So a migration only adds: tables, columns that may be null
//     or have a default, indexes. What the last version still reads or writes is removed a
//     version later. An index of a large table is built in a file of its own with
//     "-- +goose NO TRANSACTION" and CREATE INDEX CONCURRENTLY.
//
//   - A test starts from testdata/baseline.sql, a dump of the baseline with rows in it, and
//     migrates it to the newest version.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver that goose runs on
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed *.sql
var files embed.FS

// Errors of [Apply] about the database as it was found.
var (
	// ErrOldSchema is a database whose schema was made before the baseline.
	ErrOldSchema = errors.New("this database was made by codex before its first release, and cannot be migrated: " +
		"delete the data directory (.codex), or give CODEX_DATABASE_URL of an empty database, and start again")
	// ErrNewerSchema is a database that a newer version has migrated.
	ErrNewerSchema = errors.New("this database was migrated by a newer version of codex: start that one")
)

// versionTable records the migrations that were applied. Before the baseline they were
// recorded in goose's default table.
const (
	versionTable    = "schema_versions"
	oldVersionTable = "goose_db_version"
)

// Apply brings the database at url up to the newest schema and returns its version. Two
// that run at once take turns (an advisory lock). It returns [ErrOldSchema] or
// [ErrNewerSchema] for a database that it cannot migrate, and leaves it as it is.
func Apply(ctx context.Context, url string) (int64, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return 0, fmt.Errorf("migrate: open: %w", err)
	}
	defer func() { _ = db.Close() }()

	var old bool
	if err := db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, oldVersionTable).Scan(&old); err != nil {
		return 0, fmt.Errorf("migrate: look for an older schema: %w", err)
	}
	if old {
		return 0, ErrOldSchema
	}
	provider, err := newProvider(db)
	if err != nil {
		return 0, err
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate: read version: %w", err)
	}
	if current > newest {
		return current, fmt.Errorf("schema version %d, known up to %d: %w", current, newest, ErrNewerSchema)
	}
	if current == newest {
		return current, nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return current, fmt.Errorf("migrate: %w", err)
	}
	return newest, nil
}

// Newest is the version of the newest schema of this build.
var Newest = sync.OnceValue(func() int64 {
	names, _ := fs.Glob(files, "*.sql") // the pattern is well-formed
	var newest int64
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, _ := strconv.ParseInt(number, 10, 64) // goose rejects a name without one
		newest = max(newest, version)
	}
	return newest
})

// Queryer runs one query.
type Queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Version returns the version of a database's schema; 0 is a database without one.
func Version(ctx context.Context, db Queryer) (version int64, err error) {
	err = db.QueryRow(ctx, `SELECT COALESCE(max(version_id), 0) FROM `+versionTable+` WHERE is_applied`).Scan(&version)
	var missing *pgconn.PgError
	if errors.As(err, &missing) && missing.Code == "42P01" { // undefined table
		return 0, nil
	}
	return version, err
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("migrate: lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker), goose.WithTableName(versionTable))
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return provider, nil
}
