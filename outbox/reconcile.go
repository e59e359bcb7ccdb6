package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events/bus"
)

// compareIfDue compares the stream with the outbox after every new connection to
// the bus, before anything is published on it, and once per Check.
func (r *Relay) compareIfDue(ctx context.Context, conn *pgx.Conn) error {
	if !r.cfg.Conn.IsConnected() {
		return errNotConnected
	}
	reconnects := r.cfg.Conn.Stats().Reconnects
	if reconnects == r.reconnects && time.Since(r.compared) < r.cfg.Check {
		return nil
	}
	if _, err := r.Reconcile(ctx, conn); err != nil {
		return err
	}
	r.reconnects, r.compared = reconnects, time.Now()
	return nil
}

// Reconcile compares the event stream with what the relay remembers of it. When
// something is missing it marks the missing events as unpublished and returns how
// many there are.
func (r *Relay) Reconcile(ctx context.Context, conn *pgx.Conn) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	state, err := r.publisher.State(ctx)
	if err != nil {
		return 0, fmt.Errorf("reconcile: %w", err)
	}
	var created *time.Time
	var last int64
	if err := conn.QueryRow(ctx, "SELECT stream_created, last_sequence FROM relay_state").
		Scan(&created, &last); err != nil {
		return 0, fmt.Errorf("reconcile: read memory: %w", err)
	}
	same := created != nil && created.Equal(state.Created.Truncate(time.Microsecond))
	if same && intact(state, uint64(max(last, 0))) {
		return 0, nil
	}
	lost, err := r.unpublishMissing(ctx, conn, state, same)
	if err != nil {
		return 0, fmt.Errorf("reconcile: %w", err)
	}
	if lost > 0 {
		r.cfg.Log.Warn("the event stream lost events; they are published again", "events", lost)
	}
	return lost, nil
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
func (r *Relay) unpublishMissing(ctx context.Context, conn *pgx.Conn, state bus.StreamState, same bool) (int64, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "CREATE TEMP TABLE on_stream (event_id uuid) ON COMMIT DROP"); err != nil {
		return 0, err
	}
	since := time.Now().Add(-r.cfg.Limits.EventAge)
	var chunk [][]any
	flush := func() error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"on_stream"}, []string{"event_id"}, pgx.CopyFromRows(chunk))
		chunk = chunk[:0]
		return err
	}
	var copyErr error
	err = r.publisher.EachID(ctx, since, func(id string) {
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
	_, err = tx.Exec(ctx, "UPDATE relay_state SET stream_created = $1, last_sequence = $2",
		state.Created, int64(state.Last)) // sequences stay far below 2^63
	if err != nil {
		return 0, err
	}
	return tag.RowsAffected(), tx.Commit(ctx)
}
