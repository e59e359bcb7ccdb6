package edge

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/handlers/edge/openapi"
)

// Request is one request to a declared route. It is also the context of everything that
// the handler does: cancelled when the client goes away.
type Request struct {
	*gin.Context
	edge   *Edge
	route  *Route
	params map[string]any
}

// ID identifies the request in answers and in the log.
func (r *Request) ID() string { return r.GetString(requestIDKey) }

// Now is the time as the database can keep it: UTC, whole microseconds.
func (r *Request) Now() time.Time { return r.edge.now() }

// Log is the edge's logger.
func (r *Request) Log() *slog.Logger { return r.edge.cfg.Log }

// Actor returns the signed-in user of a route that requires a session.
func (r *Request) Actor() *Actor { return r.MustGet(actorKey).(*Actor) }

// OptionalActor returns the signed-in user, nil without a session.
func (r *Request) OptionalActor() (*Actor, error) { return r.edge.actor(r.Context) }

// IsHead reports whether the request came as HEAD. A GET that changes something must
// leave it unchanged then: mail programs inspect links that way.
func (r *Request) IsHead() bool { return isHead(r.Context) }

// OwnOrigin reports whether an origin is this edge's own, or that of a configured web
// app: the sites that share the users' cookies.
func (r *Request) OwnOrigin(origin string) bool { return r.edge.origins.allows(origin) }

// SetSessionCookie gives the browser the token of a session.
func (r *Request) SetSessionCookie(s identity.Session, token identity.Token) {
	r.edge.setSessionCookie(r.Context, s, token, r.Now())
}

// ClearSessionCookies removes every session cookie that the request carried.
func (r *Request) ClearSessionCookies() { r.edge.clearSessionCookies(r.Context) }

// Description returns the OpenAPI document of all declared routes.
func (r *Request) Description() *openapi.Document { return r.edge.Description() }

// OK writes 200 with one resource in its envelope.
func (r *Request) OK(data any) error { return r.WriteData(http.StatusOK, data) }

// WriteData writes one resource in its envelope.
func (r *Request) WriteData(status int, data any) error {
	r.JSON(status, Single{Data: data})
	return nil
}

// WriteBare writes 200 with a body that has no envelope.
func (r *Request) WriteBare(body any) error {
	r.JSON(http.StatusOK, body)
	return nil
}
