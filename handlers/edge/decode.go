package edge

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/codex-platform/codex/domain"
)

// Limits on the shape of a JSON body, over and above its size.
const (
	maxDepth  = 32
	maxTokens = 20_000
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
		if err := decodeStrict(body, request); err != nil {
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
		return nil, badJSON("", "the body could not be read")
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
		return badJSON("Content-Type", "must be application/json in UTF-8")
	}
	return nil
}

func badJSON(path, message string) *domain.Error {
	return &domain.Error{
		Class: domain.Invalid, Message: "Invalid request data",
		Fields: []domain.Field{{Path: path, Message: message}},
	}
}

// decodeStrict decodes one document. Package json refuses duplicate names, names
// in the wrong case, invalid UTF-8 and trailing data; inspect refuses the rest.
func decodeStrict(body []byte, target any) error {
	if err := inspect(body); err != nil {
		return err
	}
	err := json.Unmarshal(body, target, json.RejectUnknownMembers(true))
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &semantic):
		path := dotted(semantic.JSONPointer)
		if errors.Is(err, json.ErrUnknownName) {
			return badJSON(path, "is not a known field")
		}
		return badJSON(path, "must be "+kindOf(semantic.GoType))
	case errors.As(err, &syntactic):
		return badJSON(dotted(syntactic.JSONPointer), "is not well-formed JSON")
	default:
		return badJSON("", "is not acceptable JSON")
	}
}

// inspect walks the tokens of a document and bounds depth and number. It refuses
// strings that the database or a reader would choke on.
func inspect(body []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	for n := 0; ; n++ {
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			var syntactic *jsontext.SyntacticError
			if errors.As(err, &syntactic) {
				if errors.Is(err, jsontext.ErrDuplicateName) {
					return badJSON(dotted(syntactic.JSONPointer), "is given twice")
				}
				return badJSON(dotted(syntactic.JSONPointer), "is not well-formed JSON")
			}
			return badJSON("", "is not well-formed JSON")
		}
		if n > maxTokens || dec.StackDepth() > maxDepth {
			return badJSON("", "is too deep or too long")
		}
		if token.Kind() == '"' {
			if message := badText(token.String()); message != "" {
				return badJSON(dotted(dec.StackPointer()), message)
			}
		}
	}
}

// badText says why a string is refused everywhere, or "".
func badText(s string) string {
	for _, r := range s {
		switch {
		case r == 0:
			return "must not contain the NUL character"
		case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			return "must not contain bidirectional overrides"
		case unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t':
			return "must not contain control characters"
		}
	}
	return ""
}

// dotted turns a JSON pointer into the path that details show.
func dotted(pointer jsontext.Pointer) string {
	var parts []string
	for part := range pointer.Tokens() {
		parts = append(parts, part)
	}
	return strings.Join(parts, ".")
}

func kindOf(t reflect.Type) string {
	if t == nil {
		return "of another type"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}
