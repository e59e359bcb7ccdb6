package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/outbox"
)

// What carries credentials, or tells who somebody is, is not a command: neither a
// password nor a name may lie in a stream, because a stream does not forget. Each of
// these changes is one transaction with the events it leads to, and, where the client
// sent an Idempotency-Key, with the record of its answer in the commands table. The
// record of a request with a password holds the slow hash of that request, so that it
// says no more about the password than the account does.

// commitTimeout bounds one of these transactions.
const commitTimeout = 10 * time.Second

// commit runs change in a transaction, appends the facts it returns to the outbox
// and, after the commit, wakes those who live from it. An account is its own tenant,
// and the one who acts.
func (a *accounts) commit(c *edge.Request, change func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error)) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), commitTimeout)
	defer cancel()
	cause := events.Cause{
		ID:            edge.NewID(),
		CorrelationID: c.ID(),
		TraceParent:   bus.TraceParent(c.Request.Context()),
		At:            c.Now(),
	}
	err := pgx.BeginFunc(ctx, a.cfg.Pool, func(tx pgx.Tx) error {
		facts, err := change(ctx, tx)
		if err != nil {
			return err
		}
		journal := make([]events.Event, len(facts))
		for i, fact := range facts {
			cause.ActorID = fact.Tenant
			if journal[i], err = fact.Event(edge.NewID(), cause); err != nil {
				return err
			}
		}
		return outbox.Append(ctx, tx, journal...)
	})
	if err == nil && a.cfg.Committed != nil {
		a.cfg.Committed()
	}
	return err
}

// keyed is a request that is done once per Idempotency-Key.
type keyed struct {
	// typ names what is asked for, for example "account.sign_up".
	typ string
	// actor is who asks, "" when nobody is signed in: such keys share one space.
	actor   string
	request any
	// passwords make the record of a request that carries one; nil where it does not.
	passwords Passwords
}

// outcome is what a keyed request led to.
type outcome struct {
	// userID is whose data the answer holds.
	userID string
	body   any
	facts  []events.Fact
	// then is called after the commit, before the answer: it may set a cookie.
	then func()
}

// change does a keyed request in a transaction.
type change func(ctx context.Context, tx pgx.Tx) (outcome, error)

// errClaimed says that the same request was done at the same moment.
var errClaimed = errors.New("done by another request")

// once answers with what a request leads to, and with the same again when its key
// comes again: for seven days, as for commands. prepare does what is dear or slow; it
// is not called for a request that was done before.
func (a *accounts) once(c *edge.Request, k keyed, prepare func() (change, error)) error {
	if c.IdempotencyKey() == "" {
		run, err := prepare()
		if err != nil {
			return err
		}
		return a.perform(c, run, func(context.Context, pgx.Tx, outcome, []byte) error { return nil })
	}
	cmd, err := a.asCommand(c, k)
	if err != nil {
		return err
	}
	if replayed, err := a.replay(c, k, cmd); replayed || err != nil {
		return err
	}
	fingerprint := cmd.PayloadHash()
	if k.passwords != nil {
		if fingerprint, err = k.passwords.Hash(c.Request.Context(), fingerprint); err != nil {
			return err
		}
	}
	run, err := prepare()
	if err == nil {
		err = a.perform(
			c,
			claimed(run, cmd, fingerprint),
			func(ctx context.Context, tx pgx.Tx, done outcome, body []byte) error {
				return commands.Ledger{DB: tx}.Finish(ctx, cmd.ID, done.userID, body)
			},
		)
	}
	refusal, refused := domain.AsError(err)
	if !refused && !errors.Is(err, errClaimed) {
		return err
	}
	// What another request with this key did meanwhile is the answer to this one, too:
	// it may be the very reason for the refusal.
	if replayed, failed := a.replay(c, k, cmd); replayed || failed != nil {
		return failed
	}
	if refused {
		a.keepRefusal(c, cmd, fingerprint, refusal)
	}
	return err
}

// asCommand returns a keyed request as the command whose row it gets.
func (a *accounts) asCommand(c *edge.Request, k keyed) (events.Command, error) {
	id, err := c.CommandID(k.actor)
	if err != nil {
		return events.Command{}, err
	}
	payload, err := json.Marshal(k.request)
	if err != nil {
		return events.Command{}, fmt.Errorf("marshal %s: %w", k.typ, err)
	}
	return events.Command{
		ID:       id,
		Type:     k.typ,
		ActorID:  k.actor,
		Payload:  payload,
		IssuedAt: c.Now(),
	}, nil
}

// perform runs a change, lets keep record its answer, and answers.
func (a *accounts) perform(
	c *edge.Request,
	run change,
	keep func(context.Context, pgx.Tx, outcome, []byte) error,
) error {
	var done outcome
	var body []byte
	err := a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		var err error
		if done, err = run(ctx, tx); err != nil {
			return nil, err
		}
		if body, err = json.Marshal(done.body); err != nil {
			return nil, fmt.Errorf("marshal the answer: %w", err)
		}
		return done.facts, keep(ctx, tx, done, body)
	})
	if err != nil {
		return err
	}
	if done.then != nil {
		done.then()
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", body)
	return nil
}

// claimed makes a change one that begins with its record, so that of two at the same
// moment the second waits for the first and then finds it.
func claimed(run change, cmd events.Command, fingerprint string) change {
	return func(ctx context.Context, tx pgx.Tx) (outcome, error) {
		claimed, err := commands.Ledger{DB: tx}.Claim(ctx, cmd, fingerprint)
		if err != nil {
			return outcome{}, err
		}
		if !claimed {
			return outcome{}, errClaimed
		}
		return run(ctx, tx)
	}
}

// replay answers a request that was done before. It reports whether it did.
func (a *accounts) replay(c *edge.Request, k keyed, cmd events.Command) (bool, error) {
	reply, found, err := commands.Ledger{DB: a.cfg.Pool}.Replay(c, cmd, k.same)
	if err != nil || !found {
		return false, err
	}
	c.WriteReply(reply)
	return true, nil
}

// same compares the hash of a request with the one in its record.
func (k keyed) same(ctx context.Context, payloadHash, stored string) (bool, error) {
	if k.passwords == nil {
		return commands.SamePayload(ctx, payloadHash, stored)
	}
	same, _, err := k.passwords.Check(ctx, payloadHash, stored)
	return same, err
}

// keepRefusal records a refusal that says something about the request and not about
// the moment. That it could not be recorded is no reason to answer otherwise.
func (a *accounts) keepRefusal(c *edge.Request, cmd events.Command, fingerprint string, refusal *domain.Error) {
	switch refusal.Class {
	case domain.Conflict, domain.Rule, domain.NotFound:
	default:
		return
	}
	if err := (commands.Ledger{DB: a.cfg.Pool}).Reject(c, cmd, fingerprint, refusal); err != nil {
		c.Log().WarnContext(c, "refusal not recorded", "request", c.ID(), "error", err)
	}
}
