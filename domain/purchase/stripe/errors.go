package stripe

import (
	"errors"
	"fmt"
	"net/http"

	stripego "github.com/stripe/stripe-go/v76"
)

// The kinds of failure of a call. Compare with errors.Is.
var (
	// ErrDeclined: the card or bank said no (402). Final.
	ErrDeclined = errors.New("stripe: declined")
	// ErrRejected: Stripe rejected the request (another 4xx), or it was not sent because
	// it is invalid. Final: it had no effect, and repeating will not help.
	ErrRejected = errors.New("stripe: rejected")
	// ErrRateLimited: too many requests or a lock held by another one (429). It had
	// no effect; repeat later with the same key.
	ErrRateLimited = errors.New("stripe: rate limited")
	// ErrUnknownOutcome: the request may or may not have had its effect. Repeat with the
	// same key, or look the object up.
	ErrUnknownOutcome = errors.New("stripe: unknown outcome")
	// ErrNotFound accompanies ErrRejected when the named object does not exist.
	ErrNotFound = errors.New("stripe: no such object")
)

// Error is the failure of one call. Its text holds no message from Stripe, which may
// name a person; Message holds that.
type Error struct {
	// Kind is ErrDeclined, ErrRejected, ErrRateLimited or ErrUnknownOutcome.
	Kind error
	// Op is the call, for example "create checkout".
	Op string
	// HTTPStatus is 0 without a response.
	HTTPStatus int
	// Code, DeclineCode and Param are Stripe's, empty when it gave none.
	Code, DeclineCode, Param string
	// Message is Stripe's sentence for developers. Not for logs or buyers.
	Message string
	// RequestID identifies the request for Stripe's support.
	RequestID string

	cause error
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("%v: %s", e.Kind, e.Op)
	if e.HTTPStatus != 0 {
		text += fmt.Sprintf(": status %d", e.HTTPStatus)
	}
	if e.Code != "" {
		text += ": " + e.Code
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	if e.HTTPStatus == 0 && e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap makes the kind, ErrNotFound and a transport's cause (such as
// context.DeadlineExceeded) visible to errors.Is.
func (e *Error) Unwrap() []error {
	errs := []error{e.Kind}
	if e.Code == string(stripego.ErrorCodeResourceMissing) {
		errs = append(errs, ErrNotFound)
	}
	if e.cause != nil {
		errs = append(errs, e.cause)
	}
	return errs
}

// classify turns whatever stripe-go returned into an *Error of one kind.
func classify(op string, err error) error {
	if err == nil {
		return nil
	}
	out := &Error{Kind: ErrUnknownOutcome, Op: op, cause: err}
	var failure *stripego.Error
	if !errors.As(err, &failure) {
		return out
	}
	out.HTTPStatus = failure.HTTPStatusCode
	out.Code = string(failure.Code)
	out.DeclineCode = string(failure.DeclineCode)
	out.Param = failure.Param
	out.Message = failure.Msg
	out.RequestID = failure.RequestID
	out.Kind = kindOf(failure)
	return out
}

func kindOf(e *stripego.Error) error {
	switch status := e.HTTPStatusCode; {
	case status == http.StatusTooManyRequests:
		return ErrRateLimited
	case status == http.StatusConflict:
		// The first request with this key is still running: its outcome is not known yet.
		return ErrUnknownOutcome
	case status == http.StatusPaymentRequired || e.Type == stripego.ErrorTypeCard:
		return ErrDeclined
	case status >= 400 && status < 500:
		return ErrRejected
	default:
		return ErrUnknownOutcome
	}
}
