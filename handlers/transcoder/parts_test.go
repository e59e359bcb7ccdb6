package transcoder_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/objects"
)

// open begins an upload in parts and returns the path of its routes.
func (u user) open(t *testing.T, id string) (path string) {
	t.Helper()
	a := u.ask(t, http.MethodPost, "/api/media/"+id+"/multipart", nil).want(t, http.StatusCreated, "")
	return "/api/media/" + id + "/multipart/" + a.text("data", "uploadId")
}

// sendPart gets an address for one part and sends it.
func (u user) sendPart(t *testing.T, path string, number int, content []byte) (etag string) {
	t.Helper()
	a := u.ask(t, http.MethodPost, path+"/parts", fields{"partNumbers": []int{number}}).want(t, http.StatusOK, "")
	sent := do(t, http.MethodPut, firstPart(t, a)["presignedUrl"].(string), nil, content)
	sent.want(t, http.StatusOK, "")
	return sent.header.Get("ETag")
}

// firstPart returns the first entry of an answer's list of parts.
func firstPart(t *testing.T, a answer) map[string]any {
	t.Helper()
	parts, _ := a.at("data", "parts").([]any)
	if len(parts) == 0 {
		t.Fatalf("no parts in %s", a.body)
	}
	return parts[0].(map[string]any)
}

// partsOf returns the numbers of an answer's list of parts.
func partsOf(a answer) string {
	parts, _ := a.at("data", "parts").([]any)
	numbers := []any{}
	for _, p := range parts {
		numbers = append(numbers, p.(map[string]any)["partNumber"])
	}
	return fmt.Sprint(numbers)
}

// large is a file of three parts that begins like a film.
func large() []byte {
	content := bytes.Repeat([]byte("0123456789abcdef"), (2*media.MinPartBytes+70_000)/16)
	copy(content, seeming)
	return content
}

func cutParts(content []byte) [][]byte {
	var parts [][]byte
	for len(content) > media.MinPartBytes {
		parts, content = append(parts, content[:media.MinPartBytes]), content[media.MinPartBytes:]
	}
	return append(parts, content)
}

func TestAnUploadThatWasCutOffGoesOnWithTheMissingParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u := w.signIn(t, "creator")
	content := large()
	parts := cutParts(content)
	id, _ := u.register(t, "video/mp4", len(content))
	opened := u.ask(t, http.MethodPost, "/api/media/"+id+"/multipart", nil).want(t, http.StatusCreated, "")
	if opened.at("data", "partSize") != float64(media.MinPartBytes) || opened.at("data", "partCount") != 3.0 {
		t.Errorf("opened %s", opened.body)
	}
	if at, err := time.Parse(time.RFC3339, opened.text("data", "expiresAt")); err != nil || time.Until(at) < 6*24*time.Hour {
		t.Errorf("expires at %s", opened.text("data", "expiresAt"))
	}
	path := "/api/media/" + id + "/multipart/" + opened.text("data", "uploadId")
	u.sendPart(t, path, 1, parts[0])
	u.sendPart(t, path, 3, parts[2])

	// The client comes back and knows nothing.
	listed := u.ask(t, http.MethodGet, "/api/media/"+id+"/multipart", nil).want(t, http.StatusOK, "")
	if uploads, _ := listed.at("data", "uploads").([]any); len(uploads) != 1 || uploads[0].(map[string]any)["uploadId"] != opened.text("data", "uploadId") {
		t.Fatalf("open uploads %s", listed.body)
	}
	arrived := u.ask(t, http.MethodGet, path, nil).want(t, http.StatusOK, "")
	if partsOf(arrived) != "[1 3]" || firstPart(t, arrived)["size"] != float64(media.MinPartBytes) {
		t.Fatalf("arrived %s", arrived.body)
	}
	refused := u.ask(t, http.MethodPost, path+"/complete", nil).want(t, http.StatusUnprocessableEntity, "UPLOAD_INCOMPLETE")
	if got := fmt.Sprint(refused.at("error", "details", "context", "partNumbers")); got != "[2]" {
		t.Errorf("missing parts %s in %s", got, refused.body)
	}
	u.sendPart(t, path, 2, parts[1])
	done := u.ask(t, http.MethodPost, path+"/complete", nil).want(t, http.StatusOK, "")
	if done.at("data", "success") != true || done.text("data", "status") != "uploaded" {
		t.Errorf("completed %s", done.body)
	}
	key := query[string](t, w, `SELECT r2_key FROM media_items WHERE id = $1`, id)
	object, err := w.media.Get(t.Context(), key, s3.Range{}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer object.Body.Close()
	if got, err := io.ReadAll(object.Body); err != nil || !bytes.Equal(got, content) || object.ContentType != "video/mp4" {
		t.Errorf("%d bytes of %s in the store, %v", len(got), object.ContentType, err)
	}
	// Asked again it is done; it is over for everything else.
	u.ask(t, http.MethodGet, path, nil).want(t, http.StatusConflict, "")
	u.ask(t, http.MethodDelete, path, nil).want(t, http.StatusNotFound, "")
	if types := strings.Join(w.history(t, id)[:2], " "); types != "media.registered media.uploaded" {
		t.Errorf("events %s", types)
	}
}

