package stripe

import "net/http"

// apiError is an error in Stripe's shape.
type apiError struct {
	Status      int
	Type        string
	Code        string
	DeclineCode string
	Param       string
	Message     string
	// kept: the request had begun to execute, so its idempotency key keeps the answer.
	// Requests that were not valid in the first place leave no trace.
	kept bool
}

func (e *apiError) Error() string { return e.Message }

func (e *apiError) body(requestID string) map[string]any {
	inner := map[string]any{"type": e.Type, "message": e.Message}
	if e.Code != "" {
		inner["code"] = e.Code
		inner["doc_url"] = "https://stripe.com/docs/error-codes/" + dashes(e.Code)
	}
	if e.DeclineCode != "" {
		inner["decline_code"] = e.DeclineCode
	}
	if e.Param != "" {
		inner["param"] = e.Param
	}
	if requestID != "" {
		inner["request_log_url"] = "https://dashboard.stripe.com/test/logs/" + requestID
	}
	return map[string]any{"error": inner}
}

func dashes(code string) string {
	out := []byte(code)
	for i, c := range out {
		if c == '_' {
			out[i] = '-'
		}
	}
	return string(out)
}

func invalid(param, message string) *apiError {
	return &apiError{
		Status:  http.StatusBadRequest,
		Type:    "invalid_request_error",
		Param:   param,
		Message: message,
	}
}

func missing(param string) *apiError {
	e := invalid(param, "Missing required param: "+param+".")
	e.Code = "parameter_missing"
	return e
}

// unknown is the answer about an object that does not exist: 404 where the address names
// it, 400 where a parameter does.
func unknown(status int, kind, id, param string) *apiError {
	return &apiError{
		Status:  status,
		Type:    "invalid_request_error",
		Code:    "resource_missing",
		Param:   param,
		Message: "No such " + kind + ": '" + id + "'",
	}
}

// refused is an error found while executing: the idempotency key keeps it.
func refused(code, param, message string) *apiError {
	return &apiError{
		Status:  http.StatusBadRequest,
		Type:    "invalid_request_error",
		Code:    code,
		Param:   param,
		Message: message,
		kept:    true,
	}
}

func internalError() *apiError {
	return &apiError{
		Status:  http.StatusInternalServerError,
		Type:    "api_error",
		kept:    true,
		Message: "An unknown error occurred.",
	}
}

func rateLimited() *apiError {
	return &apiError{
		Status:  http.StatusTooManyRequests,
		Type:    "invalid_request_error",
		Code:    "rate_limit",
		Message: "Request rate limit exceeded.",
	}
}
