package edge

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/outbox"
)

// What takes or gives credentials is not a command: a password or a token must not
// lie in a stream. Each of these is one transaction with the events it leads to.

// commitTimeout bounds one of these transactions.
const commitTimeout = 10 * time.Second

// commit runs change in a transaction, appends the facts it returns to the outbox
// and, after the commit, wakes those who live from it. An account is its own tenant,
// and the one who acts.
func (a *auth) commit(c *gin.Context, change func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error)) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), commitTimeout)
	defer cancel()
	cause := events.Cause{
		ID: newID(), CorrelationID: c.GetString(requestIDKey),
		TraceParent: bus.TraceParent(c.Request.Context()), At: a.now(),
	}
	err := pgx.BeginFunc(ctx, a.cfg.Pool, func(tx pgx.Tx) error {
		facts, err := change(ctx, tx)
		if err != nil {
			return err
		}
		journal := make([]events.Event, len(facts))
		for i, fact := range facts {
			cause.ActorID = fact.Tenant
			if journal[i], err = fact.Event(newID(), cause); err != nil {
				return err
			}
		}
		return outbox.Append(ctx, tx, journal...)
	})
	if err == nil && a.Committed != nil {
		a.Committed()
	}
	return err
}

// register makes an account with a mail that proves its address.
func (a *auth) register(c *gin.Context, request identity.SignUp) (identity.User, error) {
	user, hash, happened, err := a.newUser(c, request)
	if err != nil {
		return identity.User{}, err
	}
	verification, mail, _, err := a.newVerification(user, request.CallbackURL)
	if err != nil {
		return identity.User{}, err
	}
	return user, a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		if err := postgres.InsertUser(ctx, tx, user, hash, newID()); err != nil {
			return nil, err
		}
		return user.Facts(happened), insertVerification(ctx, tx, verification, mail)
	})
}

// newUser returns the account that a sign-up leads to and the hash of its password.
// That the address is free is looked up first, because hashing is dear; the unique
// index decides.
func (a *auth) newUser(c *gin.Context, request identity.SignUp) (identity.User, string, []events.Payload, error) {
	taken, err := postgres.EmailTaken(c, a.cfg.Pool, request.Email)
	if err == nil && taken {
		err = identity.ErrEmailInUse
	}
	if err != nil {
		return identity.User{}, "", nil, err
	}
	hash, err := a.Passwords.Hash(c.Request.Context(), request.Password)
	if err != nil {
		return identity.User{}, "", nil, err
	}
	id := strings.ReplaceAll(newID(), "-", "")
	user, happened := identity.Register(id, request, identity.SignUpRole(request.Role, a.cfg.Development), a.now())
	return user, hash, happened, nil
}

// newVerification returns a fresh proof for a user's address, the mail that
// carries its token, and the token.
func (a *auth) newVerification(user identity.User, callback string) (identity.Verification, identity.Mail, identity.Token, error) {
	token := newToken()
	v := identity.NewVerification(newID(), user.Email, token, a.now())
	mail, err := identity.VerificationMail(newID(), user, v, identity.VerificationLink(a.cfg.PublicURL, token, callback))
	return v, mail, token, err
}

func insertVerification(ctx context.Context, tx pgx.Tx, v identity.Verification, mail identity.Mail) error {
	if err := postgres.InsertVerification(ctx, tx, v); err != nil {
		return err
	}
	return postgres.InsertMail(ctx, tx, mail)
}

// mailVerification writes another verification mail and returns its token.
func (a *auth) mailVerification(c *gin.Context, user identity.User, callback string) (identity.Token, error) {
	verification, mail, token, err := a.newVerification(user, callback)
	if err != nil {
		return "", err
	}
	return token, a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		return nil, insertVerification(ctx, tx, verification, mail)
	})
}

