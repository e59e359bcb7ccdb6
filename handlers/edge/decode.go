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

// decode reads a JSON body into T, strictly: one document, no unknown, duplicate
// or wrongly cased fields, valid UTF-8 without NUL and bidirectional overrides,
// bounded depth; and then T's own Validate. An absent or empty body is the zero
// value, which Validate may still refuse.
func decode[T any](c *gin.Context, request *T) error {
	body, err := readBody(c, boundsOf(c).most)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) > 0 {
		if err := isJSON(c.GetHeader("Content-Type")); err != nil {
			return err
		}
		if err := strict.Decode(body, request); err != nil {
			return err
		}
	}
	if v, ok := any(request).(validator); ok {
		return domain.BadFields(v.Validate())
	}
	return nil
}

// noBody accepts what routes without input accept: nothing, or {}.
func noBody(c *gin.Context) error {
	var empty struct{}
	return decode(c, &empty)
}

const bodyKey = "body"

// bodyBounds are what the body of a request may take.
type bodyBounds struct {
	most   int64 // bytes of a JSON body
	within time.Duration
}

// boundBody sets the bounds of a route; no most is the usual one.
func (e *Edge) boundBody(most int64) gin.HandlerFunc {
	bounds := bodyBounds{cmp.Or(most, maxJSONBytes), e.cfg.BodyWithin}
	return func(c *gin.Context) { c.Set(bodyKey, bounds) }
}

func boundsOf(c *gin.Context) bodyBounds {
	if bounds, set := c.Value(bodyKey).(bodyBounds); set {
		return bounds
	}
	return bodyBounds{maxJSONBytes, defaultBodyWithin}
}

// readBody reads a body of at most limit bytes.
func readBody(c *gin.Context, limit int64) ([]byte, error) {
	if c.Request.ContentLength > limit {
		// Most of it would be read only to be thrown away.
		c.Header("Connection", "close")
		return nil, errBodyTooLarge
	}
	size := c.Request.ContentLength
	if size < 0 {
		size = limit // nobody said
	}
	if err := expectBody(c, size); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errBodyTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.Header("Connection", "close")
		return nil, errBodyTooSlow
	case err != nil:
		return nil, strict.Refuse("", "the body could not be read")
	}
	// The server reads on, to notice when the client goes away: a deadline that passed
	// while the answer is made would look like that. It lifts it itself, but not where
	// there was no body, or the body had been read before.
	return body, deadline(http.NewResponseController(c.Writer).SetReadDeadline, time.Time{})
}

// expectBody gives the client the time to send a body of this size, and to read the
// answer afterwards.
func expectBody(c *gin.Context, size int64) error {
	until := time.Now().Add(boundsOf(c).within + time.Duration(size)*time.Second/leastUploadRate)
	control := http.NewResponseController(c.Writer)
	return errors.Join(deadline(control.SetReadDeadline, until), deadline(control.SetWriteDeadline, until.Add(answerWithin)))
}

// deadline sets a deadline where the connection knows deadlines; in tests of a handler
// alone there is none.
func deadline(set func(time.Time) error, until time.Time) error {
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
