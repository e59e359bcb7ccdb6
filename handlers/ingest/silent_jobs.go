package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
)

// silentJobs fails transcoding jobs that were silent for too long, whichever transcoder runs
// them. It sends commands: a report that arrives before the command prevails.
type silentJobs struct {
	cfg Config
}

const (
	defaultStuckAfter = 120 * time.Minute
	silentPerSweep    = 100
	silentTimeout     = 10 * time.Second
)

// stuckSpace is the UUID name space of the commands that fail silent jobs. The id follows from
// the job and its last report, so two sweeps that see the same silence send one command.
var stuckSpace = uuid.MustParse("0d9c5b1a-7f36-5b0e-8f3c-2b1c9c52d7aa")

// sweep sends one batch of commands and returns how many. The next sweep finds the jobs whose
// command was not sent.
func (s *silentJobs) sweep(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, silentTimeout)
	defer cancel()
	now := s.cfg.Now().UTC()
	silent, err := postgres.SilentJobs(ctx, s.cfg.Pool, now.Add(-s.cfg.StuckAfter), silentPerSweep)
	if err != nil {
		return 0, err
	}

	for n, job := range silent {
		payload, err := json.Marshal(media.FailStuck{JobID: job.JobID, SeenAt: job.SeenAt})
		if err != nil {
			return n, fmt.Errorf("marshal command: %w", err)
		}
		id := uuid.NewSHA1(stuckSpace, []byte(job.JobID+job.SeenAt.UTC().Format(time.RFC3339Nano))).String()
		err = s.cfg.Dispatcher.Publish(ctx, events.Command{
			ID:            id,
			Type:          media.CommandFailStuck,
			ActorID:       media.ActorSystem,
			AggregateID:   job.MediaID,
			Payload:       payload,
			IssuedAt:      now,
			CorrelationID: id,
		})
		if err != nil {
			return n, err
		}
	}
	return len(silent), nil
}
