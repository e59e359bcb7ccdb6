package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
)

// Publisher sends commands without waiting for their outcome.
type Publisher interface {
	Publish(ctx context.Context, cmd events.Command) error
}

// SilentJobs fails the jobs that gave no sign of life for too long, whoever transcodes. It decides nothing: it sends commands,
// and a sign of life that comes first wins.
type SilentJobs struct {
	DB         postgres.Queryer
	Dispatcher Publisher
	// After is how long a job may be silent; default 120 min.
	After time.Duration
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

const (
	defaultSilence = 120 * time.Minute
	sweepBatch     = 100
	sweepTimeout   = 10 * time.Second
)

// stuckSpace is the name space of the commands that take a job for dead. An id follows from job and last sign of life: two
// sweeps that see the same silence send the same command.
var stuckSpace = uuid.MustParse("0d9c5b1a-7f36-5b0e-8f3c-2b1c9c52d7aa")

// Sweep sends one batch of commands and returns how many.
func (s *SilentJobs) Sweep(ctx context.Context) (int, error) {
	after := s.After
	if after <= 0 {
		after = defaultSilence
	}
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	now := s.Now().UTC()
	silent, err := postgres.SilentJobs(ctx, s.DB, now.Add(-after), sweepBatch)
	if err != nil {
		return 0, err
	}
	for i, job := range silent {
		payload, err := json.Marshal(media.FailStuck{JobID: job.JobID, SeenAt: job.SeenAt})
		if err != nil {
			return i, fmt.Errorf("marshal command: %w", err)
		}
		id := uuid.NewSHA1(stuckSpace, []byte(job.JobID+job.SeenAt.UTC().Format(time.RFC3339Nano))).String()
		err = s.Dispatcher.Publish(ctx, events.Command{
			ID: id, Type: media.CommandFailStuck, ActorID: media.ActorSystem, AggregateID: job.MediaID,
			Payload: payload, IssuedAt: now, CorrelationID: id,
		})
		if err != nil {
			return i, err // the next sweep finds it again
		}
	}
	return len(silent), nil
}
