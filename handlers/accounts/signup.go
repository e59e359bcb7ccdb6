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

// signUp makes an account. It starts no session: the address has to be proven first.
func (a *accounts) signUp(c *edge.Request) error {
	var request identity.SignUp
	if err := decodeWithCallback(a, c, &request, &request.CallbackURL); err != nil {
		return err
	}
	return a.register(c, request)
}

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

// sendVerification mails the link once more. The answer does not say whether there
// is such an account.
func (a *accounts) sendVerification(c *edge.Request) error {
	var request identity.SendVerification
	err := decodeWithCallback(a, c, &request, &request.CallbackURL)
	if err == nil {
		err = a.limit(c, postgres.VerificationMails, request.Email, identity.VerificationMails)
	}
	if err != nil {
		return err
	}
	verification, mail, _, err := a.newVerification(identity.User{Email: request.Email}, request.CallbackURL, c.Now())
	if err == nil {
		err = a.mailToAccount(c, verification, mail)
	}
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, Done{Status: true})
	return nil
}

// verifyEmail proves an address by the token that was mailed to it and signs the
// owner of a new account in.
func (a *accounts) verifyEmail(c *edge.Request) error {
	q := c
	callback := q.Text("callbackURL")
	if err := a.checkCallback(c, "callbackURL", callback); err != nil {
		return err
	}
	token, ok := identity.ParseToken(q.Text("token"))
	if !ok {
		return identity.ErrBadToken
	}
	use := a.verify
	if c.IsHead() {
		use = a.look
	}
	if err := use(c, token); err != nil {
		return err
	}
	if callback == "" {
		callback = "/"
	}
	// The token in this address must not leak to where the browser goes next.
	c.Header("Referrer-Policy", "no-referrer")
	c.Redirect(http.StatusFound, callback)
	return nil
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

// maxCallback is the longest callback address.
const maxCallback = 2048

// decodeWithCallback decodes a request and checks the callback address in it.
func decodeWithCallback[T any](a *accounts, c *edge.Request, request *T, callback *string) error {
	if err := c.Decode(request); err != nil {
		return err
	}
	return a.checkCallback(c, "callbackURL", *callback)
}

// checkCallback accepts where a browser may be sent after a verification or a reset: a
// path of ours, or an address of an origin that this edge is configured for; in
// development also any port of this machine, where a web app under test listens.
// Everything else would make us an open redirect, or hand a token to another site.
// What the request calls its host does not count: who asks chooses that, and a reset
// is mailed to somebody else.
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
