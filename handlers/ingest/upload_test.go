package ingest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// raw sends a request in pieces with pauses between them.
func raw(u user, header string, pause time.Duration, pieces ...[]byte) answer {
	u.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(u.URL, "http://"))
	if err != nil {
		u.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	head := header + "\r\nHost: localhost\r\nCookie: " + handlertest.Cookie(u.ID) + "\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		u.Fatal(err)
	}
	for _, piece := range pieces {
		if _, err := conn.Write(piece); err != nil {
			break // the response says why
		}
		timer := time.NewTimer(pause)
		<-timer.C
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		u.Fatal(err)
	}
	return u.Read(resp)
}

func postUpload(id, mime, length string) string {
	return fmt.Sprintf("POST /api/media/%s/upload HTTP/1.1\r\nContent-Type: %s\r\n%s", id, mime, length)
}

func TestASlowUploadSucceedsAndAStalledOneIsInterrupted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{idle: time.Second, readTimeout: 300 * time.Millisecond})
	u := h.Uploader("creator")
	content := append(bytes.Clone(mp4Header), make([]byte, 200_000)...)
	length := fmt.Sprintf("Content-Length: %d", len(content))
	id, _ := u.Register("video/mp4", len(content))

	// Five pieces take longer together than the server's limit for a request.
	var pieces [][]byte
	for n := range 5 {
		pieces = append(pieces, content[n*len(content)/5:(n+1)*len(content)/5])
	}
	raw(u, postUpload(id, "video/mp4", length), 150*time.Millisecond, pieces...).Want(http.StatusOK, "")
	u.Complete(id).Want(http.StatusOK, "")

	stalled, _ := u.Register("video/mp4", len(content))
	began := time.Now()
	raw(u, postUpload(stalled, "video/mp4", length), 0, content[:1000]).Want(http.StatusBadRequest, "UPLOAD_INTERRUPTED")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a stalled upload held its connection for %s", took)
	}
	// A byte now and then does not help.
	drips := make([][]byte, 100)
	for n := range drips {
		drips[n] = content[n : n+1]
	}
	began = time.Now()
	raw(u, postUpload(stalled, "video/mp4", length), 200*time.Millisecond, drips...).
		Want(http.StatusBadRequest, "UPLOAD_INTERRUPTED")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("a dripping upload held its connection for %s", took)
	}
	key := handlertest.Value[string](h, `SELECT r2_key FROM media_items WHERE id = $1`, stalled)
	if _, err := h.Media.Head(t.Context(), key); err == nil {
		t.Error("half a file is in the store")
	}
}

