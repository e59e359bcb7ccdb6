package accounts

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/mail"
	mailstore "github.com/codex-platform/codex/domain/mail/postgres"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
)

// register makes an account with a mail that proves its address, and answers.
func (a *accounts) register(c *edge.Request, request identity.SignUp) error {
	return a.once(c, keyed{typ: "account.sign_up", request: request, passwords: a.cfg.Passwords}, func() (change, error) {
		user, hash, happened, err := a.newUser(c, request)
		if err != nil {
			return nil, err
		}
		verification, mail, _, err := a.newVerification(user, request.CallbackURL, c.Now())
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx pgx.Tx) (outcome, error) {
			if err := postgres.InsertUser(ctx, tx, user, hash, edge.NewID()); err != nil {
				return outcome{}, err
			}
			done := outcome{userID: user.ID, body: SignedIn{User: UserOf(user)}, facts: user.Facts(happened)}
			return done, insertVerification(ctx, tx, verification, mail)
		}, nil
	})
}

// newUser returns the account that a sign-up leads to and the hash of its password.
// That the address is free is looked up first, because hashing is dear; the unique
// index decides.
func (a *accounts) newUser(c *edge.Request, request identity.SignUp) (identity.User, string, []events.Payload, error) {
	taken, err := postgres.EmailTaken(c, a.cfg.Pool, request.Email)
	if err == nil && taken {
		err = identity.ErrEmailInUse
	}
	if err != nil {
		return identity.User{}, "", nil, err
	}
	hash, err := a.cfg.Passwords.Hash(c.Request.Context(), request.Password)
	if err != nil {
		return identity.User{}, "", nil, err
	}
	id := strings.ReplaceAll(edge.NewID(), "-", "")
	user, happened := identity.Register(id, request, identity.SignUpRole(request.Role, a.cfg.Development), c.Now())
	return user, hash, happened, nil
}

// newVerification returns a fresh proof for a user's address, the mail that
// carries its token, and the token.
func (a *accounts) newVerification(
	user identity.User,
	callback string,
	now time.Time,
) (identity.Verification, mail.Mail, identity.Token, error) {
	token := newToken()
	v := identity.NewVerification(edge.NewID(), identity.ProveEmail, user.ID, user.Email, token, now)
	mail, err := identity.VerificationMail(edge.NewID(), v, identity.VerificationLink(a.cfg.PublicURL, token, callback))
	return v, mail, token, err
}

func insertVerification(ctx context.Context, tx pgx.Tx, v identity.Verification, mails ...mail.Mail) error {
	if err := postgres.InsertVerification(ctx, tx, v); err != nil {
		return err
	}
	for _, mail := range mails {
		if err := mailstore.Insert(ctx, tx, mail); err != nil {
			return err
		}
	}
	return nil
}

// mailVerification writes another verification mail and returns its token.
func (a *accounts) mailVerification(c *edge.Request, user identity.User, callback string) (identity.Token, error) {
	verification, mail, token, err := a.newVerification(user, callback, c.Now())
	if err != nil {
		return "", err
	}
	return token, a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		return nil, insertVerification(ctx, tx, verification, mail)
	})
}

// mailToAccount writes a proof and its mail for the account that has the address. It does
// the same work when there is none, or none that needs them: the response time must not
// reveal who has an account.
func (a *accounts) mailToAccount(c *edge.Request, v identity.Verification, letter mail.Mail) error {
	return a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		stored, err := postgres.InsertForAccount(ctx, tx, v)
		if err != nil {
			return nil, err
		}
		letter.UserID, letter.Recipient = stored.UserID, stored.Email
		return nil, mailstore.InsertForUser(ctx, tx, letter)
	})
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

// verify uses a token up. For a new account it marks the address as proven and signs
// its owner in. For an address that an account wants instead it makes the change, and
// signs nobody in: whoever reads that mailbox need not be who knows the password.
func (a *accounts) verify(c *edge.Request, token identity.Token) error {
	key, now := newToken(), c.Now()
	var session *identity.Session
	err := a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		v, found, err := postgres.TakeVerification(ctx, tx, token, now, identity.ProveEmail, identity.MoveEmail)
		var user identity.User
		if err == nil && found {
			user, found, err = postgres.UserByID(ctx, tx, v.UserID, true)
		}
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, identity.ErrBadToken
		}
		if v.Purpose == identity.MoveEmail {
			return moveEmail(ctx, tx, user, v, now)
		}
		if user.Email != v.Email {
			return nil, identity.ErrBadToken
		}
		started, facts, err := a.proven(ctx, tx, c, user, key, now)
		session = &started
		return facts, err
	})
	if err == nil && session != nil {
		c.SetSessionCookie(*session, key)
	}
	return err
}

// look refuses a token that verify would refuse, and leaves it unused.
func (a *accounts) look(c *edge.Request, token identity.Token) error {
	_, found, err := postgres.PeekVerification(c, a.cfg.Pool, token, c.Now(), identity.ProveEmail, identity.MoveEmail)
	if err == nil && !found {
		err = identity.ErrBadToken
	}
	return err
}

// proven marks an address as proven, greets its owner the first time, and starts a
// session.
func (a *accounts) proven(
	ctx context.Context,
	tx pgx.Tx,
	c *edge.Request,
	user identity.User,
	key identity.Token,
	now time.Time,
) (identity.Session, []events.Fact, error) {
	user, happened := user.VerifyEmail(now)
	session, started := identity.Start(edge.NewID(), user, c.ClientIP(), c.Request.UserAgent(), true, now)
	if len(happened) > 0 {
		welcome, err := identity.WelcomeMail(edge.NewID(), user, a.cfg.PublicURL, now)
		if err == nil {
			err = postgres.SaveUser(ctx, tx, user)
		}
		if err == nil {
			err = mailstore.Insert(ctx, tx, welcome)
		}
		if err != nil {
			return session, nil, err
		}
	}
	return session, append(user.Facts(happened), started...), postgres.InsertSession(ctx, tx, session, key)
}

// moveEmail makes a pending address the account's. Tokens that wait in the mailbox of
// the old one are useless from then on.
func moveEmail(
	ctx context.Context,
	tx pgx.Tx,
	user identity.User,
	v identity.Verification,
	now time.Time,
) ([]events.Fact, error) {
	next, happened, ok := user.ConfirmEmail(v.Email, now)
	if !ok {
		return nil, identity.ErrBadToken
	}
	if err := postgres.SaveUser(ctx, tx, next); err != nil {
		return nil, err
	}
	return next.Facts(happened), postgres.DropVerifications(ctx, tx, user.ID, identity.ProveEmail, identity.ResetForgotten)
}

// revoke ends the session of a user that has this id, or the token with this hash. A
// session that has ended, or is another's, is left alone.
func (a *accounts) revoke(c *edge.Request, userID, id string, hash [32]byte) error {
	return a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		session, found, err := postgres.DeleteOwnSession(ctx, tx, userID, id, hash)
		if err != nil || !found {
			return nil, err
		}
		return []events.Fact{session.Revoked()}, nil
	})
}

// revokeAll ends a user's sessions, all but one ("" for none), inside a transaction.
func revokeAll(ctx context.Context, tx pgx.Tx, userID, except string) ([]events.Fact, error) {
	ended, err := postgres.DeleteSessions(ctx, tx, userID, except)
	facts := make([]events.Fact, len(ended))
	for i, session := range ended {
		facts[i] = session.Revoked()
	}
	return facts, err
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
