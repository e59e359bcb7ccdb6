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
)

// uploaded registers an item and makes it an uploaded one whose job has not started yet.
func uploaded(u user) string {
	u.Helper()
	id, _ := u.Register("video/mp4", len(mp4Header))
	u.Exec(`UPDATE media_items SET status = 'uploaded', uploaded_at = now() WHERE id = $1`, id)
	return id
}

func TestAnotherProgramStartsAJob(t *testing.T) {
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
		t.Errorf("response %s", a.Body)
	}
	status := u.Ask(http.MethodGet, "/api/transcoding/status/"+id, nil)
	if status.Text("data.status") != "transcoding" || status.At("data.transcodingPriority") != 0.0 ||
		status.At("data.transcodingAttempts") != 1.0 || status.Text("data.runpodJobId") == "" {
		t.Errorf("status %s", status.Body)
	}
	priority := handlertest.Value[string](h,
		`SELECT data->>'priority' FROM outbox WHERE aggregate_id = $1 AND type = 'media.transcoding_started'`, id)
	if priority != "0" {
		t.Errorf("priority %s in the event", priority)
	}
	rejected := signed(h, http.MethodPost, path, ``).Want(http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")
	if rejected.Text("error.details.context.status") != "transcoding" {
		t.Errorf("rejected %s", rejected.Body)
	}
	signed(h, http.MethodPost, "/internal/media/"+uuid.NewString()+"/transcode", ``).Want(http.StatusNotFound, "NOT_FOUND")
	signed(h, http.MethodPost, "/internal/media/film/transcode", ``).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	other := uploaded(u)
	signed(h, http.MethodPost, "/internal/media/"+other+"/transcode", ``).Want(http.StatusOK, "")
	if got := h.Number(`SELECT transcoding_priority FROM media_items WHERE id = $1`, other); got != media.DefaultPriority {
		t.Errorf("priority %d", got)
	}
}

func TestTheMockTranscoderExistsOnlyInDevelopment(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	job := func(h *harness, id string) answer {
		input := fields{
			"mediaId":    id,
			"type":       "video",
			"creatorId":  "c",
			"inputKey":   "k",
			"webhookUrl": "http://elsewhere.example/",
			"priority":   2,
		}
		body := fields{"input": input}
		return h.Send(handlertest.Request{Method: http.MethodPost, Path: "/internal/mock-runpod", Body: body})
	}
	job(h, uuid.NewString()).Want(http.StatusNotFound, "NOT_FOUND")

	h = newHarness(t, options{development: true})
	u := h.Uploader("creator")
	job(h, uuid.NewString()).Want(http.StatusNotFound, "NOT_FOUND")
	id, current := u.Transcoding()
	if a := job(h, id).Want(http.StatusOK, ""); a.Text("id") != current || a.Text("status") != "COMPLETED" {
		t.Errorf("response %s", a.Body)
	}
	a := u.Ask(http.MethodGet, "/api/media/"+id, nil)
	if a.Text("data.status") != "ready" || !strings.HasSuffix(a.Text("data.hlsMasterPlaylistKey"), "/master.m3u8") {
		t.Errorf("item %s", a.Body)
	}
	job(h, id).Want(http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")
}

func TestTheOwnerReadsTheTranscodingStatus(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u, stranger := h.Uploader("creator"), h.Uploader("creator")
	id, job := u.Transcoding()
	stranger.Ask(http.MethodGet, "/api/transcoding/status/"+id, nil).Want(http.StatusForbidden, "MEDIA_OWNERSHIP_ERROR")
	stranger.Ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusForbidden, "MEDIA_OWNERSHIP_ERROR")
	u.Ask(http.MethodGet, "/api/transcoding/status/"+uuid.NewString(), nil).Want(http.StatusNotFound, "NOT_FOUND")
	u.Ask(http.MethodPost, "/api/transcoding/retry/"+uuid.NewString(), nil).Want(http.StatusNotFound, "NOT_FOUND")
	request(h, http.MethodGet, "/api/transcoding/status/"+id, nil, nil).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	report := media.Callback{Status: media.CallbackFailed, JobID: job, Error: strings.Repeat("x", 2000)}
	accepted(t, h.Callback(report))
	report.Error += "x"
	if a := h.Callback(report); a.Status != http.StatusOK || a.Text("error") == "" {
		t.Errorf("an error text that is too long: %d %s", a.Status, a.Body)
	}
	status := u.Ask(http.MethodGet, "/api/transcoding/status/"+id, nil)
	for _, field := range []string{
		"status",
		"transcodingAttempts",
		"transcodingError",
		"runpodJobId",
		"transcodingPriority",
		"transcodingProgress",
		"transcodingStep",
		"readyVariants",
	} {
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

func TestTheArchiveOfOneCreatorDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u, other := h.Uploader("creator"), h.Uploader("creator")
	const jobsPerCreator = 4
	running := func(u user) int {
		return h.Number(`SELECT count(*) FROM media_items WHERE creator_id = $1 AND status = 'transcoding'`, u.ID)
	}
	var ids []string
	for range jobsPerCreator + 3 {
		ids = append(ids, u.Deliver("video/mp4", mp4Header))
	}
	other.Transcoding()
	h.Until("as many jobs run as one creator may have", func() bool { return running(u) == jobsPerCreator })
	waiting := ids[jobsPerCreator:]
	h.Exec(`UPDATE media_items SET transcoding_priority = 0 WHERE id = $1`, waiting[2])
	accepted(t, h.Callback(u.Completed(ids[0], u.Job(ids[0], ""))))
	u.Job(waiting[2], "") // the most urgent
	accepted(t, h.Callback(media.Callback{Status: media.CallbackFailed, JobID: u.Job(ids[1], ""), Error: "no"}))
	u.Job(waiting[0], "") // the oldest
	if got := h.MediaStatus(waiting[1]); got != media.Uploaded {
		t.Errorf("status %s", got)
	}
	u.Ask(http.MethodDelete, "/api/media/"+ids[2], nil).Want(http.StatusNoContent, "")
	u.Job(waiting[1], "")
	if n := running(u) - 1; n != jobsPerCreator { // the deleted one keeps its status
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
		t.Fatalf("%d jobs failed too early", n)
	}
	h.Pass(2 * time.Minute)
	if n := sweep(); n != 1 {
		t.Fatalf("%d jobs failed, want 1", n)
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
