package ingest

import (
	"bytes"
	"errors"
	"io"
	"mime"
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
	// storeAnswers is how long the store may take to confirm the last byte.
	storeAnswers = time.Minute
)

// upload streams a file through the edge to the store, for clients that cannot use
// the presigned address. Of the file no more is held in memory than what is on its
// way. It changes no state: upload-complete does.
func (i *ingest) upload(c *edge.Request) error {
	item, err := i.ownMedia(c)
	if err != nil {
		return err
	}
	if err := acceptable(c.Request, item); err != nil {
		return err
	}
	body := &patient{
		control: http.NewResponseController(c.Writer), body: http.MaxBytesReader(c.Writer, c.Request.Body, item.SizeBytes),
		declared: item.SizeBytes, idle: i.cfg.UploadIdle, began: time.Now(),
	}
	content := io.Reader(body)
	if c.Request.ContentLength < 0 {
		// The length was not announced; an empty file shows with the first byte.
		var first [1]byte
		switch _, err := io.ReadFull(body, first[:]); {
		case errors.Is(err, io.EOF):
			return media.ErrEmptyBody
		case err != nil:
			return media.ErrBodyEnded
		}
		content = io.MultiReader(bytes.NewReader(first[:]), body)
	}
	_, err = i.cfg.Media.PutStream(c, item.ObjectKey, content, item.SizeBytes, item.MimeType)
	if refused := body.refusal(); refused != nil {
		return refused
	}
	if err != nil {
		return storeRefusal(c, c.Log(), err)
	}
	now, found, err := postgres.Find(c, i.cfg.Pool, item.ID)
	if err != nil || !found {
		return errors.Join(err, edge.ErrUnavailable)
	}
	return c.OK(view.MediaOf(now))
}

// acceptable checks everything that can be known before the first byte is read.
func acceptable(r *http.Request, item media.Item) error {
	size := r.ContentLength
	if size < 0 {
		size = item.SizeBytes
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case item.Status != media.Uploading:
		return media.ErrUploadOver
	case err != nil || kind != item.MimeType:
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

// patient reads a request's body with deadlines of its own instead of the server's
// for the whole request: a client may take as long as its file needs, as long as
// bytes keep coming.
type patient struct {
	control  *http.ResponseController
	body     io.Reader // ends with an error where more than declared comes
	declared int64
	idle     time.Duration
	began    time.Time
	received int64
	// failure is why reading ended; nil or io.EOF when the body did.
	failure error
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	deadline := time.Now().Add(p.idle)
	if slow := p.began.Add(2*p.idle + time.Duration(p.received/edge.MinUploadRate)*time.Second); slow.Before(deadline) {
		deadline = slow
	}
	err := errors.Join(p.control.SetReadDeadline(deadline), p.control.SetWriteDeadline(deadline.Add(storeAnswers)))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		p.failure = err
		return 0, err
	}
	n, err := p.body.Read(b)
	p.received += int64(n)
	if p.received == p.declared && err == nil {
		// The last bytes are passed on only when nothing comes after them: the store
		// takes a file as soon as it is complete.
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

// refusal says what is wrong with the body that was read, or that was not.
func (p *patient) refusal() error {
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