func TestPartsAreTakenAsTheyWereNamedAndCheckedBeforeAnythingIsPutTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u := w.signIn(t, "creator")
	content := large()
	parts := cutParts(content)
	id, _ := u.register(t, "video/mp4", len(content))
	path := u.open(t, id)
	var named []fields
	for n, part := range parts {
		named = append(named, fields{"partNumber": n + 1, "etag": u.sendPart(t, path, n+1, part)})
	}
	complete := func(parts any) answer {
		return u.ask(t, http.MethodPost, path+"/complete", fields{"parts": parts})
	}
	complete(named[:2]).want(t, http.StatusUnprocessableEntity, "UPLOAD_INCOMPLETE")
	complete([]fields{named[0], named[1], {"partNumber": 3, "etag": "another"}}).want(t, http.StatusUnprocessableEntity, "UPLOAD_PART_MISMATCH")
	complete([]fields{named[0], named[0]}).want(t, http.StatusBadRequest, "VALIDATION_ERROR")
	complete([]fields{{"partNumber": 0, "etag": "x"}}).want(t, http.StatusBadRequest, "VALIDATION_ERROR")
	u.ask(t, http.MethodPost, path+"/parts", fields{"partNumbers": []int{4}}).want(t, http.StatusBadRequest, "VALIDATION_ERROR")
	u.ask(t, http.MethodPost, path+"/parts", fields{"partNumbers": []int{}}).want(t, http.StatusBadRequest, "VALIDATION_ERROR")
	u.ask(t, http.MethodPost, path+"/parts", fields{"partNumbers": make([]int, 101)}).want(t, http.StatusBadRequest, "VALIDATION_ERROR")
	signed := u.ask(t, http.MethodPost, path+"/parts", fields{"partNumbers": []int{3}})
	if got := do(t, http.MethodPut, firstPart(t, signed)["presignedUrl"].(string), nil, parts[2][:100]); got.status != http.StatusForbidden {
		t.Errorf("a part of another size was stored: %d", got.status)
	}

	// The same request under one key is one upload, however often it comes.
	body, _ := json.Marshal(fields{"parts": named})
	header := map[string]string{"Cookie": u.cookie, "Idempotency-Key": "once", "Content-Type": "application/json"}
	first := do(t, http.MethodPost, w.edge.URL+path+"/complete", header, body).want(t, http.StatusOK, "")
	again := do(t, http.MethodPost, w.edge.URL+path+"/complete", header, body).want(t, http.StatusOK, "")
	if first.body != again.body {
		t.Errorf("first %s, again %s", first.body, again.body)
	}
	other, _ := json.Marshal(fields{"parts": named[:1]})
	do(t, http.MethodPost, w.edge.URL+path+"/complete", header, other).want(t, http.StatusUnprocessableEntity, "")
	if n := w.count(t, id, "media.uploaded"); n != 1 {
		t.Errorf("uploaded %d times", n)
	}
}

