package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/outbox"
)

// External is the table of a context whose commands call the outside between two
// transactions. They are applied one by one, concurrently.
type External struct {
	name     string
	timeout  time.Duration
	commands []string
	prepare  map[string]prepare
}

// ExternalHandler is one row of an external context's table.
type ExternalHandler struct {
	name    string
	prepare prepare
}

type prepare func(ctx context.Context, tx pgx.Tx, cmd events.Command, now time.Time) (Call, Outcome, error)

// Call calls the outside, outside any transaction. A domain.Error is a rejection,
// stored like any outcome; any other error means that the result is unknown, and
// the command is tried again from the start. The returned Finish is the second
// transaction.
type Call func(ctx context.Context) (Finish, error)

// Finish stores a call's result and gives the command's outcome.
type Finish func(ctx context.Context, tx pgx.Tx, now time.Time) (Outcome, error)

const (
	// externalTimeout is the default bound of one attempt, the call included.
	externalTimeout = 30 * time.Second
	// externalTries is how often a command with an unknown result is delivered before
	// it is given up. With the bus's back-off that is about ten minutes.
	externalTries = 12
)

// HandleExternal returns the row of a command whose payload is a P.
//
// Prepare is the first transaction. It decides, and writes what the call needs in order
// to be repeated with the same idempotency key after a crash. It returns the call to
// make, or, when none is needed, a nil call and the outcome. A domain.Error is a
// rejection and undoes nothing that prepare wrote.
func HandleExternal[P any](
	name string,
	prepare func(ctx context.Context, tx pgx.Tx, cmd events.Command, p *P, now time.Time) (Call, Outcome, error),
) ExternalHandler {
	return ExternalHandler{
		name: name,
		prepare: func(ctx context.Context, tx pgx.Tx, cmd events.Command, now time.Time) (Call, Outcome, error) {
			payload, err := decodePayload[P](name, cmd.Payload)
			if err != nil {
				return nil, Outcome{}, &decisionError{err}
			}
			return prepare(ctx, tx, cmd, payload, now)
		},
	}
}

// NewExternal returns the external context of this name. The timeout bounds one attempt,
// the call included; 0 is 30 s. NewExternal panics as [NewContext] does.
func NewExternal(name string, timeout time.Duration, handlers ...ExternalHandler) External {
	x := External{
		name:    name,
		timeout: cmp.Or(timeout, externalTimeout),
		prepare: make(map[string]prepare, len(handlers)),
	}
	for _, h := range handlers {
		x.commands = appendCommand(x.commands, name, h.name)
		x.prepare[h.name] = h.prepare
	}
	return x
}

// Name is the first part of its commands' names, for example "checkout".
func (x External) Name() string { return x.name }

// Commands are the names of its commands, in the order of the table.
func (x External) Commands() []string { return x.commands }

// handleExternal applies one command of an external context. A nil error
// acknowledges the message.
func (r *Runner) handleExternal(ctx context.Context, x External, d bus.Delivery) error {
	cmds := r.readable(ctx, x.name, []bus.Delivery{d})
	if len(cmds) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), x.timeout)
	defer cancel()
	ctx, span := startSpans(ctx, cmds)
	res, err := r.applyExternal(ctx, x, cmds[0])
	span.end(err)
	switch {
	case err == nil:
		r.publishOutcomes(ctx, []result{res})
		return nil
	case isDecisionError(err):
		return r.giveUp(ctx, x.name, cmds[0], err, 1)
	case d.Deliveries() < uint64(externalTries):
		return err
	default:
		return r.giveUp(ctx, x.name, cmds[0], err, externalTries)
	}
}

func (r *Runner) applyExternal(ctx context.Context, x External, cmd events.Command) (result, error) {
	prepare, known := x.prepare[cmd.Type]
	if !known {
		return result{}, &decisionError{fmt.Errorf("unknown command %q", cmd.Type)}
	}

	var call Call
	res, done, err := r.unlessFinished(ctx, cmd, func(tx pgx.Tx) (*Outcome, error) {
		var outcome Outcome
		var err error
		call, outcome, err = prepare(ctx, tx, cmd, r.now())
		if rejection, ok := domain.AsError(err); ok {
			rejected := Rejected(rejection)
			return &rejected, nil
		}
		if err != nil || call == nil {
			return &outcome, err
		}
		return nil, Ledger{DB: tx}.keepFromSweeper(ctx, cmd.ID, r.now().Add(x.timeout))
	})
	if err != nil || done {
		return res, err
	}

	finish, err := call(ctx)
	if rejection, ok := domain.AsError(err); ok {
		finish = func(context.Context, pgx.Tx, time.Time) (Outcome, error) { return Rejected(rejection), nil }
	} else if err != nil {
		return result{}, fmt.Errorf("call for %s: %w", cmd.Type, err)
	}

	res, _, err = r.unlessFinished(ctx, cmd, func(tx pgx.Tx) (*Outcome, error) {
		outcome, err := finish(ctx, tx, r.now())
		return &outcome, err
	})
	return res, err
}

// unlessFinished runs one transaction of a command that has no outcome yet, and stores the
// outcome that run returns, if any. A command that has one gets that; done says that there
// is an outcome now.
func (r *Runner) unlessFinished(
	ctx context.Context, cmd events.Command, run func(tx pgx.Tx) (*Outcome, error),
) (res result, done bool, err error) {
	err = pgx.BeginFunc(ctx, r.cfg.Pool, func(tx pgx.Tx) error {
		rec, found, err := Ledger{DB: tx}.findForUpdate(ctx, cmd.ID)
		if err != nil {
			return err
		}
		if found && rec.holds(cmd) {
			res = result{cmd: cmd, reply: rec.Reply()}
			done = true
			return nil
		}
		outcome, err := run(tx)
		if err != nil || outcome == nil {
			return err
		}
		res, err = r.finish(ctx, tx, cmd, *outcome)
		done = true
		return err
	})
	return res, done, err
}

// errFinishedMeanwhile says that another attempt was quicker; its outcome is found when
// the command is delivered again.
var errFinishedMeanwhile = errors.New("the command was finished by another attempt")

// finish writes a command's outcome and its events.
func (r *Runner) finish(ctx context.Context, tx pgx.Tx, cmd events.Command, outcome Outcome) (result, error) {
	now := r.now()
	reply, err := outcome.reply(cmd, cmd.PayloadHash())
	if err != nil {
		return result{}, err
	}
	journal, err := newEvents(outcome.Facts, events.CauseOf(cmd, now))
	if err != nil {
		return result{}, err
	}
	if err := outbox.Append(ctx, tx, journal...); err != nil {
		return result{}, err
	}
	written, err := Ledger{DB: tx}.finish(ctx, cmd, reply, now)
	if err == nil && !written {
		err = errFinishedMeanwhile
	}
	return result{cmd: cmd, reply: reply, emitted: len(journal) > 0}, err
}
