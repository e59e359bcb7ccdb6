package ingest_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// tusHeader has the version of the protocol, and more.
func tusHeader(pairs ...string) map[string]string {
	return handlertest.Pairs(append([]string{"Tus-Resumable", "1.0.0"}, pairs...)...)
}

// createTus opens an upload for a new item.
func createTus(u user, size int) (id, path string) {
	u.Helper()
	id, _ = u.Register("video/mp4", size)
	header := tusHeader("Upload-Length", strconv.Itoa(size), "Upload-Metadata", "filename ZmlsbS5tcDQ=,draft")
	a := send(u, http.MethodPost, "/api/media/"+id+"/tus", header, nil).Want(http.StatusCreated, "")
	return id, a.Header.Get("Location")
}

// patchTus appends to an upload.
func patchTus(u user, path string, offset int, content []byte, pairs ...string) answer {
	u.Helper()
	pairs = append(pairs, "Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/offset+octet-stream")
	return send(u, http.MethodPatch, path, tusHeader(pairs...), content)
}

// wantOffset ends the test unless an upload is at an offset.
func wantOffset(u user, path string, want int) {
	u.Helper()
	a := send(u, http.MethodHead, path, tusHeader(), nil)
	if a.Status != http.StatusNoContent || a.Header.Get("Upload-Offset") != strconv.Itoa(want) ||
		a.Header.Get("Tus-Resumable") != "1.0.0" {
		u.Fatalf("%d %v, want offset %d", a.Status, a.Header, want)
	}
}

// wantStored ends the test unless the original of an item is this file, without anything beside it.
func wantStored(u user, id string, content []byte) {
	u.Helper()
	key := handlertest.Value[string](u.Harness, `SELECT r2_key FROM media_items WHERE id = $1`, id)
	object := handlertest.Must(u.Media.Get(u.Context(), key, s3.Range{}, ""))(u)
	defer func() { _ = object.Body.Close() }()
	if got, err := io.ReadAll(object.Body); err != nil || !bytes.Equal(got, content) {
		u.Fatalf("%d bytes in the store, want %d: %v", len(got), len(content), err)
	}
	if beside := u.Keys(u.Media, key+"."); beside != "[]" {
		u.Errorf("left beside the original: %s", beside)
	}
}

func TestAFileIsUploadedByTusInChunksOfAnySize(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	content := large()
	id, path := createTus(u, len(content))
	a := send(u, http.MethodHead, path, tusHeader(), nil)
	for name, want := range map[string]string{
		"Upload-Length":   strconv.Itoa(len(content)),
		"Upload-Offset":   "0",
		"Upload-Metadata": "filename ZmlsbS5tcDQ=,draft",
		"Cache-Control":   "no-store",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	expires, err := time.Parse(http.TimeFormat, a.Header.Get("Upload-Expires"))
	if err != nil || time.Until(expires) < 6*24*time.Hour {
		t.Errorf("expires %q", a.Header.Get("Upload-Expires"))
	}

	offset := 0
	for _, size := range []int{1, 100_000, media.MinPartBytes, 3, media.MinPartBytes - 100_004, len(content)} {
		end := min(offset+size, len(content))
		a := patchTus(u, path, offset, content[offset:end]).Want(http.StatusNoContent, "")
		if offset = end; a.Header.Get("Upload-Offset") != strconv.Itoa(offset) {
			t.Fatalf("offset %s, want %d", a.Header.Get("Upload-Offset"), offset)
		}
		wantOffset(u, path, offset)
	}
	wantStored(u, id, content)
	if n := h.CountEvents(id, "media.uploaded"); n != 1 {
		t.Errorf("uploaded %d times", n)
	}
	// The response to the last bytes may have been lost.
	patchTus(u, path, len(content), nil).Want(http.StatusNoContent, "")
	patchTus(u, path, 0, content[:10]).Want(http.StatusConflict, "UPLOAD_OFFSET_MISMATCH")
}

// patchPartly sends the beginning of a PATCH and closes the connection's sending side. It returns
// when the server has closed the connection.
func patchPartly(u user, path string, content []byte, n int) {
	u.Helper()
	host := handlertest.Must(url.Parse(u.URL))(u).Host
	conn := handlertest.Must(net.Dial("tcp", host))(u)
	defer func() { _ = conn.Close() }()
	handlertest.Must(0, conn.SetDeadline(time.Now().Add(handlertest.Within)))(u)
	handlertest.Must(fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nTus-Resumable: 1.0.0\r\n"+
		"Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: %d\r\n\r\n",
		path, host, handlertest.Cookie(u.ID), len(content)))(u)
	handlertest.Must(conn.Write(content[:n]))(u)
	handlertest.Must(0, conn.(*net.TCPConn).CloseWrite())(u)
	_, _ = io.Copy(io.Discard, conn)
}

