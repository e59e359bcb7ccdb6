package transcoder_test

import (
	"context"
	"encoding/json"
	"errors"
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

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/transcoder"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestAnUploadBecomesReadyAndItsDeletionRemovesEverything(t *testing.T) {
	t.Parallel()
	tool, err := ffmpeg.New(ffmpeg.Config{Threads: 2, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	w := newHarness(t, options{prober: tool})
	u := w.signIn("creator")
	dir := t.TempDir()
	worker, err := transcoder.New(transcoder.Config{
		Conn: w.Conn, Limits: bus.DefaultStreamLimits(), DB: w.Pool, Media: w.Media, Assets: w.Assets, Tool: tool,
		CallbackURL: w.URL + "/api/transcoding/webhook", Secret: []byte(secret), Dir: dir,
		ProgressEvery: 50 * time.Millisecond, Log: w.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Start(worker.Run)
	film := u.deliver("video/mp4", clip(t, "film.mp4", "-f lavfi -i testsrc=s=320x240:r=10:d=2 -f lavfi -i sine=d=2 -shortest -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"))
	song := u.deliver("audio/wav", clip(t, "song.wav", "-f lavfi -i sine=d=2"))

	for id, want := range map[string]struct{ hls, thumbnails, waveforms, assets string }{
		film: {
			"[master.m3u8 preview/preview.m3u8 preview/stream.mp4 source/index.m3u8 source/stream.mp4]",
			"[auto-generated.jpg]", "[]", "[lg.webp md.webp sm.webp]",
		},
		song: {
			"[128k/index.m3u8 128k/stream.mp4 64k/index.m3u8 64k/stream.mp4 master.m3u8]",
			"[]", "[waveform.json waveform.png]", "[]",
		},
	} {
		w.Until("it is ready", func() bool { s := w.status(id); return s == media.Ready || s == media.Failed })
		a := u.ask(http.MethodGet, "/api/media/"+id, nil)
		if a.Text("data.status") != "ready" || a.At("data.durationSeconds") != 2.0 || a.At("data.transcodingProgress") != nil {
			t.Fatalf("item %s", a.Body)
		}
		p := media.PrefixesOf(u.id, id)
		w.Until("the delivered report is removed", func() bool { return keys(t, w.Media, p.HLS+"reports/") == "[]" })
		if got := keys(t, w.Media, p.HLS); got != want.hls {
			t.Errorf("renditions %s, want %s", got, want.hls)
		}
		if got := keys(t, w.Media, p.Thumbnails) + keys(t, w.Media, p.Waveforms) + keys(t, w.Assets, p.MediaThumbnails); got != want.thumbnails+want.waveforms+want.assets {
			t.Errorf("pictures %s", got)
		}
		for _, field := range []string{"hlsMasterPlaylistKey", "hlsPreviewKey", "thumbnailKey", "waveformKey", "waveformImageKey"} {
			if key := a.Text("data." + field); key != "" {
				if _, err := w.Media.Head(t.Context(), key); err != nil {
					t.Errorf("%s names %s: %v", field, key, err)
				}
			}
		}
		types := w.history(id)
		bare := slices.DeleteFunc(types, func(s string) bool { return s == "media.transcoding_progressed" })
		if got := strings.Join(bare, " "); got != "media.registered media.uploaded media.transcoding_started media.ready" {
			t.Errorf("events %s", got)
		}
		if info, err := w.Media.Head(t.Context(), p.HLS+"master.m3u8"); err != nil || info.ContentType != "application/vnd.apple.mpegurl" {
			t.Errorf("master %+v %v", info, err)
		}
	}
	w.Until("no work directory is left", func() bool { left, _ := os.ReadDir(dir); return len(left) == 0 })

	for _, id := range []string{film, song} {
		u.ask(http.MethodDelete, "/api/media/"+id, nil).Want(http.StatusNoContent, "")
	}
	w.Until("every object is removed", func() bool {
		return keys(t, w.Media, "")+keys(t, w.Assets, "") == "[][]"
	})
}

// bench is a worker with a counting converter and an endpoint for its callbacks. The item is a row; the jobs are events
// that the test hands over itself.
type bench struct {
	*harness
	u         user
	converter *converter
	endpoint  *endpoint
	cfg       transcoder.Config
}

// converter stands in for ffmpeg where the test is about everything around it.
type converter struct {
	calls atomic.Int32
	do    func(ctx context.Context, job ffmpeg.Job) error
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
	result := ffmpeg.Result{Info: ffmpeg.Info{Kind: ffmpeg.Video, DurationSeconds: 3, Width: 64, Height: 48}, Master: "master.m3u8", Poster: "poster.jpg", ReadyVariants: []string{"source"}}
	for _, name := range []string{"poster.jpg", "master.m3u8"} {
		if err := os.WriteFile(filepath.Join(job.OutDir, name), []byte("made"), 0o600); err != nil {
			return ffmpeg.Result{}, err
		}
		result.Files = append(result.Files, ffmpeg.File{Rel: name, ContentType: "text/plain", Size: 4})
	}
	return result, nil
}

// endpoint takes callbacks, checks their signatures and keeps those that are not progress.
type endpoint struct {
	mu      sync.Mutex
	reports []media.Callback
	// refuse is how many reports are answered with 503 before one is taken.
	refuse atomic.Int32
	server *httptest.Server
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		err := media.Verify([][]byte{[]byte(secret)}, r.Header.Get(media.SignatureHeader), r.Header.Get(media.TimestampHeader), body, time.Now())
		var report media.Callback
		if err != nil || json.Unmarshal(body, &report) != nil || len(report.Validate()) > 0 {
			t.Errorf("callback %s: %v %v", body, err, report.Validate())
		}
		if report.Status == media.CallbackProgress {
			return
		}
		if e.refuse.Add(-1) >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		e.mu.Lock()
		e.reports = append(e.reports, report)
		e.mu.Unlock()
	}))
	t.Cleanup(e.server.Close)
	return e
}

func (e *endpoint) taken() []media.Callback {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.reports)
}

