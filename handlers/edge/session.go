package edge

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"
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

// sessionToken returns the session token that the request carries, or "". Some
// clients append a signature after a dot; the token alone counts.
func sessionToken(c *gin.Context) string {
	for _, name := range cookieNames {
		if v, err := c.Cookie(name); err == nil && v != "" {
			token, _, _ := strings.Cut(v, ".")
			return token
		}
	}
	return ""
}

// actor returns who asks, nil when nobody is signed in. Roles are read on every
// request, so a change holds at once.
func (e *Edge) actor(c *gin.Context) (*Actor, error) {
	if known, ok := c.Get(actorKey); ok {
		return known.(*Actor), nil
	}
	token := sessionToken(c)
	if token == "" || len(token) > 256 {
		return nil, nil
	}
	hash := sha256.Sum256([]byte(token))
	a := &Actor{}
	err := e.cfg.Pool.QueryRow(c, `
SELECT s.id, u.id, u.role FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.token_hash = $1 AND s.expires_at > $2 AND u.deleted_at IS NULL`,
		hash[:], e.cfg.Now().UTC().Truncate(time.Microsecond)).Scan(&a.SessionID, &a.UserID, &a.Role)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up the session: %w", err)
	}
	c.Set(actorKey, a)
	return a, nil
}

// signedIn is the middleware of routes that need a session and, when roles are
// named, one of these platform roles.
func (e *Edge) signedIn(roles ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		a, err := e.actor(c)
		switch {
		case err != nil:
			e.refuse(c, err)
		case a == nil:
			e.refuse(c, errSignedOut)
		case len(roles) > 0 && !slices.Contains(roles, a.Role):
			e.refuse(c, errRole)
		}
	}
}

// creators are the platform roles that may make content.
var creators = []string{"creator", "admin"}

// mustActor returns the actor of a route behind signedIn.
func mustActor(c *gin.Context) *Actor {
	return c.MustGet(actorKey).(*Actor)
}
