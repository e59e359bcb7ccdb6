package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/chaos/invariants"
)

// echo answers every line on every connection until the test ends.
func echo(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn) }()
		}
	}()
	return listener.Addr().String()
}

// say sends a line and returns the answer, or how the connection ended.
func say(conn net.Conn, limit time.Duration) (string, error) {
	_ = conn.SetDeadline(time.Now().Add(limit))
	if _, err := conn.Write([]byte("hello\n")); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}

func TestACutLinkKeepsConnectionsOpenAndPassesNothing(t *testing.T) {
	t.Parallel()
	l, err := newLink("tcp", echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", l.addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	before := dial()
	if line, err := say(before, time.Minute); err != nil || line != "hello\n" {
		t.Fatalf("got %q, %v", line, err)
	}

	l.setCut(true)
	for name, conn := range map[string]net.Conn{"an open connection": before, "a new connection": dial()} {
		var timeout net.Error
		if line, err := say(conn, 100*time.Millisecond); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%s: got %q, %v, want silence", name, line, err)
		}
	}

	l.setCut(false)
	if line, err := say(before, time.Minute); err == nil {
		t.Errorf("the old connection goes on after the heal: %q", line)
	}
	if line, err := say(dial(), time.Minute); err != nil || line != "hello\n" {
		t.Errorf("after the heal: got %q, %v", line, err)
	}
}

func TestTheFrontSendsARefusedRequestToTheNextEdge(t *testing.T) {
	t.Parallel()
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	defer edge.Close()
	f, err := startFront()
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	gone, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	alive := strings.TrimPrefix(edge.URL, "http://")
	f.add(gone, alive) // nothing listens, yet its probe says that it is ready
	f.add(alive, alive)
	err = until(t.Context(), time.Minute, 10*time.Millisecond, func(context.Context) error {
		for _, b := range f.backends() {
			if !b.ready.Load() {
				return errNoEdge
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		answer, err := http.Post(f.url(), "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK || string(body) != "body" {
			t.Fatalf("got %d %q", answer.StatusCode, body)
		}
	}
}

func TestARowIsGoodOnlyWithoutViolationsAndInTime(t *testing.T) {
	t.Parallel()
	good := row{recovery: time.Second, stats: stats{PaidToAccess: time.Second}, within: time.Second}
	if !good.good() {
		t.Error("a good row is bad")
	}
	for name, change := range map[string]func(*row){
		"violation":      func(r *row) { r.violations = []invariants.Violation{{}} },
		"complaint":      func(r *row) { r.complaints = []error{io.EOF} },
		"unanswered":     func(r *row) { r.stats.Unanswered = 1 },
		"recovery":       func(r *row) { r.recovery++ },
		"paid to access": func(r *row) { r.stats.PaidToAccess++ },
	} {
		bad := good
		if change(&bad); bad.good() {
			t.Errorf("%s: the row is good", name)
		}
	}
}

func TestFaultsAreChosenByFormAndByName(t *testing.T) {
	t.Parallel()
	long, err := choose(options{form: "long"})
	if err != nil || len(long) != len(faults()) {
		t.Errorf("the long form has %d of %d faults, %v", len(long), len(faults()), err)
	}
	short, err := choose(options{form: "short"})
	if err != nil || len(short) == 0 || len(short) >= len(long) {
		t.Errorf("the short form has %d faults, %v", len(short), err)
	}
	named, err := choose(options{form: "long", faults: "kill-relay, delete-nats-data"})
	if err != nil || len(named) != 2 || named[0].name != "kill relay" || named[1].name != "delete nats data" {
		t.Errorf("got %v, %v", named, err)
	}
	for _, o := range []options{{form: "medium"}, {form: "long", faults: "kill-cat"}} {
		if _, err := choose(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
