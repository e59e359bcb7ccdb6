package reactions

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
)

// jobSpace is the name space of job ids. A job id follows from the event that led to
// the job, and from the item.
var jobSpace = uuid.MustParse("b7a2c2d4-6a43-5f0c-9f0e-5f8e1f6b7c90")

// JobsPerCreator is how many jobs of one creator may run or wait for a transcoder at
// once. Whoever uploads a whole archive does not keep everybody else waiting: the
// rest of it is given out, the most urgent first, as those jobs end.
const JobsPerCreator = 4

// Transcoding gives out transcoding jobs: when a file has been uploaded, when its
// owner asks for another attempt, and when a job of the same creator has ended. The
// job is the event media.transcoding_started, which carries all that a transcoder
// needs.
func Transcoding(now func() time.Time) Reaction {
	return Reaction{
		Name: "transcoding",
		Events: []string{
			events.MediaUploaded{}.EventType(), events.MediaRetried{}.EventType(),
			events.MediaReady{}.EventType(), events.MediaFailed{}.EventType(), events.MediaDeleted{}.EventType(),
		},
		Handle: func(ctx context.Context, tx pgx.Tx, e events.Event, _ events.Payload) ([]events.Fact, error) {
			item, found, err := postgres.Find(ctx, tx, e.AggregateID)
			if err != nil || !found {
				return nil, err
			}
			waiting, err := postgres.LockWaiting(ctx, tx, item.CreatorID, item.ID, JobsPerCreator)
			if err != nil {
				return nil, err
			}
			var facts []events.Fact
			for _, next := range waiting {
				job := uuid.NewSHA1(jobSpace, []byte(e.ID+next.ID)).String()
				next, started, ok := next.StartTranscoding(job, now().UTC())
				if !ok {
					continue // deleted meanwhile, or given out by somebody else
				}
				if err := postgres.Save(ctx, tx, next); err != nil {
					return nil, err
				}
				for i, p := range started {
					facts = append(facts, events.Fact{Tenant: next.CreatorID, AggregateID: next.ID, Version: next.Version - int64(len(started)-1-i), Payload: p})
				}
			}
			return facts, nil
		},
	}
}
