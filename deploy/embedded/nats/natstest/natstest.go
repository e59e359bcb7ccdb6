// Package natstest gives a test its own temporary NATS server with JetStream.
//
// The server runs inside the test process. When CODEX_TEST_NATS_IMAGE names an
// image (for example nats:2.11) it runs in a container instead, to test against released
// servers; the image must take the arguments of nats-server. A named image without a
// Docker daemon fails the test.
package natstest

import (
	"context"
	"net"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/embedded/nats"
)

// ImageVariable names the environment variable that asks for a container.
const ImageVariable = "CODEX_TEST_NATS_IMAGE"

const (
	stopWithin = 10 * time.Second
	token      = "the-token-of-a-test"
)

// Instance is a server that lives as long as its test.
type Instance struct {
	url     string
	dir     string
	port    int
	running *nats.Server
}

// Server starts a server on a free port of the loopback interface and stops it
// when the test ends.
func Server(t testing.TB) *Instance {
	t.Helper()
	if image := os.Getenv(ImageVariable); image != "" {
		return &Instance{url: fromImage(t, image)}
	}
	return Embedded(t)
}

// Embedded is Server that never uses a container: for tests that restart it.
func Embedded(t testing.TB) *Instance {
	t.Helper()
	instance := &Instance{dir: t.TempDir(), port: -1}
	instance.start(t)
	instance.port = portOf(t, instance.running.URL())
	instance.url = instance.running.URL()
	t.Cleanup(func() { instance.Stop(t) })
	return instance
}

// URL is what nats.Connect takes; it stays the same across restarts.
func (i *Instance) URL() string { return i.url }

// Stop ends the server; clients see a broken connection. The streams stay.
func (i *Instance) Stop(t testing.TB) {
	t.Helper()
	if i.running == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := i.running.Stop(ctx); err != nil {
		t.Fatalf("stop the test's NATS server: %v", err)
	}
	i.running = nil
}

// Restart ends the server if it runs and starts it on the same port with the same
// streams.
func (i *Instance) Restart(t testing.TB) {
	t.Helper()
	i.requireEmbedded(t)
	i.Stop(t)
	i.start(t)
}

// StopAndWipe restarts the server without its streams: the worst loss JetStream
// can have.
func (i *Instance) StopAndWipe(t testing.TB) {
	t.Helper()
	i.requireEmbedded(t)
	i.Stop(t)
	if err := os.RemoveAll(i.dir); err != nil {
		t.Fatalf("wipe the test's JetStream directory: %v", err)
	}
	i.start(t)
}

// start starts the server. While it was down another test may have been given its
// port for a while.
func (i *Instance) start(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		running, err := nats.Start(nats.Config{Dir: i.dir, Port: i.port, Token: token})
		if err == nil {
			i.running = running
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("start the test's NATS server: %v", err)
		}
		<-time.After(100 * time.Millisecond) // between two tries
	}
}

func (i *Instance) requireEmbedded(t testing.TB) {
	t.Helper()
	if i.dir == "" {
		t.Fatalf("this test restarts NATS: take natstest.Embedded instead of natstest.Server")
	}
}

func portOf(t testing.TB, address string) int {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatalf("read the port of the test's NATS server: %v", err)
	}
	_, text, err := net.SplitHostPort(parsed.Host)
	if err != nil {
		t.Fatalf("read the port of the test's NATS server: %v", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("read the port of the test's NATS server: %v", err)
	}
	return port
}
