package commands

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/outbox"
)

const (
	// defaultLease is how long a command stays with an attempt whose process died. It is
	// about as long as the bus needs to deliver the command to another process.
	defaultLease = 10 * time.Second
	// waitedDeliveries is how many deliveries a client may wait for. With the bus's
	// back-off they end 7.5 s after the first.
	waitedDeliveries = 5
)

// attempt is one attempt at a command of an external context. While it calls the outside it
// has the lease of the command's row, so that a second delivery waits for its outcome.
type attempt struct {
	*Runner
	context External
	cmd     events.Command
	id      string
}

var (
	// errLeased says that another attempt calls the outside for the command.
	errLeased = errors.New("another attempt at the command is running")
	// errLeaseLost says that another attempt was quicker, or may begin: its outcome is found
	// when the command is delivered again.
	errLeaseLost = errors.New("the attempt has lost the command")
)

// callGrace is how long an attempt may go on after a stop. An interrupted one is repeated
// with the same idempotency key.
const callGrace = 10 * time.Second

// unavailable says that the outside was not available, which is no outcome.
type unavailable struct{ rejection *domain.Error }

// Error implements error.
func (u unavailable) Error() string { return u.rejection.Error() }

// handleExternal applies one command of an external context. A nil error acknowledges the
// message: the command has an outcome, or the sweeper sees to it.
func (r *Runner) handleExternal(ctx context.Context, x External, d bus.Delivery) error {
	cmds := r.readable(ctx, x.name, []bus.Delivery{d})
	if len(cmds) == 0 {
		return nil
	}
	going, release := bus.WithGrace(ctx, callGrace)
	defer release()
	ctx, cancel := context.WithTimeout(going, x.timeout)
	defer cancel()
	ctx, span := startSpans(ctx, cmds)
	a := attempt{r, x, cmds[0], uuid.NewString()}
	res, err := a.run(ctx)
	span.end(err)

	awaited := a.cmd.ReplyTo != "" && d.Deliveries() < waitedDeliveries
	switch {
	case err == nil:
		r.publishOutcomes(ctx, []result{res})
		return nil
	case errors.Is(err, errLeased) && !awaited:
		return nil
	case errors.Is(err, errLeased), errors.Is(err, errLeaseLost), going.Err() != nil:
		return err // the process stops; the command is delivered again
	case isDecisionError(err), ownFault(err) && d.Deliveries() >= tries:
		return r.giveUp(ctx, x.name, a.cmd, err, int(min(d.Deliveries(), tries)))
	}
	postponed, failed := a.postpone(ctx)
	if failed != nil {
		err = errors.Join(err, failed)
	}
	if postponed && !awaited {
		r.cfg.Log.Warn("command is tried again later", "type", a.cmd.Type, "command", a.cmd.ID, "error", err)
		return nil
	}
	return err
}

// postpone ends the attempt without an outcome.
func (a attempt) postpone(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	return Ledger{DB: a.cfg.Pool}.postpone(ctx, a.cmd, a.id, a.now())
}

// run makes the attempt. A panic is an error of the command.
func (a attempt) run(ctx context.Context) (res result, err error) {
	defer func() {
		if p := recover(); p != nil {
			a.cfg.Log.Error("command panicked", "type", a.cmd.Type, "panic", p, "stack", string(debug.Stack()))
			err = &decisionError{fmt.Errorf("panic: %v", p)}
		}
	}()
	res, err = a.apply(ctx)
	var outage unavailable
	if errors.As(err, &outage) {
		return a.reject(ctx, outage)
	}
	return res, err
}

func (a attempt) apply(ctx context.Context) (result, error) {
	prepare, known := a.context.prepare[a.cmd.Type]
	if !known {
		return result{}, &decisionError{fmt.Errorf("unknown command %q", a.cmd.Type)}
	}

	var call Call
	res, done, err := a.begin(ctx, func(tx pgx.Tx) (*Outcome, error) {
		var outcome Outcome
		var err error
		call, outcome, err = prepare(ctx, tx, a.cmd, a.now())
		if rejection, ok := domain.AsError(err); ok {
			call, outcome = rejected(rejection)
			err = nil
		}
		if err != nil || call != nil {
			return nil, err
		}
		return &outcome, nil
	})
	if err != nil || done {
		return res, err
	}

	finish, err := a.call(ctx, call)
	if rejection, ok := domain.AsError(err); ok {
		if isUnavailable(rejection) {
			return result{}, unavailable{rejection}
		}
		finish = func(context.Context, pgx.Tx, time.Time) (Outcome, error) { return Rejected(rejection), nil }
	} else if err != nil {
		return result{}, fmt.Errorf("call for %s: %w", a.cmd.Type, err)
	}
	return a.end(ctx, finish)
}

