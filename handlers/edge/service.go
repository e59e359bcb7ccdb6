package edge

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/wire"
)

var errNoOperation = domain.Missing("COMMAND_NOT_FOUND", "Command")

// serviceRoutes are what every edge serves, whatever its parts.
func (e *Edge) serviceRoutes() []Route {
	return []Route{
		{
			Method: "GET", Path: "/health", Name: "getHealth", Summary: "Say whether everything works", Limit: LimitNone,
			Responses: []Response{
				{Status: http.StatusOK, Body: wire.Health{}},
				{Status: http.StatusServiceUnavailable, Body: wire.Health{}, Doc: "A part cannot be reached"},
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
			Responses: []Response{Data[wire.Operation](http.StatusOK)}, Errors: []*domain.Error{errNoOperation}, Handle: e.getOperation,
		},
	}
}

// getOperation answers with the state of one of the caller's own commands.
func (e *Edge) getOperation(r *Request) error {
	var (
		view     wire.Operation
		response wire.OperationResponse
		status   *int
	)
	err := e.cfg.Pool.QueryRow(r, `
SELECT id, type, status, created_at, finished_at, response_status, response_body FROM commands WHERE id = $1 AND actor_id = $2`,
		r.UUID("id"), r.Actor().UserID).
		Scan(&view.ID, &view.Type, &view.Status, &view.CreatedAt, &view.FinishedAt, &status, &response.Body)
	if errors.Is(err, pgx.ErrNoRows) {
		return errNoOperation
	}
	if err != nil {
		return fmt.Errorf("read the command: %w", err)
	}
	if view.Status != "accepted" && status != nil {
		response.Status = *status
		view.Response = &response
	}
	return r.OK(view)
}
