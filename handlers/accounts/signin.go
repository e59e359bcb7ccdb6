package accounts

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
)

// Passwords hashes and checks passwords. A hash of "" stands for an account that
// does not exist: checking against it costs the same and never matches. Both may
// refuse with class Limited when too many ask at once.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	Check(ctx context.Context, password, hash string) (match, weak bool, err error)
}

// signIn starts a session for whoever knows the password of a verified account.
func (a *accounts) signIn(c *edge.Request) error {
	var request identity.SignIn
	if err := decodeWithCallback(a, c, &request, &request.CallbackURL); err != nil {
		return err
	}
	user, upgrade, err := a.prove(c, request)
	if err == nil && !user.EmailVerified {
		if err = a.remindToVerify(c, user, request.CallbackURL); err == nil {
			err = identity.ErrNotVerified
		}
	}
	if err == nil {
		err = a.startSession(c, user, request, upgrade)
	}
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, SignedIn{User: UserOf(user)})
	return nil
}

// remindToVerify writes another verification mail, unless the address had enough
// of them for now.
func (a *accounts) remindToVerify(c *edge.Request, user identity.User, callback string) error {
	hits, _, err := ratelimit.Hit(
		c,
		a.cfg.Pool,
		ratelimit.KeyOf(postgres.VerificationMails, user.Email),
		identity.ThrottleWindow,
		c.Now(),
	)
	if err != nil || hits > identity.VerificationMails {
		return err
	}
	_, err = a.mailVerification(c, user, callback)
	return err
}

// rehash is a stronger hash of a password that has just been seen; nil when the
// stored one is strong enough.
type rehash struct{ old, replacement string }

// prove returns the account whose address and password are given. A wrong password
// and an unknown address look alike and cost the same.
//
// An account takes five failures in 15 minutes. The count is read before the hash
// and again, locked, when a session starts: of many guesses at the same moment all
// are hashed, but none that comes after the fifth failure is let in.
func (a *accounts) prove(c *edge.Request, request identity.SignIn) (identity.User, *rehash, error) {
	key := failureKey(request.Email)
	hits, end, err := ratelimit.Hits(c, a.cfg.Pool, key, false, c.Now())
	if err == nil && hits >= identity.SignInFailures {
		err = identity.Throttled(end.Sub(c.Now()))
	}
	if err != nil {
		return identity.User{}, nil, err
	}
	user, hash, err := postgres.Credentials(c, a.cfg.Pool, request.Email)
	if err != nil {
		return identity.User{}, nil, err
	}
	match, weak, err := a.cfg.Passwords.Check(c.Request.Context(), request.Password, hash)
	if err != nil {
		return identity.User{}, nil, err
	}
	if !match {
		return identity.User{}, nil, a.fail(c, key)
	}
	if !weak {
		return user, nil, nil
	}
	replacement, err := a.cfg.Passwords.Hash(c.Request.Context(), request.Password)
	if err != nil {
		// The queue is full, say. There will be another sign-in.
		c.Log().InfoContext(c, "hash not strengthened", "request", c.ID(), "error", err)
		return user, nil, nil
	}
	return user, &rehash{old: hash, replacement: replacement}, nil
}

func failureKey(email string) ratelimit.Key { return ratelimit.KeyOf(postgres.SignInFailures, email) }

// fail counts a failure and returns what to refuse it with.
func (a *accounts) fail(c *edge.Request, key ratelimit.Key) error {
	hits, end, err := ratelimit.Hit(c, a.cfg.Pool, key, identity.ThrottleWindow, c.Now())
	switch {
	case err != nil:
		return err
	case hits > identity.SignInFailures:
		return identity.Throttled(end.Sub(c.Now()))
	default:
		return identity.ErrBadCredentials
	}
}

// startSession starts the session of a user who has proven who they are, and gives
// the browser its key: always a fresh one, whatever cookie the request brought.
func (a *accounts) startSession(c *edge.Request, user identity.User, request identity.SignIn, upgrade *rehash) error {
	token, now := newToken(), c.Now()
	session, facts := identity.Start(edge.NewID(), user, c.ClientIP(), c.Request.UserAgent(), request.Remembered(), now)
	err := a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		err := admit(ctx, tx, user.Email, now)
		if err == nil && upgrade != nil {
			err = postgres.ReplaceHash(ctx, tx, user.ID, upgrade.old, upgrade.replacement, now)
		}
		if err != nil {
			return nil, err
		}
		return facts, postgres.InsertSession(ctx, tx, session, token)
	})
	if err != nil {
		return err
	}
	c.SetSessionCookie(session, token)
	return nil
}

// admit forgets the failures of an account whose owner has just proven the password,
// unless it had too many meanwhile: of many guesses at the same moment none is let in
// that comes after the last one allowed.
func admit(ctx context.Context, tx pgx.Tx, email string, now time.Time) error {
	key := failureKey(email)
	hits, end, err := ratelimit.Hits(ctx, tx, key, true, now)
	switch {
	case err != nil:
		return err
	case hits >= identity.SignInFailures:
		return identity.Throttled(end.Sub(now))
	case hits > 0:
		return ratelimit.Clear(ctx, tx, key)
	default:
		return nil
	}
}

// limit counts a hit on something of which whom may have only so much in a window.
func (a *accounts) limit(c *edge.Request, what, whom string, most int) error {
	hits, end, err := ratelimit.Hit(c, a.cfg.Pool, ratelimit.KeyOf(what, whom), identity.ThrottleWindow, c.Now())
	if err != nil {
		return fmt.Errorf("limit %s: %w", what, err)
	}
	if hits > most {
		return identity.Throttled(end.Sub(c.Now()))
	}
	return nil
}

// newToken returns a fresh secret.
func newToken() identity.Token {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	return identity.NewToken(random)
}
