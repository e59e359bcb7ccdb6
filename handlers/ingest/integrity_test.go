package ingest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func checksumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + base64.StdEncoding.EncodeToString(sum[:])
}

// registerWith registers a video with a checksum.
func registerWith(u user, size int, checksum string) (id, address string) {
	u.Helper()
	body := registration("A piece")
	body["fileSizeBytes"], body["checksum"] = size, checksum
	a := u.Ask(http.MethodPost, "/api/media", body).Want(http.StatusCreated, "")
	return a.Text("data.id"), a.Text("data.presignedUrl")
}

func TestAFileMustHaveItsDeclaredChecksum(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	damaged := append([]byte{}, mp4Header...)
	damaged[len(damaged)-1]++

	id, address := registerWith(u, len(mp4Header), checksumOf(mp4Header))
	h.Upload(address, "video/mp4", damaged).Want(http.StatusOK, "")
	u.Complete(id).Want(http.StatusUnprocessableEntity, "UPLOAD_CHECKSUM_MISMATCH")
	if got := h.MediaStatus(id); got != media.Uploading {
		t.Errorf("status %s", got)
	}
	h.Upload(address, "video/mp4", mp4Header).Want(http.StatusOK, "")
	u.Complete(id).Want(http.StatusOK, "")
	declared := handlertest.Value[string](h, `SELECT checksum FROM media_items WHERE id = $1`, id)
	if declared != checksumOf(mp4Header) {
		t.Errorf("checksum %q", declared)
	}

	// The client may compute the checksum while it uploads.
	id, address = u.Register("video/mp4", len(damaged))
	h.Upload(address, "video/mp4", damaged).Want(http.StatusOK, "")
	complete := func(checksum string) answer {
		return u.Ask(http.MethodPost, "/api/media/"+id+"/upload-complete", fields{"checksum": checksum})
	}
	complete("md5:1B2M2Y8AsgTpgAmY7PhCfg==").Names("checksum")
	complete(checksumOf(mp4Header)).Want(http.StatusUnprocessableEntity, "UPLOAD_CHECKSUM_MISMATCH")
	complete(checksumOf(damaged)).Want(http.StatusOK, "")
	h.Until("the transcoder is told the checksum", func() bool {
		return h.Number(`SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = 'media.transcoding_started'
			AND data->>'checksum' = $2`, id, checksumOf(damaged)) == 1
	})

	id, _ = u.Register("video/mp4", len(damaged))
	path := u.OpenParts(id)
	u.SendPart(path, 1, damaged)
	u.Ask(http.MethodPost, path+"/complete", fields{"checksum": checksumOf(mp4Header)}).
		Want(http.StatusUnprocessableEntity, "UPLOAD_CHECKSUM_MISMATCH")
	u.Ask(http.MethodPost, path+"/complete", fields{"checksum": checksumOf(damaged)}).Want(http.StatusOK, "")
}

