package transcoder_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/handlers/cleanup"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/ingest"
	"github.com/codex-platform/codex/handlers/transcoder"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

// secret signs the callbacks.
const secret = handlertest.TranscoderSecret

// newHarness starts an installation that starts transcoding jobs and receives callbacks,
// and removes the objects of deleted items. Workers are started by the tests.
func newHarness(t *testing.T, prober ingest.Prober) *handlertest.Harness {
	t.Helper()
	h := handlertest.New(t, handlertest.Options{})
	h.StartBus(natstest.Embedded(t), 1)
	h.StartStore()
	uploads := ingest.New(ingest.Config{
		Pool:            h.Pool,
		Media:           h.Media,
		Prober:          prober,
		ProbeWithin:     time.Minute,
		CompleteWait:    time.Minute,
		TempDir:         t.TempDir(),
		CallbackSecrets: [][]byte{[]byte(secret)},
		Now:             h.Now,
		Log:             h.Logger,
	})
	removal := cleanup.New(cleanup.Config{Pool: h.Pool, Media: h.Media, Assets: h.Assets, Now: h.Now, Log: h.Logger})
	h.Install(func(cfg *edge.Config) { cfg.Wait = time.Minute }, uploads, removal)
	return h
}

// bench is a worker with a counting converter and an endpoint for its callbacks. Tests name the
// jobs that the worker takes from the queue.
type bench struct {
	*handlertest.Harness
	u         handlertest.Uploader
	converter *converter
	endpoint  *endpoint
	cfg       transcoder.Config
}

func newBench(t *testing.T, h *handlertest.Harness) *bench {
	t.Helper()
	b := &bench{Harness: h, u: h.Uploader("creator"), converter: &converter{}, endpoint: newEndpoint(t)}
	b.cfg = transcoder.Config{
		DB:          h.Pool,
		Media:       h.Media,
		Assets:      h.Assets,
		Tool:        b.converter,
		CallbackURL: b.endpoint.server.URL,
		Secret:      []byte(secret),
		Dir:         t.TempDir(),
		CheckEvery:  20 * time.Millisecond,
		RetryAfter:  10 * time.Millisecond,
		Log:         h.Logger,
	}
	return b
}

func (b *bench) worker() *transcoder.Worker {
	b.Helper()
	return handlertest.Must(transcoder.New(b.cfg))(b)
}

// started returns a new item and its transcoding job, which is in the queue.
func (b *bench) started() (id, job string) {
	b.Helper()
	id, job = b.u.Transcoding()
	b.Eventually(1, `SELECT count(*) FROM transcoding_jobs WHERE job_id = $1`, job)
	return id, job
}

// do has a worker run a job to its end.
func (b *bench) do(w *transcoder.Worker, job string) {
	b.Helper()
	if err := b.attempt(w, job); err != nil {
		b.Fatal(err)
	}
}

// attempt has a worker run a job as soon as it may be claimed.
func (b *bench) attempt(w *transcoder.Worker, job string) (err error) {
	b.Helper()
	b.Until("the job may be claimed", func() bool {
		var found bool
		found, err = w.Do(b.Context(), job)
		return found
	})
	return err
}

// queued is a column of a job in the queue.
func queued[T any](b *bench, column, job string) T {
	b.Helper()
	return handlertest.Value[T](b.Harness, `SELECT `+column+` FROM transcoding_jobs WHERE job_id = $1`, job)
}

// prefixes are those of an item of the bench's user.
func (b *bench) prefixes(id string) media.Prefixes { return media.PrefixesOf(b.u.ID, id) }

func (b *bench) markDeleted(id string) {
	b.Helper()
	b.Exec(`UPDATE media_items SET deleted_at = now() WHERE id = $1`, id)
}

// original is the key of an item's original.
func (b *bench) original(id string) string {
	b.Helper()
	return handlertest.Value[string](b.Harness, `SELECT r2_key FROM media_items WHERE id = $1`, id)
}

// wantCleanDir fails the test when the worker has left work directories.
func (b *bench) wantCleanDir() {
	b.Helper()
	if left, _ := os.ReadDir(b.cfg.Dir); len(left) != 0 {
		b.Errorf("work directories left: %v", left)
	}
}

