package ingest_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/transcoder"
)

// TestACallback shares one installation between its parts.
func TestACallback(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	for name, part := range map[string]func(*testing.T, *harness){
		"is taken only when it is signed and fresh":                    isSignedAndFresh,
		"with a result that comes twice and at once is one transition": isOneTransition,
		"on the job before the retry changes nothing":                  isStaleAfterARetry,
		"for a deleted item revives nothing and its objects go":        revivesNothing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, w.in(t))
		})
	}
}

func isSignedAndFresh(t *testing.T, w *harness) {
	u := w.signIn("creator")
	id, job := u.transcoding()
	body := []byte(`{"status":"progress","jobId":"` + job + `","progress":40,"step":"preview","extra":{"from":"elsewhere"}}`)
	at := func(offset int64) string { return strconv.FormatInt(time.Now().Unix()+offset, 10) }
	raw := func(header map[string]string, content []byte) answer {
		return w.do(http.MethodPost, "/api/transcoding/webhook", header, content)
	}
	fresh := at(0)
	good := media.Sign([]byte(secret), fresh, body)
	for code, a := range map[string]answer{
		"MISSING_SIGNATURE": raw(map[string]string{media.TimestampHeader: fresh}, body),
		"MISSING_TIMESTAMP": raw(map[string]string{media.SignatureHeader: good}, body),
		"INVALID_TIMESTAMP": w.post(body, secret, "now"),
		"TIMESTAMP_EXPIRED": w.post(body, secret, at(-310)),
		"TIMESTAMP_FUTURE":  w.post(body, secret, at(70)),
		"INVALID_SIGNATURE": w.post(body, "another secret", fresh),
	} {
		if a.Status != http.StatusUnauthorized || a.Text("error.code") != code {
			t.Errorf("%s: %d %s", code, a.Status, a.Body)
		}
	}
	tampered := raw(map[string]string{media.TimestampHeader: fresh, media.SignatureHeader: good}, []byte(strings.Replace(string(body), "40", "90", 1)))
	if tampered.Status != http.StatusUnauthorized {
		t.Errorf("another body under the signature: %d", tampered.Status)
	}
	if a := w.post(make([]byte, 64<<10+1), secret, fresh); a.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("an oversized body: %d", a.Status)
	}
	if got := w.Number(`SELECT transcoding_progress FROM media_items WHERE id = $1`, id); got != 0 {
		t.Fatalf("progress %d before any callback was taken", got)
	}
	for name, content := range map[string]string{
		"no JSON":         `{"status":`,
		"no report":       `[]`,
		"an unknown kind": `{"status":"done","jobId":"` + job + `"}`,
		"a wrong type":    `{"status":"progress","jobId":"` + job + `","progress":"40","step":"preview"}`,
		"an unknown step": `{"status":"progress","jobId":"` + job + `","progress":40,"step":"dancing"}`,
	} {
		if a := w.post([]byte(content), secret, fresh); a.Status != http.StatusOK || a.At("received") != true || a.Text("error") == "" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if a := w.post(body, "the secret before", fresh); a.Status != http.StatusOK || a.Body != `{"received":true}` {
		t.Errorf("signed with the older secret: %d %s", a.Status, a.Body)
	}
	status := u.ask(http.MethodGet, "/api/transcoding/status/"+id, nil).Want(http.StatusOK, "")
	if status.At("data.transcodingProgress") != 40.0 || status.Text("data.runpodJobId") != job || status.At("data.transcodingAttempts") != 1.0 {
		t.Errorf("status %s", status.Body)
	}
}

func taken(t *testing.T, a answer) {
	t.Helper()
	if a.Status != http.StatusOK || a.Body != `{"received":true}` {
		t.Errorf("callback answered %d %s", a.Status, a.Body)
	}
}

func isOneTransition(t *testing.T, w *harness) {
	u := w.signIn("creator")
	id, job := u.transcoding()
	result := u.completed(id, job)
	var posting sync.WaitGroup
	for range 8 {
		posting.Go(func() { taken(t, w.callback(result)) })
	}
	posting.Wait()
	other := u.completed(id, job)
	other.Output.DurationSeconds = 99
	taken(t, w.callback(other))
	taken(t, w.callback(media.Callback{Status: media.CallbackFailed, JobID: job, Error: "too late"}))
	if w.status(id) != media.Ready || w.count(id, "media.ready") != 1 || w.count(id, "media.failed") != 0 {
		t.Errorf("%s after %v", w.status(id), w.history(id))
	}
	if got := w.Number(`SELECT duration_seconds FROM media_items WHERE id = $1`, id); got != 12 {
		t.Errorf("a second result changed the duration to %d", got)
	}
}

