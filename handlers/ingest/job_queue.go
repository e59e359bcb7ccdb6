package ingest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

// queueJobs keeps the queue of the platform's own transcoders: a job enters it when it was started
// and leaves it when its item is ready or deleted. With an external transcoder nothing claims it.
func queueJobs(now func() time.Time) reactions.Projection {
	return reactions.Projection{
		Name: "transcoding_queue",
		Events: []string{
			events.MediaTranscodingStarted{}.EventType(),
			events.MediaReady{}.EventType(),
			events.MediaDeleted{}.EventType(),
		},
		Apply: func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
			over := map[string]bool{}
			for _, e := range batch {
				started, ok := e.Payload.(*events.MediaTranscodingStarted)
				over[e.AggregateID] = !ok
				if !ok {
					continue
				}
				item, found, err := postgres.Find(ctx, tx, e.AggregateID)
				if err != nil {
					return err
				}
				if !found || !item.Wants(started.JobID) {
					continue // over, or replaced
				}
				if err := postgres.EnqueueJob(ctx, tx, item, *started, now().UTC()); err != nil {
					return err
				}
			}
			maps.DeleteFunc(over, func(_ string, is bool) bool { return !is })
			return postgres.DequeueJobs(ctx, tx, slices.Sorted(maps.Keys(over)))
		},
	}
}
