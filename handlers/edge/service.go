package edge

import (
	"net/http"

	"github.com/codex-platform/codex/domain"
)

var errNoOperation = domain.Missing("COMMAND_NOT_FOUND", "Command")

// serviceRoutes are what every edge serves, whatever its parts.
func (e *Edge) serviceRoutes() []Route {
	return []Route{
		{
			Method: "GET", Path: "/health", Name: "getHealth", Summary: "Say whether everything works", Limit: LimitNone,
			Responses: []Response{
				{Status: http.StatusOK, Body: Health{}},
				{Status: http.StatusServiceUnavailable, Body: Health{}, Doc: "A part cannot be reached"},
			},
			Handle: e.answerHealth,
		},
		{
			Method: "GET", Path: "/openapi.json", Name: "getDescription", Summary: "This description, as OpenAPI 3.1",
			Responses: []Response{
				{Status: http.StatusOK, Body: map[string]any{}},
				{Status: http.StatusNotModified, Doc: "It is still the one that If-None-Match names"},
			},
			Handle: e.serveDescription,
		},
		{
			Method: "GET", Path: "/api/commands/:id", Name: "getOperation", Summary: "Say what became of one of the caller's commands",
			Notes: "Operations are kept for seven days.", Auth: Session(),
			Responses: []Response{Data[Operation](http.StatusOK)}, Errors: []*domain.Error{errNoOperation}, Handle: e.getOperation,
		},
	}
}

// getOperation answers with the state of one of the caller's own commands.
func (e *Edge) getOperation(r *Request) error {
	rec, found, err := r.ledger().Find(r, r.UUID("id"))
	if err != nil {
		return err
	}
	if !found || rec.ActorID != r.Actor().UserID {
		return errNoOperation
	}
	view := Operation{
		ID:         rec.ID,
		Type:       rec.Type,
		Status:     string(rec.Status),
		CreatedAt:  rec.CreatedAt,
		FinishedAt: rec.FinishedAt,
	}
	if rec.Finished() {
		view.Response = &OperationResponse{Status: rec.ResponseStatus, Body: rec.ResponseBody}
	}
	return r.OK(view)
}
