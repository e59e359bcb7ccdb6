package edge

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// Server is how long clients may take, and how many there may be at once. Zero values
// take the defaults. Handlers that read a body set a time of their own for it.
type Server struct {
	// Headers is how long a request's headers may take; default 5 s.
	Headers time.Duration
	// Request is how long headers and body may take together; default 30 s.
	Request time.Duration
	// Answer is how long it may take from the headers to the last byte of the answer;
	// default 60 s.
	Answer time.Duration
	// Idle is how long a connection may wait for its next request; default 60 s.
	Idle time.Duration
	// Connections is how many may be open at once. One more is not accepted before
	// another is closed. Default 10000.
	Connections int
	// Grace is how long requests in flight may take after a stop.
	Grace time.Duration
}

// Serve serves on a listener until ctx is done, and then finishes the requests in
// flight.
func (s Server) Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: cmp.Or(s.Headers, 5*time.Second),
		ReadTimeout:       cmp.Or(s.Request, 30*time.Second),
		WriteTimeout:      cmp.Or(s.Answer, answerTimeout),
		IdleTimeout:       cmp.Or(s.Idle, 60*time.Second),
		MaxHeaderBytes:    maxHeader,
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(netutil.LimitListener(listener, cmp.Or(s.Connections, 10_000))) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close()
		return err
	}
	return nil
}
