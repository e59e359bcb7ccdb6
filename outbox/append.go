package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
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

// Publisher appends Watermill messages to the outbox of one transaction: for code that
// has a message.Publisher and nothing else. A message is published on the bus only if,
// and after, the transaction commits.
type Publisher struct {
	tx pgx.Tx
}

var _ message.Publisher = Publisher{}

// NewPublisher appends to tx.
func NewPublisher(tx pgx.Tx) Publisher { return Publisher{tx: tx} }

// Publish implements message.Publisher. The topic is ignored: an event's subject
// follows from its type and tenant. Each message carries an event as [Message] makes it.
func (p Publisher) Publish(_ string, messages ...*message.Message) error {
	for _, msg := range messages {
		headers := make(map[string][]string, len(msg.Metadata))
		for k, v := range msg.Metadata {
			headers[k] = []string{v}
		}
		event, err := events.FromMessage(headers, msg.Payload)
		if err != nil {
			return fmt.Errorf("append to the outbox: %w", err)
		}
		if err := Append(msg.Context(), p.tx, event); err != nil {
			return err
		}
	}
	return nil
}

// Close implements message.Publisher; the transaction belongs to the caller.
func (Publisher) Close() error { return nil }

// Message returns an event as a Watermill message.
func Message(ctx context.Context, e events.Event) *message.Message {
	msg := message.NewMessageWithContext(ctx, e.ID, message.Payload(e.Data))
	for name, values := range e.Headers() {
		msg.Metadata.Set(name, values[0])
	}
	return msg
}
