package accounts

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	dbpostgres "github.com/codex-platform/codex/domain/postgres"
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
	user, upgrade, err := a.authenticate(c, request.Email, request.Password)
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
func (a *accounts) authenticate(c *edge.Request, email, password string) (identity.User, *rehash, error) {
	attempt, err := a.attemptPassword(c, email)
	if err != nil {
		return identity.User{}, nil, err
	}
	defer attempt.end()
	return a.match(c, attempt, email, password)
}

// match is authenticate within an attempt that was admitted.
func (a *accounts) match(c *edge.Request, attempt *attempt, email, password string) (identity.User, *rehash, error) {
	user, hash, err := postgres.Credentials(c, a.cfg.Pool, email)
	if err != nil {
		return identity.User{}, nil, err
	}
	match, weak, err := a.cfg.Passwords.Check(c.Request.Context(), password, hash)
	if err != nil {
		return identity.User{}, nil, err
	}
	if !match {
		attempt.fail()
		return identity.User{}, nil, identity.ErrBadCredentials
	}
	if err := attempt.succeed(); err != nil || !weak {
		return user, nil, err
	}
	replacement, err := a.cfg.Passwords.Hash(c.Request.Context(), password)
	if err != nil {
		// For example because the queue is full. The next sign-in tries again.
		c.Log().InfoContext(c, "hash not strengthened", "request", c.ID(), "error", err)
		return user, nil, nil
	}
	return user, &rehash{old: hash, replacement: replacement}, nil
}

// reauthenticate requires of a change that a stolen session must not make that its sender
// knows the password, or has signed in a moment ago. A password that is right is recorded in the
// session: the transaction of the change checks that record, with [recentlyAuthenticated].
func (a *accounts) reauthenticate(c *edge.Request, password string) error {
	if password == "" {
		return recentlyAuthenticated(c, a.cfg.Pool, c.Actor().SessionID, c.Now())
	}
	user, err := a.self(c)
	if err != nil {
		return err
	}
	if _, _, err = a.authenticate(c, user.Email, password); err != nil {
		return wrongPassword(err)
	}
	return postgres.Reauthenticated(c, a.cfg.Pool, c.Actor().SessionID, c.Now())
}

// recentlyAuthenticated requires that the user has proved the password in a session a moment ago.
func recentlyAuthenticated(ctx context.Context, db dbpostgres.DB, sessionID string, now time.Time) error {
	session, _, _, err := postgres.Session(ctx, db, sessionID)
	if err == nil && !session.Recent(now) {
		err = identity.ErrReauthenticate
	}
	return err
}

// wrongPassword is the error of an authentication, for a user who is signed in.
func wrongPassword(err error) error {
	if errors.Is(err, identity.ErrBadCredentials) {
		return identity.ErrWrongPassword
	}
	return err
}

// startSession starts the session of an authenticated user and sets its cookie. The token
// is always new, whatever cookie the request has.
func (a *accounts) startSession(c *edge.Request, user identity.User, request identity.SignIn, upgrade *rehash) error {
	token, now := newToken(), c.Now()
	session, facts := identity.Start(edge.NewID(), user, c.ClientIP(), c.Request.UserAgent(), request.Remembered(), now)
	err := a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		// The lock makes a deletion of the account wait, or finds it deleted.
		if _, found, err := postgres.UserByID(ctx, tx, user.ID, true); err != nil || !found {
			return nil, cmp.Or(err, error(identity.ErrBadCredentials))
		}
		if upgrade != nil {
			if err := postgres.ReplaceHash(ctx, tx, user.ID, upgrade.old, upgrade.replacement, now); err != nil {
				return nil, err
			}
		}
		return facts, postgres.InsertSession(ctx, tx, session, token)
	})
	if err != nil {
		return err
	}
	c.SetSessionCookie(session, token)
	return nil
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
