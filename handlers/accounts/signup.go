package accounts

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/mail"
	mailstore "github.com/codex-platform/codex/domain/mail/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
)

// signUp creates an account and a verification mail. It starts no session: the address has
// to be verified first.
func (a *accounts) signUp(c *edge.Request) error {
	var request identity.SignUp
	if err := decodeWithCallback(a, c, &request, &request.CallbackURL); err != nil {
		return err
	}
	k := keyed{typ: requestSignUp, request: request, passwords: a.cfg.Passwords}
	return a.once(c, k, func() (change, error) {
		user, hash, payloads, err := a.newUser(c, request)
		if err != nil {
			return nil, err
		}
		verification, letter, _, err := a.newVerification(user, request.CallbackURL, c.Now())
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx pgx.Tx) (outcome, error) {
			if err := postgres.InsertUser(ctx, tx, user, hash, edge.NewID()); err != nil {
				return outcome{}, err
			}
			done := outcome{
				userID:   user.ID,
				resource: true,
				body:     SignedIn{User: UserOf(user)},
				facts:    user.Facts(payloads),
			}
			return done, insertVerification(ctx, tx, verification, letter)
		}, nil
	})
}

// newUser returns the account of a sign-up and the hash of its password. It checks first
// whether the address is free, because hashing is expensive; the unique index decides.
func (a *accounts) newUser(c *edge.Request, request identity.SignUp) (identity.User, string, []events.Payload, error) {
	taken, err := postgres.EmailTaken(c, a.cfg.Pool, request.Email, "", c.Now())
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
	user, payloads := identity.Register(id, request, identity.SignUpRole(request.Role, a.cfg.Development), c.Now())
	return user, hash, payloads, nil
}

// newVerification returns a new verification of a user's address, the mail with its token,
// and the token.
func (a *accounts) newVerification(
	user identity.User, callback string, now time.Time,
) (identity.Verification, mail.Mail, identity.Token, error) {
	token := newToken()
	v := identity.NewVerification(edge.NewID(), identity.ProveEmail, user.ID, user.Email, token, now)
	letter, err := identity.VerificationMail(edge.NewID(), v, identity.VerificationLink(a.cfg.PublicURL, token, callback))
	return v, letter, token, err
}

// insertVerification writes a verification and the mails about it.
func insertVerification(ctx context.Context, tx pgx.Tx, v identity.Verification, mails ...mail.Mail) error {
	if err := postgres.InsertVerification(ctx, tx, v); err != nil {
		return err
	}
	for _, letter := range mails {
		if err := mailstore.Insert(ctx, tx, letter); err != nil {
			return err
		}
	}
	return nil
}

// mailVerification writes another verification mail and returns its token.
func (a *accounts) mailVerification(c *edge.Request, user identity.User, callback string) (identity.Token, error) {
	verification, letter, token, err := a.newVerification(user, callback, c.Now())
	if err != nil {
		return "", err
	}
	return token, a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		return nil, insertVerification(ctx, tx, verification, letter)
	})
}

// mailToAccount writes a verification and its mail for the account that has the address. It
// does the same work when there is no such account, or none that needs the mail: the
// response time must not reveal which accounts exist.
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

// sendVerification writes another verification mail. The response is the same whether or not
// there is an account.
func (a *accounts) sendVerification(c *edge.Request) error {
	var request identity.SendVerification
	err := decodeWithCallback(a, c, &request, &request.CallbackURL)
	if err == nil {
		err = a.limit(c, postgres.VerificationMails, request.Email, identity.VerificationMails)
	}
	if err != nil {
		return err
	}
	verification, letter, _, err := a.newVerification(identity.User{Email: request.Email}, request.CallbackURL, c.Now())
	if err == nil {
		err = a.mailToAccount(c, verification, letter)
	}
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, Done{Status: true})
	return nil
}