func TestATusUploadThatWasCutContinuesWhereItEnded(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	content := large()
	id, path := createTus(u, len(content))
	const sent = media.MinPartBytes + 123_456
	patchPartly(u, path, content, sent)

	// Another tab knows the item only.
	listed := u.Ask(http.MethodGet, "/api/media/"+id+"/multipart", nil).Want(http.StatusOK, "")
	if got := listed.Text("data.uploads.0.tusUrl"); got != path {
		t.Fatalf("the upload is at %q, want %q", got, path)
	}
	wantOffset(u, path, sent)
	patchTus(u, path, 0, content).Want(http.StatusConflict, "UPLOAD_OFFSET_MISMATCH")
	patchTus(u, path, sent, content[sent:]).Want(http.StatusNoContent, "")
	wantStored(u, id, content)
}

func TestAnUploadIsContinuedByTusOrInSignedParts(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	content := large()
	parts := cutParts(content)
	id, _ := u.Register("video/mp4", len(content))
	signed := u.OpenParts(id)
	u.SendPart(signed, 1, parts[0])
	u.SendPart(signed, 3, parts[2]) // not next to the first
	path := u.Ask(http.MethodGet, signed, nil).Text("data.tusUrl")
	wantOffset(u, path, len(parts[0]))
	patchTus(u, path, len(parts[0]), parts[1][:10]).Want(http.StatusNoContent, "")
	u.SendPart(signed, 2, parts[1])
	// All parts are there; the last one is sent again, for its end completes the upload.
	wantOffset(u, path, 2*media.MinPartBytes)
	patchTus(u, path, 2*media.MinPartBytes, parts[2]).Want(http.StatusNoContent, "")
	wantStored(u, id, content)
}

func TestTheTusProtocolIsEnforced(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, path := createTus(u, len(mp4Header))
	all := "/api/media/" + id + "/tus"
	described := send(u, http.MethodOptions, all, nil, nil).Want(http.StatusNoContent, "")
	if described.Header.Get("Tus-Version") != "1.0.0" || described.Header.Get("Tus-Max-Size") != "5368709120" ||
		described.Header.Get("Tus-Checksum-Algorithm") != "sha1,sha256" {
		t.Errorf("described %v", described.Header)
	}
	for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
		header := handlertest.Pairs("Tus-Resumable", "0.2.2", "Upload-Offset", "0")
		a := send(u, method, path, header, nil)
		if a.Status != http.StatusPreconditionFailed || a.Header.Get("Tus-Version") != "1.0.0" {
			t.Errorf("%s of another version: %d %v", method, a.Status, a.Header)
		}
	}
	create := func(status int, code string, pairs ...string) {
		t.Helper()
		send(u, http.MethodPost, all, tusHeader(pairs...), nil).Want(status, code)
	}
	create(http.StatusBadRequest, "VALIDATION_ERROR", "Upload-Defer-Length", "1")
	create(http.StatusBadRequest, "VALIDATION_ERROR", "Upload-Length", "2026", "Upload-Metadata", "filename !")
	create(http.StatusUnprocessableEntity, "UPLOAD_SIZE_MISMATCH", "Upload-Length", "2027")
	send(u, http.MethodPatch, path, tusHeader("Upload-Offset", "0", "Content-Type", "video/mp4"), mp4Header).
		Want(http.StatusUnsupportedMediaType, "TUS_CONTENT_TYPE")
	patchTus(u, path, 1, mp4Header[1:]).Want(http.StatusConflict, "UPLOAD_OFFSET_MISMATCH")
	patchTus(u, path, 0, append(mp4Header[:len(mp4Header):len(mp4Header)], 0)).
		Want(http.StatusRequestEntityTooLarge, "CHUNK_TOO_LARGE")
	wantOffset(u, path, 0)

	sha := sha1.Sum(mp4Header[:1000])
	first := "sha1 " + base64.StdEncoding.EncodeToString(sha[:])
	other := sha256.Sum256(mp4Header[1000:])
	second := "sha256 " + base64.StdEncoding.EncodeToString(other[:])
	patchTus(u, path, 0, mp4Header[1:1001], "Upload-Checksum", first).Want(460, "CHUNK_CHECKSUM_MISMATCH")
	patchTus(u, path, 0, mp4Header[:1000], "Upload-Checksum", "crc7 AA==").Want(http.StatusBadRequest, "VALIDATION_ERROR")
	wantOffset(u, path, 0)
	patchTus(u, path, 0, mp4Header[:1000], "Upload-Checksum", first).Want(http.StatusNoContent, "")
	wantOffset(u, path, 1000)
	patchTus(u, path, 1000, mp4Header[1000:], "Upload-Checksum", second).Want(http.StatusNoContent, "")
	wantStored(u, id, mp4Header)
}

