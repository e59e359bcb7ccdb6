package edge

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/paging"
)

// Single is the envelope of one resource: {"data": …}.
type Single struct {
	Data any `json:"data"`
}

// List is the envelope of a list: {"items": […], "pagination": {…}}.
type List[T any] struct {
	Items      []T        `json:"items"`
	Pagination Pagination `json:"pagination"`
}

// Pagination is the position of a page in its list.
type Pagination struct {
	Page       int   `json:"page"`
	Limit      int   `json:"limit"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"totalPages"`
	// NextCursor is the parameter cursor of the next page; null on the last one.
	NextCursor *string `json:"nextCursor"`
}

// Page returns one page as a list. A nil slice becomes an empty array.
func Page[T any](items []T, page, limit int, total int64) List[T] {
	if items == nil {
		items = []T{}
	}
	return List[T]{Items: items, Pagination: Pagination{
		Page:       page,
		Limit:      limit,
		Total:      total,
		TotalPages: (total + int64(limit) - 1) / int64(limit),
	}}
}

// PageOf returns a page that package paging found as a list.
func PageOf[T any](items []T, found paging.Found) List[T] {
	list := Page(items, found.Number, found.Limit, found.Total)
	list.Pagination.NextCursor = found.Next
	return list
}

// accepted says that a command is stored and will be applied.
type accepted struct {
	ID     string `json:"id" jsonschema:"format=uuid"`
	Status string `json:"status" jsonschema:"enum=accepted"`
}

// operation is the status and outcome of a command.
type operation struct {
	ID         string     `json:"id" jsonschema:"format=uuid"`
	Type       string     `json:"type" jsonschema:"example=content.publish"`
	Status     string     `json:"status" jsonschema:"enum=applied,enum=rejected,enum=accepted"`
	CreatedAt  time.Time  `json:"createdAt"`
	FinishedAt *time.Time `json:"finishedAt"`
	// Response is the response to the request, once the command has an outcome.
	Response *operationResponse `json:"response,omitempty"`
}

// operationResponse is the response to a command.
type operationResponse struct {
	Status int             `json:"status" jsonschema:"example=200"`
	Body   json.RawMessage `json:"body"`
}

// health is the response of /health.
type health struct {
	Status    string    `json:"status" jsonschema:"enum=healthy,enum=unhealthy"`
	Service   string    `json:"service" jsonschema:"example=codex"`
	Version   string    `json:"version" jsonschema:"example=0.1.0"`
	Timestamp time.Time `json:"timestamp"`
	// Checks are ok or the reason, by part: database, schema, bus, storage.
	Checks map[string]string `json:"checks"`
}

// service is the response of / at the address of one service.
type service struct {
	Service     string `json:"service"`
	Version     string `json:"version"`
	Status      string `json:"status"`
	Description string `json:"description"`
}

// The errors of the kit, which handlers may return as well.
var (
	ErrSignedOut    = domain.NewError(domain.Unauthorized, "", "Sign in first")
	ErrBadSignature = domain.NewError(domain.Unauthorized, "INVALID_SIGNATURE", "The signature does not fit")
	ErrUnavailable  = domain.NewError(domain.Unavailable, "", "Try again in a moment")
	ErrBodyTooLarge = &domain.Error{
		Class:   domain.Invalid,
		Status:  http.StatusRequestEntityTooLarge,
		Code:    "PAYLOAD_TOO_LARGE",
		Message: "The request body is too large",
	}
	ErrBodyTooSlow = &domain.Error{
		Class:   domain.Invalid,
		Status:  http.StatusRequestTimeout,
		Code:    "REQUEST_TIMEOUT",
		Message: "The request body did not arrive in time",
	}

	errNoRoute     = domain.Missing("", "Route")
	errNoMethod    = &domain.Error{Class: domain.NotFound, Message: "Route not found"}
	errRole        = domain.NewError(domain.Forbidden, "", "You may not do this")
	errNoOperation = domain.Missing("COMMAND_NOT_FOUND", "Command")
	errCrossOrigin = domain.NewError(domain.Forbidden, "CROSS_ORIGIN", "This request came from another site")
	errBadKey      = domain.BadFields([]domain.Field{
		{Path: "Idempotency-Key", Message: "must be 1 to 255 visible ASCII characters"},
	})
)

// writeError writes the response to an error and ends the request. A domain.Error is shown
// as it is; every other error is logged here, once, and shown as INTERNAL_ERROR.
func (e *Edge) writeError(c *gin.Context, err error) {
	if known, ok := domain.AsError(err); ok {
		status, body := commands.ErrorResponse(known)
		if status == http.StatusServiceUnavailable {
			c.Header("Retry-After", "1")
		}
		if seconds, ok := known.Context["retryAfter"].(int64); ok {
			c.Header("Retry-After", strconv.FormatInt(seconds, 10))
		}
		c.AbortWithStatusJSON(status, body)
		return
	}
	request := c.GetString(requestIDKey)
	switch {
	case errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil:
		c.AbortWithStatus(499) // the client disconnected; the status is for the log
	case postgres.Classify(err) == postgres.Unknown:
		// The schema or a right is missing, as may happen during a deploy.
		e.cfg.Log.ErrorContext(c, "database cannot serve the request",
			"route", c.FullPath(), "request", request, "error", err)
		e.writeError(c, ErrUnavailable)
	case isUnavailable(err):
		e.cfg.Log.WarnContext(c, "database unavailable", "route", c.FullPath(), "request", request, "error", err)
		e.writeError(c, ErrUnavailable)
	default:
		e.cfg.Log.ErrorContext(c, "request failed", "route", c.FullPath(), "request", request, "error", err)
		c.AbortWithStatusJSON(http.StatusInternalServerError, commands.InternalError(request))
	}
}

// isUnavailable reports whether the database cannot be reached now.
func isUnavailable(err error) bool {
	class := postgres.Classify(err)
	return class == postgres.Unavailable || class == postgres.Retry
}
