package edge

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

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
	body, err := readBody(c, bodyLimit(c))
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

const maxBodyKey = "max-body"

// allowBody allows a longer body than usual.
func allowBody(most int64) gin.HandlerFunc { return func(c *gin.Context) { c.Set(maxBodyKey, most) } }

// bodyLimit returns the most bytes that a JSON body may have.
func bodyLimit(c *gin.Context) int64 {
	if most := c.GetInt64(maxBodyKey); most > 0 {
		return most
	}
	return maxJSONBytes
}

// readBody reads a body of at most limit bytes.
func readBody(c *gin.Context, limit int64) ([]byte, error) {
	if c.Request.ContentLength > limit {
		// Most of it would be read only to be thrown away.
		c.Header("Connection", "close")
		return nil, errBodyTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errBodyTooLarge
	case err != nil:
		return nil, strict.Refuse("", "the body could not be read")
	}
	return body, nil
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
