// Package ingest is what creators upload: registering a file, sending it whole or in
// parts, the examination of what arrived, and the jobs of a transcoder.
//
// An upload that is accepted (upload.go, parts.go) becomes the event media.uploaded;
// start_jobs.go starts a transcoding job from it, which a transcoder reports on by its
// callbacks (transcoding.go).
package ingest

import (
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/reactions"
)

// Config is what ingest needs.
type Config struct {
	Pool *pgxpool.Pool
	// Media is the bucket of originals and renditions.
	Media *s3.Bucket
	// Parts is where uploads in parts go; default Media.
	Parts PartsStore
	// Prober looks into files that are small enough; nil leaves all of that to the
	// transcoder.
	Prober Prober
	// ProbeBytes is up to which size an upload is fetched and probed before it is
	// accepted; default 64 MiB. Of a larger one only the first 4 KiB are looked at
	// here: the transcoder probes it before it does anything else.
	ProbeBytes int64
	// Probes is how many uploads are probed at once; default 2.
	Probes int
	// UploadIdle is how long a client that sends its file through the edge may send
	// nothing; default 30 s.
	UploadIdle time.Duration
	// TempDir holds files while they are probed; default the system's.
	TempDir string
	// CallbackSecrets sign the transcoder's callbacks. More than one is accepted while one
	// replaces another.
	CallbackSecrets [][]byte
	// Dispatcher publishes the commands of the sweep for silent jobs.
	Dispatcher *bus.Dispatcher
	// StuckAfter is how long a job may be silent; default 120 min.
	StuckAfter time.Duration
	// Development permits what test clients do: own object keys, forced statuses.
	Development bool
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// ingest handles the requests.
type ingest struct {
	cfg      Config
	examiner *examiner
}

// New returns the module.
func New(cfg Config) handlers.Module {
	if cfg.UploadIdle <= 0 {
		cfg.UploadIdle = defaultUploadIdle
	}
	if cfg.Parts == nil {
		cfg.Parts = cfg.Media
	}
	i := &ingest{cfg: cfg, examiner: newExaminer(cfg)}
	silent := &SilentJobs{
		DB: cfg.Pool, Dispatcher: cfg.Dispatcher, After: cfg.StuckAfter, Now: cfg.Now, Log: cfg.Log,
	}
	return handlers.Module{
		Name:        "ingest",
		Routes:      slices.Concat(i.mediaRoutes(), i.partRoutes(), i.transcodingRoutes(), i.internalRoutes()),
		Commands:    []commands.Context{mediaContext{cfg.Development}.commands()},
		External:    []commands.External{uploads{cfg.Parts}.commands()},
		Projections: []reactions.Projection{startTranscoding(cfg.Now)},
		Jobs: []jobs.Job{{
			Name:  "ingest.fail_silent_jobs",
			Every: time.Minute,
			Run:   silent.Sweep,
			Sends: []string{media.CommandFailStuck},
		}},
	}
}
