package paging

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/codex-platform/codex/domain"
)

const (
	// MinSearch is the fewest characters that are searched for.
	MinSearch = 2
	// maxSearches is how many searches one process runs at once; the others wait.
	maxSearches = 4
	// searchSettings are what the statements of a search may take, each, and that they are
	// planned for what is searched for: how many rows a pattern finds decides the index.
	searchSettings = `SELECT set_config('statement_timeout', '1s', true),
       set_config('plan_cache_mode', 'force_custom_plan', true)`
)

// ErrSearchTooLong is the error of a search that took too long.
var ErrSearchTooLong = domain.NewError(domain.Unavailable, "",
	"The search took too long: search for something longer, or try again in a moment")

var searches = make(chan struct{}, maxSearches)

// Search runs f, which searches, in a transaction whose statements may take a second
// each. At most four run at once in a process; waiting ends with ctx.
func Search(ctx context.Context, db DB, f func(pgx.Tx) error) error {
	select {
	case searches <- struct{}{}:
		defer func() { <-searches }()
	case <-ctx.Done():
		return fmt.Errorf("wait for other searches: %w", ctx.Err())
	}
	err := pgx.BeginTxFunc(ctx, db, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, searchSettings); err != nil {
			return fmt.Errorf("set up a search: %w", err)
		}
		return f(tx)
	})
	var pg *pgconn.PgError
	if ctx.Err() == nil && errors.As(err, &pg) && pg.Code == "57014" { // query_canceled
		return ErrSearchTooLong
	}
	return err
}
