package transcoder_test

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
	w := newWorld(t, options{})
	for name, part := range map[string]func(*testing.T, *world){
		"is taken only when it is signed and fresh":                    isSignedAndFresh,
		"with a result that comes twice and at once is one transition": isOneTransition,
		"on the job before the retry changes nothing":                  isStaleAfterARetry,
		"for a deleted item revives nothing and its objects go":        revivesNothing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, w)
		})
	}
}

func isSignedAndFresh(t *testing.T, w *world) {
	u := w.signIn(t, "creator")
	id, job := u.transcoding(t)
	body := []byte(`{"status":"progress","jobId":"` + job + `","progress":40,"step":"preview","extra":{"from":"elsewhere"}}`)
	at := func(offset int64) string { return strconv.FormatInt(time.Now().Unix()+offset, 10) }
	raw := func(header map[string]string, content []byte) answer {
		return do(t, http.MethodPost, w.edge.URL+"/api/transcoding/webhook", header, content)
	}
	fresh := at(0)
	good := media.Sign([]byte(secret), fresh, body)
	for code, a := range map[string]answer{
		"MISSING_SIGNATURE": raw(map[string]string{media.TimestampHeader: fresh}, body),
		"MISSING_TIMESTAMP": raw(map[string]string{media.SignatureHeader: good}, body),
		"INVALID_TIMESTAMP": w.post(t, body, secret, "now"),
		"TIMESTAMP_EXPIRED": w.post(t, body, secret, at(-310)),
		"TIMESTAMP_FUTURE":  w.post(t, body, secret, at(70)),
		"INVALID_SIGNATURE": w.post(t, body, "another secret", fresh),
	} {
		if a.status != http.StatusUnauthorized || a.text("error", "code") != code {
			t.Errorf("%s: %d %s", code, a.status, a.body)
		}
	}
	tampered := raw(map[string]string{media.TimestampHeader: fresh, media.SignatureHeader: good}, []byte(strings.Replace(string(body), "40", "90", 1)))
	if tampered.status != http.StatusUnauthorized {
		t.Errorf("another body under the signature: %d", tampered.status)
	}
	if a := w.post(t, make([]byte, 64<<10+1), secret, fresh); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("an oversized body: %d", a.status)
	}
	if got := query[int](t, w, `SELECT transcoding_progress FROM media_items WHERE id = $1`, id); got != 0 {
		t.Fatalf("progress %d before any callback was taken", got)
	}
	for name, content := range map[string]string{
		"no JSON":         `{"status":`,
		"no report":       `[]`,
		"an unknown kind": `{"status":"done","jobId":"` + job + `"}`,
		"a wrong type":    `{"status":"progress","jobId":"` + job + `","progress":"40","step":"preview"}`,
		"an unknown step": `{"status":"progress","jobId":"` + job + `","progress":40,"step":"dancing"}`,
	} {
		if a := w.post(t, []byte(content), secret, fresh); a.status != http.StatusOK || a.at("received") != true || a.text("error") == "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := w.post(t, body, "the secret before", fresh); a.status != http.StatusOK || a.body != `{"received":true}` {
		t.Errorf("signed with the older secret: %d %s", a.status, a.body)
	}
	status := u.ask(t, http.MethodGet, "/api/transcoding/status/"+id, nil).want(t, http.StatusOK, "")
	if status.at("data", "transcodingProgress") != 40.0 || status.text("data", "runpodJobId") != job || status.at("data", "transcodingAttempts") != 1.0 {
		t.Errorf("status %s", status.body)
	}
}

func taken(t *testing.T, a answer) {
	t.Helper()
	if a.status != http.StatusOK || a.body != `{"received":true}` {
		t.Errorf("callback answered %d %s", a.status, a.body)
	}
}

func isOneTransition(t *testing.T, w *world) {
	u := w.signIn(t, "creator")
	id, job := u.transcoding(t)
	result := u.completed(id, job)
	var posting sync.WaitGroup
	for range 8 {
		posting.Go(func() { taken(t, w.callback(t, result)) })
	}
	posting.Wait()
	other := u.completed(id, job)
	other.Output.DurationSeconds = 99
	taken(t, w.callback(t, other))
	taken(t, w.callback(t, media.Callback{Status: media.CallbackFailed, JobID: job, Error: "too late"}))
	if w.status(t, id) != media.Ready || w.count(t, id, "media.ready") != 1 || w.count(t, id, "media.failed") != 0 {
		t.Errorf("%s after %v", w.status(t, id), w.history(t, id))
	}
	if got := query[int](t, w, `SELECT duration_seconds FROM media_items WHERE id = $1`, id); got != 12 {
		t.Errorf("a second result changed the duration to %d", got)
	}
}