func isStaleAfterARetry(t *testing.T, w *harness) {
	u := w.signIn("creator")
	id, first := u.transcoding()
	taken(t, w.callback(media.Callback{Status: media.CallbackFailed, JobID: first, Error: "INCOMPLETE: The file ends early."}))
	if a := u.ask(http.MethodGet, "/api/media/"+id, nil); a.Text("data.transcodingError") != "The file ends early." || a.Text("data.transcodingErrorCode") != "INCOMPLETE" {
		t.Errorf("item %s", a.Body)
	}
	u.ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusOK, "")
	second := u.job(id, first)
	taken(t, w.callback(u.completed(id, first)))
	taken(t, w.callback(media.Callback{Status: media.CallbackFailed, JobID: first}))
	taken(t, w.callback(u.completed(id, "no such job")))
	if w.status(id) != media.Transcoding {
		t.Fatalf("status %s after reports on the old job", w.status(id))
	}
	u.ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")
	taken(t, w.callback(media.Callback{Status: media.CallbackCompleted, JobID: second})) // without an output
	u.ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusOK, "")
	third := u.job(id, second)
	taken(t, w.callback(media.Callback{Status: media.CallbackFailed, JobID: third}))
	u.ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusUnprocessableEntity, "MAX_RETRIES_EXCEEDED")
	if n := w.Number(`SELECT transcoding_attempts FROM media_items WHERE id = $1`, id); n != media.MaxAttempts {
		t.Errorf("%d attempts", n)
	}
	w.history(id)
}

func revivesNothing(t *testing.T, w *harness) {
	u := w.signIn("creator")
	id, job := u.transcoding()
	neighbour, _ := u.transcoding()
	u.ask(http.MethodDelete, "/api/media/"+id, nil).Want(http.StatusNoContent, "")
	prefixes := media.PrefixesOf(u.id, id)
	w.Until("the original is removed", func() bool { return keys(t, w.Media, prefixes.Originals) == "[]" })

	put(t, w.Media, prefixes.HLS+"master.m3u8", "late", "text/plain")
	put(t, w.Media, prefixes.Thumbnails+"auto-generated.jpg", "late", "text/plain")
	put(t, w.Media, prefixes.Waveforms+"waveform.json", "late", "text/plain")
	put(t, w.Assets, prefixes.MediaThumbnails+"sm.webp", "late", "text/plain")
	taken(t, w.callback(u.completed(id, job)))
	taken(t, w.callback(u.completed(id, job)))
	w.Until("the late outputs are removed", func() bool {
		return keys(t, w.Media, u.id+"/hls/")+keys(t, w.Media, prefixes.Thumbnails)+keys(t, w.Media, prefixes.Waveforms)+keys(t, w.Assets, prefixes.MediaThumbnails) == "[][][][]"
	})
	if n := w.count(id, "media.outputs_discarded"); n != 1 || w.count(id, "media.ready") != 0 {
		t.Errorf("events %v", w.history(id))
	}
	if keys(t, w.Media, media.PrefixesOf(u.id, neighbour).Originals) == "[]" {
		t.Error("the neighbour's original was removed")
	}
}

func TestASilentJobIsFailedAndItsLateResultStillCounts(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u := w.signIn("creator")
	id, job := u.transcoding()
	clock := time.Now()
	sweeper := transcoder.Sweeper{DB: w.Pool, Dispatcher: w.Dispatcher, Now: func() time.Time { return clock }, Log: w.Logger}
	sweep := func() int {
		n, err := sweeper.Sweep(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	clock = time.Now().Add(119 * time.Minute)
	if n := sweep(); n != 0 {
		t.Fatalf("%d jobs taken for dead too early", n)
	}
	clock = time.Now().Add(121 * time.Minute)
	if n := sweep(); n != 1 {
		t.Fatalf("%d jobs taken for dead", n)
	}
	sweep()
	w.Until("the job is failed", func() bool { return w.status(id) == media.Failed })
	a := u.ask(http.MethodGet, "/api/transcoding/status/"+id, nil)
	if a.Text("data.transcodingErrorCode") != media.CodeStuck || a.At("data.transcodingAttempts") != 1.0 {
		t.Errorf("status %s", a.Body)
	}
	taken(t, w.callback(u.completed(id, job)))
	if w.status(id) != media.Ready || w.count(id, "media.failed") != 1 || sweep() != 0 {
		t.Errorf("%s after %v", w.status(id), w.history(id))
	}
}
