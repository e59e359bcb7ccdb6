// Package cleanup removes what the object store holds and nothing refers to any more:
//
//   - the objects of deleted media items, and the late outputs of their transcoding jobs,
//     as their events arrive (remove_objects.go);
//   - uploads in parts that expired, or whose item was deleted or got its file by another
//     way (stale_uploads.go);
//   - orphans: objects whose key names a media item that does not exist, because an upload
//     or a transcoding job finished after its item was deleted (orphans.go).
//
// Only keys of the form that the platform gives to objects of media can be orphans,
// {creator}/{area}/{item}/…; other objects in the buckets are never touched. Everything
// here is idempotent and may run in several processes at once.
package cleanup

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/reactions"
)

// Config configures the module.
type Config struct {
	Pool *pgxpool.Pool
	// Media holds originals, renditions, posters and waveforms; Assets thumbnails.
	Media, Assets *s3.Bucket
	// TriggerTimeout limits a search for orphans that a request waits for; default 20 s.
	TriggerTimeout time.Duration
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

const defaultTriggerTimeout = 20 * time.Second

// New returns the module.
func New(cfg Config) handlers.Module {
	cfg.TriggerTimeout = cmp.Or(cfg.TriggerTimeout, defaultTriggerTimeout)
	orphans := &orphans{cfg}
	uploads := &staleUploads{cfg}
	return handlers.Module{
		Name:      "cleanup",
		Routes:    orphans.routes(),
		Processes: []reactions.Process{removeObjectsOfDeleted(cfg.Media, cfg.Assets)},
		Jobs: []jobs.Job{
			{Name: "cleanup.uploads", Every: time.Minute, Run: uploads.sweep},
			{Name: "cleanup.orphans", Every: time.Minute, Timeout: searchTimeout, Run: orphans.runDue},
		},
	}
}
