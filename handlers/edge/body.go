package edge

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/edge/strict"
)

// validator is a request that checks its own fields.
type validator interface {
	Validate() []domain.Field
}

// Decode reads a JSON body into body, a pointer, strictly: one document, no unknown,
// duplicate or wrongly cased fields, valid UTF-8 without NUL and bidirectional overrides,
// bounded depth; and then calls its Validate. An absent or empty body is the zero value,
// which Validate may still reject.
func (r *Request) Decode(body any) error {
	raw, err := r.ReadBody(cmp.Or(r.route.MaxBody, MaxJSONBytes))
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := isJSON(r.GetHeader("Content-Type")); err != nil {
			return err
		}
		if err := strict.Decode(raw, body); err != nil {
			return err
		}
	}
	if v, ok := body.(validator); ok {
		return domain.BadFields(v.Validate())
	}
	return nil
}

// NoBody accepts what routes without input accept: nothing, or {}.
func (r *Request) NoBody() error {
	var empty struct{}
	return r.Decode(&empty)
}

// ReadBody reads a body of at most limit bytes, in bounded time.
func (r *Request) ReadBody(limit int64) ([]byte, error) {
	return readBody(r.Context, limit, r.edge.cfg.BodyWithin)
}

// ExtendDeadlines gives the client until a time to send its body, and to read the answer.
func (r *Request) ExtendDeadlines(read, write time.Time) error {
	control := http.NewResponseController(r.Writer)
	return errors.Join(setDeadline(control.SetReadDeadline, read), setDeadline(control.SetWriteDeadline, write))
}

// readBody reads a body of at most limit bytes. It may take grace, and the time that its
// size takes at MinUploadRate.
func readBody(c *gin.Context, limit int64, grace time.Duration) ([]byte, error) {
	if c.Request.ContentLength > limit {
		// Max of it would be read only to be thrown away.
		c.Header("Connection", "close")
		return nil, ErrBodyTooLarge
	}
	size := c.Request.ContentLength
	if size < 0 {
		size = limit // not announced
	}
	control := http.NewResponseController(c.Writer)
	until := time.Now().Add(grace + time.Duration(size)*time.Second/MinUploadRate)
	if err := errors.Join(
		setDeadline(control.SetReadDeadline, until), setDeadline(control.SetWriteDeadline, until.Add(answerTimeout)),
	); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, ErrBodyTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.Header("Connection", "close")
		return nil, ErrBodyTooSlow
	case err != nil:
		return nil, strict.Refuse("", "the body could not be read")
	}
	// The server reads on, to notice when the client goes away: a deadline that passed
	// while the answer is made would look like that. It lifts it itself, but not where
	// there was no body, or the body had been read before.
	return body, setDeadline(control.SetReadDeadline, time.Time{})
}

// setDeadline sets a deadline where the connection has deadlines; in tests of a handler
// alone there is none.
func setDeadline(set func(time.Time) error, until time.Time) error {
	if err := set(until); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set a deadline: %w", err)
	}
	return nil
}

func isJSON(contentType string) error {
	if contentType == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(contentType)
	charset := strings.ToLower(params["charset"])
	if err != nil || kind != "application/json" || (charset != "" && charset != "utf-8") {
		return strict.Refuse("Content-Type", "must be application/json in UTF-8")
	}
	return nil
}
