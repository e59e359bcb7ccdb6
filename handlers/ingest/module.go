// Package ingest is the upload of media: registration, upload of the file as a whole or in
// parts, its examination, and its transcoding jobs.
//
// A completed upload (complete.go) becomes the event media.uploaded, from which a transcoding
// job is started (start_jobs.go). A transcoder reports on the job by callbacks
// (transcoding.go); a job that is silent for too long fails (silent_jobs.go).
package ingest

import (
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/reactions"
)

// Config configures the module.
type Config struct {
	Pool *pgxpool.Pool
	// Media is the bucket of originals and renditions.
	Media *s3.Bucket
	// Parts stores uploads in parts; default Media.
	Parts PartsStore
	// Prober probes files before they are accepted; with nil only the transcoder does.
	Prober Prober
	// ProbeBytes is the size up to which a file is fetched and probed; default 64 MiB. Of a
	// larger one only the first 4 KiB are examined, and the transcoder probes it first.
	ProbeBytes int64
	// Probes is how many files are probed at once; default 2. With all of them busy, a file is
	// accepted and left to the transcoder.
	Probes int
	// ProbeWithin is how long a file may be fetched and probed before it is accepted and left to
	// the transcoder; default 1 s.
	ProbeWithin time.Duration
	// CompleteWait is how long a completion waits for its outcome; default 1 s. Together with
	// ProbeWithin it keeps the response within 2 s.
	CompleteWait time.Duration
	// Writers is how many requests append to uploads by the tus protocol at once, each with a
	// part on disk: 5 to 20 MiB, with a checksum 64 MiB more. Default 64.
	Writers int
	// UploadIdle is how long a client may pause while it uploads through the edge; default 30 s.
	UploadIdle time.Duration
	// TempDir holds files while they are probed; default the system's.
	TempDir string
	// CallbackSecrets sign the transcoder's callbacks. Several are valid during a rotation.
	CallbackSecrets [][]byte
	// Dispatcher publishes the commands that fail silent jobs.
	Dispatcher *bus.Dispatcher
	// StuckAfter is how long a job may be silent; default 120 min.
	StuckAfter time.Duration
	// Quota limits each creator, [domain.DefaultQuota] when it is zero.
	Quota domain.Quota
	// Development permits what test clients do: own object keys, forced statuses.
	Development bool
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// ingest handles the requests of the module.
type ingest struct {
	cfg      Config
	examiner *examiner
	tus      *tusWriter
}

// New returns the module.
func New(cfg Config) handlers.Module {
	if cfg.UploadIdle <= 0 {
		cfg.UploadIdle = defaultUploadIdle
	}
	if cfg.CompleteWait <= 0 {
		cfg.CompleteWait = defaultCompleteWait
	}
	if cfg.StuckAfter <= 0 {
		cfg.StuckAfter = defaultStuckAfter
	}
	if cfg.Quota == (domain.Quota{}) {
		cfg.Quota = domain.DefaultQuota
	}
	if cfg.Parts == nil {
		cfg.Parts = cfg.Media
	}

	i := &ingest{cfg: cfg, examiner: newExaminer(cfg), tus: newTusWriter(cfg)}
	silent := &silentJobs{cfg}
	return handlers.Module{
		Name: "ingest",
		Routes: slices.Concat(
			i.mediaRoutes(),
			i.uploadRoutes(),
			i.partRoutes(),
			i.tusRoutes(),
			i.captionRoutes(),
			i.chapterRoutes(),
			i.transcodingRoutes(),
			i.internalRoutes(),
		),
		Resources:   i.resources(),
		Commands:    []commands.Context{mediaContext{cfg.Development, cfg.Quota}.commands()},
		External:    []commands.External{uploads{cfg.Parts, i.examiner, cfg.Log}.commands()},
		Projections: []reactions.Projection{startTranscoding(cfg.Now), queueJobs(cfg.Now)},
		Jobs: []jobs.Job{{
			Name:  "ingest.fail_silent_jobs",
			Every: time.Minute,
			Run:   silent.sweep,
			Sends: []string{media.CommandFailStuck},
		}},
	}
}
