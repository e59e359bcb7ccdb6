package cleanup

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
)

// staleUploads ends uploads in parts that nobody will complete.
type staleUploads struct {
	Pool  *pgxpool.Pool
	Store *s3.Bucket
	// Now is the clock.
	Now func() time.Time
}

const (
	uploadsBatch = 100
	// remembered is how long a completed or aborted upload is kept, so that a repeated request is answered as before.
	remembered = 14 * 24 * time.Hour
)

// Sweep ends one batch of uploads and returns how many. One that cannot be ended now is tried again by the next sweep.
func (u *staleUploads) Sweep(ctx context.Context) (int, error) {
	now := u.Now().UTC()
	abandoned, err := postgres.AbandonedParts(ctx, u.Pool, now, uploadsBatch)
	if err != nil {
		return 0, err
	}
	for n, upload := range abandoned {
		if upload.StoreID != "" {
			if err := u.Store.AbortParts(ctx, upload.ObjectKey, upload.StoreID); err != nil {
				return n, err
			}
		}
		from := upload.Status
		upload.Status = media.PartsAborted
		if err := postgres.SaveParts(ctx, u.Pool, upload, from); err != nil {
			return n, err
		}
	}
	return len(abandoned), postgres.ForgetParts(ctx, u.Pool, now.Add(-remembered))
}
