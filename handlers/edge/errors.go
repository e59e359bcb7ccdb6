package edge

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/handlers/commands"
)

var (
	errNoRoute      = domain.Missing("", "Route")
	errNoMethod     = &domain.Error{Class: domain.NotFound, Message: "Route not found"}
	ErrSignedOut    = domain.Refuse(domain.Unauthorized, "", "Sign in first")
	errRole         = domain.Refuse(domain.Forbidden, "", "You may not do this")
	ErrUnavailable  = domain.Refuse(domain.Unavailable, "", "Try again in a moment")
	ErrKeyReused    = commands.ErrKeyReused
	errBadKey       = domain.BadFields([]domain.Field{{Path: "Idempotency-Key", Message: "must be 1 to 255 visible ASCII characters"}})
	ErrBodyTooLarge = &domain.Error{Class: domain.Invalid, Code: "PAYLOAD_TOO_LARGE", Message: "The request body is too large"}
	ErrBodyTooSlow  = &domain.Error{Class: domain.Invalid, Code: "REQUEST_TIMEOUT", Message: "The request body did not arrive in time"}
)

// refusal returns the status and the body of a refusal.
func refusal(err *domain.Error) (int, commands.ErrorBody) {
	status, body := commands.ErrorResponse(err)
	switch err {
	case ErrBodyTooLarge:
		status = http.StatusRequestEntityTooLarge
	case ErrBodyTooSlow:
		status = http.StatusRequestTimeout
	}
	return status, body
}

// writeError answers with an error and ends the request. A domain.Error is shown as it
// is; everything else is logged once, here, and shown as INTERNAL_ERROR.
func (e *Edge) writeError(c *gin.Context, err error) {
	if refused, ok := domain.AsError(err); ok {
		status, body := refusal(refused)
		if status == http.StatusServiceUnavailable {
			c.Header("Retry-After", "1")
		}
		if seconds, ok := refused.Context["retryAfter"].(int64); ok {
			c.Header("Retry-After", strconv.FormatInt(seconds, 10))
		}
		c.AbortWithStatusJSON(status, body)
		return
	}
	request := c.GetString(requestIDKey)
	switch {
	case errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil:
		c.AbortWithStatus(499) // the client went away; nobody reads this
	case isUnavailable(err):
		e.cfg.Log.WarnContext(c, "database unavailable", "route", c.FullPath(), "request", request, "error", err)
		e.writeError(c, ErrUnavailable)
	default:
		e.cfg.Log.ErrorContext(c, "request failed", "route", c.FullPath(), "request", request, "error", err)
		c.AbortWithStatusJSON(http.StatusInternalServerError, commands.InternalError(request))
	}
}

// isUnavailable reports whether an error says that the database cannot be reached now.
func isUnavailable(err error) bool {
	class := postgres.Classify(err)
	return class == postgres.Unavailable || class == postgres.Retry
}
