package objects

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/periodic"
)

// Aborter ends an upload in the store. That it is over already is no error.
type Aborter interface {
	AbortParts(ctx context.Context, key, upload string) error
}

// Uploads ends uploads in parts that nobody will complete.
type Uploads struct {
	Pool  *pgxpool.Pool
	Store Aborter
	// Every is the time between two sweeps; default 1 min.
	Every time.Duration
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

const (
	uploadsBatch = 100
	sweepTimeout = time.Minute
	// remembered is how long a completed or aborted upload is kept, so that a repeated request is answered as before.
	remembered = 14 * 24 * time.Hour
)

// Run sweeps until ctx is done.
func (u *Uploads) Run(ctx context.Context) error {
	periodic.Run(ctx, cmp.Or(u.Every, time.Minute), func() {
		n, err := u.Sweep(ctx)
		if err != nil && ctx.Err() == nil {
			u.Log.Warn("sweep for abandoned uploads failed", "error", err)
		}
		if n > 0 {
			u.Log.Info("abandoned uploads ended", "uploads", n)
		}
	})
	return nil
}

// Sweep ends one batch of uploads and returns how many. One that cannot be ended now is tried again by the next sweep.
func (u *Uploads) Sweep(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
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
