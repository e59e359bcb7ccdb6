package ingest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

// jobSpace is the UUID name space of job ids, which follow from the event that started the job
// and from the item.
var jobSpace = uuid.MustParse("b7a2c2d4-6a43-5f0c-9f0e-5f8e1f6b7c90")

// jobsPerCreator is how many long and how many short jobs of one creator may run or wait for a transcoder at once, so
// that the upload of an archive does not delay other creators. The others are started as
// those end, the most urgent first.
const jobsPerCreator = 4

// startTranscoding starts transcoding jobs: when a file was uploaded, when its owner retries,
// and when a job of the same creator has ended. The job is the event
// media.transcoding_started, which has everything that a transcoder needs.
func startTranscoding(now func() time.Time) reactions.Projection {
	return reactions.Projection{
		Name: "transcoding",
		Events: []string{
			events.MediaUploaded{}.EventType(),
			events.MediaRetried{}.EventType(),
			events.MediaReady{}.EventType(),
			events.MediaFailed{}.EventType(),
			events.MediaDeleted{}.EventType(),
		},
		Apply: func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
			return startJobs(ctx, tx, batch, now().UTC())
		},
	}
}

// startJobs handles the events in the order of their creators, whose jobs stay locked until
// the transaction ends.
func startJobs(ctx context.Context, tx pgx.Tx, batch []reactions.Event, now time.Time) error {
	type change struct {
		reactions.Event
		item media.Item
	}
	var list []change
	for _, e := range batch {
		item, found, err := postgres.Find(ctx, tx, e.AggregateID)
		if err != nil {
			return err
		}
		if found {
			list = append(list, change{e, item})
		}
	}
	slices.SortStableFunc(list, func(a, b change) int { return cmp.Compare(a.item.CreatorID, b.item.CreatorID) })
	for _, e := range list {
		if err := startWaiting(ctx, tx, e.Event, e.item, now); err != nil {
			return err
		}
	}
	return nil
}

// startWaiting starts as many jobs of the creator of an item as may run now.
func startWaiting(ctx context.Context, tx pgx.Tx, e reactions.Event, item media.Item, now time.Time) error {
	waiting, err := postgres.LockWaiting(ctx, tx, item.CreatorID, item.ID, jobsPerCreator)
	if err != nil {
		return err
	}
	for _, next := range waiting {
		job := uuid.NewSHA1(jobSpace, []byte(e.ID+next.ID)).String()
		next, started, ok := next.StartTranscoding(job, now)
		if !ok {
			continue // deleted, or started by another event
		}
		if err := postgres.Save(ctx, tx, next); err != nil {
			return err
		}
		e.Emit(events.Facts(next.CreatorID, next.ID, next.Version, started...)...)
	}
	return nil
}
