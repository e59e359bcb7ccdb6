package ingest_test

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
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/ingest"
)

// partsOf returns the numbers of the parts that a response lists.
func partsOf(a answer) string {
	parts, _ := a.At("data.parts").([]any)
	numbers := []any{}
	for _, p := range parts {
		numbers = append(numbers, p.(map[string]any)["partNumber"])
	}
	return fmt.Sprint(numbers)
}

// large is a file of three parts that begins like an MP4 file.
func large() []byte {
	content := bytes.Repeat([]byte("0123456789abcdef"), (2*media.MinPartBytes+70_000)/16)
	copy(content, mp4Header)
	return content
}

func cutParts(content []byte) [][]byte {
	var parts [][]byte
	for len(content) > media.MinPartBytes {
		parts, content = append(parts, content[:media.MinPartBytes]), content[media.MinPartBytes:]
	}
	return append(parts, content)
}

func TestAnInterruptedUploadContinuesWithTheMissingParts(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	content := large()
	parts := cutParts(content)
	id, _ := u.Register("video/mp4", len(content))
	opened := u.Ask(http.MethodPost, "/api/media/"+id+"/multipart", nil).Want(http.StatusCreated, "")
	if opened.At("data.partSize") != float64(media.MinPartBytes) || opened.At("data.partCount") != 3.0 {
		t.Errorf("opened %s", opened.Body)
	}
	if at, err := time.Parse(time.RFC3339, opened.Text("data.expiresAt")); err != nil || time.Until(at) < 6*24*time.Hour {
		t.Errorf("expires at %s", opened.Text("data.expiresAt"))
	}
	path := "/api/media/" + id + "/multipart/" + opened.Text("data.uploadId")
	u.SendPart(path, 1, parts[0])
	u.SendPart(path, 3, parts[2])

	// The client has lost its state.
	listed := u.Ask(http.MethodGet, "/api/media/"+id+"/multipart", nil).Want(http.StatusOK, "")
	uploads, _ := listed.At("data.uploads").([]any)
	if len(uploads) != 1 || listed.Text("data.uploads.0.uploadId") != opened.Text("data.uploadId") {
		t.Fatalf("open uploads %s", listed.Body)
	}
	stored := u.Ask(http.MethodGet, path, nil).Want(http.StatusOK, "")
	if partsOf(stored) != "[1 3]" || stored.At("data.parts.0.size") != float64(media.MinPartBytes) {
		t.Fatalf("stored parts %s", stored.Body)
	}
	incomplete := u.Ask(http.MethodPost, path+"/complete", nil).Want(http.StatusUnprocessableEntity, "UPLOAD_INCOMPLETE")
	if got := fmt.Sprint(incomplete.At("error.details.context.partNumbers")); got != "[2]" {
		t.Errorf("missing parts %s in %s", got, incomplete.Body)
	}
	u.SendPart(path, 2, parts[1])
	done := u.Ask(http.MethodPost, path+"/complete", nil).Want(http.StatusOK, "")
	if done.At("data.success") != true || done.Text("data.status") != "uploaded" {
		t.Errorf("completed %s", done.Body)
	}
	key := handlertest.Value[string](h, `SELECT r2_key FROM media_items WHERE id = $1`, id)
	object, err := h.Media.Get(t.Context(), key, s3.Range{}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer object.Body.Close()
	if got, err := io.ReadAll(object.Body); err != nil || !bytes.Equal(got, content) || object.ContentType != "video/mp4" {
		t.Errorf("%d bytes of %s in the store, %v", len(got), object.ContentType, err)
	}
	// The upload is over for everything but a repeated completion.
	u.Ask(http.MethodGet, path, nil).Want(http.StatusConflict, "CONFLICT")
	u.Ask(http.MethodDelete, path, nil).Want(http.StatusNotFound, "NOT_FOUND")
	if types := strings.Join(h.MediaEvents(id)[:2], " "); types != "media.registered media.uploaded" {
		t.Errorf("events %s", types)
	}
}

func TestPartsAreCheckedBeforeTheFileIsAssembled(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	content := large()
	parts := cutParts(content)
	id, _ := u.Register("video/mp4", len(content))
	path := u.OpenParts(id)
	var named []fields
	for n, part := range parts {
		named = append(named, fields{"partNumber": n + 1, "etag": u.SendPart(path, n+1, part)})
	}
	complete := func(parts any) answer {
		return u.Ask(http.MethodPost, path+"/complete", fields{"parts": parts})
	}
	complete(named[:2]).Want(http.StatusUnprocessableEntity, "UPLOAD_INCOMPLETE")
	complete([]fields{named[0], named[1], {"partNumber": 3, "etag": "another"}}).
		Want(http.StatusUnprocessableEntity, "UPLOAD_PART_MISMATCH")
	complete([]fields{named[0], named[0]}).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	complete([]fields{{"partNumber": 0, "etag": "x"}}).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	presign := func(numbers ...int) answer {
		return u.Ask(http.MethodPost, path+"/parts", fields{"partNumbers": append([]int{}, numbers...)})
	}
	presign(4).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	presign().Want(http.StatusBadRequest, "VALIDATION_ERROR")
	presign(make([]int, 101)...).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	address := presign(3).Text("data.parts.0.presignedUrl")
	if got := request(h, http.MethodPut, address, nil, parts[2][:100]); got.Status != http.StatusForbidden {
		t.Errorf("a part of another size was stored: %d", got.Status)
	}

	// A repeated request with the same key is one completion.
	body, _ := json.Marshal(fields{"parts": named})
	header := map[string]string{"Idempotency-Key": "once", "Content-Type": "application/json"}
	first := send(u, http.MethodPost, path+"/complete", header, body).Want(http.StatusOK, "")
	again := send(u, http.MethodPost, path+"/complete", header, body).Want(http.StatusOK, "")
	if first.Body != again.Body {
		t.Errorf("first %s, again %s", first.Body, again.Body)
	}
	other, _ := json.Marshal(fields{"parts": named[:1]})
	send(u, http.MethodPost, path+"/complete", header, other).
		Want(http.StatusUnprocessableEntity, "IDEMPOTENCY_KEY_REUSED")
	if n := h.CountEvents(id, "media.uploaded"); n != 1 {
		t.Errorf("uploaded %d times", n)
	}
}

func TestAFileUploadedInPartsIsExamined(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	content := bytes.Repeat([]byte("Dear diary, "), 1000)
	id, _ := u.Register("video/mp4", len(content))
	path := u.OpenParts(id)
	u.SendPart(path, 1, content)
	u.Ask(http.MethodPost, path+"/complete", nil).Want(http.StatusUnprocessableEntity, "INVALID_CONTENT_TYPE")
	if got := h.MediaStatus(id); got != media.Failed {
		t.Errorf("status %s", got)
	}
	u.Ask(http.MethodPost, "/api/media/"+id+"/multipart", nil).Want(http.StatusConflict, "CONFLICT")
}

func TestAnUploadInPartsBelongsToOneItemAndItsOwner(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u, stranger, customer := h.Uploader("creator"), h.Uploader("creator"), h.Uploader("customer")
	id, _ := u.Register("video/mp4", 2000)
	neighbour, _ := u.Register("video/mp4", 2000)
	foreign, _ := stranger.Register("video/mp4", 2000)
	path := u.OpenParts(id)
	upload := path[strings.LastIndex(path, "/"):]
	sign := fields{"partNumbers": []int{1}}
	for _, c := range []struct {
		who    user
		id     string
		status int
		code   string
	}{
		{u, neighbour, http.StatusNotFound, "NOT_FOUND"},
		{stranger, id, http.StatusNotFound, "NOT_FOUND"},
		{stranger, foreign, http.StatusNotFound, "NOT_FOUND"},
		{customer, id, http.StatusForbidden, "FORBIDDEN"},
	} {
		at := "/api/media/" + c.id + "/multipart" + upload
		c.who.Ask(http.MethodPost, at+"/parts", sign).Want(c.status, c.code)
		c.who.Ask(http.MethodGet, at, nil).Want(c.status, c.code)
		c.who.Ask(http.MethodPost, at+"/complete", nil).Want(c.status, c.code)
		c.who.Ask(http.MethodDelete, at, nil).Want(c.status, c.code)
	}
	stranger.Ask(http.MethodPost, "/api/media/"+id+"/multipart", nil).Want(http.StatusNotFound, "NOT_FOUND")
	stranger.Ask(http.MethodGet, "/api/media/"+id+"/multipart", nil).Want(http.StatusNotFound, "NOT_FOUND")
	for range media.MaxOpenUploads - 1 {
		u.OpenParts(id)
	}
	u.Ask(http.MethodPost, "/api/media/"+id+"/multipart", nil).Want(http.StatusConflict, "CONFLICT")

	etag := u.SendPart(path, 1, make([]byte, 2000))
	u.Ask(http.MethodDelete, path, nil).Want(http.StatusNoContent, "")
	u.Ask(http.MethodDelete, path, nil).Want(http.StatusNotFound, "NOT_FOUND")
	named := fields{"parts": []fields{{"partNumber": 1, "etag": etag}}}
	u.Ask(http.MethodPost, path+"/complete", named).Want(http.StatusNotFound, "NOT_FOUND")
	u.OpenParts(id)
	wantNoPresignedURLs(h)
}

// lossyStore is a store whose first responses are lost.
type lossyStore struct {
	ingest.PartsStore
	asked atomic.Int32
}

var errLost = errors.New("the response was lost")

func (f *lossyStore) StartParts(ctx context.Context, key, contentType string) (string, error) {
	id, err := f.PartsStore.StartParts(ctx, key, contentType)
	if f.asked.Add(1) == 1 {
		return "", errLost
	}
	return id, err
}

func (f *lossyStore) CompleteParts(ctx context.Context, key, upload string, parts []media.Part) error {
	err := f.PartsStore.CompleteParts(ctx, key, upload, parts)
	if f.asked.Add(1) == 3 {
		return errLost
	}
	return err
}

func TestALostResponseOfTheStoreIsRepeated(t *testing.T) {
	t.Parallel()
	store := &lossyStore{}
	h := newHarness(t, options{parts: func(real ingest.PartsStore) ingest.PartsStore {
		store.PartsStore = real
		return store
	}})
	u := h.Uploader("creator")
	id, _ := u.Register("video/mp4", len(mp4Header))
	path := u.OpenParts(id)
	if n := h.Number(`SELECT count(*) FROM media_uploads`); n != 1 {
		t.Errorf("%d uploads are known", n)
	}
	u.SendPart(path, 1, mp4Header)
	u.Ask(http.MethodPost, path+"/complete", nil).Want(http.StatusOK, "")
	if n := h.CountEvents(id, "media.uploaded"); n != 1 || store.asked.Load() < 3 {
		t.Errorf("uploaded %d times, the store was asked %d times", n, store.asked.Load())
	}
	if got := handlertest.Value[string](h, `SELECT status FROM media_uploads`); got != "completed" {
		t.Errorf("status %s", got)
	}
}
