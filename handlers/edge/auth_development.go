package edge

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// registerTestRoutes serves the short cuts of test clients. They exist in
// development only; elsewhere the paths are not known.
func (a *auth) registerTestRoutes(g gin.IRouter) {
	g.GET("/verification-token/:email", a.testVerificationToken)
	g.POST("/fast-register", a.fastRegister)
	g.POST("/fast-signin", a.fastSignIn)
}

// testVerificationToken answers with a token that verifies an address. Stored
// tokens are hashes, so it is a fresh one, with a mail of its own.
func (a *auth) testVerificationToken(c *gin.Context) {
	email := identity.NormalEmail(c.Param("email"))
	user, found, err := postgres.UserByEmail(c, a.cfg.Pool, email, false)
	if err == nil && (!found || user.EmailVerified) {
		err = identity.ErrUserNotFound
	}
	var token identity.Token
	if err == nil {
		token, err = a.mailVerification(c, user, "")
	}
	if err != nil {
		a.refuse(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"token": token})
}

// fastRegister makes a verified account and signs it in.
func (a *auth) fastRegister(c *gin.Context) {
	var request identity.SignUp
	if err := decodeWithCallback(a, c, &request, &request.CallbackURL); err != nil {
		a.refuse(c, err)
		return
	}
	user, hash, happened, err := a.newUser(c, request)
	if err != nil {
		a.refuse(c, err)
		return
	}
	token, now := newToken(), a.now()
	user, verified := user.VerifyEmail(now)
	session, started := identity.Start(newID(), user, c.ClientIP(), c.Request.UserAgent(), true, now)
	err = a.commit(c, func(ctx context.Context, tx pgx.Tx) ([]events.Fact, error) {
		if err := postgres.InsertUser(ctx, tx, user, hash, newID()); err != nil {
			return nil, err
		}
		return append(user.Facts(append(happened, verified...)), started...), postgres.InsertSession(ctx, tx, session, token)
	})
	if err != nil {
		a.refuse(c, err)
		return
	}
	a.setSessionCookie(c, session, token, now)
	c.JSON(http.StatusOK, wire.SignedIn{User: wire.UserOf(user)})
}

// fastSignIn signs an account in by its password, verified or not.
func (a *auth) fastSignIn(c *gin.Context) {
	var request identity.SignIn
	err := decodeWithCallback(a, c, &request, &request.CallbackURL)
	var (
		user    identity.User
		upgrade *rehash
	)
	if err == nil {
		user, upgrade, err = a.prove(c, request)
	}
	if err == nil {
		err = a.startSession(c, user, request, upgrade)
	}
	if err != nil {
		a.refuse(c, err)
		return
	}
	c.JSON(http.StatusOK, wire.SignedIn{User: wire.UserOf(user)})
}
