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
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/outbox"
)

// A request with credentials or personal data is not a command: neither a password nor a
// name may be in a stream, whose messages cannot be erased. Each such change is one
// transaction with its events and, with an Idempotency-Key, with the record of its response
// in the table of commands. The record of a request with a password holds the slow hash of
// that request, so it reveals no more about the password than the account does.

// commitTimeout bounds one of these transactions.
const commitTimeout = 10 * time.Second

// commit runs change in a transaction, appends the facts it returns to the outbox and, after
// the commit, wakes the relay and the mailer. The account is the tenant and the actor of its
// events.
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

// keyed is a request that is performed once per Idempotency-Key.
type keyed struct {
	// typ names the request, for example "account.sign_up".
	typ string
	// actor is the id of the caller; "" without a session: such requests share their keys.
	actor   string
	request any
	// passwords hashes the record of a request with a password; nil for other requests.
	passwords Passwords
}

// outcome is the result of a keyed request.
type outcome struct {
	// userID is the user whose data the response holds.
	userID string
	// resource says that the body shows the user's account, and is therefore not recorded.
	resource bool
	body     any
	facts    []events.Fact
	// then is called after the commit, before the response is written: it may set a cookie.
	then func()
}

// change performs a keyed request in a transaction.
type change func(ctx context.Context, tx pgx.Tx) (outcome, error)

// errClaimed says that a concurrent request with the same key was performed.
var errClaimed = errors.New("performed by a concurrent request")

// once performs a request and writes its response; a repeated key gets the same response,
// for seven days as with commands. prepare does the expensive part before the transaction;
// it is not called for a repeated request.
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
	if k.passwords != nil {
		// The record reveals whether a guess of the request is right.
		guess, err := a.attempt(c, []ratelimit.Key{networkKey(c, recordAttempts, cmd.ID)}, perNetwork)
		if err != nil {
			return err
		}
		defer guess.end()
		replayed, err := a.replay(c, k, cmd)
		if errors.Is(err, commands.ErrKeyReused) {
			guess.fail()
		}
		if replayed || err != nil {
			return err
		}
	} else if replayed, err := a.replay(c, k, cmd); replayed || err != nil {
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
				resourceID := ""
				if done.resource {
					resourceID = done.userID
				}
				return commands.Ledger{DB: tx}.Finish(ctx, cmd.ID, done.userID, resourceID, body)
			},
		)
	}
	rejection, rejected := domain.AsError(err)
	if !rejected && !errors.Is(err, errClaimed) {
		return err
	}
	// If a concurrent request with this key was performed, its response is the response of
	// this one too: it may be the reason for the rejection.
	if replayed, failed := a.replay(c, k, cmd); replayed || failed != nil {
		return failed
	}
	if rejected {
		a.keepRejection(c, cmd, fingerprint, rejection)
	}
	return err
}

// asCommand returns a keyed request as the command whose row records it.
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

// perform runs a change, records its response with keep, and writes the response.
func (a *accounts) perform(
	c *edge.Request, run change, keep func(context.Context, pgx.Tx, outcome, []byte) error,
) error {
	var done outcome
	var body []byte
	err := a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		var err error
		if done, err = run(ctx, tx); err != nil {
			return nil, err
		}
		if body, err = json.Marshal(done.body); err != nil {
			return nil, fmt.Errorf("marshal the response: %w", err)
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

// claimed returns the change with its record written first, so that of two concurrent
// requests the second waits for the first and then finds its record.
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

// replay writes the recorded response of a repeated request. It reports whether there was one.
func (a *accounts) replay(c *edge.Request, k keyed, cmd events.Command) (bool, error) {
	reply, found, err := commands.Ledger{DB: a.cfg.Pool}.Replay(c, cmd, k.same)
	if err != nil || !found {
		return false, err
	}
	if reply, err = c.WithBody(cmd.Type, reply); err != nil {
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

// keepRejection records an error that is about the request and not temporary. A failure to
// record it does not change the response.
func (a *accounts) keepRejection(c *edge.Request, cmd events.Command, fingerprint string, rejection *domain.Error) {
	switch rejection.Class {
	case domain.Conflict, domain.Rule, domain.NotFound:
	default:
		return
	}
	if err := (commands.Ledger{DB: a.cfg.Pool}).Reject(c, cmd, fingerprint, rejection); err != nil {
		c.Log().WarnContext(c, "rejection not recorded", "request", c.ID(), "error", err)
	}
}
