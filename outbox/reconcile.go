package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events/bus"
)

// compareIfDue compares the stream with the outbox after every new connection to the bus
// and after every failure to publish, before anything else is published, and once per
// Check.
func (t *term) compareIfDue(ctx context.Context) error {
	conn := t.relay.cfg.Conn
	if !conn.IsConnected() {
		return errNotConnected
	}
	reconnects := conn.Stats().Reconnects
	if reconnects == t.reconnects && time.Since(t.compared) < t.relay.cfg.Check {
		return nil
	}
	if err := t.reconcile(ctx); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	t.reconnects, t.compared = reconnects, time.Now()
	return nil
}

// reconcile compares the event stream with what the relay remembers of it. When something
// is missing it marks the missing events as unpublished.
func (t *term) reconcile(ctx context.Context) error {
	state, err := t.relay.publisher.State(ctx)
	if err != nil {
		return err
	}
	t.batches = state.Batches
	created, last, err := t.remembered(ctx)
	if err != nil {
		return fmt.Errorf("read memory: %w", err)
	}
	same := created != nil && created.Equal(state.Created.Truncate(time.Microsecond))
	if same && intact(state, uint64(max(last, 0))) {
		return nil
	}
	if err := t.settle(ctx); err != nil {
		return err
	}
	if err := t.waitMarked(ctx, 0); err != nil {
		return err
	}
	lost, err := t.unpublishMissing(ctx, state, same)
	if err != nil {
		return err
	}
	t.careful = true
	if lost > 0 {
		t.relay.cfg.Log.Warn("the event stream lost events; they are published again", "events", lost)
	}
	return nil
}

// remembered returns which stream the relay published to, and how far.
func (t *term) remembered(ctx context.Context) (created *time.Time, last int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	err = t.reader.QueryRow(ctx, "SELECT stream_created, last_sequence FROM relay_state").Scan(&created, &last)
	return created, last, err
}

// intact reports whether a stream still ends where the relay left it, or later,
// and has no holes.
func intact(state bus.StreamState, last uint64) bool {
	if state.Last < last {
		return false
	}
	return state.Messages == 0 || state.Messages == state.Last-state.First+1
}

// unpublishMissing reads the ids on the stream into a temporary table and marks
// every published row that is not among them as unpublished. On the same stream,
// rows older than its first message were discarded by its limits and stay as they are.
func (t *term) unpublishMissing(ctx context.Context, state bus.StreamState, same bool) (int64, error) {
	tx, err := t.reader.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "CREATE TEMP TABLE on_stream (event_id uuid) ON COMMIT DROP"); err != nil {
		return 0, err
	}
	since := time.Now().Add(-t.relay.cfg.Limits.EventAge)
	var chunk [][]any
	flush := func() error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"on_stream"}, []string{"event_id"}, pgx.CopyFromRows(chunk))
		chunk = chunk[:0]
		return err
	}
	var copyErr error
	err = t.relay.publisher.EachID(ctx, since, func(id string) {
		chunk = append(chunk, []any{id})
		if len(chunk) == 10_000 && copyErr == nil {
			copyErr = flush()
		}
	})
	if err == nil {
		err = copyErr
	}
	if err == nil {
		err = flush()
	}
	if err != nil {
		return 0, fmt.Errorf("read the stream: %w", err)
	}
	tag, err := tx.Exec(ctx, `
UPDATE outbox o SET published_at = NULL
WHERE o.published_at IS NOT NULL AND o.occurred_at > $1
  AND NOT EXISTS (SELECT FROM on_stream s WHERE s.event_id = o.event_id)
  AND ($2 = false OR o.position >= COALESCE(
      (SELECT min(k.position) FROM outbox k JOIN on_stream s USING (event_id)), 0))`,
		since, same && state.First > 1)
	if err != nil {
		return 0, fmt.Errorf("mark the missing: %w", err)
	}
	memory, err := tx.Exec(ctx, "UPDATE relay_state SET stream_created = $1, last_sequence = $2 WHERE lease_epoch = $3",
		state.Created, int64(state.Last), t.lease.epoch) // sequences stay far below 2^63
	if err != nil {
		return 0, err
	}
	if memory.RowsAffected() == 0 {
		return 0, errLeaseLost
	}
	return tag.RowsAffected(), tx.Commit(ctx)
}