func TestAFileInPartsIsExaminedLikeAnyOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u := w.signIn(t, "creator")
	content := bytes.Repeat([]byte("Dear diary, "), 1000)
	id, _ := u.register(t, "video/mp4", len(content))
	path := u.open(t, id)
	u.sendPart(t, path, 1, content)
	u.ask(t, http.MethodPost, path+"/complete", nil).want(t, http.StatusUnprocessableEntity, "INVALID_CONTENT_TYPE")
	if got := w.status(t, id); got != media.Failed {
		t.Errorf("status %s", got)
	}
	u.ask(t, http.MethodPost, "/api/media/"+id+"/multipart", nil).want(t, http.StatusConflict, "")
}

func TestAnUploadBelongsToOneItemAndItsOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u, stranger, customer := w.signIn(t, "creator"), w.signIn(t, "creator"), w.signIn(t, "customer")
	id, _ := u.register(t, "video/mp4", 2000)
	neighbour, _ := u.register(t, "video/mp4", 2000)
	foreign, _ := stranger.register(t, "video/mp4", 2000)
	path := u.open(t, id)
	upload := path[strings.LastIndex(path, "/"):]
	sign := fields{"partNumbers": []int{1}}
	for _, c := range []struct {
		who    user
		id     string
		status int
	}{
		{u, neighbour, http.StatusNotFound},
		{stranger, id, http.StatusNotFound},
		{stranger, foreign, http.StatusNotFound},
		{customer, id, http.StatusForbidden},
	} {
		at := "/api/media/" + c.id + "/multipart" + upload
		c.who.ask(t, http.MethodPost, at+"/parts", sign).want(t, c.status, "")
		c.who.ask(t, http.MethodGet, at, nil).want(t, c.status, "")
		c.who.ask(t, http.MethodPost, at+"/complete", nil).want(t, c.status, "")
		c.who.ask(t, http.MethodDelete, at, nil).want(t, c.status, "")
	}
	stranger.ask(t, http.MethodPost, "/api/media/"+id+"/multipart", nil).want(t, http.StatusNotFound, "")
	stranger.ask(t, http.MethodGet, "/api/media/"+id+"/multipart", nil).want(t, http.StatusNotFound, "")
	for range media.MaxOpenUploads - 1 {
		u.open(t, id)
	}
	u.ask(t, http.MethodPost, "/api/media/"+id+"/multipart", nil).want(t, http.StatusConflict, "")

	etag := u.sendPart(t, path, 1, make([]byte, 2000))
	u.ask(t, http.MethodDelete, path, nil).want(t, http.StatusNoContent, "")
	u.ask(t, http.MethodDelete, path, nil).want(t, http.StatusNotFound, "")
	u.ask(t, http.MethodPost, path+"/complete", fields{"parts": []fields{{"partNumber": 1, "etag": etag}}}).want(t, http.StatusNotFound, "")
	u.open(t, id)
	if n := query[int](t, w, `SELECT count(*) FROM commands WHERE response_body::text LIKE '%Amz%' OR envelope::text LIKE '%Amz%'`); n != 0 {
		t.Errorf("%d commands hold a presigned address", n)
	}
}

func TestUploadsThatNobodyCompletesAreEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u := w.signIn(t, "creator")
	clock := time.Now()
	sweeper := objects.Uploads{Pool: w.pool, Store: w.media, Now: func() time.Time { return clock }, Log: w.log}
	sweep := func(want int) {
		t.Helper()
		n, err := sweeper.Sweep(context.Background())
		if err != nil || n != want {
			t.Fatalf("%d uploads ended, %v; want %d", n, err, want)
		}
	}
	forgotten, _ := u.register(t, "video/mp4", 2000)
	path := u.open(t, forgotten)
	u.sendPart(t, path, 1, make([]byte, 2000))
	// An item whose file comes by another way needs its open upload no more.
	elsewhere, address := u.register(t, "video/mp4", len(seeming))
	u.open(t, elsewhere)
	sweep(0)
	upload(t, address, "video/mp4", seeming).want(t, http.StatusOK, "")
	u.complete(t, elsewhere).want(t, http.StatusOK, "")
	sweep(1)
	clock = time.Now().Add(media.PartsLife - time.Minute)
	sweep(0)
	clock = time.Now().Add(media.PartsLife + time.Minute)
	sweep(1)
	u.ask(t, http.MethodGet, path, nil).want(t, http.StatusNotFound, "")
	if n, err := w.media.AbortUploads(t.Context(), "", time.Time{}); n != 0 || err != nil {
		t.Errorf("%d uploads are left in the store, %v", n, err)
	}
}

