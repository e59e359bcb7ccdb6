package transcoder_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/transcoder"
)

func TestAnUploadBecomesReadyAndItsDeletionRemovesEverything(t *testing.T) {
	t.Parallel()
	tool := handlertest.Must(ffmpeg.New(ffmpeg.Config{Threads: 2, Timeout: time.Minute}))(t)
	h := newHarness(t, tool)
	u := h.Uploader("creator")
	dir := t.TempDir()
	worker := handlertest.Must(transcoder.New(transcoder.Config{
		DB:            h.Pool,
		Media:         h.Media,
		Assets:        h.Assets,
		Tool:          tool,
		CallbackURL:   h.URL + "/api/transcoding/webhook",
		Secret:        []byte(secret),
		Dir:           dir,
		ProgressEvery: 50 * time.Millisecond,
		Log:           h.Logger,
	}))(t)
	h.Start(worker.Run)
	subtitles := filepath.Join(t.TempDir(), "a.srt")
	if err := os.WriteFile(subtitles, []byte("1\n00:00:00,100 --> 00:00:01,000\nHallo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	film := u.Deliver("video/mp4", handlertest.Clip(t, "film.mp4", "-f lavfi -i testsrc=s=320x240:r=10:d=2 "+
		"-f lavfi -i sine=d=2 -i "+subtitles+" -map 0 -map 1 -map 2 -map 2 -c:s mov_text -metadata:s:s:0 language=ger "+
		"-metadata:s:s:1 language=ger -t 2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"))
	song := u.Deliver("audio/wav", handlertest.Clip(t, "song.wav", "-f lavfi -i sine=d=2"))

	for id, want := range map[string]struct{ hls, thumbnails, waveforms, assets string }{
		film: {
			"[128k/index.m3u8 128k/stream.mp4 64k/index.m3u8 64k/stream.mp4 audio.m4a captions/2.vtt captions/3.vtt " +
				"iframes/index.m3u8 iframes/stream.mp4 master.m3u8 preview/preview.m3u8 preview/stream.mp4 " +
				"source/index.m3u8 source/stream.mp4 storyboard/1.jpg]",
			"[auto-generated.jpg]", "[]", "[lg.webp md.webp sm.webp]",
		},
		song: {
			"[128k/index.m3u8 128k/stream.mp4 64k/index.m3u8 64k/stream.mp4 audio.m4a master.m3u8]",
			"[]", "[overview.json waveform.json waveform.png]", "[]",
		},
	} {
		h.Until("it is ready", func() bool { s := h.MediaStatus(id); return s == media.Ready || s == media.Failed })
		a := u.Ask(http.MethodGet, "/api/media/"+id, nil)
		if a.Text("data.status") != "ready" || a.At("data.durationSeconds") != 2.0 ||
			a.At("data.transcodingProgress") != nil {
			t.Fatalf("item %s", a.Body)
		}
		p := media.PrefixesOf(u.ID, id)
		h.Until("the delivered report is removed", func() bool { return h.Keys(h.Media, p.HLS+"reports/") == "[]" })
		if got := h.Keys(h.Media, p.HLS); got != want.hls {
			t.Errorf("renditions %s, want %s", got, want.hls)
		}
		pictures := h.Keys(h.Media, p.Thumbnails) + h.Keys(h.Media, p.Waveforms) + h.Keys(h.Assets, p.MediaThumbnails)
		if pictures != want.thumbnails+want.waveforms+want.assets {
			t.Errorf("pictures %s", pictures)
		}
		for _, field := range []string{
			"hlsMasterPlaylistKey",
			"hlsPreviewKey",
			"thumbnailKey",
			"waveformKey",
			"waveformImageKey",
		} {
			if key := a.Text("data." + field); key != "" {
				if _, err := h.Media.Head(t.Context(), key); err != nil {
					t.Errorf("%s names %s: %v", field, key, err)
				}
			}
		}
		types := h.MediaEvents(id)
		bare := slices.DeleteFunc(types, func(s string) bool { return s == "media.transcoding_progressed" })
		wantEvents := "media.registered media.uploaded media.transcoding_started media.ready"
		if id == film {
			wantEvents = strings.Replace(wantEvents, "media.ready", strings.Repeat("captions.ready ", 2)+"media.ready", 1)
		}
		if got := strings.Join(bare, " "); got != wantEvents {
			t.Errorf("events %s", got)
		}
		info, err := h.Media.Head(t.Context(), p.HLS+"master.m3u8")
		if err != nil || info.ContentType != "application/vnd.apple.mpegurl" {
			t.Errorf("master %+v %v", info, err)
		}
	}
	list := u.Ask(http.MethodGet, "/api/media/"+film+"/captions", nil)
	german := u.Ask(http.MethodGet, "/api/media/"+film+"/captions/de", nil)
	if list.Text("data.0.language") != "de" || list.Text("data.1.language") != "de-x-2" ||
		!strings.Contains(german.Text("data.text"), "Hallo") || german.Text("data.label") != "Deutsch" {
		t.Errorf("captions %s, German %s", list.Body, german.Body)
	}
	h.Until("no work directory is left", func() bool { left, _ := os.ReadDir(dir); return len(left) == 0 })

	for _, id := range []string{film, song} {
		u.Ask(http.MethodDelete, "/api/media/"+id, nil).Want(http.StatusNoContent, "")
	}
	h.Until("every object is removed", func() bool {
		return h.Keys(h.Media, "")+h.Keys(h.Assets, "") == "[][]"
	})
}

