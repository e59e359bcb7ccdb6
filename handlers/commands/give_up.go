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

// ownFault reports whether an error is proven to come from the command: from the decision
// about it, or from the data of its statements. Over any other it is never given up.
func ownFault(err error) bool {
	return isDecisionError(err) || postgres.Classify(err) == postgres.Input
}

// giveUp gives a command up: a dead letter for the operator and, in the same transaction, a
// rejected row for the client, who then gets the response. Both are open: the command is
// tried again when it is sent again, or when the operator requests it.
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
		Kind:      LetterCommand,
		Type:      cmd.Type,
		Body:      message,
		Cause:     cause,
		Attempts:  attempts,
	}

	err = pgx.BeginFunc(ctx, r.cfg.Pool, func(tx pgx.Tx) error {
		if err := letter.Write(ctx, tx); err != nil {
			return err
		}
		_, err := Ledger{DB: tx}.finish(ctx, cmd, reply, 0, r.now())
		return err
	})
	if err != nil {
		r.cfg.Log.Error("dead letter not written", "command", cmd.ID, "error", err)
		return fmt.Errorf("give up: %w", err)
	}
	r.publishOutcomes(ctx, []result{{cmd: cmd, reply: reply}})
	return nil
}
