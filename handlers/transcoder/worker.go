package transcoder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
)

// Converter makes renditions of a local file.
type Converter interface {
	// Transcode returns a *ffmpeg.RejectError when the file is at fault.
	Transcode(ctx context.Context, job ffmpeg.Job) (ffmpeg.Result, error)
}

// Config configures a [Worker]. Zero durations and counts stand for the defaults.
type Config struct {
	// DB has the queue of jobs. Of the other tables only items are read.
	DB postgres.Queryer
	// Media holds originals, renditions, posters and waveforms; Assets thumbnails.
	Media, Assets *s3.Bucket
	Tool          Converter
	// CallbackURL is the full URL of POST /api/transcoding/webhook.
	CallbackURL string
	// Secret signs the callbacks.
	Secret []byte
	// Dir holds one directory per running job. No other worker may use it.
	Dir string
	// SpaceLimit is the most bytes of all running jobs in Dir; default what its file system has.
	SpaceLimit int64
	// Workers is how many long jobs, and how many short ones, run at once; default 1, since FFmpeg
	// uses every core.
	Workers int
	// LongAfter is the duration of a source from which its job counts as a long one; default 10 min.
	LongAfter time.Duration
	// PollEvery is how often a free worker looks for a job; default 0.5 s.
	PollEvery time.Duration
	// Lease is how long the job of a worker that died stays claimed; default 10 s.
	Lease time.Duration
	// CheckEvery is how often a running job checks whether it is current; default 10 s.
	CheckEvery time.Duration
	// ProgressEvery is the shortest time between two progress reports; default 1 s.
	ProgressEvery time.Duration
	// RetryAfter is the first wait before a report, or a job that failed, is repeated, doubled up to
	// 30 s; default 1 s.
	RetryAfter time.Duration
	// SpaceRetry is the wait of a job for which there is no space; default 15 s.
	SpaceRetry time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
	Log *slog.Logger
}

const (
	jobPrefix = "job-"
	// maxFailures is how often a job is tried when the platform is at fault, and maxCrashes how many
	// workers may die of it, since it last finished a rendition.
	maxFailures = 3
	maxCrashes  = 5
	// stateTimeout limits a check whether a job is current, and every other query.
	stateTimeout = 5 * time.Second
)

// Worker transcodes.
type Worker struct {
	cfg       Config
	callbacks *callbackClient
	space     *space
}

// New checks the configuration and removes the work directories of a crashed worker.
func New(cfg Config) (*Worker, error) {
	if u, err := url.Parse(cfg.CallbackURL); err != nil || u.Host == "" {
		return nil, fmt.Errorf("the transcoder's callback address %q is not a URL", cfg.CallbackURL)
	}
	if len(cfg.Secret) == 0 {
		return nil, errors.New("the transcoder's callback secret is not configured")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Workers = cmp.Or(cfg.Workers, 1)
	cfg.LongAfter = cmp.Or(cfg.LongAfter, 10*time.Minute)
	cfg.PollEvery = cmp.Or(cfg.PollEvery, 500*time.Millisecond)
	cfg.Lease = cmp.Or(cfg.Lease, 10*time.Second)
	cfg.CheckEvery = cmp.Or(cfg.CheckEvery, 10*time.Second)
	cfg.ProgressEvery = cmp.Or(cfg.ProgressEvery, time.Second)
	cfg.RetryAfter = cmp.Or(cfg.RetryAfter, time.Second)
	cfg.SpaceRetry = cmp.Or(cfg.SpaceRetry, 15*time.Second)
	if err := cleanDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("the transcoder's work directory: %w", err)
	}
	return &Worker{
		cfg:       cfg,
		callbacks: newCallbackClient(cfg),
		space:     newSpace(cfg.Dir, cfg.SpaceLimit),
	}, nil
}

// cleanDir removes the directories of jobs and nothing else.
func cleanDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(dir, jobPrefix+"*"))
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// Run works until ctx is done. It stops the running jobs and returns them to the queue.
//
// Every second place is for short jobs only: they do not wait for a long one. The other places
// prefer long jobs, so that these do not wait for short ones either.
func (w *Worker) Run(ctx context.Context) error {
	defer w.callbacks.close()
	var places sync.WaitGroup
	for range w.cfg.Workers {
		places.Go(func() { w.serve(ctx, true) })
		places.Go(func() { w.serve(ctx, false) })
	}
	places.Wait()
	return nil
}

// serve runs one job after the other until ctx is done.
func (w *Worker) serve(ctx context.Context, long bool) {
	for ctx.Err() == nil {
		found, err := w.next(ctx, postgres.WantedJob{Long: long})
		if err != nil && ctx.Err() == nil {
			w.cfg.Log.WarnContext(ctx, "job returned to the queue", "error", err)
		}
		if !found {
			pause(ctx, w.cfg.PollEvery)
		}
	}
}

// Do runs a job if it is in the queue and no other worker has it. After an error it is in the queue
// again.
func (w *Worker) Do(ctx context.Context, jobID string) (found bool, err error) {
	return w.next(ctx, postgres.WantedJob{Long: true, JobID: jobID})
}

// next claims a job, runs it and gives the claim back.
func (w *Worker) next(ctx context.Context, wanted postgres.WantedJob) (found bool, err error) {
	wanted.Lease = w.cfg.Lease
	claiming, cancel := context.WithTimeout(ctx, stateTimeout)
	claimed, found, err := postgres.ClaimJob(claiming, w.cfg.DB, wanted)
	cancel()
	if err != nil || !found {
		return false, err
	}
	job := &job{QueuedJob: claimed, onlyShort: !wanted.Long}

	running, stop := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { w.renew(running, stop, job) })
	err = w.process(running, job)
	if errors.Is(context.Cause(running), errClaimLost) {
		err = errClaimLost
	}
	stop(nil)
	renewing.Wait()
	w.space.release(job.JobID)

	return true, w.settle(context.WithoutCancel(ctx), job, err)
}

// process runs a job and delivers its report. It returns errNotCurrent when there is
// nothing to report.
func (w *Worker) process(ctx context.Context, job *job) error {
	if !isSafeName(job.JobID) {
		w.cfg.Log.ErrorContext(ctx, "job skipped, its id is invalid", "media", job.MediaID)
		return errNotCurrent
	}
	state, known, err := w.state(ctx, job)
	if err == nil && state != stateCurrent {
		err = errNotCurrent
	}
	if err != nil {
		return err
	}
	job.known = known
	report, err := w.report(ctx, job)
	if err != nil {
		return err
	}
	return w.deliver(ctx, job, report)
}

// isSafeName reports whether an id can be the name of a directory.
func isSafeName(id string) bool {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	return id != "" && len(id) <= 100 && strings.Trim(id, safe) == ""
}

// repeat calls f once in every interval until ctx is done. Calls never overlap.
func repeat(ctx context.Context, every time.Duration, f func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}

// pause waits; it ends early when ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
