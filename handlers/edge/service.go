package edge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/edge/openapi"
)

// serviceRoutes are the routes that every edge serves.
func (e *Edge) serviceRoutes() []Route {
	return []Route{
		{
			Method:  http.MethodGet,
			Path:    "/health",
			Name:    "getHealth",
			Summary: "Get health",
			Limit:   limitNone,
			Responses: []Response{
				{Status: http.StatusOK, Body: health{}},
				{Status: http.StatusServiceUnavailable, Body: health{}, Doc: "A part cannot be reached"},
			},
			Handle: e.getHealth,
		},
		{
			Method:  http.MethodGet,
			Path:    "/openapi.json",
			Name:    "getDescription",
			Summary: "Get the OpenAPI 3.1 description",
			Responses: []Response{
				{Status: http.StatusOK, Body: map[string]any{}},
				{Status: http.StatusNotModified, Doc: "The description still has the ETag of If-None-Match"},
			},
			Handle: e.getDescription,
		},
		{
			Method:  http.MethodGet,
			Path:    "/api/commands/:id",
			Name:    "getOperation",
			Summary: "Get operation",
			Notes: "The status and outcome of one of the caller's commands, which are kept for seven days. " +
				"The response is the one that the request would get if it was repeated now: a resource as it is, " +
				"or the error of one that is gone or that the caller may no longer see.",
			Auth:      Session(),
			Responses: []Response{Data[operation](http.StatusOK)},
			Errors:    []*domain.Error{errNoOperation},
			Handle:    e.getOperation,
		},
	}
}

// getOperation responds with the state of one of the caller's own commands.
func (e *Edge) getOperation(r *Request) error {
	rec, found, err := r.ledger().Find(r, r.UUID("id"))
	if err != nil {
		return err
	}
	if !found || rec.ActorID != r.Actor().UserID {
		return errNoOperation
	}
	view := operation{
		ID:         rec.ID,
		Type:       rec.Type,
		Status:     string(rec.Status),
		CreatedAt:  rec.CreatedAt,
		FinishedAt: rec.FinishedAt,
	}
	if rec.Finished() {
		if view.Response, err = r.shown(rec); err != nil {
			return err
		}
	}
	return r.OK(view)
}

type serviceKey struct{}

// As returns the edge under the name of one service, for an address at which clients
// expect only that service: there, GET / describes the service.
func (e *Edge) As(service string) http.Handler {
	handler := e.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), serviceKey{}, service)))
	})
}

// serviceOf returns the name of the service to which a request was sent.
func serviceOf(c *gin.Context) string {
	if name, ok := c.Request.Context().Value(serviceKey{}).(string); ok {
		return name
	}
	return "codex"
}

// serviceInfo responds to GET / at the address of one service.
func (e *Edge) serviceInfo(c *gin.Context) {
	if c.Request.URL.Path != "/" || c.Request.Method != http.MethodGet || serviceOf(c) == "codex" {
		return
	}
	c.AbortWithStatusJSON(http.StatusOK, service{
		Service:     serviceOf(c),
		Version:     Version,
		Status:      "ok",
		Description: "The whole platform responds at this address; see /docs and /health.",
	})
}

// getDescription responds with the document, which clients may cache and revalidate.
func (e *Edge) getDescription(c *Request) error {
	body, err := openapi.Marshal(e.description())
	if err != nil {
		return fmt.Errorf("marshal the description: %w", err)
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	c.Header("ETag", tag)
	c.Header("Cache-Control", "public, max-age=300")
	if c.GetHeader("If-None-Match") == tag {
		c.Status(http.StatusNotModified)
		return nil
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", body)
	return nil
}
