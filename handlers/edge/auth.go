package edge

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/handlers/wire"
)

// Passwords hashes and checks passwords. A hash of "" stands for an account that
// does not exist: checking against it costs the same and never matches. Both may
// refuse with class Limited when too many ask at once.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	Check(ctx context.Context, password, hash string) (match, weak bool, err error)
}

// AuthRoutes serves /api/auth, and in development /api/test: everything that takes
// or gives credentials. None of it travels on the bus: see credentials.go.
type AuthRoutes struct {
	Passwords Passwords
	// AddressRequests is how many requests a network address may send to each of
	// these routes in 15 minutes; default 20, in development 2000.
	AddressRequests int
	// Committed is called after a commit that left events or mails behind, to wake
	// the relay and the mailer. It must not block. Nil: they poll.
	Committed func()
}

// auth is AuthRoutes at work.
type auth struct {
	*Edge
	AuthRoutes
}

// developmentFactor widens the limits per address: test clients make dozens of
// accounts from one address.
const developmentFactor = 100

// Register implements Routes.
func (r AuthRoutes) Register(e *Edge, router gin.IRouter) {
	if r.AddressRequests == 0 {
		r.AddressRequests = identity.AddressRequests
		if e.cfg.Development {
			r.AddressRequests *= developmentFactor
		}
	}
	a := &auth{Edge: e, AuthRoutes: r}
	g := router.Group("/api/auth")
	g.POST("/sign-up/email", a.perAddress("sign-up"), a.signUp)
	g.POST("/sign-in/email", a.perAddress("sign-in"), a.signIn)
	g.GET("/verify-email", a.perAddress("verify-email"), a.verifyEmail)
	g.POST("/send-verification-email", a.perAddress("send-verification"), a.sendVerification)
	g.POST("/sign-out", a.signOut)
	g.POST("/signout", a.signOut)
	g.GET("/get-session", a.getSession)
	if e.cfg.Development {
		a.registerTestRoutes(router.Group("/api/test"))
	}
}

// signUp makes an account. It starts no session: the address has to be proven first.
func (a *auth) signUp(c *gin.Context) {
	var request identity.SignUp
	if err := decodeWithCallback(a, c, &request, &request.CallbackURL); err != nil {
		a.refuse(c, err)
		return
	}
	user, err := a.register(c, request)
	if err != nil {
		a.refuse(c, err)
		return
	}
	c.JSON(http.StatusOK, wire.SignedIn{User: wire.UserOf(user)})
}

// signIn starts a session for whoever knows the password of a verified account.
func (a *auth) signIn(c *gin.Context) {
	var request identity.SignIn
	if err := decodeWithCallback(a, c, &request, &request.CallbackURL); err != nil {
		a.refuse(c, err)
		return
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
		a.refuse(c, err)
		return
	}
	c.JSON(http.StatusOK, wire.SignedIn{User: wire.UserOf(user)})
}

// verifyEmail proves an address by the token that was mailed to it and signs its
// owner in.
func (a *auth) verifyEmail(c *gin.Context) {
	q := newQuery(c)
	given, callback := q.text("token", 256), q.text("callbackURL", maxCallback)
	if given == "" {
		q.refuse("token", "is required")
	}
	err := q.err()
	if err == nil {
		err = a.checkCallback(c, callback)
	}
	if err == nil {
		token, ok := identity.ParseToken(given)
		if err = identity.ErrBadToken; ok {
			err = a.verify(c, token)
		}
	}
	if err != nil {
		a.refuse(c, err)
		return
	}
	if callback == "" {
		callback = "/"
	}
	// The token in this address must not leak to where the browser goes next.
	c.Header("Referrer-Policy", "no-referrer")
	c.Redirect(http.StatusFound, callback)
}

// sendVerification mails the link once more. The answer does not say whether there
// is such an account.
func (a *auth) sendVerification(c *gin.Context) {
	var request identity.SendVerification
	err := decodeWithCallback(a, c, &request, &request.CallbackURL)
	if err == nil {
		err = a.limit(c, "verification-mail", request.Email, identity.VerificationMails)
	}
	var (
		user  identity.User
		found bool
	)
	if err == nil {
		user, found, err = postgres.UserByEmail(c, a.cfg.Pool, request.Email, false)
	}
	if err == nil && found && !user.EmailVerified {
		_, err = a.mailVerification(c, user, request.CallbackURL)
	}
	if err != nil {
		a.refuse(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"status": true})
}

// signOut ends the session, for good: the cookie's value opens nothing any more.
func (a *auth) signOut(c *gin.Context) {
	actor, err := a.actor(c)
	if err == nil {
		err = noBody(c)
	}
	if err == nil && actor != nil {
		err = a.revoke(c, actor)
	}
	if err != nil {
		a.refuse(c, err)
		return
	}
	a.clearSessionCookies(c)
	c.JSON(http.StatusOK, gin.H{"success": true})
}

// getSession says who is signed in; null stands for nobody.
func (a *auth) getSession(c *gin.Context) {
	actor, err := a.actor(c)
	if err != nil {
		a.refuse(c, err)
		return
	}
	if actor == nil {
		c.JSON(http.StatusOK, nil)
		return
	}
	session, user, found, err := postgres.Session(c, a.cfg.Pool, actor.SessionID)
	switch {
	case err != nil:
		a.refuse(c, err)
	case !found:
		c.JSON(http.StatusOK, nil)
	default:
		c.JSON(http.StatusOK, wire.CurrentSession{User: wire.UserOf(user), Session: wire.SessionOf(session)})
	}
}

// maxCallback is the longest callback address.
const maxCallback = 2048

// decodeWithCallback decodes a request and checks the callback address in it.
func decodeWithCallback[T any](a *auth, c *gin.Context, request *T, callback *string) error {
	if err := decode(c, request); err != nil {
		return err
	}
	return a.checkCallback(c, *callback)
}

// checkCallback accepts where a browser may be sent after a verification: a path
// of ours, or an address of our own origin; in development also another port of
// this machine, where a web app under test listens. Everything else would make us
// an open redirect.
func (a *auth) checkCallback(c *gin.Context, callback string) error {
	if callback == "" || a.ownAddress(c, callback) {
		return nil
	}
	return domain.BadFields([]domain.Field{{Path: "callbackURL", Message: "must be a path or an address of this site"}})
}

func (a *auth) ownAddress(c *gin.Context, address string) bool {
	// Browsers read a backslash as a slash and skip control characters.
	if len(address) > maxCallback || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return false
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Opaque != "" {
		return false
	}
	if u.Scheme == "" && u.Host == "" {
		return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	if a.cfg.Development {
		switch u.Hostname() {
		case "localhost", "127.0.0.1", "::1":
			return true
		}
	}
	return a.ownOrigin(c, u.Scheme+"://"+u.Host)
}

// newToken returns a fresh secret.
func newToken() identity.Token {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	return identity.NewToken(random)
}
