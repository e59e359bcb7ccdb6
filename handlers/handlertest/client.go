package handlertest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Request is what a test sends.
type Request struct {
	// Method is GET by default.
	Method string
	// Path is below [Harness.URL]. An address with a host stands on its own.
	Path string
	// Session is the token of a session, "" for none.
	Session string
	// Body is sent as it is when it is bytes or, as JSON, when it is a string. Anything
	// else is encoded; nil is no body.
	Body any
	// Header says more, and other than what follows from the rest. Host is the host.
	Header map[string]string
	// Jar keeps the cookies of a browser.
	Jar http.CookieJar
}

// Send sends a request and reads the response; redirects are not followed. Without a
// response, the test fails and the status is 0, so that goroutines of a test may send.
func (w *Harness) Send(r Request) Answer {
	w.Helper()
	req, err := w.request(r)
	if err != nil {
		w.Error(err)
		return Answer{T: w.T}
	}
	return w.do(req, r.Jar)
}

// Do is Send for a request that was made otherwise.
func (w *Harness) Do(req *http.Request) Answer { w.Helper(); return w.do(req, nil) }

func (w *Harness) do(req *http.Request, jar http.CookieJar) Answer {
	w.Helper()
	client := *w.client
	client.Jar = jar
	resp, err := client.Do(req) //nolint:bodyclose,gosec // Read closes it; the address is the test's
	if err != nil {
		w.Error(err)
		return Answer{T: w.T}
	}
	return w.Read(resp)
}

// Read reads the response to a request that was sent by hand.
func (w *Harness) Read(resp *http.Response) Answer {
	w.Helper()
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Error(err)
		return Answer{T: w.T}
	}
	return Answer{
		T:      w.T,
		Status: resp.StatusCode,
		Header: resp.Header,
		Body:   string(body),
	}
}

func (w *Harness) request(r Request) (*http.Request, error) {
	kind, content := "application/json", []byte(nil)
	switch body := r.Body.(type) {
	case nil:
		kind = ""
	case []byte:
		kind, content = "", body
	case string:
		content = []byte(body)
	default:
		var err error
		if content, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	address := r.Path
	if !strings.Contains(address, "://") {
		address = w.URL + address
	}
	req, err := http.NewRequestWithContext(w.Context(), r.Method, address, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if r.Session != "" {
		req.Header.Set("Cookie", Cookie(r.Session))
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	req.Host = req.Header.Get("Host")
	return req, nil
}

// Cookie is the Cookie header of a session.
func Cookie(session string) string { return "codex-session=" + session }

// Pairs makes a header of names and values by turns.
func Pairs(pairs ...string) map[string]string {
	header := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		header[pairs[i]] = pairs[i+1]
	}
	return header
}

// Answer is a response whose body was read.
type Answer struct {
	// T is the test that asked.
	T      *testing.T
	Status int
	Header http.Header
	Body   string
}

// At returns the value at a dotted path of a JSON body, nil when there is none:
// At("data.items.0.id").
func (a Answer) At(path string) any {
	var value any
	if json.Unmarshal([]byte(a.Body), &value) != nil {
		return nil
	}
	for part := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// Text returns the string at a path, "" when there is none.
func (a Answer) Text(path string) string {
	s, _ := a.At(path).(string)
	return s
}

// Code returns the code of the envelope of an error, "" without one.
func (a Answer) Code() string {
	if a.Text("error.message") == "" {
		return ""
	}
	return a.Text("error.code")
}

// Want ends the test unless the status is this one and the code that of the error, or
// of the reason that its details give; "" is a response without an error.
func (a Answer) Want(status int, code string) Answer {
	a.T.Helper()
	got := a.Code()
	if reason := a.Text("error.details.context.code"); code != "" && reason == code {
		got = reason
	}
	if a.Status != status || got != code {
		a.T.Fatalf("response %d %s, want %d %s", a.Status, a.Body, status, code)
	}
	return a
}

// Names ends the test unless the request is rejected for one of its fields.
func (a Answer) Names(field string) {
	a.T.Helper()
	if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"path":"`+field+`"`) {
		a.T.Fatalf("response %d %s does not name %s", a.Status, a.Body, field)
	}
}

// WantFields ends the test unless the request is rejected for exactly these fields.
func (a Answer) WantFields(paths ...string) {
	a.T.Helper()
	a.Want(http.StatusBadRequest, "VALIDATION_ERROR")
	details, _ := a.At("error.details").([]any)
	got := make([]string, len(details))
	for i := range details {
		got[i] = a.Text("error.details." + strconv.Itoa(i) + ".path")
	}
	if !slices.Equal(got, paths) {
		a.T.Fatalf("fields %v, want %v: %s", got, paths, a.Body)
	}
}

// Decode decodes the body.
func Decode[T any](a Answer) (v T) {
	a.T.Helper()
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil {
		a.T.Fatalf("%s: %v", a.Body, err)
	}
	return v
}
