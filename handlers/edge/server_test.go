package edge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codex-platform/codex/handlers/edge"
)

const (
	// patience is the time limit that a test sets, others how long the limits are that
	// it must not meet.
	patience = 300 * time.Millisecond
	others   = 30 * time.Second
)

// served is an edge behind a server of its own on a real port.
type served struct {
	*harness
	address string
	// inside is how many requests are being handled; givenUp how many were cancelled
	// before they were answered.
	inside, givenUp atomic.Int64
	stop            context.CancelFunc
	ended           chan error
}

// serve serves the first edge with the limits of a server; what the test does not set
// is long.
func (w *harness) serve(server edge.Server) *served {
	w.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	for _, limit := range []*time.Duration{&server.Headers, &server.Request, &server.Response, &server.Idle, &server.Grace} {
		if *limit == 0 {
			*limit = others
		}
	}
	s := &served{harness: w, address: listener.Addr().String(), ended: make(chan error, 1)}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	w.Cleanup(stop)
	handler := w.handler
	go func() {
		s.ended <- server.Serve(ctx, listener, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			s.inside.Add(1)
			defer s.inside.Add(-1)
			handler.ServeHTTP(rw, r)
			if r.Context().Err() != nil {
				s.givenUp.Add(1)
			}
		}))
	}()
	return s
}

// leavesNothing stops the server, which waits for every connection that is in use.
func (s *served) leavesNothing() {
	s.Helper()
	began := time.Now()
	s.stop()
	if err := <-s.ended; err != nil || time.Since(began) > others/2 {
		s.Errorf("a connection was in use: stopped after %s with %v", time.Since(began), err)
	}
	if n := s.inside.Load(); n != 0 {
		s.Errorf("%d requests are still handled", n)
	}
	for _, table := range []string{"commands", "outbox", "content", "organizations"} {
		if n := s.Number(`SELECT count(*) FROM ` + table); n != 0 {
			s.Errorf("%d rows in %s", n, table)
		}
	}
}

// dial opens a connection that fails when the test takes too long.
func (s *served) dial() net.Conn {
	s.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(others / 2)); err != nil {
		s.Fatal(err)
	}
	return conn
}

func (s *served) write(conn net.Conn, text string) {
	s.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		s.Fatal(err)
	}
}

// trickle sends bytes one by one until the other end does not want them any more.
func trickle(conn net.Conn, piece string) {
	for tick := time.NewTicker(patience / 20); ; <-tick.C {
		if _, err := io.WriteString(conn, piece); err != nil {
			tick.Stop()
			return
		}
	}
}

// wantClosed reads until the other end closes, and returns what came before.
func (s *served) wantClosed(conn net.Conn) string {
	s.Helper()
	read, err := io.ReadAll(conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		s.Errorf("the connection is still open; it got %q", read)
	}
	return string(read)
}

func TestHeadersThatTrickleAreCutOff(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{Headers: patience})
	conn := s.dial()
	s.write(conn, "GET /health HTTP/1.1\r\nHost: codex.example\r\nX-Slow: ")
	go trickle(conn, "a")
	if got := s.wantClosed(conn); strings.Contains(got, " 200 ") {
		t.Errorf("it was answered: %q", got)
	}
	s.leavesNothing()
}

func TestHeadersThatAreTooLongAreRefused(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{})
	conn := s.dial()
	if _, err := io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: codex.example\r\nX-Long: "+strings.Repeat("a", 32<<10)+"\r\n\r\n"); err != nil {
		return // it was cut off even earlier
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%v, %v", response, err)
	}
	if response != nil {
		_ = response.Body.Close()
	}
}

func TestABodyThatTricklesIsCutOffAndLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, headers, first, piece string }{
		"announced": {"/api/content", "Content-Length: 2000\r\n", `{"title":"`, "a"},
		"in chunks": {"/api/organizations", "Transfer-Encoding: chunked\r\n", "9\r\n{\"name\":\"\r\n", "1\r\na\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newHarness(t, options{bus: true, change: func(cfg *edge.Config) { cfg.BodyWithin = patience }})
			s := w.serve(edge.Server{})
			conn := s.dial()
			s.write(conn, "POST "+c.path+" HTTP/1.1\r\nHost: codex.example\r\nContent-Type: application/json\r\nIdempotency-Key: slow\r\nCookie: "+
				w.user("creator")+"\r\n"+c.headers+"\r\n"+c.first)
			go trickle(conn, c.piece)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if a := w.Read(response); a.Status != http.StatusRequestTimeout || a.Code() != "REQUEST_TIMEOUT" || !response.Close {
				t.Errorf("%d %s, %v", a.Status, a.Body, response.Header)
			}
			s.wantClosed(conn)
			s.leavesNothing()
		})
	}
}

// Who is refused before the body is looked at is not waited for longer than others.
func TestABodyThatNobodyWantsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{Request: patience})
	conn := s.dial()
	s.write(conn, "POST /api/content HTTP/1.1\r\nHost: codex.example\r\nContent-Length: 2000\r\n\r\n{")
	go trickle(conn, " ")
	s.wantClosed(conn)
	s.leavesNothing()
}

// The time for the body says nothing about the answer, and nothing about the next
// request.
func TestTheTimeForABodyIsForTheBodyOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true, change: func(cfg *edge.Config) { cfg.BodyWithin = patience }})
	s := w.serve(edge.Server{})
	conn := s.dial()
	answers := bufio.NewReader(conn)
	cookie := w.user("creator")
	late := func(path, body string) answer {
		t.Helper()
		tx, err := w.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), `LOCK TABLE content IN EXCLUSIVE MODE`); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(3*patience, func() { _ = tx.Rollback(context.Background()) })
		s.write(conn, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: codex.example\r\nContent-Type: application/json\r\nCookie: %s\r\nContent-Length: %d\r\n\r\n%s",
			path, cookie, len(body), body))
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		return w.Read(response)
	}
	created := late("/api/content", article("late", `"Words."`))
	published := late("/api/content/"+created.Text("data.id")+"/publish", "")
	if created.Status != http.StatusCreated || published.Status != http.StatusOK {
		t.Errorf("%d %s, then %d %s", created.Status, created.Body, published.Status, published.Body)
	}
	if n := s.givenUp.Load(); n != 0 {
		t.Errorf("%d requests were taken for given up", n)
	}
}

func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{Response: patience})
	conn := s.dial()
	s.write(conn, "GET /endless HTTP/1.1\r\nHost: codex.example\r\n\r\n")
	// The first bytes are there: it is being answered.
	if _, err := io.ReadFull(conn, make([]byte, 12)); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(others / 2)
	for s.inside.Load() != 0 {
		if time.Now().After(deadline) {
			t.Fatal("it is still being answered")
		}
		time.Sleep(patience / 20) // between two looks
	}
	s.leavesNothing()
}

func TestOneConnectionMoreWaitsUntilAnotherIsClosed(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{Connections: 2})
	ask := func(conn net.Conn) { s.write(conn, "GET /health HTTP/1.1\r\nHost: codex.example\r\n\r\n") }
	answered := func(conn net.Conn) {
		t.Helper()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%d", response.StatusCode)
		}
	}
	first, second, third := s.dial(), s.dial(), s.dial()
	ask(first)
	answered(first)
	ask(second)
	answered(second)
	ask(third)
	if err := third.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if n, err := third.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("the third is served beside two others: %d bytes, %v", n, err)
	}
	ask(second) // those who are in are served as before
	answered(second)
	if err := third.SetReadDeadline(time.Now().Add(others / 2)); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	answered(third)
	_, _ = second.Close(), third.Close()
	s.leavesNothing()
}
