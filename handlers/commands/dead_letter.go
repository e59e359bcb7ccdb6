package commands

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// DeadLetter is a message that was given up, kept for an operator. There is one per
// consumer and message id; a later one under the same ids changes nothing.
type DeadLetter struct {
	Consumer  string
	MessageID string
	// Type is the message's, or "" when it could not be read.
	Type string
	// Body is the message as it was received.
	Body []byte
	// Cause is why it was given up.
	Cause error
	// Attempts is how often it was tried.
	Attempts int
}

const insertDeadLetterSQL = `
INSERT INTO dead_letters (consumer, message_id, type, body, error, attempts)
VALUES ($1, $2, $3, $4, left($5, 4000), $6) ON CONFLICT (consumer, message_id) DO NOTHING`

func (l DeadLetter) values() []any {
	return []any{l.Consumer, l.MessageID, l.Type, l.Body, l.Cause.Error(), l.Attempts}
}

// Write writes a dead letter.
func (l DeadLetter) Write(ctx context.Context, db Database) error {
	if _, err := db.Exec(ctx, insertDeadLetterSQL, l.values()...); err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	return nil
}

// Queue queues the write of a dead letter.
func (l DeadLetter) Queue(b *pgx.Batch) { b.Queue(insertDeadLetterSQL, l.values()...) }
