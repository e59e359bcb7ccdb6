package ingest_test

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
)

// TestCallbacks shares one installation between its parts.
func TestCallbacks(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	for name, part := range map[string]func(*testing.T, *harness){
		"are accepted only when signed and fresh":    mustBeSignedAndFresh,
		"that are no text are bad requests":          callbackThatIsNoText,
		"repeated and concurrent results apply once": applyAResultOnce,
		"for the job before a retry change nothing":  ignoreTheJobBeforeARetry,
		"for a deleted item discard its outputs":     discardOutputsOfADeletedItem,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, h.In(t))
		})
	}
}

func mustBeSignedAndFresh(t *testing.T, h *harness) {
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	body := []byte(`{"status":"progress","jobId":"` + job + `","progress":40,"step":"preview","extra":{"a":"b"}}`)
	at := func(offset int64) string { return strconv.FormatInt(time.Now().Unix()+offset, 10) }
	raw := func(header map[string]string, content []byte) answer {
		return request(h, http.MethodPost, "/api/transcoding/webhook", header, content)
	}
	fresh := at(0)
	good := media.Sign([]byte(secret), fresh, body)
	for code, a := range map[string]answer{
		"MISSING_SIGNATURE": raw(map[string]string{media.TimestampHeader: fresh}, body),
		"MISSING_TIMESTAMP": raw(map[string]string{media.SignatureHeader: good}, body),
		"INVALID_TIMESTAMP": h.PostCallback(body, secret, "now"),
		"TIMESTAMP_EXPIRED": h.PostCallback(body, secret, at(-310)),
		"TIMESTAMP_FUTURE":  h.PostCallback(body, secret, at(70)),
		"INVALID_SIGNATURE": h.PostCallback(body, "another secret", fresh),
	} {
		if a.Status != http.StatusUnauthorized || a.Text("error.code") != code {
			t.Errorf("%s: %d %s", code, a.Status, a.Body)
		}
	}
	tampered := raw(map[string]string{media.TimestampHeader: fresh, media.SignatureHeader: good},
		bytes.Replace(body, []byte("40"), []byte("90"), 1))
	if tampered.Status != http.StatusUnauthorized {
		t.Errorf("another body under the signature: %d", tampered.Status)
	}
	oversized := h.PostCallback(make([]byte, 64<<10+1), secret, fresh)
	if oversized.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("an oversized body: %d", oversized.Status)
	}
	if got := h.Number(`SELECT transcoding_progress FROM media_items WHERE id = $1`, id); got != 0 {
		t.Fatalf("progress %d before any callback was accepted", got)
	}
	for name, content := range map[string]string{
		"no JSON":           `{"status":`,
		"an array":          `[]`,
		"an unknown status": `{"status":"done","jobId":"` + job + `"}`,
		"a wrong type":      `{"status":"progress","jobId":"` + job + `","progress":"40","step":"preview"}`,
		"an unknown step":   `{"status":"progress","jobId":"` + job + `","progress":40,"step":"dancing"}`,
	} {
		a := h.PostCallback([]byte(content), secret, fresh)
		if a.Status != http.StatusOK || a.At("received") != true || a.Text("error") == "" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	accepted(t, h.PostCallback(body, oldSecret, fresh))
	status := u.Ask(http.MethodGet, "/api/transcoding/status/"+id, nil).Want(http.StatusOK, "")
	for field, want := range map[string]any{"transcodingProgress": 40.0, "runpodJobId": job, "transcodingAttempts": 1.0} {
		if got := status.At("data." + field); got != want {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
}

// accepted fails the test unless the callback was accepted.
func accepted(t *testing.T, a answer) {
	t.Helper()
	if a.Status != http.StatusOK || a.Body != `{"received":true}` {
		t.Errorf("response to a callback: %d %s", a.Status, a.Body)
	}
}

func applyAResultOnce(t *testing.T, h *harness) {
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	result := u.Completed(id, job)
	var posting sync.WaitGroup
	for range 8 {
		posting.Go(func() { accepted(t, h.Callback(result)) })
	}
	posting.Wait()
	other := u.Completed(id, job)
	other.Output.DurationSeconds = 99
	accepted(t, h.Callback(other))
	accepted(t, h.Callback(media.Callback{Status: media.CallbackFailed, JobID: job, Error: "too late"}))
	ready, failed := h.CountEvents(id, "media.ready"), h.CountEvents(id, "media.failed")
	if ready != 1 || failed != 0 || h.MediaStatus(id) != media.Ready {
		t.Errorf("%s after %v", h.MediaStatus(id), h.MediaEvents(id))
	}
	if got := h.Number(`SELECT duration_seconds FROM media_items WHERE id = $1`, id); got != 12 {
		t.Errorf("a second result changed the duration to %d", got)
	}
}

func ignoreTheJobBeforeARetry(t *testing.T, h *harness) {
	u := h.Uploader("creator")
	id, first := u.Transcoding()
	retry := func() answer { return u.Ask(http.MethodPost, "/api/transcoding/retry/"+id, nil) }
	const failure = "INCOMPLETE: The file ends early."
	accepted(t, h.Callback(media.Callback{Status: media.CallbackFailed, JobID: first, Error: failure}))
	item := u.Ask(http.MethodGet, "/api/media/"+id, nil)
	if item.Text("data.transcodingErrorCode")+": "+item.Text("data.transcodingError") != failure {
		t.Errorf("item %s", item.Body)
	}

	retry().Want(http.StatusOK, "")
	second := u.Job(id, first)
	accepted(t, h.Callback(u.Completed(id, first)))
	accepted(t, h.Callback(media.Callback{Status: media.CallbackFailed, JobID: first}))
	accepted(t, h.Callback(u.Completed(id, "no such job")))
	if h.MediaStatus(id) != media.Transcoding {
		t.Fatalf("status %s after reports on the old job", h.MediaStatus(id))
	}
	retry().Want(http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")

	accepted(t, h.Callback(media.Callback{Status: media.CallbackCompleted, JobID: second})) // without an output
	retry().Want(http.StatusOK, "")
	third := u.Job(id, second)
	accepted(t, h.Callback(media.Callback{Status: media.CallbackFailed, JobID: third}))
	retry().Want(http.StatusUnprocessableEntity, "MAX_RETRIES_EXCEEDED")
	if n := h.Number(`SELECT transcoding_attempts FROM media_items WHERE id = $1`, id); n != media.MaxAttempts {
		t.Errorf("%d attempts", n)
	}
	h.MediaEvents(id)
}

func TestKeysOutsideOfTheItemAreRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	result := u.Completed(id, job)
	foreign := "another/thumbnails/" + id + "/a.jpg"
	result.Output.ThumbnailKey = &foreign
	const reason = "output.thumbnailKey is outside of the item's prefix"
	for range 2 { // the report is sent again
		a := h.Callback(result)
		if a.Status != http.StatusOK || a.At("received") != true || a.Text("error") != reason {
			t.Errorf("response to a foreign key: %d %s", a.Status, a.Body)
		}
	}
	item := u.Ask(http.MethodGet, "/api/media/"+id, nil)
	if item.Text("data.status") != "failed" || item.Text("data.transcodingError") != reason {
		t.Errorf("item %s", item.Body)
	}
	u.Ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusOK, "")
}

func TestARetryWithoutAnAcceptedUploadSaysSo(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, _ := u.Register("video/mp4", 5000)
	u.Ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).
		Want(http.StatusUnprocessableEntity, "UPLOAD_NOT_ACCEPTED")
}

func discardOutputsOfADeletedItem(t *testing.T, h *harness) {
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	u.Ask(http.MethodDelete, "/api/media/"+id, nil).Want(http.StatusNoContent, "")
	accepted(t, h.Callback(u.Completed(id, job)))
	accepted(t, h.Callback(u.Completed(id, job)))
	if n := h.CountEvents(id, "media.outputs_discarded"); n != 1 || h.CountEvents(id, "media.ready") != 0 {
		t.Errorf("events %v", h.MediaEvents(id))
	}
}

func TestAFailureMayHaveAnyText(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	const text = "muxer <mov> & \u2028 failed"
	h.Callback(media.Callback{Status: media.CallbackFailed, JobID: job, Error: text}).Want(http.StatusOK, "")
	if a := u.Ask(http.MethodGet, "/api/media/"+id, nil); a.Text("data.transcodingError") != text {
		t.Errorf("item %s", a.Body)
	}
}
