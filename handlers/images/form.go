package images

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/picture"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/edge/strict"
)

const (
	formType = "multipart/form-data"
	// formOverhead limits the boundaries and headers of a form with one file.
	formOverhead = 16 << 10
)

// pictureFile is an uploaded picture with its declared type.
type pictureFile struct {
	content []byte
	mime    string
}

// readPicture reads a form with one file, named like the kind of picture, into memory. It
// reads no more than a picture may have.
func readPicture(r *edge.Request, kind media.ImageKind) (pictureFile, error) {
	form, params, err := mime.ParseMediaType(r.GetHeader("Content-Type"))
	if err != nil || form != formType || params["boundary"] == "" {
		return pictureFile{}, badField("Content-Type", "must be multipart/form-data with a boundary")
	}
	const limit = media.MaxImageBytes + formOverhead
	if r.Request.ContentLength > limit {
		r.Header("Connection", "close")
		return pictureFile{}, media.ErrImageTooLarge
	}
	until := time.Now().Add(uploadTimeout)
	if err := r.ExtendDeadlines(until, until); err != nil {
		return pictureFile{}, err
	}
	return readForm(multipart.NewReader(http.MaxBytesReader(r.Writer, r.Request.Body, limit), params["boundary"]), kind)
}

func readForm(form *multipart.Reader, kind media.ImageKind) (file pictureFile, err error) {
	for found := false; ; found = true {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) && found {
			return file, file.check(kind)
		}
		if errors.Is(err, io.EOF) {
			return pictureFile{}, media.ErrImageMissing
		}
		if err != nil {
			return pictureFile{}, formFailure(err)
		}
		switch {
		case part.FormName() != string(kind):
			return pictureFile{}, badField(part.FormName(), "is not a known field")
		case found:
			return pictureFile{}, badField(string(kind), "is given twice")
		}
		if file, err = readPart(part); err != nil {
			return pictureFile{}, err
		}
	}
}

func readPart(part *multipart.Part) (pictureFile, error) {
	declared, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	if err != nil {
		return pictureFile{}, media.ErrImageType
	}
	if declared = strings.ToLower(declared); declared == "image/jpg" {
		declared = "image/jpeg"
	}
	content, err := io.ReadAll(io.LimitReader(part, media.MaxImageBytes+1))
	switch {
	case err != nil:
		return pictureFile{}, formFailure(err)
	case len(content) == 0:
		return pictureFile{}, media.ErrImageMissing
	case len(content) > media.MaxImageBytes:
		return pictureFile{}, media.ErrImageTooLarge
	}
	if declared == "application/octet-stream" { // the client declares no type
		if info, err := picture.Inspect(content); err == nil {
			declared = info.MIME
		}
	}
	return pictureFile{content: content, mime: declared}, nil
}

func badField(path, message string) error {
	return domain.BadFields([]domain.Field{{Path: path, Message: message}})
}

// formFailure maps an error of reading a form to one for the client.
func formFailure(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return media.ErrImageTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return edge.ErrBodyTooSlow
	}
	return strict.NewError("", "is not a well-formed form")
}

// check compares a picture with its declared type.
func (f pictureFile) check(kind media.ImageKind) error {
	for _, allowed := range media.ImageTypes(kind) {
		if f.mime != allowed {
			continue
		}
		if f.mime == media.SVG {
			return nil // the sanitizer checks it
		}
		info, err := picture.Inspect(f.content)
		switch {
		case errors.Is(err, picture.ErrDamaged):
			return media.ErrImageDamaged
		case err != nil || info.MIME != f.mime:
			return media.ErrImageType
		}
		return nil
	}
	return media.ErrImageType
}
