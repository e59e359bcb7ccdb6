package edge

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/handlers/wire"
)

const (
	minUploadBytes = 1 << 10
	// uploadIdle is how long a client may send nothing; uploadWithin bounds the
	// whole, at 1.5 MB/s enough for the largest file.
	uploadIdle   = 30 * time.Second
	uploadWithin = time.Hour
)

// upload streams a file through the edge to the store, for clients that cannot use
// the presigned address. It changes no state: upload-complete does.
func (m *MediaRoutes) upload(e *Edge, c *gin.Context) error {
	item, err := e.ownMedia(c)
	if err != nil {
		return err
	}
	if err := acceptable(c.Request, item); err != nil {
		return err
	}
	body := &patient{control: http.NewResponseController(c.Writer), body: http.MaxBytesReader(c.Writer, c.Request.Body, item.SizeBytes)}
	if err := body.extend(uploadWithin); err != nil {
		return err
	}
	_, err = m.store.PutStream(c, item.ObjectKey, body, item.SizeBytes, item.MimeType)
	switch {
	case body.failed:
		return domain.BadFields([]domain.Field{{Path: "body", Message: "ended before its declared length"}})
	case err != nil:
		return storeRefusal(c, e.cfg.Log, err)
	}
	now, found, err := postgres.Find(c, e.cfg.Pool, item.ID)
	if err != nil || !found {
		return errors.Join(err, errUnavailable)
	}
	c.JSON(http.StatusOK, wire.Single{Data: wire.MediaOf(now)})
	return nil
}

// acceptable checks everything that can be known before the first byte is read.
func acceptable(r *http.Request, item media.Item) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch size := r.ContentLength; {
	case item.Status != media.Uploading:
		return domain.Refuse(domain.Conflict, "INVALID_MEDIA_STATE", "The upload of this media item is over")
	case err != nil || kind != item.MimeType:
		return badUpload(media.CodeInvalidContentType, "The content type must be "+item.MimeType)
	case size == 0:
		return badUpload("EMPTY_BODY", "The file is empty")
	case size < 0:
		return badUpload("EMPTY_BODY", "The length of the file must be announced")
	case size > media.MaxUploadBytes:
		return badUpload("FILE_TOO_LARGE", "The file is larger than 5 GiB")
	case size < minUploadBytes:
		return badUpload("FILE_TOO_SMALL", "The file is smaller than "+strconv.Itoa(minUploadBytes)+" bytes")
	case size != item.SizeBytes:
		return media.WrongSize(item.SizeBytes, size)
	}
	return nil
}

func badUpload(code, message string) error {
	return &domain.Error{Class: domain.Invalid, Code: code, Reason: code, Message: message}
}

// patient reads a request's body with a deadline per read instead of the server's
// for the whole request.
type patient struct {
	control *http.ResponseController
	body    io.Reader
	failed  bool
}

// extend lets the answer be written until so much later.
func (p *patient) extend(within time.Duration) error {
	if err := p.control.SetWriteDeadline(time.Now().Add(within)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	if err := p.control.SetReadDeadline(time.Now().Add(uploadIdle)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := p.body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		p.failed = true
	}
	return n, err
}
