package transcoder_test

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
)

// uploaded makes an item whose file is there and for which no job was given out yet.
func (u user) uploaded(t *testing.T) string {
	t.Helper()
	id, _ := u.register(t, "video/mp4", len(seeming))
	u.exec(t, `UPDATE media_items SET status = 'uploaded', uploaded_at = now() WHERE id = $1`, id)
	return id
}

func TestAnotherProgramGivesOutAJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u := w.signIn(t, "creator")
	id := u.uploaded(t)
	path := "/internal/media/" + id + "/transcode"
	do(t, http.MethodPost, w.edge.URL+path, nil, []byte(`{}`)).want(t, http.StatusUnauthorized, "")
	u.ask(t, http.MethodPost, path, nil).want(t, http.StatusUnauthorized, "")
	w.signed(t, http.MethodPost, path, `{"priority":5}`).want(t, http.StatusBadRequest, "VALIDATION_ERROR")
	a := w.signed(t, http.MethodPost, path, `{"priority":0}`).want(t, http.StatusOK, "")
	if a.text("data", "mediaId") != id || a.text("data", "message") == "" {
		t.Errorf("answer %s", a.body)
	}
	status := u.ask(t, http.MethodGet, "/api/transcoding/status/"+id, nil)
	if status.text("data", "status") != "transcoding" || status.at("data", "transcodingPriority") != 0.0 ||
		status.at("data", "transcodingAttempts") != 1.0 || status.text("data", "runpodJobId") == "" {
		t.Errorf("status %s", status.body)
	}
	if p := query[string](t, w, `SELECT data->>'priority' FROM outbox WHERE aggregate_id = $1 AND type = 'media.transcoding_started'`, id); p != "0" {
		t.Errorf("priority %s in the event", p)
	}
	refused := w.signed(t, http.MethodPost, path, ``).want(t, http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")
	if refused.text("error", "details", "context", "status") != "transcoding" {
		t.Errorf("refused %s", refused.body)
	}
	w.signed(t, http.MethodPost, "/internal/media/"+uuid.NewString()+"/transcode", ``).want(t, http.StatusNotFound, "")
	w.signed(t, http.MethodPost, "/internal/media/film/transcode", ``).want(t, http.StatusBadRequest, "")
	other := u.uploaded(t)
	w.signed(t, http.MethodPost, "/internal/media/"+other+"/transcode", ``).want(t, http.StatusOK, "")
	if got := query[int](t, w, `SELECT transcoding_priority FROM media_items WHERE id = $1`, other); got != media.DefaultPriority {
		t.Errorf("priority %d", got)
	}
}

func TestTheStandInForATranscoderIsThereInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	job := func(w *world, id string) answer {
		return do(t, http.MethodPost, w.edge.URL+"/internal/mock-runpod", map[string]string{"Content-Type": "application/json"},
			[]byte(`{"input":{"mediaId":"`+id+`","type":"video","creatorId":"c","inputKey":"k","webhookUrl":"http://elsewhere.example/","priority":2}}`))
	}
	job(w, uuid.NewString()).want(t, http.StatusNotFound, "NOT_FOUND")

	w = newWorld(t, options{development: true})
	u := w.signIn(t, "creator")
	job(w, uuid.NewString()).want(t, http.StatusNotFound, "NOT_FOUND")
	id, current := u.transcoding(t)
	if a := job(w, id).want(t, http.StatusOK, ""); a.text("id") != current || a.text("status") != "COMPLETED" {
		t.Errorf("answer %s", a.body)
	}
	a := u.ask(t, http.MethodGet, "/api/media/"+id, nil)
	if a.text("data", "status") != "ready" || !strings.HasSuffix(a.text("data", "hlsMasterPlaylistKey"), "/master.m3u8") {
		t.Errorf("item %s", a.body)
	}
	job(w, id).want(t, http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")
}