// rejected returns what prepare's rejection stands for: an outcome, or a call that fails.
func rejected(rejection *domain.Error) (Call, Outcome) {
	if isUnavailable(rejection) {
		return func(context.Context) (Finish, error) { return nil, rejection }, Outcome{}
	}
	return nil, Rejected(rejection)
}

func isUnavailable(rejection *domain.Error) bool {
	status, _ := ErrorResponse(rejection)
	return failed(status)
}

// begin runs the first transaction: it leases the command, unless that has an outcome, and
// stores the outcome that prepare returns, if any. done says that there is an outcome now.
func (a attempt) begin(
	ctx context.Context, prepare func(tx pgx.Tx) (*Outcome, error),
) (res result, done bool, err error) {
	err = pgx.BeginFunc(ctx, a.cfg.Pool, func(tx pgx.Tx) error {
		ledger := Ledger{DB: tx}
		leased, err := ledger.lease(ctx, a.cmd, a.id, a.cfg.Lease)
		if err != nil {
			return err
		}
		if !leased {
			rec, found, err := ledger.Find(ctx, a.cmd.ID)
			switch {
			case err != nil:
				return err
			case !found || !rec.holds(a.cmd):
				return errLeased
			}
			res = result{cmd: a.cmd, reply: rec.Reply()}
			done = true
			return nil
		}
		outcome, err := prepare(tx)
		if err != nil || outcome == nil {
			return err
		}
		res, err = a.finish(ctx, tx, *outcome)
		done = true
		return err
	})
	return res, done, err
}

// call calls the outside while the lease is extended. The call's context is cancelled when
// the lease is lost, or may be.
func (a attempt) call(ctx context.Context, call Call) (Finish, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		a.keepLease(ctx, cancel, done)
	}()
	defer func() {
		close(done)
		<-stopped
	}()
	finish, err := call(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errLeaseLost) {
		err = errors.Join(errLeaseLost, fmt.Errorf("%v", err)) //nolint:errorlint // the call was interrupted
	}
	return finish, err
}

// keepLease extends the lease until done.
func (a attempt) keepLease(ctx context.Context, cancel context.CancelCauseFunc, done <-chan struct{}) {
	tick := time.NewTicker(a.cfg.Lease / 4)
	defer tick.Stop()
	for until := time.Now().Add(a.cfg.Lease); ; {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		began := time.Now()
		limited, stop := context.WithDeadline(ctx, until)
		held, err := Ledger{DB: a.cfg.Pool}.extendLease(limited, a.cmd.ID, a.id, a.cfg.Lease)
		stop()
		switch {
		case err == nil && held:
			until = began.Add(a.cfg.Lease)
		case err == nil || !time.Now().Before(until):
			cancel(errLeaseLost)
			return
		}
	}
}

// end runs the second transaction.
func (a attempt) end(ctx context.Context, finish Finish) (res result, err error) {
	err = pgx.BeginFunc(ctx, a.cfg.Pool, func(tx pgx.Tx) error {
		held, err := Ledger{DB: tx}.holdsLease(ctx, a.cmd.ID, a.id)
		if err != nil {
			return err
		}
		if !held {
			return errLeaseLost
		}
		outcome, err := finish(ctx, tx, a.now())
		if err != nil {
			return err
		}
		res, err = a.finish(ctx, tx, outcome)
		return err
	})
	return res, err
}

// reject responds to a client that waits with the reason why the outside is unavailable. A
// command that was accepted with 202 is tried again instead.
func (a attempt) reject(ctx context.Context, reason unavailable) (result, error) {
	reply, err := Rejected(reason.rejection).reply(a.cmd, a.cmd.PayloadHash())
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
	defer cancel()
	rejected, err := Ledger{DB: a.cfg.Pool}.reject(ctx, a.cmd, a.id, reply, a.now())
	if err == nil && !rejected {
		err = reason
	}
	return result{cmd: a.cmd, reply: reply}, err
}

// finish writes a command's outcome and its events.
func (a attempt) finish(ctx context.Context, tx pgx.Tx, outcome Outcome) (result, error) {
	now := a.now()
	reply, err := outcome.reply(a.cmd, a.cmd.PayloadHash())
	if err != nil {
		return result{}, err
	}
	journal, err := newEvents(outcome.Facts, events.CauseOf(a.cmd, now))
	if err != nil {
		return result{}, err
	}
	if err := outbox.Append(ctx, tx, journal...); err != nil {
		return result{}, err
	}
	written, err := Ledger{DB: tx}.finish(ctx, a.cmd, reply, outcome.KeepFor, now)
	if err == nil && !written {
		err = errLeaseLost
	}
	return result{cmd: a.cmd, reply: reply, emitted: len(journal) > 0}, err
}
