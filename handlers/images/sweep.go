package images

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

// expediteImages makes the pictures of deleted users due for the sweep.
func expediteImages(now func() time.Time) reactions.Projection {
	return reactions.Projection{
		Name:   "images",
		Events: []string{events.UserDeleted{}.EventType()},
		Apply: func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
			for _, e := range batch {
				deleted, ok := e.Payload.(*events.UserDeleted)
				if !ok {
					continue
				}
				if err := postgres.ExpediteImages(ctx, tx, media.Avatar, deleted.UserID, now().UTC()); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// sweeper removes the objects of pictures that are not in use: replaced ones, and those of
// interrupted uploads. It reads the records instead of the bucket, so every object with a
// record is removed in the end.
type sweeper struct {
	cfg Config
}

const (
	imagesPerBatch = 100
	// claimedFor is how long other sweeps leave a claimed picture alone.
	claimedFor   = 5 * time.Minute
	batchTimeout = time.Minute
)

// sweep removes the pictures that are due and returns how many. After an error they are due
// again in a few minutes.
func (s *sweeper) sweep(ctx context.Context) (removed int, err error) {
	for {
		n, checked, err := s.sweepBatch(ctx)
		removed += n
		if err != nil || checked < imagesPerBatch {
			return removed, err
		}
	}
}

// sweepBatch checks one batch of pictures and removes those that are not in use.
func (s *sweeper) sweepBatch(ctx context.Context) (removed, checked int, err error) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	now := s.cfg.Now().UTC()
	claimed, checked, err := postgres.ClaimImages(ctx, s.cfg.Pool, now, now.Add(claimedFor), imagesPerBatch)
	if err != nil {
		return 0, 0, err
	}

	for _, image := range claimed {
		if _, err := s.cfg.Store.DeletePrefix(ctx, image.Prefix); err != nil {
			return removed, checked, fmt.Errorf("remove the objects of a picture: %w", err)
		}
		if err := postgres.ForgetImage(ctx, s.cfg.Pool, image.ID); err != nil {
			return removed, checked, err
		}
		removed++
	}
	return removed, checked, nil
}
