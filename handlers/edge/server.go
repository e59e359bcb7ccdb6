package edge

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
)

const (
	responseTimeout = 60 * time.Second
	maxHeader       = 16 << 10
)

// Server holds the time limits of an HTTP server and its number of connections. Zero
// values take the defaults. Handlers that read a body set a deadline of their own.
type Server struct {
	// Headers is how long a request's headers may take; default 5 s.
	Headers time.Duration
	// Request is how long headers and body may take together; default 30 s.
	Request time.Duration
	// Response is how long it may take from the headers to the last byte of the response;
	// default 60 s.
	Response time.Duration
	// Idle is how long a connection may wait for its next request; default 60 s.
	Idle time.Duration
	// Connections is how many may be open at once; a further one waits until another is
	// closed. Default 10000.
	Connections int
	// Linger is how long, after ctx is done, connections between two requests stay open.
	// Their next response closes them. Closed at once, they would lose the request that a
	// client sends at that moment.
	Linger time.Duration
	// Grace is how long requests in flight may take after that.
	Grace time.Duration
}

// Serve serves on a listener until ctx is done. Then it closes the listener and finishes
// the requests in flight: every response from then on closes its connection.
func (s Server) Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	open := &connections{none: make(chan struct{})}
	server := &http.Server{
		Handler:           open.closeAfterResponse(handler),
		ConnState:         open.track,
		ReadHeaderTimeout: cmp.Or(s.Headers, 5*time.Second),
		ReadTimeout:       cmp.Or(s.Request, 30*time.Second),
		WriteTimeout:      cmp.Or(s.Response, responseTimeout),
		IdleTimeout:       cmp.Or(s.Idle, 60*time.Second),
		MaxHeaderBytes:    maxHeader,
	}
	limited := netutil.LimitListener(listener, cmp.Or(s.Connections, 10_000))
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(limited) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}

	_ = limited.Close()
	failed := <-stopped // what was accepted has been counted
	if errors.Is(failed, net.ErrClosed) {
		failed = nil // by the stop
	}
	open.drain(s.Linger)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close()
		return err
	}
	return failed
}

// connections counts the open connections of a server.
type connections struct {
	draining atomic.Bool

	mu   sync.Mutex
	open int
	// none is closed when no connection is open any more, while draining.
	none chan struct{}
}

// track implements http.Server.ConnState.
func (c *connections) track(_ net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open++
	case http.StateClosed, http.StateHijacked:
		c.open--
		if c.draining.Load() && c.open == 0 {
			close(c.none)
		}
	case http.StateActive, http.StateIdle:
	}
}

// closeAfterResponse closes the connections of requests that begin while draining.
func (c *connections) closeAfterResponse(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// drain waits until no connection is open, at most for this long. It is called once, when
// no connection is accepted any more.
func (c *connections) drain(atMost time.Duration) {
	c.mu.Lock()
	c.draining.Store(true)
	open := c.open
	c.mu.Unlock()
	if open == 0 {
		return
	}
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-c.none:
	case <-timer.C:
	}
}
