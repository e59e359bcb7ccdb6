package edge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/handlers/edge/openapi"
	"github.com/codex-platform/codex/handlers/edge/strict"
)

// Request is a request to a declared route. It is also the context of the handler:
// cancelled when the client disconnects.
type Request struct {
	*gin.Context
	// ctx is the context of the request. A gin.Context reads it anew each time, which races
	// with middleware that sets the request when it ends: connection pools keep contexts
	// for longer.
	ctx    context.Context
	edge   *Edge
	route  *Route
	params map[string]any
	// response keeps what a handler writes, for the requests that share it; nil to send it.
	response *written
}

// Deadline implements [context.Context].
func (r *Request) Deadline() (time.Time, bool) { return r.ctx.Deadline() }

// Done implements [context.Context].
func (r *Request) Done() <-chan struct{} { return r.ctx.Done() }

// Err implements [context.Context].
func (r *Request) Err() error { return r.ctx.Err() }

// Value implements [context.Context].
func (r *Request) Value(key any) any { return r.ctx.Value(key) }

// ID identifies the request in responses and in the log.
func (r *Request) ID() string { return r.GetString(requestIDKey) }

// Now is the time in the precision of the database: UTC, whole microseconds.
func (r *Request) Now() time.Time { return r.edge.now() }

// Log is the edge's logger.
func (r *Request) Log() *slog.Logger { return r.edge.cfg.Log }

// Actor returns the signed-in user of a route that requires a session.
func (r *Request) Actor() *Actor { return r.MustGet(actorKey).(*Actor) }

// OptionalActor returns the signed-in user, nil without a session.
func (r *Request) OptionalActor() (*Actor, error) { return r.edge.actor(r.Context) }

// Network returns the client's address; of an IPv6 one the /64, the network of one subscriber.
func (r *Request) Network() string { return network(r.ClientIP()) }

// IsHead reports whether the request is a HEAD. A handler of GET that changes something
// must change nothing then: mail programs inspect links that way.
func (r *Request) IsHead() bool { return isHead(r.Context) }

// OwnOrigin reports whether an origin is this edge's own, or that of a configured web
// app: the sites that share the users' cookies.
func (r *Request) OwnOrigin(origin string) bool { return r.edge.origins.allows(origin) }

// SetSessionCookie sets the cookie of a session.
func (r *Request) SetSessionCookie(s identity.Session, token identity.Token) {
	r.edge.setSessionCookie(r.Context, s, token, r.Now())
}

// ClearSessionCookies deletes every session cookie that the request carried.
func (r *Request) ClearSessionCookies() { r.edge.clearSessionCookies(r.Context) }

// Description returns the OpenAPI document of all declared routes.
func (r *Request) Description() *openapi.Document { return r.edge.Description() }

// JSON writes a response. Its length is in the header: a longer one than the buffer of
// net/http would otherwise be sent in chunks, with more writes to the connection.
func (r *Request) JSON(status int, body any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		err = fmt.Errorf("marshal the response: %w", err)
	}
	switch {
	case r.response != nil:
		*r.response = written{status: status, body: encoded, err: err}
	case err != nil:
		r.edge.writeError(r.Context, err)
	default:
		r.write(written{status: status, body: encoded})
	}
}

func (r *Request) write(w written) {
	r.Header("Content-Length", strconv.Itoa(len(w.body)))
	r.Data(w.status, "application/json; charset=utf-8", w.body)
}

// OK writes 200 with one resource in its envelope.
func (r *Request) OK(data any) error { return r.WriteData(http.StatusOK, data) }

// WriteData writes one resource in its envelope.
func (r *Request) WriteData(status int, data any) error {
	r.JSON(status, Single{Data: data})
	return nil
}

// WriteBare writes 200 with a body that has no envelope.
func (r *Request) WriteBare(body any) error {
	r.JSON(http.StatusOK, body)
	return nil
}

// validator is a body that checks its own fields.
type validator interface {
	Validate() []domain.Field
}

// Decode reads a JSON body into body, a pointer, strictly: one document, no unknown,
// duplicate or wrongly cased fields, valid UTF-8 without NUL and bidirectional overrides,
// bounded depth; and then calls its Validate and the checks. The error names all fields at
// fault. An absent or empty body is the zero value,
// which Validate may still reject.
func (r *Request) Decode(body any, checks ...func() []domain.Field) error {
	raw, err := r.ReadBody(cmp.Or(r.route.MaxBody, MaxJSONBytes))
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := isJSON(r.GetHeader("Content-Type")); err != nil {
			return err
		}
		err = strict.Decode(raw, body)
	}
	if err != nil && !strict.Readable(err) {
		return err
	}
	// What is of the wrong type is named together with what breaks a rule.
	var faults []domain.Field
	if unread, ok := domain.AsError(err); ok {
		faults = unread.Fields
	}
	if v, ok := body.(validator); ok {
		faults = domain.MergeFields(faults, v.Validate())
	}
	for _, check := range checks {
		faults = domain.MergeFields(faults, check())
	}
	return domain.BadFields(faults)
}

// NoBody accepts an absent body or {}, for routes without input.
func (r *Request) NoBody() error {
	var empty struct{}
	return r.Decode(&empty)
}

// ReadBody reads a body of at most limit bytes, in bounded time.
func (r *Request) ReadBody(limit int64) ([]byte, error) {
	return readBody(r.Context, limit, r.edge.cfg.BodyWithin)
}

// ExtendDeadlines sets the deadlines for reading the body and for writing the response.
func (r *Request) ExtendDeadlines(read, write time.Time) error {
	control := http.NewResponseController(r.Writer)
	return errors.Join(setDeadline(control.SetReadDeadline, read), setDeadline(control.SetWriteDeadline, write))
}

// readBody reads a body of at most limit bytes, within grace and the time that its size
// takes at MinUploadRate.
func readBody(c *gin.Context, limit int64, grace time.Duration) ([]byte, error) {
	if c.Request.ContentLength > limit {
		c.Header("Connection", "close")
		return nil, ErrBodyTooLarge
	}
	size := c.Request.ContentLength
	if size < 0 { // unknown
		size = limit
	}
	control := http.NewResponseController(c.Writer)
	until := time.Now().Add(grace + time.Duration(size)*time.Second/MinUploadRate)
	if err := errors.Join(
		setDeadline(control.SetReadDeadline, until), setDeadline(control.SetWriteDeadline, until.Add(responseTimeout)),
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
		return nil, strict.NewError("", "the body could not be read")
	}
	// The server keeps reading to notice that the client disconnects; a deadline that
	// passes while the handler runs would look like that. The server lifts it itself, but
	// not without a body, nor when the body had been read before.
	return body, setDeadline(control.SetReadDeadline, time.Time{})
}

// setDeadline sets a deadline of a connection. Recorders of tests have none.
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
		return strict.NewError("Content-Type", "must be application/json in UTF-8")
	}
	return nil
}
