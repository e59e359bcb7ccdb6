package reactions

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
)

// jobSpace is the name space of job ids. A job id follows from the event that asks
// for the job: an upload, or a retry, has exactly one job.
var jobSpace = uuid.MustParse("b7a2c2d4-6a43-5f0c-9f0e-5f8e1f6b7c90")

// Transcoding gives out a transcoding job when a file has been uploaded, and when
// its owner asks for another attempt. The job is the event
// media.transcoding_started, which carries all that a transcoder needs.
func Transcoding(now func() time.Time) Reaction {
	return Reaction{
		Name:   "transcoding",
		Events: []string{events.MediaUploaded{}.EventType(), events.MediaRetried{}.EventType()},
		Handle: func(ctx context.Context, tx pgx.Tx, e events.Event, _ events.Payload) ([]events.Fact, error) {
			item, found, err := postgres.Lock(ctx, tx, e.AggregateID)
			if err != nil || !found {
				return nil, err
			}
			next, started, ok := item.StartTranscoding(uuid.NewSHA1(jobSpace, []byte(e.ID)).String(), now().UTC())
			if !ok {
				return nil, nil // deleted meanwhile, or given out for a later event
			}
			if err := postgres.Save(ctx, tx, next); err != nil {
				return nil, err
			}
			facts := make([]events.Fact, len(started))
			for i, p := range started {
				facts[i] = events.Fact{Tenant: next.CreatorID, AggregateID: next.ID, Version: next.Version - int64(len(started)-1-i), Payload: p}
			}
			return facts, nil
		},
	}
}
