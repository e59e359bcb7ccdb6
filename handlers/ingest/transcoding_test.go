package ingest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/ingest"
)

// uploaded makes an item whose file is there and for which no job was given out yet.
func uploaded(u user) string {
	u.Helper()
	id, _ := u.Register("video/mp4", len(handlertest.MP4Header))
	u.Exec(`UPDATE media_items SET status = 'uploaded', uploaded_at = now() WHERE id = $1`, id)
	return id
}

func TestAnotherProgramGivesOutAJob(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id := uploaded(u)
	path := "/internal/media/" + id + "/transcode"
	request(h, http.MethodPost, path, nil, []byte(`{}`)).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	u.Ask(http.MethodPost, path, nil).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	signed(h, http.MethodPost, path, `{"priority":5}`).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	a := signed(h, http.MethodPost, path, `{"priority":0}`).Want(http.StatusOK, "")
	if a.Text("data.mediaId") != id || a.Text("data.message") == "" {
		t.Errorf("answer %s", a.Body)
	}
	status := u.Ask(http.MethodGet, "/api/transcoding/status/"+id, nil)
	if status.Text("data.status") != "transcoding" || status.At("data.transcodingPriority") != 0.0 ||
		status.At("data.transcodingAttempts") != 1.0 || status.Text("data.runpodJobId") == "" {
		t.Errorf("status %s", status.Body)
	}
	if p := handlertest.Value[string](h, `SELECT data->>'priority' FROM outbox WHERE aggregate_id = $1 AND type = 'media.transcoding_started'`, id); p != "0" {
		t.Errorf("priority %s in the event", p)
	}
	refused := signed(h, http.MethodPost, path, ``).Want(http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")
	if refused.Text("error.details.context.status") != "transcoding" {
		t.Errorf("refused %s", refused.Body)
	}
	signed(h, http.MethodPost, "/internal/media/"+uuid.NewString()+"/transcode", ``).Want(http.StatusNotFound, "NOT_FOUND")
	signed(h, http.MethodPost, "/internal/media/film/transcode", ``).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	other := uploaded(u)
	signed(h, http.MethodPost, "/internal/media/"+other+"/transcode", ``).Want(http.StatusOK, "")
	if got := h.Number(`SELECT transcoding_priority FROM media_items WHERE id = $1`, other); got != media.DefaultPriority {
		t.Errorf("priority %d", got)
	}
}

func TestTheStandInForATranscoderIsThereInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	job := func(h *harness, id string) answer {
		return request(h, http.MethodPost, "/internal/mock-runpod", map[string]string{"Content-Type": "application/json"},
			[]byte(`{"input":{"mediaId":"`+id+`","type":"video","creatorId":"c","inputKey":"k","webhookUrl":"http://elsewhere.example/","priority":2}}`))
	}
	job(h, uuid.NewString()).Want(http.StatusNotFound, "NOT_FOUND")

	h = newHarness(t, options{development: true})
	u := h.Uploader("creator")
	job(h, uuid.NewString()).Want(http.StatusNotFound, "NOT_FOUND")
	id, current := u.Transcoding()
	if a := job(h, id).Want(http.StatusOK, ""); a.Text("id") != current || a.Text("status") != "COMPLETED" {
		t.Errorf("answer %s", a.Body)
	}
	a := u.Ask(http.MethodGet, "/api/media/"+id, nil)
	if a.Text("data.status") != "ready" || !strings.HasSuffix(a.Text("data.hlsMasterPlaylistKey"), "/master.m3u8") {
		t.Errorf("item %s", a.Body)
	}
	job(h, id).Want(http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")
}

func TestAJobIsReportedWithTheItemsOwnWords(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u, stranger := h.Uploader("creator"), h.Uploader("creator")
	id, job := u.Transcoding()
	stranger.Ask(http.MethodGet, "/api/transcoding/status/"+id, nil).Want(http.StatusForbidden, "MEDIA_OWNERSHIP_ERROR")
	stranger.Ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusForbidden, "MEDIA_OWNERSHIP_ERROR")
	u.Ask(http.MethodGet, "/api/transcoding/status/"+uuid.NewString(), nil).Want(http.StatusNotFound, "NOT_FOUND")
	u.Ask(http.MethodPost, "/api/transcoding/retry/"+uuid.NewString(), nil).Want(http.StatusNotFound, "NOT_FOUND")
	request(h, http.MethodGet, "/api/transcoding/status/"+id, nil, nil).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	// A failed report without a text, and then a result for the job that has ended.
	accepted(t, h.Callback(media.Callback{Status: media.CallbackFailed, JobID: job, Error: strings.Repeat("x", 2000)}))
	if a := h.Callback(media.Callback{Status: media.CallbackFailed, JobID: job, Error: strings.Repeat("x", 2001)}); a.Status != http.StatusOK || a.Text("error") == "" {
		t.Errorf("a text that is too long: %d %s", a.Status, a.Body)
	}
	status := u.Ask(http.MethodGet, "/api/transcoding/status/"+id, nil)
	for _, field := range []string{"status", "transcodingAttempts", "transcodingError", "runpodJobId", "transcodingPriority", "transcodingProgress", "transcodingStep", "readyVariants"} {
		if !strings.Contains(status.Body, strconv.Quote(field)) {
			t.Errorf("status has no %s: %s", field, status.Body)
		}
	}
	if status.At("data.transcodingAttempts") != 1.0 || status.Text("data.status") != "failed" {
		t.Errorf("status %s", status.Body)
	}
	a := u.Ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusOK, "")
	if a.Text("data.mediaId") != id || a.Text("data.message") == "" {
		t.Errorf("retried %s", a.Body)
	}
}

