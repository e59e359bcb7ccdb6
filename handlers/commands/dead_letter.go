package commands

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/events/bus"
)

// deadLetter gives a message up that is no command of this context.
func (r *Runner) deadLetter(ctx context.Context, consumer string, d bus.Delivery, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	r.cfg.Log.Error("message given up", "consumer", consumer, "message", d.MessageID(), "error", cause)
	return DeadLetter{
		Consumer:  consumer,
		MessageID: d.MessageID(),
		Body:      d.Raw,
		Cause:     cause,
		Attempts:  1,
	}.Write(ctx, r.cfg.Pool)
}

// LetterKind is what a dead letter is, and so how it is tried again.
type LetterKind string

// The kinds. A letter of another kind is a note for the operator.
const (
	// LetterCommand is a command that was given up. To retry it is to accept it again.
	LetterCommand LetterKind = "command"
	// LetterEvent is an event that one reaction gave up, which then handles it again.
	LetterEvent LetterKind = "event"
)

// DeadLetter is a message that was given up, kept for an operator. There is one per
// consumer and message id; a later one under the same ids opens it again.
type DeadLetter struct {
	Consumer  string
	MessageID string
	Kind      LetterKind
	// Type is the message's, or "" when it could not be read.
	Type string
	// Headers are those of an event.
	Headers map[string][]string
	// Body is the message as it was received.
	Body []byte
	// Cause is why it was given up.
	Cause error
	// Attempts is how often it was tried.
	Attempts int
}

const insertDeadLetterSQL = `
INSERT INTO dead_letters AS d (consumer, message_id, kind, type, headers, body, error, attempts)
VALUES ($1, $2, NULLIF($3, ''), $4, $5, $6, left($7, 4000), $8)
ON CONFLICT (consumer, message_id) DO UPDATE SET kind = excluded.kind, headers = excluded.headers,
       body = excluded.body, error = excluded.error, attempts = d.attempts + excluded.attempts,
       resolved_at = NULL, resolution = NULL, retry_at = NULL
WHERE d.resolved_at IS NOT NULL OR d.retry_at IS NOT NULL`

func (l DeadLetter) values() []any {
	return []any{
		l.Consumer, l.MessageID, string(l.Kind), l.Type,
		l.Headers, l.Body, l.Cause.Error(), l.Attempts,
	}
}

// Write writes a dead letter.
func (l DeadLetter) Write(ctx context.Context, db postgres.Execer) error {
	if _, err := db.Exec(ctx, insertDeadLetterSQL, l.values()...); err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	return nil
}

// Queue queues the write of a dead letter.
func (l DeadLetter) Queue(b *pgx.Batch) { b.Queue(insertDeadLetterSQL, l.values()...) }
