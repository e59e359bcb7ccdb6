package edge

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/wire"
)

var errNoOperation = domain.Missing("COMMAND_NOT_FOUND", "Command")

// serviceRoutes are what every edge serves, whatever its parts.
func (e *Edge) serviceRoutes() []Route {
	return []Route{
		{
			Method: "GET", Path: "/health", Name: "getHealth", Summary: "Say whether everything works", Limit: limitNone,
			Answers: []Answer{
				{Status: http.StatusOK, Body: wire.Health{}},
				{Status: http.StatusServiceUnavailable, Body: wire.Health{}, What: "A part cannot be reached"},
			},
			Handle: e.answerHealth,
		},
		{
			Method: "GET", Path: "/openapi.json", Name: "getDescription", Summary: "This description, as OpenAPI 3.1",
			Answers: []Answer{
				{Status: http.StatusOK, Body: map[string]any{}},
				{Status: http.StatusNotModified, What: "It is still the one that If-None-Match names"},
			},
			Handle: e.serveDescription,
		},
		{
			Method: "GET", Path: "/api/commands/:id", Name: "getOperation", Summary: "Say what became of one of the caller's commands",
			Notes: "Operations are kept for seven days.", Who: withSession(),
			Answers: []Answer{single[wire.Operation](http.StatusOK)}, Refusals: []*domain.Error{errNoOperation}, Handle: e.getOperation,
		},
	}
}

// getOperation answers with the state of one of the caller's own commands.
func (e *Edge) getOperation(c *gin.Context) error {
	rec, found, err := commands.Ledger{DB: e.cfg.Pool}.Find(c, paramsOf(c).uuid("id"))
	if err != nil {
		return err
	}
	if !found || rec.ActorID != mustActor(c).UserID {
		return errNoOperation
	}
	view := wire.Operation{
		ID:         rec.ID,
		Type:       rec.Type,
		Status:     string(rec.Status),
		CreatedAt:  rec.CreatedAt,
		FinishedAt: rec.FinishedAt,
	}
	if rec.Finished() {
		view.Response = &wire.OperationResponse{Status: rec.ResponseStatus, Body: rec.ResponseBody}
	}
	c.JSON(http.StatusOK, wire.Single{Data: view})
	return nil
}