func TestOneCreatorsArchiveDoesNotKeepTheOthersWaiting(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u, other := h.Uploader("creator"), h.Uploader("creator")
	running := func(u user) int {
		return h.Number(`SELECT count(*) FROM media_items WHERE creator_id = $1 AND status = 'transcoding'`, u.ID)
	}
	var ids []string
	for range ingest.JobsPerCreator + 3 {
		ids = append(ids, u.Deliver("video/mp4", handlertest.MP4Header))
	}
	other.Transcoding()
	h.Until("as many jobs run as one creator may have", func() bool { return running(u) == ingest.JobsPerCreator })
	waiting := ids[ingest.JobsPerCreator:]
	h.Exec(`UPDATE media_items SET transcoding_priority = 0 WHERE id = $1`, waiting[2])
	end := func(id string, report func(job string)) {
		t.Helper()
		report(handlertest.Value[string](h, `SELECT runpod_job_id FROM media_items WHERE id = $1`, id))
	}
	end(ids[0], func(job string) { accepted(t, h.Callback(u.Completed(ids[0], job))) })
	h.Until("the most urgent one is given out", func() bool { return h.MediaStatus(waiting[2]) == media.Transcoding })
	end(ids[1], func(job string) {
		accepted(t, h.Callback(media.Callback{Status: media.CallbackFailed, JobID: job, Error: "no"}))
	})
	h.Until("then the oldest", func() bool { return h.MediaStatus(waiting[0]) == media.Transcoding })
	if got := h.MediaStatus(waiting[1]); got != media.Uploaded {
		t.Errorf("status %s", got)
	}
	u.Ask("DELETE", "/api/media/"+ids[2], nil).Want(204, "")
	h.Until("and then the last", func() bool { return h.MediaStatus(waiting[1]) == media.Transcoding })
	if n := running(u) - 1; n != ingest.JobsPerCreator { // the deleted one keeps its status
		t.Errorf("%d jobs of one creator", n)
	}
	for _, id := range waiting {
		h.MediaEvents(id)
	}
}

func TestASilentJobIsFailedAndItsLateResultStillCounts(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	module := newModule(h, options{})
	sweep := func() int { return handlertest.Run(t, module, "ingest.fail_silent_jobs") }
	h.Pass(119 * time.Minute)
	if n := sweep(); n != 0 {
		t.Fatalf("%d jobs taken for dead too early", n)
	}
	h.Pass(2 * time.Minute)
	if n := sweep(); n != 1 {
		t.Fatalf("%d jobs taken for dead", n)
	}
	sweep()
	h.Until("the job is failed", func() bool { return h.MediaStatus(id) == media.Failed })
	a := u.Ask(http.MethodGet, "/api/transcoding/status/"+id, nil)
	if a.Text("data.transcodingErrorCode") != media.CodeStuck || a.At("data.transcodingAttempts") != 1.0 {
		t.Errorf("status %s", a.Body)
	}
	accepted(t, h.Callback(u.Completed(id, job)))
	if h.MediaStatus(id) != media.Ready || h.CountEvents(id, "media.failed") != 1 || sweep() != 0 {
		t.Errorf("%s after %v", h.MediaStatus(id), h.MediaEvents(id))
	}
}