func isStaleAfterARetry(t *testing.T, w *world) {
	u := w.signIn(t, "creator")
	id, first := u.transcoding(t)
	taken(t, w.callback(t, media.Callback{Status: media.CallbackFailed, JobID: first, Error: "INCOMPLETE: The file ends early."}))
	if a := u.ask(t, http.MethodGet, "/api/media/"+id, nil); a.text("data", "transcodingError") != "The file ends early." || a.text("data", "transcodingErrorCode") != "INCOMPLETE" {
		t.Errorf("item %s", a.body)
	}
	u.ask(t, http.MethodPost, "/api/transcoding/retry/"+id, nil).want(t, http.StatusOK, "")
	second := u.job(t, id, first)
	taken(t, w.callback(t, u.completed(id, first)))
	taken(t, w.callback(t, media.Callback{Status: media.CallbackFailed, JobID: first}))
	taken(t, w.callback(t, u.completed(id, "no such job")))
	if w.status(t, id) != media.Transcoding {
		t.Fatalf("status %s after reports on the old job", w.status(t, id))
	}
	u.ask(t, http.MethodPost, "/api/transcoding/retry/"+id, nil).want(t, http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")
	taken(t, w.callback(t, media.Callback{Status: media.CallbackCompleted, JobID: second})) // without an output
	u.ask(t, http.MethodPost, "/api/transcoding/retry/"+id, nil).want(t, http.StatusOK, "")
	third := u.job(t, id, second)
	taken(t, w.callback(t, media.Callback{Status: media.CallbackFailed, JobID: third}))
	u.ask(t, http.MethodPost, "/api/transcoding/retry/"+id, nil).want(t, http.StatusUnprocessableEntity, "MAX_RETRIES_EXCEEDED")
	if n := query[int](t, w, `SELECT transcoding_attempts FROM media_items WHERE id = $1`, id); n != media.MaxAttempts {
		t.Errorf("%d attempts", n)
	}
	w.history(t, id)
}

func revivesNothing(t *testing.T, w *world) {
	u := w.signIn(t, "creator")
	id, job := u.transcoding(t)
	neighbour, _ := u.transcoding(t)
	u.ask(t, http.MethodDelete, "/api/media/"+id, nil).want(t, http.StatusNoContent, "")
	prefixes := media.PrefixesOf(u.id, id)
	eventually(t, "the original is removed", func() bool { return keys(t, w.media, prefixes.Originals) == "[]" })

	put(t, w.media, prefixes.HLS+"master.m3u8", "late", "text/plain")
	put(t, w.media, prefixes.Thumbnails+"auto-generated.jpg", "late", "text/plain")
	put(t, w.media, prefixes.Waveforms+"waveform.json", "late", "text/plain")
	put(t, w.assets, prefixes.MediaThumbnails+"sm.webp", "late", "text/plain")
	taken(t, w.callback(t, u.completed(id, job)))
	taken(t, w.callback(t, u.completed(id, job)))
	eventually(t, "the late outputs are removed", func() bool {
		return keys(t, w.media, u.id+"/hls/")+keys(t, w.media, prefixes.Thumbnails)+keys(t, w.media, prefixes.Waveforms)+keys(t, w.assets, prefixes.MediaThumbnails) == "[][][][]"
	})
	if n := w.count(t, id, "media.outputs_discarded"); n != 1 || w.count(t, id, "media.ready") != 0 {
		t.Errorf("events %v", w.history(t, id))
	}
	if keys(t, w.media, media.PrefixesOf(u.id, neighbour).Originals) == "[]" {
		t.Error("the neighbour's original was removed")
	}
}

func TestASilentJobIsFailedAndItsLateResultStillCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u := w.signIn(t, "creator")
	id, job := u.transcoding(t)
	clock := time.Now()
	sweeper := transcoder.Sweeper{DB: w.pool, Dispatcher: w.dispatcher, Now: func() time.Time { return clock }, Log: w.log}
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
	eventually(t, "the job is failed", func() bool { return w.status(t, id) == media.Failed })
	a := u.ask(t, http.MethodGet, "/api/transcoding/status/"+id, nil)
	if a.text("data", "transcodingErrorCode") != media.CodeStuck || a.at("data", "transcodingAttempts") != 1.0 {
		t.Errorf("status %s", a.body)
	}
	taken(t, w.callback(t, u.completed(id, job)))
	if w.status(t, id) != media.Ready || w.count(t, id, "media.failed") != 1 || sweep() != 0 {
		t.Errorf("%s after %v", w.status(t, id), w.history(t, id))
	}
}
