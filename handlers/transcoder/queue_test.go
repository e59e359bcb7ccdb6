package transcoder_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// only makes other jobs of the installation invisible to the workers of a test that run what
// they find.
func (b *bench) only(jobs ...string) {
	b.Helper()
	b.cfg.DB = jobsOnly{b.Pool, jobs}
}

func runShortJobsBesideALongOne(t *testing.T, b *bench) {
	_, film := b.started()
	_, next := b.started()
	_, clip := b.started()
	b.Exec(`UPDATE transcoding_jobs SET long = true WHERE job_id = ANY($1)`, []string{film, next})
	b.only(film, next, clip)
	running, end := make(chan struct{}), make(chan struct{})
	b.converter.do = func(ctx context.Context, job ffmpeg.Job) error {
		if filepath.Base(filepath.Dir(job.OutDir)) != "job-"+film {
			return nil
		}
		close(running)
		select {
		case <-end:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	b.Start(b.worker().Run)
	<-running
	finished := func(job string) func() bool {
		return func() bool { return queued[*time.Time](b, "finished_at", job) != nil }
	}
	b.Until("the short job is over while the long one runs", finished(clip))
	if finished(film)() || finished(next)() {
		t.Error("a place for short jobs ran a long one")
	}
	close(end)
	b.Until("the long job is over", finished(film))
	b.Until("the next long job is over", finished(next))
}

func passOnWhatTurnsOutLong(t *testing.T, b *bench) {
	_, film := b.started()
	b.only(film)
	b.converter.do = func(_ context.Context, job ffmpeg.Job) error {
		return job.Planned(ffmpeg.Plan{Info: ffmpeg.Info{DurationSeconds: 600}, OutputBytes: 1})
	}
	release := b.occupyLongPlace(t)
	b.Until("the job counts as long", func() bool {
		return queued[bool](b, "long", film) && queued[*string](b, "claim::text", film) == nil
	})
	if queued[int](b, "failures", film) != 0 {
		t.Error("that counts as a failure")
	}
	release()
	b.Until("the job is over", func() bool { return queued[*time.Time](b, "finished_at", film) != nil })
}

// occupyLongPlace starts a worker whose place for long jobs is taken until release.
func (b *bench) occupyLongPlace(t *testing.T) (release func()) {
	t.Helper()
	_, other := b.started()
	b.Exec(`UPDATE transcoding_jobs SET long = true WHERE job_id = $1`, other)
	db := b.cfg.DB.(jobsOnly)
	b.cfg.DB = jobsOnly{db.pool, append(db.jobs, other)}
	running, end := make(chan struct{}), make(chan struct{})
	do := b.converter.do
	b.converter.do = func(ctx context.Context, job ffmpeg.Job) error {
		if filepath.Base(filepath.Dir(job.OutDir)) != "job-"+other {
			return do(ctx, job)
		}
		close(running)
		select {
		case <-end:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	b.Start(b.worker().Run)
	<-running
	return func() { close(end) }
}

func waitForSpace(t *testing.T, b *bench) {
	id, job := b.started()
	b.cfg.CallbackURL = b.URL + "/api/transcoding/webhook"
	b.cfg.SpaceRetry = 10 * time.Millisecond
	b.cfg.SpaceLimit = 1 << 20
	b.converter.do = func(_ context.Context, job ffmpeg.Job) error {
		return job.Planned(ffmpeg.Plan{Info: ffmpeg.Info{DurationSeconds: 3}, OutputBytes: 2 << 20})
	}
	worker := b.worker()
	for range 5 {
		if err := b.attempt(worker, job); err == nil {
			t.Fatal("the job ended without the space that it needs")
		}
	}
	status := func() handlertest.Answer { return b.u.Ask(http.MethodGet, "/api/transcoding/status/"+id, nil) }
	b.Until("the owner sees that it waits", func() bool {
		return status().Text("data.transcodingStep") == "waiting_for_space"
	})
	if got := status().Text("data.status"); got != "transcoding" || queued[int](b, "failures", job) != 0 {
		t.Errorf("status %s, %d failures", got, queued[int](b, "failures", job))
	}
	if calls := b.converter.calls.Load(); calls != 1 {
		t.Errorf("the job was begun %d times although its need was known", calls)
	}
	b.wantCleanDir()

	b.cfg.SpaceLimit = 4 << 20
	if err := b.attempt(b.worker(), job); err != nil {
		t.Fatal(err)
	}
	b.Until("the item is ready", func() bool { return b.MediaStatus(id) == media.Ready })
}

// rendition has the converter finish a rendition before it goes on.
func rendition(job ffmpeg.Job, name string) error {
	path := filepath.Join(job.OutDir, name, "stream.mp4")
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("bytes of "+name), 0o600))
	if err != nil {
		return err
	}
	return job.Finished(ffmpeg.Rendition{
		Name:   name,
		Recipe: "recipe of " + name,
		Files:  []ffmpeg.File{{Rel: name + "/stream.mp4", ContentType: "video/mp4", Size: int64(len("bytes of " + name))}},
	})
}

var errCrash = errors.New("crash")

func keepRenditions(t *testing.T, b *bench) {
	id, job := b.started()
	b.converter.do = func(_ context.Context, job ffmpeg.Job) error {
		return errors.Join(rendition(job, "720p"), errCrash)
	}
	if err := b.attempt(b.worker(), job); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	if got := b.Keys(b.Media, b.prefixes(id).HLS); got != "[720p/stream.mp4]" {
		t.Fatalf("stored %s", got)
	}

	// The creator's next attempt keeps it as well: the job is another one, the original the same.
	b.Exec(`UPDATE transcoding_jobs SET failures = 2 WHERE job_id = $1`, job)
	b.cfg.CallbackURL = b.URL + "/api/transcoding/webhook"
	b.converter.do = func(context.Context, ffmpeg.Job) error { return errCrash }
	b.do(b.worker(), job)
	b.Until("the item failed", func() bool { return b.MediaStatus(id) == media.Failed })
	b.u.Ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusOK, "")
	job = b.u.Job(id, job)
	b.Eventually(1, `SELECT count(*) FROM transcoding_jobs WHERE job_id = $1`, job)

	var kept []ffmpeg.Rendition
	var content []byte
	b.converter.do = func(_ context.Context, job ffmpeg.Job) (err error) {
		kept = job.Kept
		content, err = os.ReadFile(filepath.Join(job.OutDir, "720p", "stream.mp4"))
		return errors.Join(err, os.RemoveAll(filepath.Join(job.OutDir, "720p")))
	}
	b.do(b.worker(), job)
	if len(kept) != 1 || kept[0].Name != "720p" || kept[0].Recipe != "recipe of 720p" ||
		string(content) != "bytes of 720p" {
		t.Errorf("kept %+v, %q", kept, content)
	}
	b.Until("the item is ready", func() bool { return b.MediaStatus(id) == media.Ready })
	b.Eventually(0, `SELECT count(*) FROM transcoding_jobs WHERE media_item_id = $1`, id)
}

func encodeADamagedRenditionAgain(t *testing.T, b *bench) {
	id, job := b.started()
	b.converter.do = func(_ context.Context, job ffmpeg.Job) error {
		return errors.Join(rendition(job, "720p"), rendition(job, "480p"), rendition(job, "360p"), errCrash)
	}
	if err := b.attempt(b.worker(), job); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	hls := b.prefixes(id).HLS
	b.PutObject(b.Media, hls+"480p/stream.mp4", "bytes of 48Op", "video/mp4")
	if err := b.Media.Delete(t.Context(), hls+"360p/stream.mp4"); err != nil {
		t.Fatal(err)
	}
	var kept []string
	b.converter.do = func(_ context.Context, job ffmpeg.Job) error {
		for _, r := range job.Kept {
			kept = append(kept, r.Name)
		}
		entries, err := os.ReadDir(job.OutDir)
		if len(entries) != 1 {
			t.Errorf("restored %v", entries)
		}
		return err
	}
	b.do(b.worker(), job)
	if !slices.Equal(kept, []string{"720p"}) {
		t.Errorf("kept %v", kept)
	}
}

func giveUpAJobThatKillsWorkers(t *testing.T, b *bench) {
	_, job := b.started()
	died := func(crashes int) {
		b.Exec(`UPDATE transcoding_jobs SET crashes = $2, claim = gen_random_uuid(), leased_until = now()
			WHERE job_id = $1`, job, crashes)
	}
	died(3)
	b.converter.do = func(_ context.Context, job ffmpeg.Job) error { return errors.Join(rendition(job, "720p"), errCrash) }
	if err := b.attempt(b.worker(), job); err == nil || queued[int](b, "crashes", job) != 0 {
		t.Errorf("%v, %d crashes after a rendition was finished", err, queued[int](b, "crashes", job))
	}
	died(4)
	b.do(b.worker(), job)
	b.wantFailures("TRANSCODER_ERROR:")
	b.wantConversions(1, 1)
}

func stopWithoutTheClaim(t *testing.T, b *bench) {
	id, job := b.started()
	b.cfg.Lease = 60 * time.Millisecond
	b.converter.do = func(ctx context.Context, _ ffmpeg.Job) error {
		b.Exec(`UPDATE transcoding_jobs SET claim = gen_random_uuid(), leased_until = now() + interval '1 hour'
			WHERE job_id = $1`, job)
		<-ctx.Done()
		return ctx.Err()
	}
	if err := b.attempt(b.worker(), job); err == nil {
		t.Error("a job that another worker has was not given back")
	}
	b.wantConversions(1, 0)
	if got := b.Keys(b.Media, b.prefixes(id).HLS); got != "[]" {
		t.Errorf("objects %s", got)
	}
	if queued[*time.Time](b, "finished_at", job) != nil {
		t.Error("the job of the other worker is over")
	}
	b.wantCleanDir()
}
