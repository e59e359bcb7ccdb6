// Package wire is the JSON that clients see: the envelopes, the error body and
// the representations of resources. Both sides of a change use it, the consumer
// that answers a command and the edge that answers a read, so that the same
// resource looks the same wherever it comes from.
//
// Representations are allow-lists: a field that is not named here is never shown.
package wire

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/paging"
)

// Single is the envelope of one resource: {"data": …}.
type Single struct {
	Data any `json:"data"`
}

// List is the envelope of many: {"items": […], "pagination": {…}}.
type List[T any] struct {
	Items      []T        `json:"items"`
	Pagination Pagination `json:"pagination"`
}

// Pagination says where in the whole a list is.
type Pagination struct {
	Page       int   `json:"page"`
	Limit      int   `json:"limit"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"totalPages"`
	// NextCursor is the parameter cursor of the next page; null when there is none.
	NextCursor *string `json:"nextCursor"`
}

// Page returns one page as a list. A nil slice becomes an empty array.
func Page[T any](items []T, page, limit int, total int64) List[T] {
	if items == nil {
		items = []T{}
	}
	return List[T]{Items: items, Pagination: Pagination{
		Page: page, Limit: limit, Total: total, TotalPages: (total + int64(limit) - 1) / int64(limit),
	}}
}

// PageOf returns a page that was found as a list.
func PageOf[T any](items []T, found paging.Found) List[T] {
	list := Page(items, found.Number, found.Limit, found.Total)
	list.Pagination.NextCursor = found.Next
	return list
}

// Availability says whether a slug is free.
type Availability struct {
	Available bool `json:"available"`
}

// ErrorBody is the envelope of a refusal: {"error": {code, message, details?}}.
type ErrorBody struct {
	Error ErrorDetail `json:"error"`
}

// ErrorDetail is what went wrong.
type ErrorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Details is a list of fields for refused input, otherwise an object whose
	// context.code is the detail code.
	Details any `json:"details,omitempty"`
}

type public struct {
	status int
	code   string
}

var classes = map[domain.Class]public{
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
	domain.Internal:        {http.StatusInternalServerError, "INTERNAL_ERROR"},
	domain.NotConfigured:   {http.StatusNotImplemented, "CONFIGURATION_ERROR"},
}

// Refusal returns the status and body of a refusal.
func Refusal(err *domain.Error) (int, ErrorBody) {
	p, ok := classes[err.Class]
	if !ok {
		p = public{http.StatusInternalServerError, "INTERNAL_ERROR"}
	}
	detail := ErrorDetail{Code: p.code, Message: err.Message}
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
	return p.status, ErrorBody{Error: detail}
}

// Internal returns the body that stands for every error that is not a refusal.
// The reference lets an operator find it in the log.
func Internal(reference string) ErrorBody {
	return ErrorBody{Error: ErrorDetail{
		Code: "INTERNAL_ERROR", Message: "Something went wrong on our side",
		Details: map[string]any{"context": map[string]any{"reference": reference}},
	}}
}

// Marshal returns v as JSON. Representations always marshal; that they do not is
// a programming error, which the caller reports as internal.
func Marshal(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("marshal answer: %w", err)
	}
	return body, nil
}
