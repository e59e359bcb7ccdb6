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
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/codex-platform/codex/handlers/edge"
)

const (
	// shortLimit is the time limit that a test sets, longLimit how long the limits are that
	// it must not meet.
	shortLimit = 300 * time.Millisecond
	longLimit  = 30 * time.Second
)

// served is an edge behind a server of its own on a real port.
type served struct {
	*harness
	address string
	// begun is how many requests have reached the handler, inside how many are in it, and
	// cancelled how many were cancelled before the response.
	begun, inside, cancelled atomic.Int64
	stop                     context.CancelFunc
	ended                    chan error
}

// serve serves the first edge with the limits of a server; what the test does not set
// is long.
func (w *harness) serve(server edge.Server) *served {
	w.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	for _, limit := range []*time.Duration{
		&server.Headers,
		&server.Request,
		&server.Response,
		&server.Idle,
		&server.Linger,
		&server.Grace,
	} {
		if *limit == 0 {
			*limit = longLimit
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
			s.begun.Add(1)
			defer s.inside.Add(-1)
			handler.ServeHTTP(rw, r)
			if r.Context().Err() != nil {
				s.cancelled.Add(1)
			}
		}))
	}()
	return s
}

// assertNothingLeft stops the server, which waits for every connection that is in use.
func (s *served) assertNothingLeft() {
	s.Helper()
	began := time.Now()
	s.stop()
	if err := <-s.ended; err != nil || time.Since(began) > longLimit/2 {
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
	if err := conn.SetDeadline(time.Now().Add(longLimit / 2)); err != nil {
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

// sendSlowly sends bytes one by one until the other end does not want them any more.
func sendSlowly(conn net.Conn, piece string) {
	for tick := time.NewTicker(shortLimit / 20); ; <-tick.C {
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

func TestSlowHeadersCloseTheConnection(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{Headers: shortLimit})
	conn := s.dial()
	s.write(conn, "GET /health HTTP/1.1\r\nHost: codex.example\r\nX-Slow: ")
	go sendSlowly(conn, "a")
	if got := s.wantClosed(conn); strings.Contains(got, " 200 ") {
		t.Errorf("the response is %q", got)
	}
	s.assertNothingLeft()
}

func TestTooLongHeadersAreRejected(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{})
	conn := s.dial()
	if _, err := io.WriteString(conn,
		"GET /health HTTP/1.1\r\nHost: codex.example\r\nX-Long: "+strings.Repeat("a", 32<<10)+"\r\n\r\n"); err != nil {
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

func TestSlowBodyIsRejectedAndChangesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, headers, first, piece string }{
		"announced": {"/api/content", "Content-Length: 2000\r\n", `{"title":"`, "a"},
		"in chunks": {"/api/organizations", "Transfer-Encoding: chunked\r\n", "9\r\n{\"name\":\"\r\n", "1\r\na\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newHarness(t, options{bus: true, change: func(cfg *edge.Config) { cfg.BodyWithin = shortLimit }})
			s := w.serve(edge.Server{})
			conn := s.dial()
			s.write(conn, "POST "+c.path+" HTTP/1.1\r\nHost: codex.example\r\nContent-Type: application/json\r\n"+
				"Idempotency-Key: slow\r\nCookie: "+w.user("creator")+"\r\n"+c.headers+"\r\n"+c.first)
			go sendSlowly(conn, c.piece)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if a := w.Read(response); a.Status != http.StatusRequestTimeout || a.Code() != "REQUEST_TIMEOUT" || !response.Close {
				t.Errorf("%d %s, %v", a.Status, a.Body, response.Header)
			}
			s.wantClosed(conn)
			s.assertNothingLeft()
		})
	}
}

// A request that is rejected before its body is read gets no more time than others.
func TestUnreadBodyIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{Request: shortLimit})
	conn := s.dial()
	s.write(conn, "POST /api/content HTTP/1.1\r\nHost: codex.example\r\nContent-Length: 2000\r\n\r\n{")
	go sendSlowly(conn, " ")
	s.wantClosed(conn)
	s.assertNothingLeft()
}