func TestObjectsThatBelongToNothingAreFoundAndRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u := w.signIn(t, "creator")
	id := u.deliver(t, "video/mp4", seeming)
	gone := uuid.NewString()
	own, lost := media.PrefixesOf(u.id, id), media.PrefixesOf(u.id, gone)
	stolen := media.PrefixesOf(strings.Repeat("f", 32), id) // an item's id under another creator's name
	put(t, w.media, own.HLS+"master.m3u8", "kept", "text/plain")
	put(t, w.media, "avatars/"+u.id+"/sm.webp", "kept", "image/webp")
	put(t, w.media, "tests/originals/"+gone+"/film.mp4", "kept", "video/mp4")
	put(t, w.assets, u.id+"/content-thumbnails/"+gone+"/sm.webp", "kept", "image/webp")
	// In development a client may have chosen a key of this form.
	chosen, _ := u.register(t, "video/mp4", 4)
	w.exec(t, `UPDATE media_items SET r2_key = $2 WHERE id = $1`, chosen, lost.Originals+"chosen.mp4")
	put(t, w.media, lost.Originals+"chosen.mp4", "kept", "video/mp4")
	kept := keys(t, w.media, "") + keys(t, w.assets, "")
	for _, key := range []string{lost.HLS + "master.m3u8", lost.Originals + "x/source.mp4", lost.Waveforms + "waveform.json", stolen.HLS + "master.m3u8"} {
		put(t, w.media, key, "lost", "text/plain")
	}
	put(t, w.assets, lost.MediaThumbnails+"sm.webp", "lost", "image/webp")
	if _, err := w.media.StartParts(t.Context(), lost.Originals+"y/source.mp4", "video/mp4"); err != nil {
		t.Fatal(err)
	}

	const trigger, status = "/internal/orphan-cleanup/trigger", "/internal/orphan-cleanup/status"
	do(t, http.MethodGet, w.edge.URL+status, nil, nil).want(t, http.StatusUnauthorized, "")
	u.ask(t, http.MethodPost, trigger, nil).want(t, http.StatusUnauthorized, "")
	if a := w.signed(t, http.MethodGet, status, "").want(t, http.StatusOK, ""); a.at("data", "last") != nil || a.at("data", "running") != false {
		t.Errorf("before any run: %s", a.body)
	}
	// What is young may still get its item.
	if a := w.signed(t, http.MethodPost, trigger, "").want(t, http.StatusOK, ""); a.at("data", "orphans") != 0.0 || a.at("data", "complete") != true {
		t.Errorf("young objects: %s", a.body)
	}
	w.orphans.Now = func() time.Time { return time.Now().Add(10 * 24 * time.Hour) }
	a := w.signed(t, http.MethodPost, trigger, "").want(t, http.StatusOK, "")
	if a.at("data", "orphans") != 5.0 || a.at("data", "removed") != 5.0 || a.at("data", "removedBytes") != 20.0 ||
		a.at("data", "abortedUploads") != 1.0 || a.at("data", "complete") != true || a.at("data", "failed") != false {
		t.Errorf("run %s", a.body)
	}
	if got := keys(t, w.media, "") + keys(t, w.assets, ""); got != kept {
		t.Errorf("left are %s, want %s", got, kept)
	}
	last := w.signed(t, http.MethodGet, status, "").want(t, http.StatusOK, "")
	if last.at("data", "last", "removed") != 5.0 || last.at("data", "scheduledAt") != nil {
		t.Errorf("status %s", last.body)
	}
}