// sendPartly sends the first n bytes of a body to a presigned URL and closes the connection's
// sending side. It returns when the store has closed the connection.
func sendPartly(t *testing.T, address string, content []byte, n int) {
	t.Helper()
	target := handlertest.Must(url.Parse(address))(t)
	conn := handlertest.Must(net.Dial("tcp", target.Host))(t)
	defer func() { _ = conn.Close() }()
	handlertest.Must(0, conn.SetDeadline(time.Now().Add(handlertest.Within)))(t)
	handlertest.Must(fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Type: video/mp4\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n", target.RequestURI(), target.Host, len(content)))(t)
	handlertest.Must(conn.Write(content[:n]))(t)
	handlertest.Must(0, conn.(*net.TCPConn).CloseWrite())(t)
	_, _ = io.Copy(io.Discard, conn) // a reset is an end as well
}

func TestAnUploadThatWasCutNeverCounts(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	content := large()
	id, address := u.Register("video/mp4", len(content))
	sendPartly(t, address, content, 500_000)
	u.Complete(id).Want(http.StatusUnprocessableEntity, "UPLOAD_MISSING")

	path, parts := u.OpenParts(id), cutParts(content)
	u.SendPart(path, 1, parts[0])
	u.SendPart(path, 3, parts[2])
	signed := u.Ask(http.MethodPost, path+"/parts", fields{"partNumbers": []int{2}}).Want(http.StatusOK, "")
	sendPartly(t, signed.Text("data.parts.0.presignedUrl"), parts[1], 500_000)
	if got := partsOf(u.Ask(http.MethodGet, path, nil)); got != "[1 3]" {
		t.Errorf("stored parts %s", got)
	}
	incomplete := u.Ask(http.MethodPost, path+"/complete", nil).Want(http.StatusUnprocessableEntity, "UPLOAD_INCOMPLETE")
	if got := fmt.Sprint(incomplete.At("error.details.context.partNumbers")); got != "[2]" {
		t.Errorf("missing parts %s", got)
	}
	u.SendPart(path, 2, parts[1])
	u.Ask(http.MethodPost, path+"/complete", nil).Want(http.StatusOK, "")
}

// heldProber is a probe that ends when the test releases it, or with its time.
type heldProber struct {
	// started gets how long a probe may take.
	started chan time.Duration
	release chan struct{}
}

var errReleased = errors.New("the probe was released")

func (p heldProber) Probe(ctx context.Context, _, _ string) (ffmpeg.Info, error) {
	until, _ := ctx.Deadline()
	select {
	case p.started <- time.Until(until):
	default:
	}
	select {
	case <-p.release:
		return ffmpeg.Info{}, errReleased
	case <-ctx.Done():
		return ffmpeg.Info{}, ctx.Err()
	}
}

func TestAProbeThatTakesLongIsLeftToTheTranscoder(t *testing.T) {
	t.Parallel()
	prober := heldProber{started: make(chan time.Duration, 1)} // never released: only its time ends it
	h := newHarness(t, options{prober: prober, probeWithin: time.Second})
	u := h.Uploader("creator")
	id := u.Deliver("video/mp4", mp4Header)
	select {
	case left := <-prober.started:
		if left > time.Second {
			t.Errorf("a probe may take %s", left)
		}
	default: // the time was over before
	}
	rejectByTranscoder(h, u, id)
}

func TestACompletionDoesNotWaitForOtherProbes(t *testing.T) {
	t.Parallel()
	prober := heldProber{started: make(chan time.Duration, 1), release: make(chan struct{})}
	h := newHarness(t, options{prober: prober, probes: 1})
	u := h.Uploader("creator")
	held, address := u.Register("video/mp4", len(mp4Header))
	h.Upload(address, "video/mp4", mp4Header).Want(http.StatusOK, "")
	done := make(chan answer, 1)
	go func() { done <- u.Complete(held) }()
	select {
	case <-prober.started:
	case <-time.After(handlertest.Within):
		t.Fatal("the first file is not probed")
	}

	id := u.Deliver("video/mp4", mp4Header)
	select {
	case a := <-done:
		t.Errorf("the first completion ended before its probe: %d %s", a.Status, a.Body)
	default:
	}
	rejectByTranscoder(h, u, id)
	close(prober.release)
	a := <-done
	a.Want(http.StatusOK, "")
}

// rejectByTranscoder lets the transcoder reject a file that was accepted without a probe. Its owner
// gets the code and the reason that a probe before would have given.
func rejectByTranscoder(h *harness, u user, id string) {
	h.Helper()
	job := u.Job(id, "")
	h.Callback(media.Callback{
		Status: media.CallbackFailed,
		JobID:  job,
		Error:  (&ffmpeg.RejectError{Code: ffmpeg.WrongKind, Message: "There is no picture."}).Error(),
	}).Want(http.StatusOK, "")
	a := u.Ask(http.MethodGet, "/api/media/"+id, nil)
	if a.Text("data.status") != "failed" || a.Text("data.transcodingErrorCode") != media.CodeInvalidContentType ||
		a.Text("data.transcodingError") != "There is no picture." {
		h.Errorf("item %s", a.Body)
	}
	event := handlertest.Value[string](h, `SELECT concat_ws(' ', data->>'code', data->>'reason') FROM outbox
		WHERE aggregate_id = $1 AND type = 'media.failed'`, id)
	if event != "INVALID_CONTENT_TYPE There is no picture." {
		h.Errorf("event %q", event)
	}
}
