package cleanup

import (
	"context"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
)

// staleUploads aborts uploads in parts that will not be completed.
type staleUploads struct {
	cfg Config
}

const (
	uploadsPerSweep = 100
	// uploadRetention is how long a completed or aborted upload is kept, so that a repeated
	// request gets the same response.
	uploadRetention = 14 * 24 * time.Hour
)

// sweep aborts one batch of uploads and returns how many. After an error the next sweep
// tries the rest again.
func (u *staleUploads) sweep(ctx context.Context) (int, error) {
	now := u.cfg.Now().UTC()
	stale, err := postgres.StaleParts(ctx, u.cfg.Pool, now, uploadsPerSweep)
	if err != nil {
		return 0, err
	}

	for n, upload := range stale {
		if upload.StoreID != "" {
			if err := u.cfg.Media.AbortParts(ctx, upload.ObjectKey, upload.StoreID); err != nil {
				return n, err
			}
		}
		if _, err := u.cfg.Media.DeletePrefix(ctx, upload.TailPrefix()); err != nil {
			return n, err
		}
		before := upload.Status
		upload.Status = media.PartsAborted
		if err := postgres.SaveParts(ctx, u.cfg.Pool, upload, before); err != nil {
			return n, err
		}
	}
	return len(stale), postgres.ForgetParts(ctx, u.cfg.Pool, now.Add(-uploadRetention))
}
