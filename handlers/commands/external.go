package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/wire"
	"github.com/codex-platform/codex/outbox"
)

// External is a context whose commands call the outside between two transactions.
type External interface {
	// Name is the first part of its commands' types, for example "checkout".
	Name() string
	// Prepare is the first transaction. It decides, and writes what the call needs
	// in order to be repeated with the same idempotency key after a crash. It
	// returns the call to make, or, when none is needed, a nil call and the outcome.
	Prepare(ctx context.Context, tx pgx.Tx, cmd events.Command, now time.Time) (Call, Outcome, error)
}

// Call calls the outside, outside any transaction. A domain.Error is a rejection,
// stored like any outcome; any other error means that the result is unknown, and
// the command is tried again from the start. The returned Finish is the second
// transaction.
type Call func(ctx context.Context) (Finish, error)

// Finish stores a call's result and gives the command's outcome.
type Finish func(ctx context.Context, tx pgx.Tx, now time.Time) (Outcome, error)

// externalTimeout bounds one attempt, the call included.
const externalTimeout = 30 * time.Second

// Unhurried is an external context whose calls may take longer than those of others.
type Unhurried interface {
	// Timeout bounds one attempt instead of the 30 s of others.
	Timeout() time.Duration
}

func timeoutOf(e External) time.Duration {
	if u, ok := e.(Unhurried); ok {
		return u.Timeout()
	}
	return externalTimeout
}

// handleExternal applies one command of an external context. A nil error
// acknowledges the message.
func (r *Runner) handleExternal(ctx context.Context, e External, d bus.Delivery) error {
	cmds := r.readable(ctx, e.Name(), []bus.Delivery{d})
	if len(cmds) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeoutOf(e))
	defer cancel()
	ctx, span := startSpans(ctx, cmds)
	res, err := r.applyExternal(ctx, e, cmds[0])
	span.end(err)
	switch {
	case err == nil:
		r.finish(ctx, []result{res})
		return nil
	case d.Deliveries() < uint64(externalTries):
		return err
	default:
		return r.bury(ctx, e.Name(), cmds[0], err, externalTries)
	}
}

// externalTries is how often a command with an unknown result is delivered before
// it is given up. With the bus's back-off that is about ten minutes.
const externalTries = 12

func (r *Runner) applyExternal(ctx context.Context, e External, cmd events.Command) (result, error) {
	var (
		call    Call
		outcome Outcome
		done    *result
	)
	err := r.inTx(ctx, func(tx pgx.Tx) error {
		known, err := r.known(ctx, tx, cmd)
		if err != nil || known != nil {
			done = known
			return err
		}
		call, outcome, err = e.Prepare(ctx, tx, cmd, r.now())
		if refusal, ok := domain.AsError(err); ok {
			call, err = nil, nil
			outcome = refused(refusal)
		}
		if err != nil {
			return err
		}
		if call != nil {
			return r.keepFromSweeper(ctx, tx, e, cmd)
		}
		res, err := r.record(ctx, tx, cmd, outcome)
		done = &res
		return err
	})
	if err != nil || done != nil {
		return deref(done), err
	}
	finish, err := call(ctx)
	if refusal, ok := domain.AsError(err); ok {
		finish = func(context.Context, pgx.Tx, time.Time) (Outcome, error) { return refused(refusal), nil }
	} else if err != nil {
		return result{}, fmt.Errorf("call for %s: %w", cmd.Type, err)
	}
	err = r.inTx(ctx, func(tx pgx.Tx) error {
		known, err := r.known(ctx, tx, cmd)
		if err != nil || known != nil {
			done = known
			return err
		}
		if outcome, err = finish(ctx, tx, r.now()); err != nil {
			return err
		}
		res, err := r.record(ctx, tx, cmd, outcome)
		done = &res
		return err
	})
	return deref(done), err
}

// keepFromSweeper lets the sweeper wait for the attempt that begins now: sent again, the
// command would make the call a second time while it is being made.
func (r *Runner) keepFromSweeper(ctx context.Context, tx pgx.Tx, e External, cmd events.Command) error {
	_, err := tx.Exec(ctx, `UPDATE commands SET swept_at = $2 WHERE id = $1 AND status = 'accepted'`, cmd.ID, r.now().UTC().Add(timeoutOf(e)))
	if err != nil {
		return fmt.Errorf("keep the command from the sweeper: %w", err)
	}
	return nil
}

func deref(r *result) result {
	if r == nil {
		return result{}
	}
	return *r
}

func refused(refusal *domain.Error) Outcome {
	status, body := wire.Refusal(refusal)
	return Outcome{Status: status, Body: body}
}

func (r *Runner) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, r.cfg.Pool, f)
}

// known returns the stored outcome of a command that was applied before.
func (r *Runner) known(ctx context.Context, tx pgx.Tx, cmd events.Command) (*result, error) {
	rows, err := tx.Query(ctx, `SELECT status, payload_hash, COALESCE(response_status, 0), response_body
		FROM commands WHERE id = $1 FOR UPDATE`, cmd.ID)
	if err != nil {
		return nil, fmt.Errorf("read command: %w", err)
	}
	rec, err := pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (record, error) {
		var rec record
		var body []byte
		err := row.Scan(&rec.status, &rec.hash, &rec.reply.Status, &body)
		rec.reply.CommandID, rec.reply.PayloadHash, rec.reply.Body = cmd.ID, rec.hash, body
		return rec, err
	})
	switch {
	case err == pgx.ErrNoRows: //nolint:errorlint // pgx returns it as it is
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read command: %w", err)
	case rec.status == "accepted" && rec.hash == cmd.PayloadHash():
		return nil, nil
	default:
		return &result{cmd: cmd, reply: rec.reply}, nil
	}
}

// record writes a command's outcome and its events.
func (r *Runner) record(ctx context.Context, tx pgx.Tx, cmd events.Command, outcome Outcome) (result, error) {
	now := r.now()
	body, err := wire.Marshal(outcome.Body)
	if err != nil {
		return result{}, err
	}
	reply := events.Reply{CommandID: cmd.ID, Status: outcome.Status, Body: body, PayloadHash: cmd.PayloadHash()}
	journal := make([]events.Event, len(outcome.Facts))
	for i, fact := range outcome.Facts {
		if journal[i], err = newEvent(fact, events.CauseOf(cmd, now)); err != nil {
			return result{}, err
		}
	}
	if err := outbox.Append(ctx, tx, journal...); err != nil {
		return result{}, err
	}
	_, err = tx.Exec(ctx, `
INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, response_body, created_at, finished_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::json, $8, $9)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, response_status = excluded.response_status,
       response_body = excluded.response_body, finished_at = excluded.finished_at, envelope = NULL`,
		cmd.ID, cmd.ActorID, cmd.Type, reply.PayloadHash, statusOf(reply.Status), reply.Status, body, cmd.IssuedAt, now)
	if err != nil {
		return result{}, fmt.Errorf("record command: %w", err)
	}
	return result{cmd: cmd, reply: reply, emitted: len(journal) > 0}, nil
}