// TestAWorker shares one installation between its parts.
func TestAWorker(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	for name, part := range map[string]func(*testing.T, *bench){
		"offers its report until it is taken and works once":            offersItsReportUntilItIsTaken,
		"that died before its report was taken only delivers it":        onlyDeliversAfterItDied,
		"does not start a job that nobody wants":                        leavesUnwantedJobs,
		"stops when the item is deleted":                                stopsWhenTheItemIsDeleted,
		"removes outputs that a deletion overtook":                      removesLateOutputs,
		"tries failures of ours three times and those of the file once": triesThreeTimes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, newBench(t, w.in(t)))
		})
	}
}

func newBench(t *testing.T, w *harness) *bench {
	t.Helper()
	b := &bench{harness: w, u: w.signIn("creator"), converter: &converter{}, endpoint: newEndpoint(t)}
	b.cfg = transcoder.Config{
		Conn: w.Conn, DB: w.Pool, Media: w.Media, Assets: w.Assets, Tool: b.converter, CallbackURL: b.endpoint.server.URL,
		Secret: []byte(secret), Dir: t.TempDir(), CheckEvery: 20 * time.Millisecond, RetryAfter: 10 * time.Millisecond, Log: w.Logger,
	}
	return b
}

func (b *bench) worker(t *testing.T) *transcoder.Worker {
	t.Helper()
	worker, err := transcoder.New(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	return worker
}

// started returns the event of the running job of a fresh item.
func (b *bench) started(t *testing.T) (id string, e events.Event) {
	t.Helper()
	id, _ = b.u.transcoding()
	data := handlertest.Value[[]byte](b.Harness, `SELECT data FROM outbox WHERE aggregate_id = $1 AND type = 'media.transcoding_started'`, id)
	return id, events.Event{ID: uuid.NewString(), Type: "media.transcoding_started", AggregateID: id, Data: data}
}

func (b *bench) clean(t *testing.T) {
	t.Helper()
	if left, _ := os.ReadDir(b.cfg.Dir); len(left) != 0 {
		t.Errorf("work directories left: %v", left)
	}
}

func offersItsReportUntilItIsTaken(t *testing.T, b *bench) {
	_, e := b.started(t)
	b.endpoint.refuse.Store(4)
	if err := b.worker(t).Handle(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	reports := b.endpoint.taken()
	if len(reports) != 1 || reports[0].Status != media.CallbackCompleted || *reports[0].Output.Width != 64 || b.converter.calls.Load() != 1 {
		t.Errorf("reports %+v after %d conversions", reports, b.converter.calls.Load())
	}
	b.clean(t)
}

func onlyDeliversAfterItDied(t *testing.T, b *bench) {
	id, e := b.started(t)
	b.endpoint.refuse.Store(1 << 30)
	ctx, kill := context.WithCancel(t.Context())
	died := make(chan error, 1)
	go func() { died <- b.worker(t).Handle(ctx, e) }()
	reports := media.PrefixesOf(b.u.id, id).HLS + "reports/"
	b.Until("the report is kept", func() bool { return keys(t, b.Media, reports) != "[]" })
	kill()
	if err := <-died; err == nil {
		t.Fatal("a job whose report was not taken was acknowledged")
	}
	if keys(t, b.Media, media.PrefixesOf(b.u.id, id).HLS+"master") == "[]" {
		t.Error("the outputs were removed because the callback failed")
	}
	b.endpoint.refuse.Store(0)
	if err := b.worker(t).Handle(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	// The dead worker's last try may be taken as well: the same report, so the same command.
	if len(b.endpoint.taken()) == 0 || b.converter.calls.Load() != 1 || keys(t, b.Media, reports) != "[]" {
		t.Errorf("%d reports after %d conversions", len(b.endpoint.taken()), b.converter.calls.Load())
	}
}

func leavesUnwantedJobs(t *testing.T, b *bench) {
	gone, deletedJob := b.started(t)
	b.Exec(`UPDATE media_items SET deleted_at = now() WHERE id = $1`, gone)
	over, overJob := b.started(t)
	b.Exec(`UPDATE media_items SET status = 'failed', transcoding_error_code = 'UNDECODABLE' WHERE id = $1`, over)
	retried, retriedJob := b.started(t)
	b.Exec(`UPDATE media_items SET runpod_job_id = 'another' WHERE id = $1`, retried)
	for _, e := range []events.Event{deletedJob, overJob, retriedJob, {Type: "media.transcoding_started", Data: []byte(`{"job_id":"../../etc"}`)}} {
		if err := b.worker(t).Handle(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	if b.converter.calls.Load() != 0 || len(b.endpoint.taken()) != 0 {
		t.Errorf("%d conversions, %d reports", b.converter.calls.Load(), len(b.endpoint.taken()))
	}
}

func stopsWhenTheItemIsDeleted(t *testing.T, b *bench) {
	id, e := b.started(t)
	b.converter.do = func(ctx context.Context, _ ffmpeg.Job) error {
		b.Exec(`UPDATE media_items SET deleted_at = now() WHERE id = $1`, id)
		<-ctx.Done()
		return ctx.Err()
	}
	if err := b.worker(t).Handle(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if len(b.endpoint.taken()) != 0 || keys(t, b.Media, media.PrefixesOf(b.u.id, id).HLS) != "[]" {
		t.Errorf("reports %v, objects %s", b.endpoint.taken(), keys(t, b.Media, b.u.id))
	}
	b.clean(t)
}

func removesLateOutputs(t *testing.T, b *bench) {
	b.cfg.CheckEvery = time.Hour // so that only the check after the upload can notice
	id, e := b.started(t)
	b.cfg.DB = deletesAfter{b.harness, id, new(atomic.Int32)}
	if err := b.worker(t).Handle(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	p := media.PrefixesOf(b.u.id, id)
	if got := keys(t, b.Media, p.HLS) + keys(t, b.Media, p.Thumbnails); got != "[][]" || len(b.endpoint.taken()) != 0 {
		t.Errorf("objects %s, reports %v", got, b.endpoint.taken())
	}
}

func triesThreeTimes(t *testing.T, b *bench) {
	worker := b.worker(t)
	_, e := b.started(t)
	b.converter.do = func(context.Context, ffmpeg.Job) error { return errors.New("disk full") }
	for try := 1; try <= 2; try++ {
		if err := worker.Handle(t.Context(), e); err == nil {
			t.Fatalf("try %d was acknowledged", try)
		}
	}
	if err := worker.Handle(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	_, refused := b.started(t)
	b.converter.do = func(context.Context, ffmpeg.Job) error {
		return &ffmpeg.RejectError{Code: ffmpeg.Undecodable, Message: "The file is damaged.", Detail: "secret path"}
	}
	if err := worker.Handle(t.Context(), refused); err != nil {
		t.Fatal(err)
	}
	missing, lost := b.started(t)
	if err := b.Media.Delete(t.Context(), handlertest.Value[string](b.Harness, `SELECT r2_key FROM media_items WHERE id = $1`, missing)); err != nil {
		t.Fatal(err)
	}
	replaced, changed := b.started(t)
	put(t, b.Media, handlertest.Value[string](b.Harness, `SELECT r2_key FROM media_items WHERE id = $1`, replaced), "another file", "video/mp4")
	for _, e := range []events.Event{lost, changed} {
		if err := worker.Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	reports := b.endpoint.taken()
	want := []string{"TRANSCODER_ERROR:", "UNDECODABLE: The file is damaged.", "ORIGINAL_MISSING:", "ORIGINAL_CHANGED:"}
	for i, text := range want {
		if len(reports) != len(want) || reports[i].Status != media.CallbackFailed || !strings.HasPrefix(reports[i].Error, text) {
			t.Fatalf("reports %+v, want %v", reports, want)
		}
	}
	b.clean(t)
}

func TestWhatAKilledWorkerLeftIsRemovedAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"job-1/out/stream.mp4", "keep/me"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := transcoder.New(transcoder.Config{CallbackURL: "http://localhost/", Secret: []byte("s"), Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 || left[0].Name() != "keep" {
		t.Errorf("left %v", left)
	}
	for _, cfg := range []transcoder.Config{{Secret: []byte("s"), Dir: dir}, {CallbackURL: "http://localhost/", Dir: dir}} {
		if _, err := transcoder.New(cfg); err == nil {
			t.Errorf("configuration %+v was accepted", cfg)
		}
	}
}