// verifyEmail verifies an address with the token that was mailed to it, and signs the owner
// of a new account in.
func (a *accounts) verifyEmail(c *edge.Request) error {
	callback := c.Text("callbackURL")
	if err := a.checkCallback(c, "callbackURL", callback); err != nil {
		return err
	}
	token, ok := identity.ParseToken(c.Text("token"))
	if !ok {
		return identity.ErrBadToken
	}
	use := a.verify
	if c.IsHead() {
		use = a.peek
	}
	if err := use(c, token); err != nil {
		return err
	}
	if callback == "" {
		callback = "/"
	}
	// The address holds the token, which must not leak to the next page.
	c.Header("Referrer-Policy", "no-referrer")
	c.Redirect(http.StatusFound, callback)
	return nil
}

// verify uses a token up. For a new account it marks the address as verified and signs the
// owner in. For a pending address it replaces the account's address and starts no session:
// the reader of that mailbox need not be the owner of the account.
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
		started, facts, err := a.verified(ctx, tx, c, user, key, now)
		session = &started
		return facts, err
	})
	if err == nil && session != nil {
		c.SetSessionCookie(*session, key)
	}
	return err
}

// peek returns the error that verify would return for a token, and leaves the token unused.
func (a *accounts) peek(c *edge.Request, token identity.Token) error {
	_, found, err := postgres.PeekVerification(c, a.cfg.Pool, token, c.Now(), identity.ProveEmail, identity.MoveEmail)
	if err == nil && !found {
		err = identity.ErrBadToken
	}
	return err
}

// verified marks an address as verified, writes the welcome mail the first time, and starts
// a session.
func (a *accounts) verified(
	ctx context.Context, tx pgx.Tx, c *edge.Request, user identity.User, key identity.Token, now time.Time,
) (identity.Session, []events.Fact, error) {
	user, payloads := user.VerifyEmail(now)
	session, started := identity.Start(edge.NewID(), user, c.ClientIP(), c.Request.UserAgent(), true, now)
	if len(payloads) > 0 {
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
	return session, append(user.Facts(payloads), started...), postgres.InsertSession(ctx, tx, session, key)
}

// moveEmail makes a pending address the account's. The tokens that were mailed to the old
// address become invalid.
func moveEmail(
	ctx context.Context, tx pgx.Tx, user identity.User, v identity.Verification, now time.Time,
) ([]events.Fact, error) {
	next, payloads, ok := user.ConfirmEmail(v.Email, now)
	if !ok {
		return nil, identity.ErrBadToken
	}
	if err := postgres.SaveUser(ctx, tx, next); err != nil {
		return nil, err
	}
	return next.Facts(payloads), postgres.DropVerifications(ctx, tx, user.ID, identity.ProveEmail, identity.ResetForgotten)
}

// maxCallback is the longest callback address.
const maxCallback = 2048

// decodeWithCallback decodes a request and checks the callback address in it.
func decodeWithCallback[T any](a *accounts, c *edge.Request, request *T, callback *string) error {
	if err := c.Decode(request); err != nil {
		return err
	}
	return a.checkCallback(c, "callbackURL", *callback)
}

// checkCallback accepts the addresses that a browser may be redirected to after a
// verification or a reset: a path of the platform, or an address of an origin that the edge
// is configured for; in development also any port of this machine, for a web app under
// test. Other addresses would make an open redirect, or give a token to another site. The
// Host header of the request does not count: the sender chooses it, and the mail of a reset
// goes to another person.
func (a *accounts) checkCallback(c *edge.Request, name, callback string) error {
	if callback == "" || a.ownAddress(c, callback) {
		return nil
	}
	return domain.BadFields([]domain.Field{{Path: name, Message: "must be a path or an address of this site"}})
}

func (a *accounts) ownAddress(c *edge.Request, address string) bool {
	origin, ok := identity.CallbackOrigin(address)
	if !ok || origin == "" || c.OwnOrigin(origin) {
		return ok
	}
	u, err := url.Parse(origin)
	return err == nil && a.cfg.Development && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
}
