package cleanup

import (
	"context"
	"net/http"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/edge"
)

// routes are for other programs of the same installation.
func (o *Orphans) routes() []edge.Route {
	return []edge.Route{
		{
			Method: "GET", Path: "/internal/orphan-cleanup/status", Name: "getOrphanCleanup", Summary: "Say when objects without an item were last looked for",
			Auth: edge.WorkerSignature, Responses: []edge.Response{edge.Data[OrphanCleanup](http.StatusOK)}, Handle: func(c *edge.Request) error {
				return ask(c, o.Status)
			},
		},
		{
			Method: "POST", Path: "/internal/orphan-cleanup/trigger", Name: "runOrphanCleanup", Summary: "Look for objects without an item now, and remove them",
			Notes: "The run ends when the answer is due; one that is not complete is continued by the next.",
			Auth:  edge.WorkerSignature, Responses: []edge.Response{edge.Data[OrphanRun](http.StatusOK)}, Errors: []*domain.Error{edge.ErrUnavailable},
			Handle: func(c *edge.Request) error { return ask(c, o.Trigger) },
		},
		{
			Method: "POST", Path: "/internal/orphan-cleanup/schedule", Name: "scheduleOrphanCleanup", Summary: "Ask for a run soon",
			Auth: edge.WorkerSignature, Responses: []edge.Response{edge.Data[OrphanCleanup](http.StatusOK)}, Handle: func(c *edge.Request) error {
				return ask(c, o.Schedule)
			},
		},
	}
}

// ask answers a signed request that has no input.
func ask[T any](c *edge.Request, question func(context.Context) (T, error)) error {
	if err := c.NoBody(); err != nil {
		return err
	}
	answer, err := question(c)
	if err != nil {
		return err
	}
	return c.OK(answer)
}

// OrphanCleanup says when objects that belong to nothing were last looked for, and when that will be next.
type OrphanCleanup struct {
	// ScheduledAt is since when a run is asked for that has not begun.
	ScheduledAt *time.Time `json:"scheduledAt"`
	Running     bool       `json:"running"`
	// Last is the last run that ended; null when there was none.
	Last *OrphanRun `json:"last"`
}

// OrphanRun is one search for objects that belong to nothing.
type OrphanRun struct {
	ID         string     `json:"id" jsonschema:"format=uuid"`
	StartedAt  time.Time  `json:"startedAt"`
	FinishedAt *time.Time `json:"finishedAt"`
	// Scanned are all objects looked at; Orphans those without an item, older than the minimum age; Removed how many of
	// these are gone now.
	Scanned        int64 `json:"scanned"`
	Orphans        int64 `json:"orphans"`
	Removed        int64 `json:"removed"`
	RemovedBytes   int64 `json:"removedBytes"`
	AbortedUploads int64 `json:"abortedUploads"`
	// Complete is false when the run ended before it had seen every object. The next one goes on where it ended.
	Complete bool `json:"complete"`
	// Failed says that something went wrong, which is in the log.
	Failed bool `json:"failed"`
}