// TestWorkers shares one installation between its parts.
func TestWorkers(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nil)
	for name, part := range map[string]func(*testing.T, *bench){
		"repeat the report and not the work":          repeatTheReport,
		"deliver the stored report after a crash":     deliverAfterACrash,
		"skip jobs that are not current":              skipJobsThatAreNotCurrent,
		"stop when the item is deleted":               stopWhenTheItemIsDeleted,
		"remove outputs of an item deleted meanwhile": removeLateOutputs,
		"retry their own failures":                    tryThreeTimes,
		"fail at once when the file is at fault":      failAtOnce,
		"run short jobs beside a long one":            runShortJobsBesideALongOne,
		"pass on what turns out long":                 passOnWhatTurnsOutLong,
		"wait for space":                              waitForSpace,
		"keep the renditions of a dead worker":        keepRenditions,
		"encode a damaged rendition again":            encodeADamagedRenditionAgain,
		"give up a job that kills workers":            giveUpAJobThatKillsWorkers,
		"stop when another worker has the job":        stopWithoutTheClaim,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, newBench(t, h.In(t)))
		})
	}
}

func repeatTheReport(t *testing.T, b *bench) {
	_, job := b.started()
	b.endpoint.unavailable.Store(4)
	b.do(b.worker(), job)
	b.wantConversions(1, 1)
	if report := b.endpoint.accepted()[0]; report.Status != media.CallbackCompleted || *report.Output.Width != 64 {
		t.Errorf("report %+v", report)
	}
	b.wantCleanDir()
}

func deliverAfterACrash(t *testing.T, b *bench) {
	id, job := b.started()
	b.endpoint.unavailable.Store(1 << 30)
	ctx, crash := context.WithCancel(t.Context())
	crashed := make(chan error, 1)
	worker := b.worker()
	go func() { _, err := worker.Do(ctx, job); crashed <- err }()
	reports := b.prefixes(id).HLS + "reports/"
	b.Until("the report is stored", func() bool { return b.Keys(b.Media, reports) != "[]" })
	crash()
	<-crashed
	if queued[*time.Time](b, "finished_at", job) != nil {
		t.Fatal("a job whose report was not accepted is over")
	}
	if b.Keys(b.Media, b.prefixes(id).HLS+"master") == "[]" {
		t.Error("the outputs were removed because the callback failed")
	}
	b.endpoint.unavailable.Store(0)
	b.do(b.worker(), job)
	// The last request of the crashed worker may be accepted as well: it is the same command.
	if len(b.endpoint.accepted()) == 0 || b.converter.calls.Load() != 1 || b.Keys(b.Media, reports) != "[]" {
		t.Errorf("%d reports after %d conversions", len(b.endpoint.accepted()), b.converter.calls.Load())
	}
}