func TestATusUploadMayBeginWithItsCreation(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, _ := u.Register("video/mp4", len(mp4Header))
	header := tusHeader("Upload-Length", strconv.Itoa(len(mp4Header)), "Content-Type", "application/offset+octet-stream")
	a := send(u, http.MethodPost, "/api/media/"+id+"/tus", header, mp4Header[:77]).Want(http.StatusCreated, "")
	if a.Header.Get("Upload-Offset") != "77" {
		t.Errorf("created %v", a.Header)
	}
	patchTus(u, a.Header.Get("Location"), 77, mp4Header[77:]).Want(http.StatusNoContent, "")
	wantStored(u, id, mp4Header)
}

func TestAFileUploadedByTusIsExamined(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	content := bytes.Repeat([]byte("Dear diary, "), 100)
	id, path := createTus(u, len(content))
	patchTus(u, path, 0, content).Want(http.StatusUnprocessableEntity, "INVALID_CONTENT_TYPE")
	if got := h.MediaStatus(id); got != media.Failed {
		t.Errorf("status %s", got)
	}
	// A client must not take it for a success.
	if a := send(u, http.MethodHead, path, tusHeader(), nil); a.Status != http.StatusConflict {
		t.Errorf("HEAD of a rejected file: %d", a.Status)
	}
}

func TestOneRequestWritesToATusUploadAtATime(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, path := createTus(u, len(mp4Header))
	body, feed := io.Pipe()
	first := handlertest.Must(http.NewRequestWithContext(t.Context(), http.MethodPatch, h.URL+path, body))(t)
	first.ContentLength = int64(len(mp4Header))
	for name, value := range tusHeader("Upload-Offset", "0", "Content-Type", "application/offset+octet-stream",
		"Cookie", handlertest.Cookie(u.ID)) {
		first.Header.Set(name, value)
	}
	done := make(chan answer, 1)
	go func() { done <- h.Do(first) }()
	handlertest.Must(feed.Write(mp4Header[:100]))(t)
	h.Eventually(1, `SELECT count(*) FROM media_uploads WHERE writer IS NOT NULL`)

	patchTus(u, path, 0, mp4Header).Want(http.StatusLocked, "UPLOAD_LOCKED")
	handlertest.Must(feed.Write(mp4Header[100:]))(t)
	handlertest.Must(0, feed.Close())(t)
	a := <-done
	a.Want(http.StatusNoContent, "")
	wantStored(u, id, mp4Header)
	h.Eventually(0, `SELECT count(*) FROM media_uploads WHERE writer IS NOT NULL`)

	// The lock of a crashed process ends by itself.
	id, path = createTus(u, len(mp4Header))
	h.Exec(`UPDATE media_uploads SET writer = gen_random_uuid(), writer_until = now() + interval '1 hour'
		WHERE media_item_id = $1`, id)
	patchTus(u, path, 0, mp4Header).Want(http.StatusLocked, "UPLOAD_LOCKED")
	h.Exec(`UPDATE media_uploads SET writer_until = now() - interval '1 second' WHERE media_item_id = $1`, id)
	patchTus(u, path, 0, mp4Header).Want(http.StatusNoContent, "")
}

func TestATusUploadIsTheOwnersAndEnds(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u, stranger, customer := h.Uploader("creator"), h.Uploader("creator"), h.Uploader("customer")
	id, path := createTus(u, len(mp4Header))
	patchTus(u, path, 0, mp4Header[:500]).Want(http.StatusNoContent, "")
	for who, status := range map[user]int{stranger: http.StatusNotFound, customer: http.StatusForbidden} {
		create := tusHeader("Upload-Length", strconv.Itoa(len(mp4Header)))
		for _, got := range []answer{
			send(who, http.MethodPost, "/api/media/"+id+"/tus", create, nil),
			send(who, http.MethodHead, path, tusHeader(), nil),
			patchTus(who, path, 500, mp4Header[500:]),
			send(who, http.MethodDelete, path, tusHeader(), nil),
		} {
			if got.Status != status {
				t.Errorf("another user got %d %s, want %d", got.Status, got.Body, status)
			}
		}
	}
	for range media.MaxOpenUploads - 1 {
		u.OpenParts(id)
	}
	send(u, http.MethodPost, "/api/media/"+id+"/tus", tusHeader("Upload-Length", strconv.Itoa(len(mp4Header))), nil).
		Want(http.StatusConflict, "CONFLICT")

	send(u, http.MethodDelete, path, tusHeader(), nil).Want(http.StatusNoContent, "")
	if a := send(u, http.MethodHead, path, tusHeader(), nil); a.Status != http.StatusNotFound {
		t.Errorf("HEAD of a terminated upload: %d", a.Status)
	}
	patchTus(u, path, 500, mp4Header[500:]).Want(http.StatusNotFound, "NOT_FOUND")
	if got := h.Keys(h.Media, u.ID+"/originals/"+id+"/"); got != "[]" {
		t.Errorf("left in the store: %s", got)
	}

	_, path = createTus(u, len(mp4Header))
	h.Exec(`UPDATE media_uploads SET expires_at = now()`)
	patchTus(u, path, 0, mp4Header).Want(http.StatusNotFound, "NOT_FOUND")
}
