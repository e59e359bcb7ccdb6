package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// keepDays is how long the journal can be replayed.
	keepDays = 30
	// daysAhead is how many days' partitions exist before they are needed.
	daysAhead     = 7
	maintainEvery = time.Hour
)

// maintainIfDue creates the partitions of the coming days and drops those that are
// older than thirty days and wholly published.
func (r *Relay) maintainIfDue(ctx context.Context, conn *pgx.Conn) error {
	if time.Since(r.maintained) < maintainEvery {
		return nil
	}
	if _, err := conn.Exec(ctx, `SELECT outbox_prepare((now() AT TIME ZONE 'utc')::date, $1)`, daysAhead+1); err != nil {
		return fmt.Errorf("prepare the outbox's days: %w", err)
	}
	rows, err := conn.Query(ctx, `
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'outbox'::regclass AND c.relname ~ '^outbox_\d{8}$'
  AND substr(c.relname, 8) < to_char((now() AT TIME ZONE 'utc')::date - $1::int, 'YYYYMMDD')`, keepDays)
	if err != nil {
		return fmt.Errorf("list the outbox's days: %w", err)
	}
	old, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list the outbox's days: %w", err)
	}
	for _, partition := range old {
		if err := dropDay(ctx, conn, pgx.Identifier{partition}.Sanitize()); err != nil {
			r.cfg.Log.Warn("old day of the outbox stays", "partition", strings.Trim(partition, `"`), "error", err)
		}
	}
	r.maintained = time.Now()
	return nil
}

// dropDay drops one day's partition, unless it holds an event that was never published.
func dropDay(ctx context.Context, conn *pgx.Conn, partition string) error {
	var waiting bool
	row := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+partition+` WHERE published_at IS NULL)`)
	if err := row.Scan(&waiting); err != nil {
		return err
	}
	if waiting {
		return errors.New("it holds unpublished events")
	}
	_, err := conn.Exec(ctx, `SET lock_timeout = '2s'; DROP TABLE `+partition+`; RESET lock_timeout`)
	return err
}