func skipJobsThatAreNotCurrent(t *testing.T, b *bench) {
	deleted, deletedJob := b.started()
	b.markDeleted(deleted)
	over, overJob := b.started()
	b.Exec(`UPDATE media_items SET status = 'failed', transcoding_error_code = 'UNDECODABLE' WHERE id = $1`, over)
	retried, retriedJob := b.started()
	b.Exec(`UPDATE media_items SET runpod_job_id = 'another' WHERE id = $1`, retried)
	_, invalidJob := b.started()
	const traversal = "../../etc"
	b.Exec(`UPDATE transcoding_jobs SET job_id = $2::text, job = jsonb_set(job, '{job_id}', to_jsonb($2::text))
		WHERE job_id = $1`, invalidJob, traversal)
	for _, job := range []string{deletedJob, overJob, retriedJob, traversal} {
		b.do(b.worker(), job)
	}
	b.wantConversions(0, 0)
}

func stopWhenTheItemIsDeleted(t *testing.T, b *bench) {
	id, job := b.started()
	b.converter.do = func(ctx context.Context, _ ffmpeg.Job) error {
		b.markDeleted(id)
		<-ctx.Done()
		return ctx.Err()
	}
	b.do(b.worker(), job)
	b.wantConversions(1, 0)
	if got := b.Keys(b.Media, b.prefixes(id).HLS); got != "[]" {
		t.Errorf("objects %s", got)
	}
	b.wantCleanDir()
}

func removeLateOutputs(t *testing.T, b *bench) {
	b.cfg.CheckEvery = time.Hour // only the check after the upload finds the deletion
	id, job := b.started()
	// The worker checks before the job, before the upload and after it.
	b.cfg.DB = deletedAtQuery{b, id, 3, new(atomic.Int32)}
	b.do(b.worker(), job)
	p := b.prefixes(id)
	if got := b.Keys(b.Media, p.HLS) + b.Keys(b.Media, p.Thumbnails); got != "[][]" {
		t.Errorf("objects %s", got)
	}
	b.wantConversions(1, 0)
}

func tryThreeTimes(t *testing.T, b *bench) {
	worker := b.worker()
	_, job := b.started()
	b.converter.do = func(context.Context, ffmpeg.Job) error { return errors.New("disk full") }
	for attempt := range 2 {
		if err := b.attempt(worker, job); err == nil {
			t.Fatalf("attempt %d ended the job", attempt)
		}
	}
	b.do(worker, job)
	b.wantFailures("TRANSCODER_ERROR:")
	b.wantConversions(3, 1)
	b.wantCleanDir()
}

func failAtOnce(t *testing.T, b *bench) {
	worker := b.worker()
	_, damaged := b.started()
	b.converter.do = func(context.Context, ffmpeg.Job) error {
		return &ffmpeg.RejectError{Code: ffmpeg.Undecodable, Message: "The file is damaged.", Detail: "secret path"}
	}
	b.do(worker, damaged)

	id, missing := b.started()
	if err := b.Media.Delete(t.Context(), b.original(id)); err != nil {
		t.Fatal(err)
	}
	b.do(worker, missing)

	id, replaced := b.started()
	b.PutObject(b.Media, b.original(id), "another file", "video/mp4")
	b.do(worker, replaced)

	b.wantFailures("UNDECODABLE: The file is damaged.", "ORIGINAL_MISSING:", "ORIGINAL_CHANGED:")
	b.wantConversions(1, 3)
	b.wantCleanDir()
}

func TestWorkDirectoriesOfACrashedWorkerAreRemovedAtStart(t *testing.T) {
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
	good := transcoder.Config{CallbackURL: "http://localhost/", Secret: []byte("s"), Dir: dir}
	if _, err := transcoder.New(good); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 || left[0].Name() != "keep" {
		t.Errorf("left %v", left)
	}
}

func TestAnIncompleteConfigurationIsRejected(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]transcoder.Config{
		"no callback URL": {Secret: []byte("s"), Dir: t.TempDir()},
		"no secret":       {CallbackURL: "http://localhost/", Dir: t.TempDir()},
	} {
		if _, err := transcoder.New(cfg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestAnOriginalWithAnotherChecksumIsRejected(t *testing.T) {
	t.Parallel()
	b := newBench(t, newHarness(t, nil))
	_, job := b.started()
	b.Exec(`UPDATE transcoding_jobs SET job = jsonb_set(job, '{checksum}', '"crc32c:4waSgw=="') WHERE job_id = $1`, job)
	b.do(b.worker(), job)
	b.wantFailures("UPLOAD_CHECKSUM_MISMATCH: ")
	b.wantConversions(0, 1)
	b.wantCleanDir()
}
