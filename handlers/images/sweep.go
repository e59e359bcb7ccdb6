package images

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

// expediteImages makes the pictures of deleted users due for the sweep at once.
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

// sweeper removes the objects of pictures that are not in use: those that were
// replaced, and those whose upload ended between its record and its command. It reads
// the records and never lists the store, so no object with a record is forgotten.
type sweeper struct {
	Pool *pgxpool.Pool
	// Assets is the bucket of pictures.
	Assets *s3.Bucket
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

const (
	imagesPerSweep = 100
	// imageRetry is how long one sweep has the objects for itself.
	imageRetry   = 5 * time.Minute
	imageTimeout = time.Minute
)

// Sweep looks at everything that is due and returns how many pictures it removed.
// What fails is due again a few minutes later.
func (s *sweeper) Sweep(ctx context.Context) (swept int, err error) {
	for {
		ctx, cancel := context.WithTimeout(ctx, imageTimeout)
		n, looked, err := s.batch(ctx)
		cancel()
		swept += n
		if err != nil || looked < imagesPerSweep {
			return swept, err
		}
	}
}

func (s *sweeper) batch(ctx context.Context) (swept, looked int, err error) {
	now := s.Now().UTC()
	claimed, looked, err := postgres.ClaimImages(ctx, s.Pool, now, now.Add(imageRetry), imagesPerSweep)
	if err != nil {
		return 0, 0, err
	}
	for _, image := range claimed {
		if _, err := s.Assets.DeletePrefix(ctx, image.Prefix); err != nil {
			return swept, looked, fmt.Errorf("remove the objects of a picture: %w", err)
		}
		if err := postgres.ForgetImage(ctx, s.Pool, image.ID); err != nil {
			return swept, looked, err
		}
		swept++
	}
	return swept, looked, nil
}
