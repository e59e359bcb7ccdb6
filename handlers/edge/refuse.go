package edge

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/handlers/wire"
)

var (
	errNoRoute      = domain.Missing("", "Route")
	errNoMethod     = &domain.Error{Class: domain.NotFound, Message: "Route not found"}
	errSignedOut    = domain.Refuse(domain.Unauthorized, "", "Sign in first")
	errRole         = domain.Refuse(domain.Forbidden, "", "You may not do this")
	errUnavailable  = domain.Refuse(domain.Unavailable, "", "Try again in a moment")
	errKeyReused    = domain.Refuse(domain.Rule, "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was used for another request")
	errBadKey       = domain.BadFields([]domain.Field{{Path: "Idempotency-Key", Message: "must be 1 to 255 visible ASCII characters"}})
	errBodyTooLarge = &domain.Error{Class: domain.Invalid, Code: "PAYLOAD_TOO_LARGE", Message: "The request body is too large"}
	errBodyTooSlow  = &domain.Error{Class: domain.Invalid, Code: "REQUEST_TIMEOUT", Message: "The request body did not arrive in time"}
)

// refusal returns the status and the body of a refusal.
func refusal(err *domain.Error) (int, wire.ErrorBody) {
	status, body := wire.Refusal(err)
	switch err {
	case errBodyTooLarge:
		status = http.StatusRequestEntityTooLarge
	case errBodyTooSlow:
		status = http.StatusRequestTimeout
	}
	return status, body
}

// refuse answers with an error and ends the request. A domain.Error is shown as it
// is; everything else is logged once, here, and shown as INTERNAL_ERROR.
func (e *Edge) refuse(c *gin.Context, err error) {
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
	case away(err):
		e.cfg.Log.WarnContext(c, "database unavailable", "route", c.FullPath(), "request", request, "error", err)
		e.refuse(c, errUnavailable)
	default:
		e.cfg.Log.ErrorContext(c, "request failed", "route", c.FullPath(), "request", request, "error", err)
		c.AbortWithStatusJSON(http.StatusInternalServerError, wire.Internal(request))
	}
}

// away reports whether an error says that the database cannot be reached now.
func away(err error) bool {
	class := postgres.Classify(err)
	return class == postgres.Unavailable || class == postgres.Retry
}
