package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// front is the balancer before the edges, as small as one may be: it takes turns among the
// edges that say they are ready, and sends a request to the next one when a connection is
// refused. Otherwise it repeats what net/http repeats: requests that are idempotent, by their
// method or their key, and whose connection ended before the first byte of a response.
type front struct {
	listener net.Listener
	server   *http.Server
	client   *http.Transport
	cancel   context.CancelFunc
	work     sync.WaitGroup

	mu    sync.Mutex
	edges []*backend
	turn  atomic.Uint64
}

// backend is one edge.
type backend struct {
	address, probes string
	ready           atomic.Bool
}

const probeEvery = 250 * time.Millisecond

func startFront() (*front, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &front{
		listener: listener,
		cancel:   cancel,
		client: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: time.Second}).DialContext,
			MaxIdleConnsPerHost:   128,
			IdleConnTimeout:       5 * time.Second,
			ResponseHeaderTimeout: 20 * time.Second,
		},
	}
	f.server = &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.Out.URL.Scheme, r.Out.Host = "http", r.In.Host
				r.SetXForwarded()
			},
			Transport: f,
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusBadGateway)
			},
		},
	}
	f.work.Go(func() { _ = f.server.Serve(listener) })
	f.work.Go(func() { f.probe(ctx) })
	return f, nil
}

func (f *front) url() string { return "http://" + f.listener.Addr().String() }

func (f *front) add(address, probes string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.edges = append(f.edges, &backend{address: address, probes: probes})
}

func (f *front) close() {
	f.cancel()
	_ = f.server.Close()
	f.work.Wait()
	f.client.CloseIdleConnections()
}

func (f *front) backends() []*backend {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.edges
}

// probe asks every edge for its readiness, all at once: one that hangs must not delay the
// others.
func (f *front) probe(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		var asking sync.WaitGroup
		for _, b := range f.backends() {
			asking.Go(func() { b.ready.Store(ready(ctx, b.probes) == nil) })
		}
		asking.Wait()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// maxRequestBytes is more than any request of the load has.
const maxRequestBytes = 1 << 20

var errNoEdge = errors.New("no edge is ready")

// RoundTrip implements http.RoundTripper.
func (f *front) RoundTrip(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil {
		defer func() { _ = request.Body.Close() }()
		var err error
		if body, err = io.ReadAll(io.LimitReader(request.Body, maxRequestBytes)); err != nil {
			return nil, err
		}
	}
	err := errNoEdge
	edges, first := f.backends(), int(f.turn.Add(1)%1000)
	for i := range edges {
		b := edges[(first+i)%len(edges)]
		if !b.ready.Load() {
			continue
		}
		out := request.Clone(request.Context())
		out.Body, out.GetBody = nil, nil
		if len(body) > 0 {
			out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
			out.Body, _ = out.GetBody() // cannot fail
		}
		out.URL = &url.URL{
			Scheme:   "http",
			Host:     b.address,
			Path:     request.URL.Path,
			RawPath:  request.URL.RawPath,
			RawQuery: request.URL.RawQuery,
		}
		var response *http.Response
		response, err = f.client.RoundTrip(out)
		if err == nil {
			return response, nil
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, err
		}
		b.ready.Store(false)
	}
	return nil, err
}
