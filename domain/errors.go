// Package domain holds what all contexts share: typed errors, validation. Its
// sub-packages are the contexts, each a set of pure functions over its own state;
// below a context, a package named after a technology adapts it to that technology.
//
// A context may import the standard library, package events, this package,
// domain/money, domain/mail and domain/signature, and nothing else: no clock, no
// randomness, no I/O.
package domain

import (
	"errors"
	"fmt"
)

// Class is the kind of an error; the edge maps it to a status.
type Class string

// The classes, with the HTTP status and public code the edge gives them.
const (
	Invalid         Class = "invalid"          // 400 VALIDATION_ERROR
	Unauthorized    Class = "unauthorized"     // 401 UNAUTHORIZED
	PaymentRequired Class = "payment_required" // 402 PAYMENT_REQUIRED
	Forbidden       Class = "forbidden"        // 403 FORBIDDEN
	NotFound        Class = "not_found"        // 404 NOT_FOUND
	Conflict        Class = "conflict"         // 409 CONFLICT
	Rule            Class = "rule"             // 422 BUSINESS_LOGIC_ERROR
	Limited         Class = "limited"          // 429 RATE_LIMITED
	Upstream        Class = "upstream"         // 502, the other company failed
	Unavailable     Class = "unavailable"      // 503, try again
	Internal        Class = "internal"         // 500 INTERNAL_ERROR, told by its code
	NotConfigured   Class = "not_configured"   // 501 CONFIGURATION_ERROR
)

// Error is an error that the client sees. Every other error is internal: it is logged with
// its context, and the client sees INTERNAL_ERROR.
type Error struct {
	// Class decides the status and the default code.
	Class Class
	// Code replaces the class's public code when the contract names a special one,
	// for example CONTENT_NOT_PURCHASABLE.
	Code string
	// Reason is the detail code, for example SLUG_TAKEN; clients may switch on it.
	Reason string
	// Message is a sentence for a person.
	Message string
	// Status is the HTTP status, where a protocol names another one than that of the class.
	Status int
	// Fields are the invalid input fields, for class Invalid.
	Fields []Field
	// Context are further facts for the client: allowed states, limits. Never secrets.
	Context map[string]any
}

// Field is an invalid input field.
type Field struct {
	// Path is the field's name, with dots for nested ones.
	Path string `json:"path"`
	// Message says what the field must be.
	Message string `json:"message"`
}

// Error implements error.
func (e *Error) Error() string {
	if e.Reason != "" {
		return fmt.Sprintf("%s (%s): %s", e.Class, e.Reason, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Class, e.Message)
}

// NewError returns an error of a class, with a detail code and a sentence.
func NewError(class Class, reason, message string) *Error {
	return &Error{Class: class, Reason: reason, Message: message}
}

// Missing returns the error about something that does not exist, or whose existence is
// hidden from the caller.
func Missing(reason, what string) *Error {
	return &Error{Class: NotFound, Reason: reason, Message: what + " not found"}
}

// BadFields returns the error about invalid input, or nil without invalid fields.
func BadFields(fields []Field) error {
	if len(fields) == 0 {
		return nil
	}
	return &Error{Class: Invalid, Message: "Invalid request data", Fields: fields}
}

// AsError returns the Error in err's chain.
func AsError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// IsClass reports whether err is an Error of this class.
func IsClass(err error, class Class) bool {
	e, ok := AsError(err)
	return ok && e.Class == class
}
