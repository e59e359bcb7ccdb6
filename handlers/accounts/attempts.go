package accounts

import (
	"context"
	"sync"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
	"github.com/codex-platform/codex/handlers/edge"
)

// Attempts at passwords are counted before anything is hashed, per account and network, so
// that wrong passwords from elsewhere block no owner, and per account from all networks with
// a ceiling that is much higher; see the limits in domain/identity.

var (
	perNetwork = ratelimit.Backoff{
		Free:   identity.PasswordAttempts,
		First:  identity.AttemptBlock,
		Max:    identity.AttemptBlockMax,
		Forget: identity.AttemptsKept,
	}
	perAccount = ratelimit.Backoff{
		Free:   identity.AccountAttempts,
		First:  identity.AccountDelay,
		Max:    identity.AccountDelayMax,
		Forget: identity.AttemptsKept,
	}
)

// recordAttempts is the kind of the attempts at the password in the record of a request with
// an Idempotency-Key.
const recordAttempts = "keyed-request"

func networkKey(c *edge.Request, kind, subject string) ratelimit.Key {
	return ratelimit.KeyOf(kind, subject+"\x00"+c.Network())
}

func failureKey(email string) ratelimit.Key { return ratelimit.KeyOf(postgres.SignInFailures, email) }

// failureKeys are the keys of the attempts at the password of an address.
func failureKeys(c *edge.Request, email string) []ratelimit.Key {
	return []ratelimit.Key{networkKey(c, postgres.SignInFailures, email), failureKey(email)}
}

// attempt is an admitted attempt at a secret. Exactly one of succeed, fail and end is called
// first; end is always called last.
type attempt struct {
	a       *accounts
	c       *edge.Request
	keys    []ratelimit.Key
	leave   func()
	settled bool
}

// attemptPassword admits an attempt at the password of an address, or fails with the error of
// class Limited that says how long to wait.
func (a *accounts) attemptPassword(c *edge.Request, email string) (*attempt, error) {
	return a.attempt(c, failureKeys(c, email), perNetwork, perAccount)
}

// attempt admits an attempt that each of the limits allows. Concurrent attempts with the same
// first key take turns, so that right ones do not reject each other.
func (a *accounts) attempt(c *edge.Request, keys []ratelimit.Key, limits ...ratelimit.Backoff) (*attempt, error) {
	leave, err := a.turns.enter(c.Request.Context(), keys[0])
	if err != nil {
		return nil, err
	}
	t := &attempt{a: a, c: c, leave: leave}
	for i, key := range keys {
		wait, err := ratelimit.Attempt(c, a.cfg.Pool, key, limits[i], c.Now())
		if err == nil && wait > 0 {
			err = identity.Throttled(wait)
		}
		if err != nil {
			t.end()
			return nil, err
		}
		t.keys = append(t.keys, key)
	}
	return t, nil
}

// succeed forgets the attempts, after the secret was right.
func (t *attempt) succeed() error {
	if t.settled {
		return nil
	}
	t.settled = true
	return ratelimit.Clear(t.c, t.a.cfg.Pool, t.keys...)
}

// fail leaves the attempt counted.
func (t *attempt) fail() { t.settled = true }

// end takes an attempt back that neither succeeded nor failed: nothing was compared.
func (t *attempt) end() {
	defer t.leave()
	if t.settled {
		return
	}
	ctx := context.WithoutCancel(t.c.Request.Context())
	for _, key := range t.keys {
		if err := ratelimit.Withdraw(ctx, t.a.cfg.Pool, key); err != nil {
			t.c.Log().WarnContext(ctx, "attempt not withdrawn", "request", t.c.ID(), "error", err)
		}
	}
}

// turns lets one request at a time hold a key.
type turns struct {
	mu   sync.Mutex
	held map[ratelimit.Key]*turn
}

type turn struct {
	token   chan struct{}
	callers int
}

// enter waits for the key and returns what gives it back.
func (t *turns) enter(ctx context.Context, key ratelimit.Key) (leave func(), err error) {
	t.mu.Lock()
	if t.held == nil {
		t.held = map[ratelimit.Key]*turn{}
	}
	mine := t.held[key]
	if mine == nil {
		mine = &turn{token: make(chan struct{}, 1)}
		t.held[key] = mine
	}
	mine.callers++
	t.mu.Unlock()

	gone := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.callers--; mine.callers == 0 {
			delete(t.held, key)
		}
	}
	select {
	case mine.token <- struct{}{}:
		return func() { <-mine.token; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, ctx.Err()
	}
}
