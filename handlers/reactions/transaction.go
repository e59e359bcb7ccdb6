package reactions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/outbox"
)

// transaction is the transaction of a projection's batch. Besides the projection's own it
// takes two round trips: the first begins it and marks the events, the last sends the
// projection's last writes, the events that follow and COMMIT.
type transaction struct {
	connection
	last pgx.Batch
}

// connection is a connection under a name that leaves Conn to the method of [pgx.Tx].
type connection struct{ *pgx.Conn }

// Conn implements [pgx.Tx].
func (t *transaction) Conn() *pgx.Conn { return t.connection.Conn }

// errEnds says that a projection used what only the runner may.
var errEnds = errors.New("the runner begins and ends the transaction of a projection")

// Begin implements [pgx.Tx].
func (*transaction) Begin(context.Context) (pgx.Tx, error) { return nil, errEnds }

// Commit implements [pgx.Tx].
func (*transaction) Commit(context.Context) error { return errEnds }

// Rollback implements [pgx.Tx].
func (*transaction) Rollback(context.Context) error { return errEnds }

// LargeObjects implements [pgx.Tx].
func (*transaction) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }

// Save queues the last writes of a projection's Apply: they are sent in the round trip of the
// commit. In a transaction that no runner began they are sent at once.
func Save(ctx context.Context, tx pgx.Tx, writes *pgx.Batch) error {
	if t, ok := tx.(*transaction); ok {
		t.last.QueuedQueries = append(t.last.QueuedQueries, writes.QueuedQueries...)
		return nil
	}
	return tx.SendBatch(ctx, writes).Close()
}

// begin begins the transaction of a batch on a connection, and marks the batch. It returns
// the ids of the events that had no mark.
func begin(
	ctx context.Context, conn *pgx.Conn, reaction string, at time.Time, batch []events.Event,
) (tx *transaction, unhandled map[string]bool, err error) {
	first := &pgx.Batch{}
	first.Queue("BEGIN")
	unhandled = queueMark(first, reaction, at, batch)
	if err := conn.SendBatch(ctx, first).Close(); err != nil {
		return nil, nil, fmt.Errorf("mark events as handled: %w", err)
	}
	return &transaction{connection: connection{conn}}, unhandled, nil
}

// commit sends what was queued, the events that follow, and COMMIT.
func (t *transaction) commit(ctx context.Context, journal []events.Event) error {
	outbox.Queue(&t.last, journal)
	t.last.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() == "ROLLBACK" { // Apply went on after a statement failed
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	if err := t.Conn().SendBatch(ctx, &t.last).Close(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