// remindToVerify writes another verification mail, unless the address had enough
// of them for now.
func (a *auth) remindToVerify(c *gin.Context, user identity.User, callback string) error {
	hits, _, err := postgres.Hit(c, a.cfg.Pool, postgres.LimitKey("verification-mail", user.Email), identity.ThrottleWindow, a.now())
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
func (a *auth) prove(c *gin.Context, request identity.SignIn) (identity.User, *rehash, error) {
	key := failureKey(request.Email)
	hits, end, err := postgres.Hits(c, a.cfg.Pool, key, false, a.now())
	if err == nil && hits >= identity.SignInFailures {
		err = identity.Throttled(end.Sub(a.now()))
	}
	if err != nil {
		return identity.User{}, nil, err
	}
	user, hash, err := postgres.Credentials(c, a.cfg.Pool, request.Email)
	if err != nil {
		return identity.User{}, nil, err
	}
	match, weak, err := a.Passwords.Check(c.Request.Context(), request.Password, hash)
	if err != nil {
		return identity.User{}, nil, err
	}
	if !match {
		return identity.User{}, nil, a.fail(c, key)
	}
	if !weak {
		return user, nil, nil
	}
	replacement, err := a.Passwords.Hash(c.Request.Context(), request.Password)
	if err != nil {
		// The queue is full, say. There will be another sign-in.
		a.cfg.Log.InfoContext(c, "hash not strengthened", "request", c.GetString(requestIDKey), "error", err)
		return user, nil, nil
	}
	return user, &rehash{old: hash, replacement: replacement}, nil
}

func failureKey(email string) string { return postgres.LimitKey("sign-in-failures", email) }

// fail counts a failure and returns what to refuse it with.
func (a *auth) fail(c *gin.Context, key string) error {
	hits, end, err := postgres.Hit(c, a.cfg.Pool, key, identity.ThrottleWindow, a.now())
	switch {
	case err != nil:
		return err
	case hits > identity.SignInFailures:
		return identity.Throttled(end.Sub(a.now()))
	default:
		return identity.ErrBadCredentials
	}
}

// startSession starts the session of a user who has proven who they are, and gives
// the browser its key: always a fresh one, whatever cookie the request brought.
func (a *auth) startSession(c *gin.Context, user identity.User, request identity.SignIn, upgrade *rehash) error {
	token, now := newToken(), a.now()
	session, facts := identity.Start(newID(), user, c.ClientIP(), c.Request.UserAgent(), request.Remembered(), now)
	key := failureKey(user.Email)
	err := a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		hits, end, err := postgres.Hits(ctx, tx, key, true, now)
		if err == nil && hits >= identity.SignInFailures {
			err = identity.Throttled(end.Sub(now))
		}
		if err == nil && hits > 0 {
			err = postgres.ClearHits(ctx, tx, key)
		}
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
	a.setSessionCookie(c, session, token, now)
	return nil
}

// verify uses a token up, marks its address as proven and signs its owner in.
func (a *auth) verify(c *gin.Context, token identity.Token) error {
	key, now, id := newToken(), a.now(), newID()
	var session identity.Session
	err := a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		email, found, err := postgres.TakeVerification(ctx, tx, token, now)
		var user identity.User
		if err == nil && found {
			user, found, err = postgres.UserByEmail(ctx, tx, email, true)
		}
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, identity.ErrBadToken
		}
		user, happened := user.VerifyEmail(now)
		if len(happened) > 0 {
			if err := postgres.SaveVerified(ctx, tx, user); err != nil {
				return nil, err
			}
		}
		var started []events.Fact
		session, started = identity.Start(id, user, c.ClientIP(), c.Request.UserAgent(), true, now)
		return append(user.Facts(happened), started...), postgres.InsertSession(ctx, tx, session, key)
	})
	if err != nil {
		return err
	}
	a.setSessionCookie(c, session, key, now)
	return nil
}

// revoke ends the session of a request.
func (a *auth) revoke(c *gin.Context, actor *Actor) error {
	return a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		session, found, err := postgres.DeleteSession(ctx, tx, actor.SessionID)
		if err != nil || !found {
			return nil, err
		}
		return []events.Fact{session.Revoked()}, nil
	})
}

// limit counts a hit on something of which whom may have only so much in a window.
func (a *auth) limit(c *gin.Context, what, whom string, most int) error {
	hits, end, err := postgres.Hit(c, a.cfg.Pool, postgres.LimitKey(what, whom), identity.ThrottleWindow, a.now())
	if err != nil {
		return fmt.Errorf("limit %s: %w", what, err)
	}
	if hits > most {
		return identity.Throttled(end.Sub(a.now()))
	}
	return nil
}
