package reactions

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/events"
)

// Mark writes the inbox marks of a reaction on these events and returns the ids of those
// that had none: only they are to be handled. The marks are written in the order of the
// ids, so that transactions that share events wait for each other and do not deadlock.
//
// A [Projection] is marked by its runner. A [Process] that writes to Postgres marks its
// event itself, in the transaction of its effect.
func Mark(
	ctx context.Context, tx pgx.Tx, reaction string, at time.Time, batch ...events.Event,
) (unhandled map[string]bool, err error) {
	b := &pgx.Batch{}
	unhandled = queueMark(b, reaction, at, batch)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("mark events as handled: %w", err)
	}
	return unhandled, nil
}

// queueMark queues what [Mark] does; the ids are there once the batch was sent.
func queueMark(b *pgx.Batch, reaction string, at time.Time, batch []events.Event) (unhandled map[string]bool) {
	ids, causes := make([]string, len(batch)), make([]string, len(batch))
	for i, e := range batch {
		ids[i], causes[i] = e.ID, e.CausationID
	}
	unhandled = make(map[string]bool, len(batch))
	b.Queue(`
INSERT INTO reaction_inbox (reaction, event_id, causation_id, handled_at)
SELECT $1, e.id, e.cause, $4 FROM unnest($2::uuid[], $3::text[]) AS e (id, cause) ORDER BY e.id
ON CONFLICT DO NOTHING RETURNING event_id::text`, reaction, ids, causes, at).Query(func(rows pgx.Rows) error {
		var id string
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
			unhandled[id] = true
			return nil
		})
		return err
	})
	return unhandled
}

// Handled returns how many of the events that a cause led to a reaction has handled.
func Handled(ctx context.Context, db postgres.RowQueryer, reaction, cause string) (n int, err error) {
	err = db.QueryRow(ctx, `
SELECT count(*) FROM reaction_inbox WHERE causation_id = $1 AND reaction = $2`, cause, reaction).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count handled events: %w", err)
	}
	return n, nil
}