func TestADeletionRemovesOpenUploadsAndEveryObject(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	u := w.signIn(t, "creator")
	id := u.deliver(t, "video/mp4", seeming)
	waiting, address := u.register(t, "video/mp4", len(seeming))
	upload(t, address, "video/mp4", seeming).want(t, http.StatusOK, "")
	path := u.open(t, waiting)
	u.sendPart(t, path, 1, seeming)
	p := media.PrefixesOf(u.id, id)
	for _, key := range []string{p.HLS + "master.m3u8", p.HLS + "720p/stream.mp4", p.Thumbnails + "auto-generated.jpg", p.Waveforms + "waveform.json"} {
		put(t, w.media, key, "made", "text/plain")
	}
	put(t, w.assets, p.MediaThumbnails+"sm.webp", "made", "image/webp")

	u.ask(t, http.MethodDelete, "/api/media/"+id, nil).want(t, http.StatusNoContent, "")
	u.ask(t, http.MethodDelete, "/api/media/"+waiting, nil).want(t, http.StatusNoContent, "")
	eventually(t, "every object is removed", func() bool { return keys(t, w.media, "")+keys(t, w.assets, "") == "[][]" })
	u.ask(t, http.MethodGet, path, nil).want(t, http.StatusNotFound, "NOT_FOUND")
	if n, err := w.media.AbortUploads(t.Context(), "", time.Time{}); n != 0 || err != nil {
		t.Errorf("%d uploads are left in the store, %v", n, err)
	}
	u.ask(t, http.MethodDelete, "/api/media/"+id, nil).want(t, http.StatusNotFound, "")
}

// forgetful does what it is asked for, and the first answers get lost.
type forgetful struct {
	commands.PartsStore
	asked atomic.Int32
}

var errLost = errors.New("the answer got lost")

func (f *forgetful) StartParts(ctx context.Context, key, contentType string) (string, error) {
	id, err := f.PartsStore.StartParts(ctx, key, contentType)
	if f.asked.Add(1) == 1 {
		return "", errLost
	}
	return id, err
}

func (f *forgetful) CompleteParts(ctx context.Context, key, upload string, parts []media.Part) error {
	err := f.PartsStore.CompleteParts(ctx, key, upload, parts)
	if f.asked.Add(1) == 3 {
		return errLost
	}
	return err
}

func TestAnAnswerOfTheStoreThatGetsLostCostsNothing(t *testing.T) {
	t.Parallel()
	store := &forgetful{}
	w := newWorld(t, options{parts: func(real commands.PartsStore) commands.PartsStore {
		store.PartsStore = real
		return store
	}})
	u := w.signIn(t, "creator")
	id, _ := u.register(t, "video/mp4", len(seeming))
	path := u.open(t, id)
	if n := query[int](t, w, `SELECT count(*) FROM media_uploads`); n != 1 {
		t.Errorf("%d uploads are known", n)
	}
	u.sendPart(t, path, 1, seeming)
	u.ask(t, http.MethodPost, path+"/complete", nil).want(t, http.StatusOK, "")
	if n := w.count(t, id, "media.uploaded"); n != 1 || store.asked.Load() < 3 {
		t.Errorf("uploaded %d times, the store was asked %d times", n, store.asked.Load())
	}
	if got := query[string](t, w, `SELECT status FROM media_uploads`); got != "completed" {
		t.Errorf("status %s", got)
	}
	// The upload whose name got lost goes with the item.
	u.ask(t, http.MethodDelete, "/api/media/"+id, nil).want(t, http.StatusNoContent, "")
	eventually(t, "every object is removed", func() bool { return keys(t, w.media, "") == "[]" })
	if n, err := w.media.AbortUploads(t.Context(), "", time.Time{}); n != 0 || err != nil {
		t.Errorf("%d uploads are left in the store, %v", n, err)
	}
}
