package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"github.com/codex-platform/codex/events/bus"
)

const (
	// daysAhead is how many days' partitions exist before they are needed.
	daysAhead     = 7
	maintainEvery = time.Hour
	// maintainAgain is the pause after maintenance that failed.
	maintainAgain = time.Minute
)

var maintenanceFailures, _ = otel.Meter("github.com/codex-platform/codex/outbox").Int64Counter(
	"codex.outbox.maintenance.failures",
	metric.WithDescription("Attempts to create the outbox's coming days, or to drop old ones, that failed."))

// maintain creates the partitions of the coming days and drops old ones until ctx is
// done, on a connection of its own. Publishing does not depend on it: a day without a
// partition is kept in the default one.
func (r *Relay) maintain(ctx context.Context) {
	for ctx.Err() == nil {
		pause := maintainEvery
		if err := r.maintainOnce(ctx); err != nil && ctx.Err() == nil {
			pause = maintainAgain
			maintenanceFailures.Add(ctx, 1)
			r.cfg.Log.Error("the outbox's days are not maintained; events are published all the same", "error", err)
		}
		bus.Pause(ctx, pause)
	}
}

func (r *Relay) maintainOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maintainAgain)
	defer cancel()
	conn, err := connect(ctx, r.cfg.DatabaseURL, map[string]string{"enable_seqscan": "on"})
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer closeConnection(ctx, conn)

	if _, err := conn.Exec(ctx, `SELECT outbox_prepare((now() AT TIME ZONE 'utc')::date, $1)`, daysAhead+1); err != nil {
		return fmt.Errorf("prepare the outbox's days: %w", err)
	}
	rows, err := conn.Query(ctx, `SELECT outbox_expire()`)
	if err != nil {
		return fmt.Errorf("drop the outbox's old days: %w", err)
	}
	kept, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("drop the outbox's old days: %w", err)
	}
	for _, partition := range kept {
		r.cfg.Log.Warn("old day of the outbox stays: it holds unpublished events", "partition", partition)
	}
	return nil
}
