package edge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/identity/workersig"
)

// Auth says who may use a route.
type Auth struct {
	kind  authKind
	roles []string
}

type authKind int

const (
	authPublic authKind = iota
	authOptional
	authSession
	authWorker
	authStripe
	authTranscoder
	authToken
)

// The kinds of authentication; [Session] is the one of signed-in users.
var (
	// Public is for everyone; it is the zero value.
	Public = Auth{kind: authPublic}
	// OptionalSession is for everyone; a signed-in user may see more.
	OptionalSession = Auth{kind: authOptional}
	// WorkerSignature is for programs that know the secret of this installation.
	WorkerSignature = Auth{kind: authWorker}
	// StripeSignature and TranscoderSignature are for programs that sign what they send;
	// the handler checks the signature over the body.
	StripeSignature     = Auth{kind: authStripe}
	TranscoderSignature = Auth{kind: authTranscoder}
	// PlaybackToken is for routes whose URL carries a signed token; the handler checks it.
	PlaybackToken = Auth{kind: authToken}
)

// Session is for signed-in users; with roles, for users with one of these platform roles.
func Session(roles ...string) Auth { return Auth{kind: authSession, roles: roles} }

// require returns the middleware that checks a route's authentication.
func (e *Edge) require(auth Auth) gin.HandlerFunc {
	switch auth.kind {
	case authSession:
		return e.requireSession(auth.roles...)
	case authOptional:
		return func(c *gin.Context) {
			if _, err := e.actor(c); err != nil {
				e.writeError(c, err)
			}
		}
	case authWorker:
		return func(c *gin.Context) {
			if err := e.verifyWorker(c); err != nil {
				e.writeError(c, err)
			}
		}
	default:
		return func(*gin.Context) {}
	}
}

// Actor is the signed-in user of a request.
type Actor struct {
	UserID    string
	Role      string
	SessionID string
}

const actorKey = "actor"

// cookieNames are the accepted names of the session cookie, ours first.
var cookieNames = []string{
	"codex-session", "__Secure-codex-session", "better-auth.session_token", "__Secure-better-auth.session_token",
}

// sessionToken returns the session token that the request carries, if any.
func sessionToken(c *gin.Context) (identity.Token, bool) {
	for _, name := range cookieNames {
		if v, err := c.Cookie(name); err == nil && v != "" {
			return identity.CookieToken(v)
		}
	}
	return "", false
}

// actor returns the signed-in user, nil without a session. Roles are read on every
// request, so a change takes effect at once.
func (e *Edge) actor(c *gin.Context) (*Actor, error) {
	if known, ok := c.Get(actorKey); ok {
		return known.(*Actor), nil
	}
	token, found := sessionToken(c)
	if !found {
		return nil, nil
	}

	hash, now := token.Hash(), e.now()
	a := &Actor{}
	var s identity.Session
	err := e.cfg.Pool.QueryRow(c.Request.Context(), `
SELECT s.id, u.id, u.role, s.persistent, s.expires_at, s.created_at
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.token_hash = $1 AND s.expires_at > $2 AND u.deleted_at IS NULL`, hash[:], now).
		Scan(&a.SessionID, &a.UserID, &a.Role, &s.Persistent, &s.ExpiresAt, &s.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up the session: %w", err)
	}
	s.ID = a.SessionID
	e.extend(c, s, token, now)
	c.Set(actorKey, a)
	return a, nil
}

// now is the time in the precision of the database.
func (e *Edge) now() time.Time { return e.cfg.Now().UTC().Truncate(time.Microsecond) }

// extend renews a session that is used in the second half of its life. The request does
// not fail when that fails.
func (e *Edge) extend(c *gin.Context, s identity.Session, token identity.Token, now time.Time) {
	end, due := s.Extended(now)
	if !due {
		return
	}
	wrote, err := postgres.ExtendSession(c.Request.Context(), e.cfg.Pool, s, end, now)
	if err != nil {
		e.cfg.Log.WarnContext(c, "session not extended", "request", c.GetString(requestIDKey), "error", err)
		return
	}
	if s.ExpiresAt = end; wrote && s.Persistent {
		e.setSessionCookie(c, s, token, now)
	}
}

// setSessionCookie sets the cookie of a session. Without persistence the browser deletes
// it when it closes.
func (e *Edge) setSessionCookie(c *gin.Context, s identity.Session, token identity.Token, now time.Time) {
	cookie := e.sessionCookie(cookieNames[0], string(token))
	if s.Persistent {
		cookie.MaxAge = int(s.ExpiresAt.Sub(now).Round(time.Second) / time.Second)
	}
	http.SetCookie(c.Writer, cookie)
}

// clearSessionCookies deletes every session cookie that the request carried.
func (e *Edge) clearSessionCookies(c *gin.Context) {
	for i, name := range cookieNames {
		if _, err := c.Cookie(name); i > 0 && err != nil {
			continue
		}
		cookie := e.sessionCookie(name, "")
		cookie.MaxAge = -1
		cookie.Secure = cookie.Secure || strings.HasPrefix(name, "__Secure-")
		http.SetCookie(c.Writer, cookie)
	}
}

func (e *Edge) sessionCookie(name, value string) *http.Cookie {
	return &http.Cookie{
		Name:     name,
		Value:    value,
		Path:     "/",
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
		Secure:   !e.cfg.Development,
	}
}

// requireSession is the middleware of routes that need a session and, if there are roles,
// one of these platform roles.
func (e *Edge) requireSession(roles ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		a, err := e.actor(c)
		switch {
		case err != nil:
			e.writeError(c, err)
		case a == nil:
			e.writeError(c, ErrSignedOut)
		case len(roles) > 0 && !slices.Contains(roles, a.Role):
			e.writeError(c, errRole)
		}
	}
}

// Creators are the platform roles that may create content.
var Creators = []string{"creator", "admin"}

// verifyWorker verifies the signature of a program that knows the installation's secret;
// see package workersig. The body can be read as usual afterwards. A request that may
// change something is accepted once: its nonce is stored.
func (e *Edge) verifyWorker(c *gin.Context) error {
	if e.cfg.Workers == nil {
		return workersig.ErrNoSecret
	}
	body, err := readBody(c, MaxJSONBytes, e.cfg.BodyWithin)
	if err != nil {
		return err
	}
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	r := workersig.Request{
		Method:    c.Request.Method,
		Target:    c.Request.URL.RequestURI(),
		Body:      body,
		Timestamp: c.GetHeader(workersig.TimestampHeader),
		Nonce:     c.GetHeader(workersig.NonceHeader),
	}
	now := e.now()
	if err := e.cfg.Workers.Verify(r, c.GetHeader(workersig.SignatureHeader), now); err != nil {
		return err
	}
	if !r.Writes() {
		return nil
	}
	fresh, err := postgres.UseNonce(c.Request.Context(), e.cfg.Pool, r.Nonce, now.Add(workersig.Remember), now)
	if err == nil && !fresh {
		err = workersig.ErrReplayed
	}
	return err
}
