package edge_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// Connection pools read the context of a request after the request has ended. The race
// detector reports when the middleware then changes what they read.
func TestContextOfARequestMayOutliveIt(t *testing.T) {
	t.Parallel()
	w := handlertest.New(t, handlertest.Options{})
	ended, read := make(chan struct{}), make(chan error)
	w.Install(nil, handlers.Module{Routes: []edge.Route{{
		Method:  http.MethodGet,
		Path:    "/api/outlived",
		Name:    "outlived",
		Summary: "Leave a goroutine",
		Auth:    edge.Public,
		Handle: func(r *edge.Request) error {
			go func(ctx context.Context) {
				for {
					_ = ctx.Value("any")
					select {
					case <-ended:
						<-ctx.Done()
						read <- ctx.Err()
						return
					default:
					}
				}
			}(r)
			return r.OK("left")
		},
	}}})

	w.Send(handlertest.Request{Method: http.MethodGet, Path: "/api/outlived"}).Want(http.StatusOK, "")
	close(ended)
	if err := <-read; err == nil {
		t.Error("the context of a request that has ended is alive")
	}
}

func TestTraceContextIsPassedOnWithoutTelemetry(t *testing.T) {
	t.Parallel()
	w := &harness{Harness: handlertest.New(t, handlertest.Options{})}
	seen := make(chan string, 2)
	route := edge.Route{
		Method:  http.MethodGet,
		Path:    "/api/traced",
		Name:    "traced",
		Summary: "See the trace context",
		Auth:    edge.Public,
		Handle: func(r *edge.Request) error {
			seen <- bus.TraceParent(r.Request.Context())
			return r.OK("seen")
		},
	}
	w.Serve(w.Edge(nil, handlers.Module{
		Name:   "test",
		Routes: []edge.Route{route},
	}).Handler())

	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, header := range []string{parent, ""} {
		w.Send(handlertest.Request{
			Method: http.MethodGet,
			Path:   "/api/traced",
			Header: handlertest.Pairs("Traceparent", header),
		}).Want(http.StatusOK, "")
		if got := <-seen; got != header {
			t.Errorf("the handler sees %q, want %q", got, header)
		}
	}
}
