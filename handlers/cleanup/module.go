// Package cleanup looks after what is in the object store and belongs to nothing any more.
//
//   - The objects of a deleted media item go with its event (remove_objects.go).
//   - Uploads in parts that nobody will complete are aborted: after seven days, or when
//     their item is deleted or has its file from elsewhere (stale_uploads.go).
//   - [Orphans] searches both buckets for objects below an item's prefixes whose item does
//     not exist: a file that was sent while its item was deleted, the outputs of a job that
//     nobody was told of. It removes those that are older than a day, and uploads in parts
//     that the store has known for longer than any may be open.
//
// An object is an orphan only when its key has the form that this platform gives to objects
// of media, {creator}/{area}/{item}/…; everything else in the buckets is left alone. All of
// it may run in several processes at once: removing twice is removing once.
package cleanup

import (
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/reactions"
)

// Config is what the clean-up needs.
type Config struct {
	Pool *pgxpool.Pool
	// Media holds originals, renditions, posters and waveforms; Assets thumbnails.
	Media, Assets *s3.Bucket
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// New returns the module.
func New(cfg Config) handlers.Module {
	orphans := &Orphans{Pool: cfg.Pool, Media: cfg.Media, Assets: cfg.Assets, Now: cfg.Now, Log: cfg.Log}
	uploads := &staleUploads{Pool: cfg.Pool, Store: cfg.Media, Now: cfg.Now}
	return handlers.Module{
		Name:      "cleanup",
		Routes:    orphans.routes(),
		Processes: []reactions.Process{removeObjectsOfDeleted(cfg.Media, cfg.Assets)},
		Jobs: []jobs.Job{
			{Name: "cleanup.uploads", Every: time.Minute, Run: uploads.Sweep},
			{Name: "cleanup.orphans", Every: time.Minute, Timeout: runWithin, Run: orphans.RunDue},
		},
	}
}