func TestAnInvalidUploadThroughTheEdgeIsNotStored(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, _ := u.Register("video/mp4", len(mp4Header))
	largest, _ := u.Register("video/mp4", media.MaxUploadBytes)
	chunks := func(content []byte) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(content), content) }
	const chunked = "Transfer-Encoding: chunked"
	exact, longer := fmt.Sprintf("Content-Length: %d", len(mp4Header)), chunks(append(bytes.Clone(mp4Header), 'x'))
	for name, c := range map[string]struct {
		id, mime, length string
		content          []byte
		status           int
		code             string
	}{
		"empty":                 {id, "video/mp4", "Content-Length: 0", nil, 400, "EMPTY_BODY"},
		"no body at all":        {id, "video/mp4", "X-Nothing: 0", nil, 400, "EMPTY_BODY"},
		"empty, in chunks":      {id, "video/mp4", chunked, []byte("0\r\n\r\n"), 400, "EMPTY_BODY"},
		"too small":             {id, "video/mp4", "Content-Length: 1023", make([]byte, 1023), 400, "FILE_TOO_SMALL"},
		"too small, in chunks":  {id, "video/mp4", chunked, chunks(mp4Header[:1000]), 400, "FILE_TOO_SMALL"},
		"too large":             {largest, "video/mp4", "Content-Length: 5368709121", mp4Header, 400, "FILE_TOO_LARGE"},
		"of another type":       {id, "video/webm", exact, mp4Header, 400, "INVALID_CONTENT_TYPE"},
		"of no type":            {id, "", exact, mp4Header, 400, "INVALID_CONTENT_TYPE"},
		"shorter than declared": {id, "video/mp4", "Content-Length: 1500", mp4Header[:1500], 422, "UPLOAD_SIZE_MISMATCH"},
		"shorter, in chunks":    {id, "video/mp4", chunked, chunks(mp4Header[:1500]), 422, "UPLOAD_SIZE_MISMATCH"},
		"longer, in chunks":     {id, "video/mp4", chunked, longer, 422, "UPLOAD_SIZE_MISMATCH"},
		"for a missing item":    {uuid.NewString(), "video/mp4", "Content-Length: 1500", mp4Header[:1500], 404, "NOT_FOUND"},
	} {
		a := raw(u, postUpload(c.id, c.mime, c.length), 0, c.content)
		if a.Status != c.status || a.Text("error.code") != c.code {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	key := handlertest.Value[string](h, `SELECT r2_key FROM media_items WHERE id = $1`, id)
	if _, err := h.Media.Head(t.Context(), key); err == nil {
		t.Error("something is in the store")
	}
	a := raw(u, postUpload(id, "video/mp4; codecs=avc1", chunked), 0, chunks(mp4Header)).Want(http.StatusOK, "")
	if a.Text("data.id") != id || a.Text("data.status") != "uploading" {
		t.Errorf("response %s", a.Body)
	}
	u.Complete(id).Want(http.StatusOK, "")
}

func TestAnUploadThroughTheEdgeIsStreamed(t *testing.T) {
	t.Parallel()
	arrived, received := make(chan struct{}), make(chan []byte, 1)
	store := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		half := make([]byte, 64<<10)
		if _, err := io.ReadFull(r.Body, half); err == nil {
			close(arrived)
		}
		rest, _ := io.ReadAll(r.Body)
		received <- slices.Concat(half, rest)
		rw.Header().Set("ETag", `"e"`)
	}))
	t.Cleanup(store.Close)
	h := newHarness(t, options{store: func(*s3.Bucket) *s3.Bucket {
		client, err := s3.Open(s3.Config{Endpoint: store.URL, AccessKey: "a", SecretKey: "b"})
		if err != nil {
			t.Fatal(err)
		}
		return client.Bucket(s3test.MediaBucket)
	}})
	u := h.Uploader("creator")
	content := append(bytes.Clone(mp4Header), make([]byte, 1<<20)...)
	id, _ := u.Register("video/mp4", len(content))
	body, send := io.Pipe()
	go func() {
		_, _ = send.Write(content[:len(content)/2])
		select {
		case <-arrived: // only then comes the other half
		case <-time.After(20 * time.Second):
			t.Error("the store saw nothing before the client had sent everything")
		}
		_, _ = send.Write(content[len(content)/2:])
		_ = send.Close()
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/api/media/"+id+"/upload", body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(content))
	req.Header.Set("Cookie", handlertest.Cookie(u.ID))
	req.Header.Set("Content-Type", "video/mp4")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := <-received; resp.StatusCode != http.StatusOK || !bytes.Equal(got, content) {
		t.Errorf("answered %s, %d bytes in the store", resp.Status, len(got))
	}
}

// It uploads a real file of each type, declared as this type and as another one.
func TestEveryMediaTypeIsRecognized(t *testing.T) {
	t.Parallel()
	tool, err := ffmpeg.New(ffmpeg.Config{Threads: 1, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, options{prober: tool})
	u := h.Uploader("creator")
	const video, tone = "-f lavfi -i testsrc2=s=64x64:r=25 -t 0.5 ", "-f lavfi -i sine=d=0.5 "
	for _, c := range []struct{ mime, name, args, extension, otherMIME string }{
		{"video/mp4", "a.mp4", video + "-c:v libx264", "mp4", "video/webm"},
		{"video/quicktime", "a.mov", video + "-c:v libx264", "mov", "video/x-msvideo"},
		{"video/x-msvideo", "a.avi", video, "avi", "video/mp4"},
		{"video/webm", "a.webm", video + "-c:v libvpx -deadline realtime", "webm", "audio/webm"},
		{"audio/mpeg", "a.mp3", tone, "mp3", "audio/ogg"},
		{"audio/mp4", "a.m4a", tone, "m4a", "video/mp4"},
		{"audio/wav", "a.wav", tone, "wav", "audio/mpeg"},
		{"audio/webm", "a.webm", tone + "-c:a libopus", "weba", "video/webm"},
		{"audio/ogg", "a.ogg", tone + "-c:a libvorbis", "ogg", "audio/wav"},
	} {
		t.Run(c.mime, func(t *testing.T) {
			h, u := h.In(t), u.In(t)
			content := handlertest.Clip(t, c.name, c.args)
			id := u.Deliver(c.mime, content)
			if got := h.MediaStatus(id); got == media.Failed || got == media.Uploading {
				t.Errorf("status %s", got)
			}
			want := media.PrefixesOf(u.ID, id).Originals
			if key := handlertest.Value[string](h, `SELECT r2_key FROM media_items WHERE id = $1`, id); len(key) < len(want) ||
				key[:len(want)] != want || key[len(key)-len(c.extension)-1:] != "."+c.extension {
				t.Errorf("key %q", key)
			}
			wrong, address := u.Register(c.otherMIME, len(content))
			h.Upload(address, c.otherMIME, content).Want(http.StatusOK, "")
			u.Complete(wrong).Want(http.StatusUnprocessableEntity, "INVALID_CONTENT_TYPE")
			if got := h.MediaStatus(wrong); got != media.Failed {
				t.Errorf("declared as %s: status %s", c.otherMIME, got)
			}
		})
	}
}
