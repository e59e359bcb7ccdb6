package s3

import (
	"errors"
	"io"

	"github.com/versity/versitygw/s3err"
)

// wholeBody reads a request body of a declared length and fails when it ends earlier. The HTTP
// server reports a closed connection as the end of the body, and the file backend allocates the
// declared length before it writes: without this check the missing bytes would be stored as zeros.
type wholeBody struct {
	body io.Reader
	left int64
}

// whole wraps the body of a request; length is nil when the client declared none.
func whole(body io.Reader, length *int64) io.Reader {
	if body == nil || length == nil {
		return body
	}
	return &wholeBody{body: body, left: *length}
}

// Read implements io.Reader.
func (w *wholeBody) Read(b []byte) (int, error) {
	n, err := w.body.Read(b)
	w.left -= int64(n)
	if w.left > 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return n, err
}
