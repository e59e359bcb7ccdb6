package ingest_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// uploaded makes an item whose file is there and for which no job was given out yet.
func (u user) uploaded() string {
	u.Helper()
	id, _ := u.register("video/mp4", len(seeming))
	u.Exec(`UPDATE media_items SET status = 'uploaded', uploaded_at = now() WHERE id = $1`, id)
	return id
}

func TestAnotherProgramGivesOutAJob(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u := w.signIn("creator")
	id := u.uploaded()
	path := "/internal/media/" + id + "/transcode"
	w.do(http.MethodPost, path, nil, []byte(`{}`)).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	u.ask(http.MethodPost, path, nil).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	w.signed(http.MethodPost, path, `{"priority":5}`).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	a := w.signed(http.MethodPost, path, `{"priority":0}`).Want(http.StatusOK, "")
	if a.Text("data.mediaId") != id || a.Text("data.message") == "" {
		t.Errorf("answer %s", a.Body)
	}
	status := u.ask(http.MethodGet, "/api/transcoding/status/"+id, nil)
	if status.Text("data.status") != "transcoding" || status.At("data.transcodingPriority") != 0.0 ||
		status.At("data.transcodingAttempts") != 1.0 || status.Text("data.runpodJobId") == "" {
		t.Errorf("status %s", status.Body)
	}
	if p := handlertest.Value[string](w.Harness, `SELECT data->>'priority' FROM outbox WHERE aggregate_id = $1 AND type = 'media.transcoding_started'`, id); p != "0" {
		t.Errorf("priority %s in the event", p)
	}
	refused := w.signed(http.MethodPost, path, ``).Want(http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")
	if refused.Text("error.details.context.status") != "transcoding" {
		t.Errorf("refused %s", refused.Body)
	}
	w.signed(http.MethodPost, "/internal/media/"+uuid.NewString()+"/transcode", ``).Want(http.StatusNotFound, "NOT_FOUND")
	w.signed(http.MethodPost, "/internal/media/film/transcode", ``).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	other := u.uploaded()
	w.signed(http.MethodPost, "/internal/media/"+other+"/transcode", ``).Want(http.StatusOK, "")
	if got := w.Number(`SELECT transcoding_priority FROM media_items WHERE id = $1`, other); got != media.DefaultPriority {
		t.Errorf("priority %d", got)
	}
}

func TestTheStandInForATranscoderIsThereInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	job := func(w *harness, id string) answer {
		return w.do(http.MethodPost, "/internal/mock-runpod", map[string]string{"Content-Type": "application/json"},
			[]byte(`{"input":{"mediaId":"`+id+`","type":"video","creatorId":"c","inputKey":"k","webhookUrl":"http://elsewhere.example/","priority":2}}`))
	}
	job(w, uuid.NewString()).Want(http.StatusNotFound, "NOT_FOUND")

	w = newHarness(t, options{development: true})
	u := w.signIn("creator")
	job(w, uuid.NewString()).Want(http.StatusNotFound, "NOT_FOUND")
	id, current := u.transcoding()
	if a := job(w, id).Want(http.StatusOK, ""); a.Text("id") != current || a.Text("status") != "COMPLETED" {
		t.Errorf("answer %s", a.Body)
	}
	a := u.ask(http.MethodGet, "/api/media/"+id, nil)
	if a.Text("data.status") != "ready" || !strings.HasSuffix(a.Text("data.hlsMasterPlaylistKey"), "/master.m3u8") {
		t.Errorf("item %s", a.Body)
	}
	job(w, id).Want(http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")
}

func TestObjectsThatBelongToNothingAreFoundAndRemoved(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u := w.signIn("creator")
	id := u.deliver("video/mp4", seeming)
	gone := uuid.NewString()
	own, lost := media.PrefixesOf(u.id, id), media.PrefixesOf(u.id, gone)
	stolen := media.PrefixesOf(strings.Repeat("f", 32), id) // an item's id under another creator's name
	put(t, w.Media, own.HLS+"master.m3u8", "kept", "text/plain")
	put(t, w.Media, "avatars/"+u.id+"/sm.webp", "kept", "image/webp")
	put(t, w.Media, "tests/originals/"+gone+"/film.mp4", "kept", "video/mp4")
	put(t, w.Assets, u.id+"/content-thumbnails/"+gone+"/sm.webp", "kept", "image/webp")
	// In development a client may have chosen a key of this form.
	chosen, _ := u.register("video/mp4", 4)
	w.Exec(`UPDATE media_items SET r2_key = $2 WHERE id = $1`, chosen, lost.Originals+"chosen.mp4")
	put(t, w.Media, lost.Originals+"chosen.mp4", "kept", "video/mp4")
	kept := keys(t, w.Media, "") + keys(t, w.Assets, "")
	for _, key := range []string{lost.HLS + "master.m3u8", lost.Originals + "x/source.mp4", lost.Waveforms + "waveform.json", stolen.HLS + "master.m3u8"} {
		put(t, w.Media, key, "lost", "text/plain")
	}
	put(t, w.Assets, lost.MediaThumbnails+"sm.webp", "lost", "image/webp")
	if _, err := w.Media.StartParts(t.Context(), lost.Originals+"y/source.mp4", "video/mp4"); err != nil {
		t.Fatal(err)
	}

	const trigger, status = "/internal/orphan-cleanup/trigger", "/internal/orphan-cleanup/status"
	w.do(http.MethodGet, status, nil, nil).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	u.ask(http.MethodPost, trigger, nil).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	if a := w.signed(http.MethodGet, status, "").Want(http.StatusOK, ""); a.At("data.last") != nil || a.At("data.running") != false {
		t.Errorf("before any run: %s", a.Body)
	}
	// What is young may still get its item.
	if a := w.signed(http.MethodPost, trigger, "").Want(http.StatusOK, ""); a.At("data.orphans") != 0.0 || a.At("data.complete") != true {
		t.Errorf("young objects: %s", a.Body)
	}
	w.orphans.Now = func() time.Time { return time.Now().Add(10 * 24 * time.Hour) }
	a := w.signed(http.MethodPost, trigger, "").Want(http.StatusOK, "")
	if a.At("data.orphans") != 5.0 || a.At("data.removed") != 5.0 || a.At("data.removedBytes") != 20.0 ||
		a.At("data.abortedUploads") != 1.0 || a.At("data.complete") != true || a.At("data.failed") != false {
		t.Errorf("run %s", a.Body)
	}
	if got := keys(t, w.Media, "") + keys(t, w.Assets, ""); got != kept {
		t.Errorf("left are %s, want %s", got, kept)
	}
	last := w.signed(http.MethodGet, status, "").Want(http.StatusOK, "")
	if last.At("data.last.removed") != 5.0 || last.At("data.scheduledAt") != nil {
		t.Errorf("status %s", last.Body)
	}
}

func TestARunThatIsAskedForIsDoneOnceByWhoeverComesFirst(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u := w.signIn("creator")
	due := func() {
		t.Helper()
		if err := w.orphans.RunDue(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	runs := func() int {
		return w.Number(`SELECT count(*) FROM orphan_cleanups WHERE finished_at IS NOT NULL`)
	}
	due() // there was none ever
	due()
	if runs() != 1 {
		t.Fatalf("%d runs", runs())
	}
	put(t, w.Media, media.PrefixesOf(u.id, uuid.NewString()).HLS+"master.m3u8", "lost", "text/plain")
	for range 2 {
		a := w.signed(http.MethodPost, "/internal/orphan-cleanup/schedule", "").Want(http.StatusOK, "")
		if a.Text("data.scheduledAt") == "" {
			t.Errorf("scheduled %s", a.Body)
		}
	}
	w.orphans.MinAge = time.Nanosecond
	due()
	due()
	if runs() != 2 || keys(t, w.Media, "") != "[]" {
		t.Errorf("%d runs, left %s", runs(), keys(t, w.Media, ""))
	}
}

func TestASearchThatRunsOutOfTimeIsContinued(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u := w.signIn("creator")
	for n := range 3 {
		put(t, w.Media, media.PrefixesOf(u.id, uuid.NewString()).HLS+fmt.Sprintf("%d.m3u8", n), "lost", "text/plain")
	}
	w.orphans.MinAge, w.orphans.Within = time.Nanosecond, time.Nanosecond
	a := w.signed(http.MethodPost, "/internal/orphan-cleanup/trigger", "").Want(http.StatusOK, "")
	if a.At("data.complete") != false || a.At("data.failed") != false {
		t.Errorf("without time: %s", a.Body)
	}
	w.orphans.Within = time.Minute
	a = w.signed(http.MethodPost, "/internal/orphan-cleanup/trigger", "").Want(http.StatusOK, "")
	if a.At("data.complete") != true || a.At("data.removed") != 3.0 {
		t.Errorf("continued: %s", a.Body)
	}
}

func TestAJobIsReportedWithTheItemsOwnWords(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u, stranger := w.signIn("creator"), w.signIn("creator")
	id, job := u.transcoding()
	stranger.ask(http.MethodGet, "/api/transcoding/status/"+id, nil).Want(http.StatusForbidden, "MEDIA_OWNERSHIP_ERROR")
	stranger.ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusForbidden, "MEDIA_OWNERSHIP_ERROR")
	u.ask(http.MethodGet, "/api/transcoding/status/"+uuid.NewString(), nil).Want(http.StatusNotFound, "NOT_FOUND")
	u.ask(http.MethodPost, "/api/transcoding/retry/"+uuid.NewString(), nil).Want(http.StatusNotFound, "NOT_FOUND")
	w.do(http.MethodGet, "/api/transcoding/status/"+id, nil, nil).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	// A failed report without a text, and then a result for the job that has ended.
	taken(t, w.callback(media.Callback{Status: media.CallbackFailed, JobID: job, Error: strings.Repeat("x", 2000)}))
	if a := w.callback(media.Callback{Status: media.CallbackFailed, JobID: job, Error: strings.Repeat("x", 2001)}); a.Status != http.StatusOK || a.Text("error") == "" {
		t.Errorf("a text that is too long: %d %s", a.Status, a.Body)
	}
	status := u.ask(http.MethodGet, "/api/transcoding/status/"+id, nil)
	for _, field := range []string{"status", "transcodingAttempts", "transcodingError", "runpodJobId", "transcodingPriority", "transcodingProgress", "transcodingStep", "readyVariants"} {
		if !strings.Contains(status.Body, strconv.Quote(field)) {
			t.Errorf("status has no %s: %s", field, status.Body)
		}
	}
	if status.At("data.transcodingAttempts") != 1.0 || status.Text("data.status") != "failed" {
		t.Errorf("status %s", status.Body)
	}
	a := u.ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusOK, "")
	if a.Text("data.mediaId") != id || a.Text("data.message") == "" {
		t.Errorf("retried %s", a.Body)
	}
}
