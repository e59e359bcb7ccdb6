package ingest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/view"
)

const (
	minUploadBytes    = 1 << 10
	defaultUploadIdle = 30 * time.Second
	// storeTimeout is how long the store may take to confirm the last byte.
	storeTimeout = time.Minute
)

// upload streams a file through the edge to the store, for clients that cannot use the
// presigned URL. The file is not buffered. The state changes when the upload is completed.
func (i *ingest) upload(r *edge.Request) error {
	item, err := i.ownMedia(r)
	if err != nil {
		return err
	}
	if err := checkHeader(r.Request, item); err != nil {
		return err
	}
	body := &uploadBody{
		control:  http.NewResponseController(r.Writer),
		body:     http.MaxBytesReader(r.Writer, r.Request.Body, item.SizeBytes),
		declared: item.SizeBytes,
		idle:     i.cfg.UploadIdle,
		began:    time.Now(),
	}
	content := io.Reader(body)
	if r.Request.ContentLength < 0 {
		// The length is unknown, so that only the first byte shows whether the file is empty.
		var first [1]byte
		switch _, err := io.ReadFull(body, first[:]); {
		case errors.Is(err, io.EOF):
			return media.ErrEmptyBody
		case err != nil:
			return media.ErrBodyEnded
		}
		content = io.MultiReader(bytes.NewReader(first[:]), body)
	}
	_, err = i.cfg.Media.PutStream(r, item.ObjectKey, content, item.SizeBytes, item.MimeType)
	if bodyErr := body.err(); bodyErr != nil {
		return bodyErr
	}
	if err != nil {
		return storeError(r, r.Log(), err)
	}

	now, found, err := postgres.Find(r, i.cfg.Pool, item.ID)
	if err != nil || !found {
		return errors.Join(err, edge.ErrUnavailable)
	}
	return r.OK(view.MediaOf(now))
}

// checkHeader checks what is known before the first byte is read.
func checkHeader(r *http.Request, item media.Item) error {
	size := r.ContentLength
	if size < 0 {
		size = item.SizeBytes
	}
	switch {
	case item.Status != media.Uploading:
		return media.ErrUploadOver
	case !item.SameType(r.Header.Get("Content-Type")):
		return media.With(media.ErrContentType, map[string]any{"declaredType": item.MimeType})
	case size == 0:
		return media.ErrEmptyBody
	case size > media.MaxUploadBytes:
		return media.ErrFileTooLarge
	case size < minUploadBytes:
		return media.ErrFileTooSmall
	case size != item.SizeBytes:
		return media.WrongSize(item.SizeBytes, size)
	}
	return nil
}

// uploadBody reads the body of a request with its own deadlines instead of the server's for a
// whole request: an upload may take any time at a minimum rate, see [edge.MinUploadRate].
type uploadBody struct {
	control  *http.ResponseController
	body     io.Reader // fails after the declared size
	declared int64
	idle     time.Duration
	began    time.Time
	received int64
	// failure is why reading ended; io.EOF at the end of the body.
	failure error
}

// Read implements io.Reader.
func (p *uploadBody) Read(b []byte) (int, error) {
	deadline := time.Now().Add(p.idle)
	if slow := p.began.Add(2*p.idle + time.Duration(p.received/edge.MinUploadRate)*time.Second); slow.Before(deadline) {
		deadline = slow
	}
	err := errors.Join(p.control.SetReadDeadline(deadline), p.control.SetWriteDeadline(deadline.Add(storeTimeout)))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		p.failure = err
		return 0, err
	}

	n, err := p.body.Read(b)
	p.received += int64(n)
	if p.received == p.declared && err == nil {
		// The last bytes are returned only when the body ends after them: the store accepts a
		// file as soon as it is complete.
		_, err = io.ReadFull(p.body, make([]byte, 1))
	}
	if err != nil {
		p.failure = err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return n, err
}

// err returns what is wrong with the body that was read.
func (p *uploadBody) err() error {
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(p.failure, &tooLong) && p.declared == media.MaxUploadBytes:
		return media.ErrFileTooLarge
	case errors.As(p.failure, &tooLong):
		return media.With(media.ErrUploadSize, map[string]any{"declaredBytes": p.declared})
	case p.failure == nil:
		return nil
	case !errors.Is(p.failure, io.EOF):
		return media.ErrBodyEnded
	case p.received < minUploadBytes:
		return media.ErrFileTooSmall
	case p.received < p.declared:
		return media.WrongSize(p.declared, p.received)
	}
	return nil
}
