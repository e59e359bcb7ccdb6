package edge

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
)

// Actor is the signed-in user of a request.
type Actor struct {
	UserID    string
	Role      string
	SessionID string
}

const actorKey = "actor"

// cookieNames are the names under which a session cookie is accepted, ours first.
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

// actor returns who asks, nil when nobody is signed in. Roles are read on every
// request, so a change holds at once.
func (e *Edge) actor(c *gin.Context) (*Actor, error) {
	if known, ok := c.Get(actorKey); ok {
		return known.(*Actor), nil
	}
	token, found := sessionToken(c)
	if !found {
		return nil, nil
	}
	hash := token.Hash()
	now := e.now()
	a := &Actor{}
	var s identity.Session
	err := e.cfg.Pool.QueryRow(c, `
SELECT s.id, u.id, u.role, s.persistent, s.expires_at, s.created_at FROM sessions s JOIN users u ON u.id = s.user_id
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

// now is the time as the database can keep it.
func (e *Edge) now() time.Time { return e.cfg.Now().UTC().Truncate(time.Microsecond) }

// extend renews a session that is used in the second half of its life. That it
// could not be renewed is no reason to refuse the request.
func (e *Edge) extend(c *gin.Context, s identity.Session, token identity.Token, now time.Time) {
	end, worthIt := s.Extended(now)
	if !worthIt {
		return
	}
	wrote, err := postgres.ExtendSession(c, e.cfg.Pool, s, end, now)
	if err != nil {
		e.cfg.Log.WarnContext(c, "session not extended", "request", c.GetString(requestIDKey), "error", err)
		return
	}
	if s.ExpiresAt = end; wrote && s.Persistent {
		e.setSessionCookie(c, s, token, now)
	}
}

// setSessionCookie gives the browser the key to a session. The cookie of a session
// that is not persistent is forgotten when the browser closes.
func (e *Edge) setSessionCookie(c *gin.Context, s identity.Session, token identity.Token, now time.Time) {
	cookie := e.sessionCookie(cookieNames[0], string(token))
	if s.Persistent {
		cookie.MaxAge = int(s.ExpiresAt.Sub(now).Round(time.Second) / time.Second)
	}
	http.SetCookie(c.Writer, cookie)
}

// clearSessionCookies takes every session cookie back that the request carried.
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
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: !e.cfg.Development,
	}
}

// requireSession is the middleware of routes that need a session and, when roles are
// named, one of these platform roles.
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
