// Package deadletter keeps what was given up, for an operator to look at: never silence.
package deadletter

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Letter is a message that was given up. There is one per consumer and message id; what
// comes later under the same ids changes nothing.
type Letter struct {
	Consumer, MessageID string
	// Type is the message's, or "" when it could not be read.
	Type string
	// Body is the message as it came.
	Body []byte
	// Cause is why it was given up.
	Cause error
	// Attempts is how often it was tried.
	Attempts int
}

const insertSQL = `
INSERT INTO dead_letters (consumer, message_id, type, body, error, attempts)
VALUES ($1, $2, $3, $4, left($5, 4000), $6) ON CONFLICT (consumer, message_id) DO NOTHING`

func (l Letter) values() []any {
	return []any{l.Consumer, l.MessageID, l.Type, l.Body, l.Cause.Error(), l.Attempts}
}

// Database is a pool or a transaction.
type Database interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
}

// Write writes a letter.
func (l Letter) Write(ctx context.Context, db Database) error {
	if _, err := db.Exec(ctx, insertSQL, l.values()...); err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	return nil
}

// Queue queues the write of a letter.
func (l Letter) Queue(b *pgx.Batch) { b.Queue(insertSQL, l.values()...) }
