// Package migrations carries the database's schema and brings a database up to
// it. Files only ever get added; a released file is never edited.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver that goose runs on
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed *.sql
var files embed.FS

// Apply brings the database at url up to the newest schema and returns its
// version. Two that run at once take turns (an advisory lock). A database of a
// newer version than this binary knows is an error.
func Apply(ctx context.Context, url string) (int64, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return 0, fmt.Errorf("migrate: open: %w", err)
	}
	defer func() { _ = db.Close() }()

	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return 0, fmt.Errorf("migrate: lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate: read version: %w", err)
	}
	if current > newest {
		return current, fmt.Errorf("the database has schema version %d, but this binary knows only %d: start a newer codex", current, newest)
	}
	if current == newest {
		return current, nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return current, fmt.Errorf("migrate: %w", err)
	}
	return newest, nil
}
