package edge_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// These tests count the goroutines at a shared read, so they do not run beside others.

func TestManyWhoAskAtOnceShareOneRead(t *testing.T) {
	s := newSharedRead(t)
	answers := s.ask(20, "/api/shared?name=film")
	s.released <- struct{}{}
	for range 20 {
		a := <-answers
		if a.Status != http.StatusOK || a.Body != `{"data":"film"}` || a.Header.Get("Cache-Control") != "public, max-age=60" {
			t.Errorf("%d %s %v", a.Status, a.Body, a.Header)
		}
	}
	if got := s.reads.Load(); got != 1 {
		t.Errorf("20 requests took %d reads, want 1", got)
	}

	// A read that has ended is not used again, and another address has its own.
	later, other := s.ask(1, "/api/shared?name=film"), s.ask(1, "/api/shared?name=song")
	s.released <- struct{}{}
	s.released <- struct{}{}
	if a := <-later; a.Body != `{"data":"film"}` {
		t.Errorf("later: %s", a.Body)
	}
	if a := <-other; a.Body != `{"data":"song"}` {
		t.Errorf("another address: %s", a.Body)
	}
	if got := s.reads.Load(); got != 3 {
		t.Errorf("%d reads, want 3", got)
	}
}

func TestEachWhoSharesAFailedReadGetsItsError(t *testing.T) {
	s := newSharedRead(t)
	answers := s.ask(5, "/api/shared?name=missing")
	s.released <- struct{}{}
	ids := map[string]bool{}
	for range 5 {
		a := <-answers
		if a.Status != http.StatusNotFound || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %s %v", a.Status, a.Body, a.Header)
		}
		ids[a.Header.Get("X-Request-Id")] = true
	}
	if len(ids) != 5 {
		t.Errorf("5 errors name %d requests", len(ids))
	}
}

func TestReadGoesOnWhenTheFirstWhoAskedLeaves(t *testing.T) {
	s := newSharedRead(t)
	ctx, leave := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/shared?name=film", nil)
		if err == nil {
			var response *http.Response
			if response, err = http.DefaultClient.Do(req); err == nil {
				err = response.Body.Close()
			}
		}
		first <- err
	}()
	s.Until("the first is at the read", func() bool { return atReads() == 1 })
	answers := s.ask(1, "/api/shared?name=film")
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Fatalf("the first client: %v", err)
	}
	s.released <- struct{}{}
	if a := <-answers; a.Status != http.StatusOK || s.reads.Load() != 1 {
		t.Errorf("%d %s after %d reads", a.Status, a.Body, s.reads.Load())
	}
}

// sharedRead is an installation with a shared route, whose reads wait until they are released.
type sharedRead struct {
	*handlertest.Harness
	reads    atomic.Int64
	released chan struct{}
}

func newSharedRead(t *testing.T) *sharedRead {
	t.Helper()
	s := &sharedRead{Harness: handlertest.New(t, handlertest.Options{}), released: make(chan struct{})}
	s.Install(nil, handlers.Module{Routes: []edge.Route{{
		Method:  http.MethodGet,
		Path:    "/api/shared",
		Name:    "shared",
		Summary: "Read what is the same for all",
		Params:  []edge.Param{edge.TextParam("name", 10)},
		Auth:    edge.Public,
		Shared:  true,
		Handle: func(r *edge.Request) error {
			s.reads.Add(1)
			select {
			case <-s.released:
			case <-r.Done():
				return r.Err()
			}
			if r.Text("name") == "missing" {
				return content.ErrNotFound
			}
			return r.OK(r.Text("name"))
		},
	}}})
	return s
}

// ask sends n requests, and returns when all are at a read.
func (s *sharedRead) ask(n int, path string) chan handlertest.Answer {
	s.Helper()
	before, answers := atReads(), make(chan handlertest.Answer, n)
	for range n {
		go func() { answers <- s.Send(handlertest.Request{Path: path}) }()
	}
	s.Until("all requests are at the read", func() bool { return atReads() == before+n })
	return answers
}

// atReads is how many requests of this process run a shared read or wait for one.
func atReads() int {
	stacks := make([]byte, 4<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "singleflight.(*Group).Do(")
}
