package accounts

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/handlers/edge"
)

// Passwords hashes and checks passwords. A hash of "" stands for an account that
// does not exist: checking against it costs the same and never matches. Both may
// refuse with class Limited when too many ask at once.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	Check(ctx context.Context, password, hash string) (match, weak bool, err error)
}

func (a *accounts) authRoutes() []edge.Route {
	routes := []edge.Route{
		{
			Method:     "POST",
			Path:       "/api/auth/sign-up/email",
			Name:       "signUp",
			Summary:    "Make an account",
			Notes:      "The account can sign in once its address is verified by the link that is mailed to it. `role` is ignored, outside development.",
			Auth:       edge.Public,
			Limit:      edge.LimitAuth,
			Body:       identity.SignUp{},
			Idempotent: true,
			Responses:  []edge.Response{{Status: http.StatusOK, Body: SignedIn{}}},
			Errors:     []*domain.Error{identity.ErrEmailInUse},
			Handle:     a.signUp,
		},
		{
			Method:  "POST",
			Path:    "/api/auth/sign-in/email",
			Name:    "signIn",
			Summary: "Start a session",
			Notes: "Whoever knows the password of a verified account gets a session, as a cookie. Five wrong passwords in 15 minutes close an account to sign-ins " +
				"for the rest of them. Repeating is harmless: it starts another session.",
			Auth:      edge.Public,
			Limit:     edge.LimitAuth,
			Body:      identity.SignIn{},
			Responses: []edge.Response{{Status: http.StatusOK, Body: SignedIn{}}},
			Errors:    []*domain.Error{identity.ErrBadCredentials, identity.ErrNotVerified},
			Handle:    a.signIn,
		},
		{
			Method:  "GET",
			Path:    "/api/auth/verify-email",
			Name:    "verifyEmail",
			Summary: "Prove an address by the token that was mailed to it",
			Notes: "A new account's owner is signed in by it; a changed address takes effect. The token works once. " +
				"`HEAD`, by which mail programs look at links, leaves it unused.",
			Auth: edge.Public,
			Params: []edge.Param{
				edge.RequiredParam(edge.TextParam("token", 256)),
				edge.TextParam("callbackURL", maxCallback),
			},
			Responses: []edge.Response{{Status: http.StatusFound, Doc: "Proven; the callback's address, or /"}},
			Errors:    []*domain.Error{identity.ErrBadToken, identity.ErrEmailTaken},
			Handle:    a.verifyEmail,
		},
		{
			Method:    "POST",
			Path:      "/api/auth/send-verification-email",
			Name:      "sendVerificationEmail",
			Summary:   "Mail the link once more",
			Notes:     "The answer does not say whether there is such an account. An address gets five of these mails in 15 minutes; repeating does no more.",
			Auth:      edge.Public,
			Body:      identity.SendVerification{},
			Responses: []edge.Response{{Status: http.StatusOK, Body: Done{}}},
			Handle:    a.sendVerification,
		},
		{
			Method:  "GET",
			Path:    "/api/auth/get-session",
			Name:    "getSession",
			Summary: "Say who is signed in",
			Auth:    edge.OptionalSession,
			Responses: []edge.Response{
				{Status: http.StatusOK, Body: (*CurrentSession)(nil), Doc: "Who is signed in; null for nobody"},
			},
			Handle: a.getSession,
		},
	}
	for path, name := range map[string]string{"/api/auth/sign-out": "signOut", "/api/auth/signout": "signOutShort"} {
		routes = append(routes, edge.Route{
			Method:    "POST",
			Path:      path,
			Name:      name,
			Summary:   "End the session of the request",
			Notes:     "The cookie's value opens nothing any more. Repeating is harmless.",
			Auth:      edge.OptionalSession,
			Responses: []edge.Response{{Status: http.StatusOK, Body: SignedOut{}}},
			Handle:    a.signOut,
		})
	}
	routes = append(routes, a.passwordRoutes()...)
	routes = append(routes, a.sessionRoutes()...)
	return append(routes, a.testRoutes()...)
}

// signUp makes an account. It starts no session: the address has to be proven first.
func (a *accounts) signUp(c *edge.Request) error {
	var request identity.SignUp
	if err := decodeWithCallback(a, c, &request, &request.CallbackURL); err != nil {
		return err
	}
	return a.register(c, request)
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

// signOut ends the session, for good: the cookie's value opens nothing any more.
func (a *accounts) signOut(c *edge.Request) error {
	actor, err := c.OptionalActor()
	if err == nil {
		err = c.NoBody()
	}
	if err == nil && actor != nil {
		err = a.revoke(c, actor.UserID, actor.SessionID, identity.Token("").Hash())
	}
	if err != nil {
		return err
	}
	c.ClearSessionCookies()
	c.JSON(http.StatusOK, SignedOut{Success: true})
	return nil
}

// getSession says who is signed in; null stands for nobody.
func (a *accounts) getSession(c *edge.Request) error {
	actor, err := c.OptionalActor()
	if err != nil {
		return err
	}
	var current *CurrentSession
	if actor != nil {
		session, user, found, err := postgres.Session(c, a.cfg.Pool, actor.SessionID)
		if err != nil {
			return err
		}
		if found {
			current = &CurrentSession{User: UserOf(user), Session: SessionOf(session)}
		}
	}
	c.JSON(http.StatusOK, current)
	return nil
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

// newToken returns a fresh secret.
func newToken() identity.Token {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	return identity.NewToken(random)
}
