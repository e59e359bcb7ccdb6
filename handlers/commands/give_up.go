package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// decisionError says that a context failed over a command without any I/O: it could
// not be decoded, or the context panicked. Trying again later changes nothing.
type decisionError struct{ cause error }

func (d *decisionError) Error() string { return d.cause.Error() }
func (d *decisionError) Unwrap() error { return d.cause }

func isDecisionError(err error) bool {
	var decision *decisionError
	return errors.As(err, &decision)
}

// transient reports whether an error says nothing about the command itself: whatever
// is not proven to come from its statements. Contexts do no I/O but the database's,
// unlike reactions, which doubt every other error instead.
func transient(err error) bool {
	if isDecisionError(err) {
		return false
	}
	return postgres.Classify(err) != postgres.Input
}

// giveUp gives a command up: a dead letter for the operator and, in the same
// transaction, a rejected row for the client, who then gets the response.
func (r *Runner) giveUp(ctx context.Context, consumer string, cmd events.Command, cause error, attempts int) error {
	r.cfg.Log.Error("command given up", "type", cmd.Type, "command", cmd.ID, "attempts", attempts, "error", cause)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	message, err := json.Marshal(cmd)
	if err != nil {
		return fmt.Errorf("give up: %w", err)
	}
	body, err := json.Marshal(InternalError(cmd.ID))
	if err != nil {
		return fmt.Errorf("give up: %w", err)
	}
	reply := events.Reply{
		CommandID:   cmd.ID,
		Status:      http.StatusInternalServerError,
		Body:        body,
		PayloadHash: cmd.PayloadHash(),
	}
	letter := DeadLetter{
		Consumer:  consumer,
		MessageID: cmd.ID,
		Type:      cmd.Type,
		Body:      message,
		Cause:     cause,
		Attempts:  attempts,
	}

	err = pgx.BeginFunc(ctx, r.cfg.Pool, func(tx pgx.Tx) error {
		if err := letter.Write(ctx, tx); err != nil {
			return err
		}
		_, err := Ledger{DB: tx}.finish(ctx, cmd, reply, r.now())
		return err
	})
	if err != nil {
		r.cfg.Log.Error("dead letter not written", "command", cmd.ID, "error", err)
		return fmt.Errorf("give up: %w", err)
	}
	r.publishOutcomes(ctx, []result{{cmd: cmd, reply: reply}})
	return nil
}

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
func (l DeadLetter) Write(ctx context.Context, db postgres.Execer) error {
	if _, err := db.Exec(ctx, insertDeadLetterSQL, l.values()...); err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	return nil
}

// Queue queues the write of a dead letter.
func (l DeadLetter) Queue(b *pgx.Batch) { b.Queue(insertDeadLetterSQL, l.values()...) }
