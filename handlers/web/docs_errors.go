package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge/openapi"
)

// errorsView is what the error catalogue shows.
type errorsView struct {
	Info     openapi.Info
	Statuses []errorStatus
	// Count is the number of errors, and Operations that of the operations that declare them.
	Count      int
	Operations int
}

// errorStatus is one HTTP status and the errors that have it.
type errorStatus struct {
	Status string
	Name   string
	// Advice says what a client does about it.
	Advice string
	Errors []catalogueError
}

// catalogueError is one error, with every operation that declares it.
type catalogueError struct {
	ID   string
	Code string
	// Detail is the finer code at details.context.code; empty when there is none.
	Detail     string
	Messages   []string
	Operations []errorOperation
	// Everywhere says that so many operations declare it that the list is folded.
	Everywhere bool
}

// errorOperation is an operation that declares an error.
type errorOperation struct {
	ID      string
	Method  string
	Summary string
}

// foldedFrom is the number of operations from which a list of them is folded.
const foldedFrom = 8

// advice says what a client does about an error of a status.
var advice = map[int]string{
	http.StatusBadRequest: "The request is malformed. Correct it before sending it again: " +
		"`details` names every field that is wrong.",
	http.StatusUnauthorized:    "The caller is not authenticated. Sign in, or sign the request again.",
	http.StatusPaymentRequired: "The resource has to be paid for first.",
	http.StatusForbidden: "The caller is authenticated and lacks the permission. " +
		"Sending the request again does not help.",
	http.StatusNotFound: "The resource does not exist, or the caller may not know that it exists.",
	http.StatusRequestTimeout: "The body arrived too slowly: at least 64 KiB per second are expected. " +
		"Send it again.",
	http.StatusConflict: "The request conflicts with the current state. " +
		"Read the resource, then decide again.",
	http.StatusRequestEntityTooLarge: "The body is larger than this operation accepts.",
	http.StatusUnprocessableEntity:   "The request is well-formed, and a rule forbids it in the current state.",
	http.StatusTooManyRequests: "A rate limit is used up. " +
		"Wait for the seconds in `Retry-After`, then send the request again.",
	http.StatusInternalServerError: "A fault of the server, logged under the request's `X-Request-Id`. " +
		"A request with an `Idempotency-Key` is safe to send again.",
	http.StatusNotImplemented: "This installation is not configured for the operation. " +
		"Only its operator can change that.",
	http.StatusBadGateway: "A service of another company failed. Send the request again later.",
	http.StatusServiceUnavailable: "The service is unavailable for a moment. " +
		"Wait for the seconds in `Retry-After`, then send the request again.",
}

// errorCatalogue collects the errors that the operations declare, by status and code.
func errorCatalogue(d *openapi.Document) errorsView {
	view := errorsView{Info: d.Info}
	var declared openapi.Ordered[[]catalogueError]
	for _, path := range d.Paths {
		for _, member := range path.Value {
			view.Operations++
			for _, e := range operationErrors(member.Value) {
				list, _ := declared.Get(e.Status)
				operation := errorOperation{member.Value.ID, strings.ToUpper(member.Name), member.Value.Summary}
				declared.Set(e.Status, addError(list, e, operation))
			}
		}
	}

	slices.SortFunc(declared, func(a, b openapi.Member[[]catalogueError]) int { return cmp.Compare(a.Name, b.Name) })
	for _, member := range declared {
		slices.SortFunc(member.Value, func(a, b catalogueError) int {
			return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Detail, b.Detail))
		})
		view.Count += len(member.Value)
		status, _ := strconv.Atoi(member.Name) // a key such as 4XX has no name and no advice
		view.Statuses = append(view.Statuses, errorStatus{
			Status: member.Name,
			Name:   http.StatusText(status),
			Advice: advice[status],
			Errors: member.Value,
		})
	}
	return view
}

// addError adds an operation to the entry of its error, which is made when it is the first.
func addError(list []catalogueError, e docError, operation errorOperation) []catalogueError {
	i := slices.IndexFunc(list, func(known catalogueError) bool { return known.ID == e.ID })
	if i < 0 {
		list = append(list, catalogueError{ID: e.ID, Code: e.Code, Detail: e.Detail})
		i = len(list) - 1
	}
	entry := &list[i]
	if !slices.Contains(entry.Messages, e.Message) {
		entry.Messages = append(entry.Messages, e.Message)
	}
	entry.Operations = append(entry.Operations, operation)
	entry.Everywhere = len(entry.Operations) >= foldedFrom
	return list
}

// operationErrors lists the errors that an operation declares, in the order of its responses.
func operationErrors(o *openapi.Operation) []docError {
	var list []docError
	for _, response := range o.Responses {
		for _, media := range response.Value.Content {
			for _, example := range media.Value.Examples {
				body, is := example.Value.Value.(commands.ErrorBody)
				if !is {
					continue
				}
				e := docError{Status: response.Name, Code: body.Error.Code, Message: example.Value.Summary}
				if body.Error.Code != example.Name {
					e.Detail = example.Name
				}
				e.ID = strings.Trim(e.Status+"-"+e.Code+"-"+e.Detail, "-")
				list = append(list, e)
			}
		}
	}
	return list
}
