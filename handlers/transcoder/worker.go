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

	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// Converter makes renditions of a local file.
type Converter interface {
	// Transcode returns a *ffmpeg.RejectError when the file is at fault.
	Transcode(ctx context.Context, job ffmpeg.Job) (ffmpeg.Result, error)
}

// Config configures a [Worker]. Zero durations and counts stand for the defaults.
type Config struct {
	Conn   *nats.Conn
	Limits bus.StreamLimits
	// DB is only read, to check whether a job is current.
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
	// Workers is how many jobs run at once; default 1, since FFmpeg uses every core.
	Workers int
	// CheckEvery is how often a running job checks whether it is current; default 10 s.
	CheckEvery time.Duration
	// ProgressEvery is the shortest time between two progress reports; default 1 s.
	ProgressEvery time.Duration
	// RetryAfter is the first wait before a report is repeated, doubled up to 30 s; default 1 s.
	RetryAfter time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// durable names the workers' consumer, which all processes share.
const durable = "transcoder"

const (
	jobPrefix = "job-"
	// maxAttempts is how often a job is tried when the platform is at fault.
	maxAttempts = 3
	// stateTimeout limits a check whether a job is current.
	stateTimeout = 5 * time.Second
)

var errRunning = errors.New("the job is running in this process")

// Worker transcodes.
type Worker struct {
	cfg       Config
	callbacks *callbackClient

	mu       sync.Mutex
	running  map[string]bool
	failures map[string]int // the platform's own failures per job, until the job ends
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
	cfg.CheckEvery = cmp.Or(cfg.CheckEvery, 10*time.Second)
	cfg.ProgressEvery = cmp.Or(cfg.ProgressEvery, time.Second)
	cfg.RetryAfter = cmp.Or(cfg.RetryAfter, time.Second)
	if err := cleanDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("the transcoder's work directory: %w", err)
	}
	return &Worker{
		cfg:       cfg,
		callbacks: newCallbackClient(cfg),
		running:   map[string]bool{},
		failures:  map[string]int{},
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

// Run works until ctx is done. It stops the running jobs, whose events are redelivered.
func (w *Worker) Run(ctx context.Context) error {
	defer w.callbacks.close()
	queue := bus.EventQueue{
		Durable: durable,
		Types:   []string{events.MediaTranscodingStarted{}.EventType()},
		Workers: w.cfg.Workers,
		Limits:  w.cfg.Limits,
		Log:     w.cfg.Log,
	}
	return bus.ConsumeEachEvent(ctx, w.cfg.Conn, queue, func(ctx context.Context, d bus.EventDelivery) error {
		if !w.isReadable(ctx, d) {
			return nil
		}
		return w.Handle(ctx, d.Event)
	})
}

// isReadable reports whether a delivery has an event. One without is logged.
func (w *Worker) isReadable(ctx context.Context, d bus.EventDelivery) bool {
	if d.Err != nil {
		w.cfg.Log.ErrorContext(ctx, "unreadable event skipped", "message", d.MessageID(), "error", d.Err)
	}
	return d.Err == nil
}

// Handle runs the job that an event starts. After an error the event must be redelivered.
func (w *Worker) Handle(ctx context.Context, e events.Event) error {
	job, valid := w.jobOf(ctx, e)
	if !valid {
		return nil
	}
	if !w.claim(job.JobID) {
		return errRunning
	}
	defer w.release(job.JobID)

	err := w.process(ctx, job)
	if errors.Is(err, errNotCurrent) {
		w.cfg.Log.InfoContext(ctx, "job dropped, it is not current", "job", job.JobID, "media", job.MediaID)
		err = nil
	}
	if err == nil {
		w.forget(job.JobID)
	}
	return err
}

// jobOf returns the job that an event starts. An invalid event is logged.
func (w *Worker) jobOf(ctx context.Context, e events.Event) (job events.MediaTranscodingStarted, valid bool) {
	payload, err := e.Decode()
	if started, ok := payload.(*events.MediaTranscodingStarted); err == nil && ok && isSafeName(started.JobID) {
		return *started, true
	}
	w.cfg.Log.ErrorContext(ctx, "job skipped, its event is invalid", "event", e.ID, "error", err)
	return job, false
}

// process runs a job and delivers its report. It returns errNotCurrent when there is
// nothing to report.
func (w *Worker) process(ctx context.Context, job events.MediaTranscodingStarted) error {
	if err := w.checkCurrent(ctx, job); err != nil {
		return err
	}
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

// claim keeps two deliveries of one event from running side by side in this process.
func (w *Worker) claim(job string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running[job] {
		return false
	}
	w.running[job] = true
	return true
}

func (w *Worker) release(job string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.running, job)
}

// countFailure counts a failure of the platform's own and reports whether the job should be
// tried again.
func (w *Worker) countFailure(job string) (retry bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures[job]++
	return w.failures[job] < maxAttempts
}

// forget drops the failures of a job that has ended.
func (w *Worker) forget(job string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.failures, job)
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
