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

// Passwords hashes and checks passwords. A hash of "" stands for an account that does not
// exist: checking against it costs the same and never matches. Both fail with an error of
// class Limited when too many requests wait.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	Check(ctx context.Context, password, hash string) (match, weak bool, err error)
}

// signIn starts a session when the password matches and the address is verified.
func (a *accounts) signIn(c *edge.Request) error {
	var request identity.SignIn
	if err := decodeWithCallback(a, c, &request, &request.CallbackURL); err != nil {
		return err
	}
	user, upgrade, err := a.authenticate(c, request)
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

// remindToVerify writes another verification mail, within the limit of the address.
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

// rehash is a stronger hash of the password of a request; nil when the stored one is strong
// enough.
type rehash struct{ old, replacement string }

// authenticate returns the account of an address and a password. The response and the cost
// are the same for a wrong password and for an unknown address.
//
// After [identity.SignInFailures] failures in a window every attempt is rejected. The count
// is read before the hash and again, locked, when a session starts: of many concurrent
// guesses all are hashed, but none after the last failure allowed starts a session.
func (a *accounts) authenticate(c *edge.Request, request identity.SignIn) (identity.User, *rehash, error) {
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
		// For example because the queue is full. The next sign-in tries again.
		c.Log().InfoContext(c, "hash not strengthened", "request", c.ID(), "error", err)
		return user, nil, nil
	}
	return user, &rehash{old: hash, replacement: replacement}, nil
}

func failureKey(email string) ratelimit.Key { return ratelimit.KeyOf(postgres.SignInFailures, email) }

// fail counts a failure and returns the error of the response.
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

// startSession starts the session of an authenticated user and sets its cookie. The token
// is always new, whatever cookie the request has.
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

// admit clears the failures of an account after a correct password, unless there were too
// many of them in the meantime; see authenticate.
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

// limit counts a request of a kind for a subject, such as an address, and rejects it when
// there were more than allowed in the window.
func (a *accounts) limit(c *edge.Request, kind, subject string, allowed int) error {
	hits, end, err := ratelimit.Hit(c, a.cfg.Pool, ratelimit.KeyOf(kind, subject), identity.ThrottleWindow, c.Now())
	if err != nil {
		return fmt.Errorf("limit %s: %w", kind, err)
	}
	if hits > allowed {
		return identity.Throttled(end.Sub(c.Now()))
	}
	return nil
}

// newToken returns a random token.
func newToken() identity.Token {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	return identity.NewToken(random)
}