func TestARunThatIsAskedForIsDoneOnceByWhoeverComesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u := w.signIn(t, "creator")
	due := func() {
		t.Helper()
		if err := w.orphans.RunDue(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	runs := func() int {
		return query[int](t, w, `SELECT count(*) FROM orphan_cleanups WHERE finished_at IS NOT NULL`)
	}
	due() // there was none ever
	due()
	if runs() != 1 {
		t.Fatalf("%d runs", runs())
	}
	put(t, w.media, media.PrefixesOf(u.id, uuid.NewString()).HLS+"master.m3u8", "lost", "text/plain")
	for range 2 {
		a := w.signed(t, http.MethodPost, "/internal/orphan-cleanup/schedule", "").want(t, http.StatusOK, "")
		if a.text("data", "scheduledAt") == "" {
			t.Errorf("scheduled %s", a.body)
		}
	}
	w.orphans.MinAge = time.Nanosecond
	due()
	due()
	if runs() != 2 || keys(t, w.media, "") != "[]" {
		t.Errorf("%d runs, left %s", runs(), keys(t, w.media, ""))
	}
}

func TestASearchThatRunsOutOfTimeIsContinued(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u := w.signIn(t, "creator")
	for n := range 3 {
		put(t, w.media, media.PrefixesOf(u.id, uuid.NewString()).HLS+fmt.Sprintf("%d.m3u8", n), "lost", "text/plain")
	}
	w.orphans.MinAge, w.orphans.Within = time.Nanosecond, time.Nanosecond
	a := w.signed(t, http.MethodPost, "/internal/orphan-cleanup/trigger", "").want(t, http.StatusOK, "")
	if a.at("data", "complete") != false || a.at("data", "failed") != false {
		t.Errorf("without time: %s", a.body)
	}
	w.orphans.Within = time.Minute
	a = w.signed(t, http.MethodPost, "/internal/orphan-cleanup/trigger", "").want(t, http.StatusOK, "")
	if a.at("data", "complete") != true || a.at("data", "removed") != 3.0 {
		t.Errorf("continued: %s", a.body)
	}
}

func TestAJobIsReportedWithTheItemsOwnWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u, stranger := w.signIn(t, "creator"), w.signIn(t, "creator")
	id, job := u.transcoding(t)
	stranger.ask(t, http.MethodGet, "/api/transcoding/status/"+id, nil).want(t, http.StatusForbidden, "MEDIA_OWNERSHIP_ERROR")
	stranger.ask(t, http.MethodPost, "/api/transcoding/retry/"+id, nil).want(t, http.StatusForbidden, "MEDIA_OWNERSHIP_ERROR")
	u.ask(t, http.MethodGet, "/api/transcoding/status/"+uuid.NewString(), nil).want(t, http.StatusNotFound, "")
	u.ask(t, http.MethodPost, "/api/transcoding/retry/"+uuid.NewString(), nil).want(t, http.StatusNotFound, "")
	do(t, http.MethodGet, w.edge.URL+"/api/transcoding/status/"+id, nil, nil).want(t, http.StatusUnauthorized, "")
	// A failed report without a text, and then a result for the job that has ended.
	taken(t, w.callback(t, media.Callback{Status: media.CallbackFailed, JobID: job, Error: strings.Repeat("x", 2000)}))
	if a := w.callback(t, media.Callback{Status: media.CallbackFailed, JobID: job, Error: strings.Repeat("x", 2001)}); a.status != http.StatusOK || a.text("error") == "" {
		t.Errorf("a text that is too long: %d %s", a.status, a.body)
	}
	status := u.ask(t, http.MethodGet, "/api/transcoding/status/"+id, nil)
	for _, field := range []string{"status", "transcodingAttempts", "transcodingError", "runpodJobId", "transcodingPriority", "transcodingProgress", "transcodingStep", "readyVariants"} {
		if !strings.Contains(status.body, strconv.Quote(field)) {
			t.Errorf("status has no %s: %s", field, status.body)
		}
	}
	if status.at("data", "transcodingAttempts") != 1.0 || status.text("data", "status") != "failed" {
		t.Errorf("status %s", status.body)
	}
	a := u.ask(t, http.MethodPost, "/api/transcoding/retry/"+id, nil).want(t, http.StatusOK, "")
	if a.text("data", "mediaId") != id || a.text("data", "message") == "" {
		t.Errorf("retried %s", a.body)
	}
}
