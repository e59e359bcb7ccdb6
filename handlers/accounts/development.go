package accounts

import (
	"context"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
)

// testVerificationToken returns a new token that verifies an address, and writes its mail:
// stored tokens are hashes, so an earlier one cannot be returned.
func (a *accounts) testVerificationToken(c *edge.Request) error {
	user, found, err := postgres.UserByEmail(c, a.cfg.Pool, mail.NormalAddress(c.Text("email")), false)
	if err != nil {
		return err
	}
	if !found || user.EmailVerified {
		return identity.ErrUserNotFound
	}
	token, err := a.mailVerification(c, user, "")
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, TestToken{Token: token})
	return nil
}

// fastRegister makes a verified account and signs it in.
func (a *accounts) fastRegister(c *edge.Request) error {
	var request identity.SignUp
	if err := decodeWithCallback(a, c, &request, &request.CallbackURL); err != nil {
		return err
	}
	user, hash, registered, err := a.newUser(c, request)
	if err != nil {
		return err
	}
	token, now := newToken(), c.Now()
	user, verified := user.VerifyEmail(now)
	session, started := identity.Start(edge.NewID(), user, c.ClientIP(), c.Request.UserAgent(), true, now)
	err = a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		if err := postgres.InsertUser(ctx, tx, user, hash, edge.NewID()); err != nil {
			return nil, err
		}
		return append(
				user.Facts(append(registered, verified...)),
				started...), postgres.InsertSession(
				ctx,
				tx,
				session,
				token,
			)
	})
	if err != nil {
		return err
	}
	c.SetSessionCookie(session, token)
	c.JSON(http.StatusOK, SignedIn{User: UserOf(user)})
	return nil
}

// fastSignIn signs an account in by its password, verified or not.
func (a *accounts) fastSignIn(c *edge.Request) error {
	var request identity.SignIn
	if err := decodeWithCallback(a, c, &request, &request.CallbackURL); err != nil {
		return err
	}
	user, upgrade, err := a.authenticate(c, request.Email, request.Password)
	if err == nil {
		err = a.startSession(c, user, request, upgrade)
	}
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, SignedIn{User: UserOf(user)})
	return nil
}
