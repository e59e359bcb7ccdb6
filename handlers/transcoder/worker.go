package transcoder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// Converter makes renditions of a local file.
type Converter interface {
	// Transcode returns a *ffmpeg.RejectError when the file is at fault.
	Transcode(ctx context.Context, job ffmpeg.Job) (ffmpeg.Result, error)
}

// Config configures a [Worker]. Zero durations and counts take the defaults.
type Config struct {
	Conn   *nats.Conn
	Limits bus.StreamLimits
	// DB is only read: whether a job is still of interest.
	DB postgres.Queryer
	// Media and Assets are the buckets of the platform.
	Media, Assets *s3.Bucket
	Tool          Converter
	// CallbackURL is the full address of POST /api/transcoding/webhook.
	CallbackURL string
	// Secret signs the callbacks.
	Secret []byte
	// Dir holds one directory per running job. It must belong to this worker alone.
	Dir string
	// Workers is how many jobs run at once; default 1, since ffmpeg uses every core.
	Workers int
	// CheckEvery is how often a running job asks whether it is still wanted; default 10 s.
	CheckEvery time.Duration
	// ProgressEvery is the shortest time between two progress reports; default 1 s.
	ProgressEvery time.Duration
	// RetryAfter is the first wait before a report is sent again, doubled up to 30 s; default 1 s.
	RetryAfter time.Duration
	// Transport replaces the HTTP transport of callbacks in tests.
	Transport http.RoundTripper
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// Durable names the worker's consumer. Workers in several processes share it.
const Durable = "transcoder"

const (
	jobPrefix = "job-"
	// tries is how often a job is attempted when we are at fault.
	tries = 3
)

var (
	errUnwanted = errors.New("the job is not wanted any more")
	errRunning  = errors.New("the job is in hand already")
)

// Worker transcodes.
type Worker struct {
	cfg     Config
	courier *courier

	mu      sync.Mutex
	running map[string]bool
	failed  map[string]int // failures of ours per job, until the job ends
}

// NewWorker checks the configuration and removes what a killed worker left in the work directory.
func New(cfg Config) (*Worker, error) {
	if u, err := url.Parse(cfg.CallbackURL); err != nil || u.Host == "" {
		return nil, fmt.Errorf("the transcoder's callback address %q is not a URL", cfg.CallbackURL)
	}
	if len(cfg.Secret) == 0 {
		return nil, errors.New("the transcoder's callback secret is not configured")
	}
	if cfg.Workers <= 0 {
		cfg.Workers = 1
	}
	if cfg.CheckEvery <= 0 {
		cfg.CheckEvery = 10 * time.Second
	}
	if cfg.ProgressEvery <= 0 {
		cfg.ProgressEvery = time.Second
	}
	if cfg.RetryAfter <= 0 {
		cfg.RetryAfter = time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cleanDir(cfg.Dir); err != nil {
		return nil, err
	}
	return &Worker{cfg: cfg, courier: newCourier(cfg), running: map[string]bool{}, failed: map[string]int{}}, nil
}

// cleanDir removes the job directories of a former life; it touches nothing else.
func cleanDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the transcoder's work directory: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, jobPrefix+"*"))
	if err != nil {
		return fmt.Errorf("the transcoder's work directory: %w", err)
	}
	for _, name := range left {
		if err := os.RemoveAll(name); err != nil {
			return fmt.Errorf("the transcoder's work directory: %w", err)
		}
	}
	return nil
}

// Run works until ctx is done. Running jobs are stopped and their events redelivered.
func (w *Worker) Run(ctx context.Context) error {
	defer w.courier.close()
	queue := bus.EventQueue{
		Durable: Durable,
		Types:   []string{events.MediaTranscodingStarted{}.EventType()},
		Workers: w.cfg.Workers,
		Limits:  w.cfg.Limits,
		Log:     w.cfg.Log,
	}
	return bus.ConsumeEachEvent(ctx, w.cfg.Conn, queue, func(ctx context.Context, d bus.EventDelivery) error {
		if d.Err != nil {
			w.cfg.Log.ErrorContext(ctx, "unreadable event skipped", "message", d.MessageID(), "error", d.Err)
			return nil
		}
		return w.Handle(ctx, d.Event)
	})
}

// Handle runs the job that an event gives out. An error asks for the event's redelivery.
func (w *Worker) Handle(ctx context.Context, e events.Event) error {
	payload, err := e.Decode()
	job, ok := payload.(*events.MediaTranscodingStarted)
	if err != nil || !ok || !safeName(job.JobID) {
		w.cfg.Log.ErrorContext(ctx, "job passed over, its event cannot be read", "event", e.ID, "error", err)
		return nil
	}
	if !w.claim(job.JobID) {
		return errRunning
	}
	defer w.release(job.JobID)
	state, err := w.state(ctx, *job)
	if err != nil {
		return err
	}
	if state != wanted {
		w.forget(job.JobID)
		return nil
	}
	report, err := w.work(ctx, *job)
	if errors.Is(err, errUnwanted) {
		w.cfg.Log.InfoContext(ctx, "job stopped, nobody wants it any more", "job", job.JobID, "media", job.MediaID)
		w.forget(job.JobID)
		return nil
	}
	if err == nil {
		err = w.deliver(ctx, *job, report)
	}
	if err == nil {
		w.forget(job.JobID)
	}
	return err
}

// safeName reports whether an id may become a directory's name.
func safeName(id string) bool {
	return id != "" && len(id) <= 100 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

// claim keeps two deliveries of one event from working side by side in this process.
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

// again notes a failure of ours and reports whether the job should be tried again.
func (w *Worker) again(job string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed[job]++
	return w.failed[job] < tries
}

func (w *Worker) forget(job string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.failed, job)
}

// interest is what the platform wants of a job.
type interest int

const (
	wanted  interest = iota
	stale            // another attempt, or another outcome
	deleted          // the media item is gone: so must the outputs be
)

func (w *Worker) state(ctx context.Context, job events.MediaTranscodingStarted) (interest, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	item, found, err := postgres.Find(ctx, w.cfg.DB, job.MediaID)
	switch {
	case err != nil:
		return wanted, fmt.Errorf("ask whether job %s is wanted: %w", job.JobID, err)
	case !found || item.DeletedAt != nil:
		return deleted, nil
	case !item.Wants(job.JobID):
		return stale, nil
	}
	return wanted, nil
}

// watch cancels the job, which ends ctx, when it is not wanted any more. An answer that cannot be had changes nothing.
func (w *Worker) watch(ctx context.Context, cancel context.CancelCauseFunc, job events.MediaTranscodingStarted) {
	repeat(ctx, w.cfg.CheckEvery, func() {
		if state, err := w.state(ctx, job); err == nil && state != wanted {
			cancel(errUnwanted)
		}
	})
}

// reportKey is where a job's report waits until it is delivered.
func reportKey(job events.MediaTranscodingStarted) string {
	return media.PrefixesOf(job.CreatorID, job.MediaID).HLS + "reports/" + job.JobID + ".json"
}

// repeat calls f once in every period until ctx is done. Calls never overlap.
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
