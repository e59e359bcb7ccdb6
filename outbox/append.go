package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
)

const insertSQL = `
INSERT INTO outbox (day, event_id, type, tenant, aggregate_id, version, causation_id, correlation_id,
                    actor_id, traceparent, data, occurred_at)
SELECT (at AT TIME ZONE 'utc')::date, id, type, tenant, aggregate, version, cause, correlation, actor, trace,
       data::json, at
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::timestamptz[])
     AS e (id, type, tenant, aggregate, version, cause, correlation, actor, trace, data, at)`

// Queue queues one statement that appends events in their order. The caller commits it
// together with the change that they report.
func Queue(b *pgx.Batch, batch []events.Event) {
	if len(batch) > 0 {
		b.Queue(insertSQL, columns(batch)...)
	}
}

// Append appends events in their order, with one statement, in a transaction that also
// holds the change that they report.
func Append(ctx context.Context, tx pgx.Tx, batch ...events.Event) error {
	if len(batch) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, insertSQL, columns(batch)...); err != nil {
		return fmt.Errorf("append to the outbox: %w", err)
	}
	return nil
}

// columns turns events into one array per column of insertSQL.
func columns(batch []events.Event) []any {
	n := len(batch)
	var (
		ids          = make([]string, n)
		types        = make([]string, n)
		tenants      = make([]string, n)
		aggregates   = make([]string, n)
		versions     = make([]int64, n)
		causes       = make([]string, n)
		correlations = make([]string, n)
		actors       = make([]string, n)
		traceParents = make([]string, n)
		data         = make([]string, n)
		times        = make([]time.Time, n)
	)
	for i, e := range batch {
		ids[i] = e.ID
		types[i] = e.Type
		tenants[i] = e.Tenant
		aggregates[i] = e.AggregateID
		versions[i] = e.Version
		causes[i] = e.CausationID
		correlations[i] = e.CorrelationID
		actors[i] = e.ActorID
		traceParents[i] = e.TraceParent
		data[i] = string(e.Data)
		times[i] = e.Time
	}
	return []any{ids, types, tenants, aggregates, versions, causes, correlations, actors, traceParents, data, times}
}
