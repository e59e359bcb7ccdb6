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

// formOverhead is what boundaries and headers of a form with one file may take.
const formOverhead = 16 << 10

// pictureFile is an uploaded picture, with the type that it is said to be of.
type pictureFile struct {
	content []byte
	mime    string
}

// readPicture reads a form with one file, named like the kind of picture, into
// memory: nothing is spooled, and no more is read than a picture may have.
func readPicture(r *edge.Request, kind media.ImageKind) (pictureFile, error) {
	form, params, err := mime.ParseMediaType(r.GetHeader("Content-Type"))
	if err != nil || form != formType || params["boundary"] == "" {
		return pictureFile{}, domain.BadFields([]domain.Field{{Path: "Content-Type", Message: "must be multipart/form-data with a boundary"}})
	}
	const limit = media.MaxImageBytes + formOverhead
	if r.Request.ContentLength > limit {
		r.Header("Connection", "close")
		return pictureFile{}, media.ErrImageTooLarge
	}
	until := time.Now().Add(imageWithin)
	if err := r.ExtendDeadlines(until, until); err != nil {
		return pictureFile{}, err
	}
	return readForm(multipart.NewReader(http.MaxBytesReader(r.Writer, r.Request.Body, limit), params["boundary"]), kind)
}

func readForm(form *multipart.Reader, kind media.ImageKind) (file pictureFile, err error) {
	for found := false; ; found = true {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) && found {
			return file, file.fits(kind)
		}
		if errors.Is(err, io.EOF) {
			return pictureFile{}, media.ErrImageMissing
		}
		if err != nil {
			return pictureFile{}, formFailure(err)
		}
		switch {
		case part.FormName() != string(kind):
			return pictureFile{}, domain.BadFields([]domain.Field{{Path: part.FormName(), Message: "is not a known field"}})
		case found:
			return pictureFile{}, domain.BadFields([]domain.Field{{Path: string(kind), Message: "is given twice"}})
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
	if declared == "application/octet-stream" { // a client that says nothing of the type
		if info, err := picture.Inspect(content); err == nil {
			declared = info.MIME
		}
	}
	return pictureFile{content: content, mime: declared}, nil
}

func formFailure(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return media.ErrImageTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return edge.ErrBodyTooSlow
	}
	return strict.Refuse("", "is not a well-formed form")
}
