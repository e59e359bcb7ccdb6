package cleanup

import (
	"context"
	"net/http"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/edge"
)

// routes are for other programs of the installation.
func (o *orphans) routes() []edge.Route {
	return []edge.Route{
		{
			Method:    http.MethodGet,
			Path:      "/internal/orphan-cleanup/status",
			Name:      "getOrphanCleanup",
			Summary:   "Get the state of the search for objects without an item",
			Auth:      edge.WorkerSignature,
			Responses: []edge.Response{edge.Data[OrphanCleanup](http.StatusOK)},
			Handle:    func(r *edge.Request) error { return respond(r, o.status) },
		},
		{
			Method:    http.MethodPost,
			Path:      "/internal/orphan-cleanup/trigger",
			Name:      "runOrphanCleanup",
			Summary:   "Remove objects without an item now",
			Notes:     "The search stops after 20 s; the next one continues a search that is not complete.",
			Auth:      edge.WorkerSignature,
			Responses: []edge.Response{edge.Data[OrphanRun](http.StatusOK)},
			Errors:    []*domain.Error{edge.ErrUnavailable},
			Handle:    func(r *edge.Request) error { return respond(r, o.trigger) },
		},
		{
			Method:    http.MethodPost,
			Path:      "/internal/orphan-cleanup/schedule",
			Name:      "scheduleOrphanCleanup",
			Summary:   "Schedule a search for objects without an item",
			Auth:      edge.WorkerSignature,
			Responses: []edge.Response{edge.Data[OrphanCleanup](http.StatusOK)},
			Handle:    func(r *edge.Request) error { return respond(r, o.schedule) },
		},
	}
}

// respond responds to a request without a body with the result of f.
func respond[T any](r *edge.Request, f func(context.Context) (T, error)) error {
	if err := r.NoBody(); err != nil {
		return err
	}
	result, err := f(r)
	if err != nil {
		return err
	}
	return r.OK(result)
}