// The deadline of the body applies neither to the response nor to the next request.
func TestBodyDeadlineEndsWithTheBody(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true, change: func(cfg *edge.Config) { cfg.BodyWithin = shortLimit }})
	s := w.serve(edge.Server{})
	conn := s.dial()
	responses := bufio.NewReader(conn)
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
		time.AfterFunc(3*shortLimit, func() { _ = tx.Rollback(context.Background()) })
		s.write(conn, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: codex.example\r\nContent-Type: application/json\r\n"+
			"Cookie: %s\r\nContent-Length: %d\r\n\r\n%s", path, cookie, len(body), body))
		response, err := http.ReadResponse(responses, nil)
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
	if n := s.cancelled.Load(); n != 0 {
		t.Errorf("%d requests were cancelled", n)
	}
}

func TestClientThatDoesNotReadIsDisconnected(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{Response: shortLimit})
	conn := s.dial()
	s.write(conn, "GET /endless HTTP/1.1\r\nHost: codex.example\r\n\r\n")
	for s.begun.Load() == 0 {
		time.Sleep(shortLimit / 20) // between two inspections
	}
	deadline := time.Now().Add(longLimit / 2)
	for s.inside.Load() != 0 {
		if time.Now().After(deadline) {
			t.Fatal("the handler still runs")
		}
		time.Sleep(shortLimit / 20) // between two inspections
	}
	s.assertNothingLeft()
}

func TestConnectionAboveTheLimitWaits(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{Connections: 2})
	ask := func(conn net.Conn) { s.write(conn, "GET /health HTTP/1.1\r\nHost: codex.example\r\n\r\n") }
	wantOK := func(conn net.Conn) {
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
	wantOK(first)
	ask(second)
	wantOK(second)
	ask(third)
	if err := third.SetReadDeadline(time.Now().Add(shortLimit)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if n, err := third.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("the third is served beside two others: %d bytes, %v", n, err)
	}
	ask(second) // those who are in are served as before
	wantOK(second)
	if err := third.SetReadDeadline(time.Now().Add(longLimit / 2)); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	wantOK(third)
	_, _ = second.Close(), third.Close()
	s.assertNothingLeft()
}

// While clients send one request after the other on the same connections, a stop closes
// each of them between two requests, never under one.
func TestAStopClosesBusyConnectionsAfterAResponse(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{})
	const clients = 32
	var (
		working  sync.WaitGroup
		started  sync.WaitGroup
		failures = make(chan error, clients)
	)
	started.Add(clients)
	for range clients {
		working.Go(func() {
			responses := 0
			for {
				err := s.requestUntilClosed(&responses, started.Done)
				if err == nil {
					continue // the server closed the connection after a response: connect again
				}
				if !errors.Is(err, syscall.ECONNREFUSED) {
					failures <- fmt.Errorf("after %d responses: %w", responses, err)
				}
				return
			}
		})
	}
	started.Wait()
	s.stop()
	working.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("the server stopped with %v", err)
	}
}

// requestUntilClosed sends requests on one connection until a response closes it. It calls
// started after the first response of all.
func (s *served) requestUntilClosed(responses *int, started func()) error {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	for {
		if _, err := io.WriteString(conn, "GET /openapi.json HTTP/1.1\r\nHost: codex.example\r\n\r\n"); err != nil {
			return fmt.Errorf("send: %w", err)
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return fmt.Errorf("read the body: %w", err)
		}
		if *responses++; *responses == 1 {
			started()
		}
		if response.Close {
			return nil
		}
	}
}

// A connection on which nothing comes does not hold up a stop longer than Linger.
func TestAnIdleConnectionIsClosedWhenItHasLingered(t *testing.T) {
	t.Parallel()
	s := newHarness(t, options{}).serve(edge.Server{Linger: shortLimit})
	conn := s.dial()
	s.write(conn, "GET /health HTTP/1.1\r\nHost: codex.example\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	s.assertNothingLeft()
	s.wantClosed(conn)
}
