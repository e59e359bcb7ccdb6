package commands

import (
	"cmp"
	"net/http"

	"github.com/codex-platform/codex/domain"
)

// ErrKeyReused rejects a request whose Idempotency-Key belongs to another one.
var ErrKeyReused = domain.NewError(
	domain.Rule, "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was used for another request")

// ErrResponseExpired is the response to a repeated request whose own one was kept for a short
// time only.
var ErrResponseExpired = domain.NewError(domain.NotFound, "RESPONSE_EXPIRED",
	"The response to this request is no longer kept; send the request with another Idempotency-Key")

// ErrorBody is the envelope of an error: {"error": {code, message, details?}}.
type ErrorBody struct {
	Error ErrorDetail `json:"error"`
}

// ErrorDetail is what went wrong.
type ErrorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Details is a list of fields for invalid input, otherwise an object whose
	// context.code is the detail code.
	Details any `json:"details,omitempty"`
}

// publicError is the HTTP status and the code of a class of errors.
type publicError struct {
	status int
	code   string
}

var internalError = publicError{http.StatusInternalServerError, "INTERNAL_ERROR"}

var publicErrors = map[domain.Class]publicError{
	domain.Invalid:         {http.StatusBadRequest, "VALIDATION_ERROR"},
	domain.Unauthorized:    {http.StatusUnauthorized, "UNAUTHORIZED"},
	domain.PaymentRequired: {http.StatusPaymentRequired, "PAYMENT_REQUIRED"},
	domain.Forbidden:       {http.StatusForbidden, "FORBIDDEN"},
	domain.NotFound:        {http.StatusNotFound, "NOT_FOUND"},
	domain.Conflict:        {http.StatusConflict, "CONFLICT"},
	domain.Rule:            {http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR"},
	domain.Limited:         {http.StatusTooManyRequests, "RATE_LIMITED"},
	domain.Upstream:        {http.StatusBadGateway, "UPSTREAM_ERROR"},
	domain.Unavailable:     {http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE"},
	domain.Internal:        internalError,
	domain.NotConfigured:   {http.StatusNotImplemented, "CONFIGURATION_ERROR"},
}

// ErrorResponse returns the HTTP status and the body of an error.
func ErrorResponse(err *domain.Error) (int, ErrorBody) {
	public, ok := publicErrors[err.Class]
	if !ok {
		public = internalError
	}
	detail := ErrorDetail{Code: public.code, Message: err.Message}
	if err.Code != "" {
		detail.Code = err.Code
	}
	switch {
	case len(err.Fields) > 0:
		detail.Details = err.Fields
	case err.Reason != "" || len(err.Context) > 0:
		context := map[string]any{}
		for k, v := range err.Context {
			context[k] = v
		}
		if err.Reason != "" {
			context["code"] = err.Reason
		}
		detail.Details = map[string]any{"context": context}
	}
	return cmp.Or(err.Status, public.status), ErrorBody{Error: detail}
}

// InternalError returns the body for every error that is not a domain.Error.
// The reference lets an operator find it in the log.
func InternalError(reference string) ErrorBody {
	return ErrorBody{Error: ErrorDetail{
		Code:    internalError.code,
		Message: "Something went wrong on our side",
		Details: map[string]any{"context": map[string]any{"reference": reference}},
	}}
}