// wantConversions fails the test unless so many conversions ran and so many reports were
// accepted.
func (b *bench) wantConversions(conversions, reports int) {
	b.Helper()
	if got := int(b.converter.calls.Load()); got != conversions || len(b.endpoint.accepted()) != reports {
		b.Errorf("%d conversions, reports %+v; want %d and %d", got, b.endpoint.accepted(), conversions, reports)
	}
}

// wantFailures fails the test unless these failures were reported, each by the beginning of
// its text.
func (b *bench) wantFailures(want ...string) {
	b.Helper()
	matches := func(r media.Callback, text string) bool {
		return r.Status == media.CallbackFailed && strings.HasPrefix(r.Error, text)
	}
	if got := b.endpoint.accepted(); !slices.EqualFunc(got, want, matches) {
		b.Errorf("reports %+v, want %v", got, want)
	}
}

// converter replaces ffmpeg where a test is about what surrounds it.
type converter struct {
	calls atomic.Int32
	// do runs before the outputs are written; optional.
	do func(ctx context.Context, job ffmpeg.Job) error
}

func (c *converter) Transcode(ctx context.Context, job ffmpeg.Job) (ffmpeg.Result, error) {
	c.calls.Add(1)
	if c.do != nil {
		if err := c.do(ctx, job); err != nil {
			return ffmpeg.Result{}, err
		}
	}
	if err := os.MkdirAll(job.OutDir, 0o700); err != nil {
		return ffmpeg.Result{}, err
	}
	result := ffmpeg.Result{
		Info:          ffmpeg.Info{Kind: ffmpeg.Video, DurationSeconds: 3, Width: 64, Height: 48},
		Master:        "master.m3u8",
		Poster:        "poster.jpg",
		ReadyVariants: []string{"source"},
	}
	for _, name := range []string{result.Poster, result.Master} {
		if err := os.WriteFile(filepath.Join(job.OutDir, name), []byte("made"), 0o600); err != nil {
			return ffmpeg.Result{}, err
		}
		result.Files = append(result.Files, ffmpeg.File{Rel: name, ContentType: "text/plain", Size: 4})
	}
	return result, nil
}

// endpoint receives callbacks, verifies their signatures and keeps those that are not progress.
type endpoint struct {
	mu      sync.Mutex
	reports []media.Callback
	// unavailable is how many reports get 503 before one is accepted.
	unavailable atomic.Int32
	server      *httptest.Server
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		signature, timestamp := r.Header.Get(media.SignatureHeader), r.Header.Get(media.TimestampHeader)
		err := media.Verify([][]byte{[]byte(secret)}, signature, timestamp, body, time.Now())
		var report media.Callback
		if err != nil || json.Unmarshal(body, &report) != nil || len(report.Validate()) > 0 {
			t.Errorf("callback %s: %v %v", body, err, report.Validate())
		}
		if report.Status == media.CallbackProgress {
			return
		}
		if e.unavailable.Add(-1) >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.reports = append(e.reports, report)
	}))
	t.Cleanup(e.server.Close)
	return e
}

func (e *endpoint) accepted() []media.Callback {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.reports)
}

// deletedAtQuery is a database in which an item is deleted just before it is read for the given time.
type deletedAtQuery struct {
	*bench
	id    string
	query int32
	asked *atomic.Int32
}

// Query implements the worker's database.
func (d deletedAtQuery) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if strings.Contains(sql, "FROM media_items") && d.asked.Add(1) == d.query {
		d.markDeleted(d.id)
	}
	return d.Pool.Query(ctx, sql, args...)
}

// jobsOnly is a database whose queue has only certain jobs.
type jobsOnly struct {
	pool *pgxpool.Pool
	jobs []string
}

// Query implements the worker's database.
func (d jobsOnly) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if strings.Contains(sql, "FOR UPDATE SKIP LOCKED") {
		sql = strings.Replace(sql, "WHERE finished_at IS NULL", "WHERE job_id = ANY($5) AND finished_at IS NULL", 1)
		args = append(args, d.jobs)
	}
	return d.pool.Query(ctx, sql, args...)
}
