package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/deploy/chaos/invariants"
)

// harness is a running installation with its load, and what was found so far.
type harness struct {
	*cluster
	load *load
	js   jetstream.JetStream
	out  io.Writer
	// within is the longest that a row may take to recover.
	within time.Duration
	// seen are the violations of earlier rows.
	seen map[string]bool

	mu    sync.Mutex
	notes []error
	// times are how long each part of the fault took to recover from.
	times []string
}

const (
	// leadIn and leadOut are how long the load runs before a fault and after it.
	leadIn  = 2 * time.Second
	leadOut = 3 * time.Second
)

// newHarness prepares the checker and the load on a running cluster.
func newHarness(ctx context.Context, c *cluster, out io.Writer, o options) (*harness, error) {
	h := &harness{cluster: c, out: out, within: o.within, seen: map[string]bool{}}
	var err error
	if h.js, err = jetstream.New(c.bus); err != nil {
		return nil, err
	}
	if err := invariants.CreateSchema(ctx, c.pool); err != nil {
		return nil, err
	}
	if h.load, err = startLoad(ctx, c, o.rate, o.clients); err != nil {
		return nil, err
	}
	return h, nil
}

// note remembers something that a row must not have, for example a process that did not end.
func (h *harness) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, err)
}

// timed remembers how long one part of a fault took to recover from.
func (h *harness) timed(part string, took time.Duration) {
	h.times = append(h.times, part+" "+seconds(took)+" s")
}

func (h *harness) takeNotes() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	taken := h.notes
	h.notes = nil
	return taken
}

// run runs one row: load, fault, recovery, rest, invariants.
func (h *harness) run(ctx context.Context, f fault) row {
	r := row{fault: f.name, began: time.Now(), found: map[invariants.Class]int{}, within: h.within}
	h.load.resume()
	wait(ctx, leadIn)
	var err error
	h.times = nil
	r.recovery, err = f.inject(ctx, h)
	r.times = h.times
	switch {
	case errors.Is(err, errSkipped):
		r.skipped = err
	case err != nil:
		r.complaints = append(r.complaints, err)
	}
	wait(ctx, leadOut)
	if err := h.load.rest(ctx); err != nil {
		r.complaints = append(r.complaints, err)
	}
	r.stats = h.load.journal.takeStats()
	resting := time.Now()
	if err := h.atRest(ctx); err != nil {
		r.complaints = append(r.complaints, fmt.Errorf("not at rest: %w", err))
	}
	r.toRest = time.Since(resting)
	r.complaints = slices.Concat(r.complaints, h.load.takeErrors(), h.takeNotes())
	if err := h.check(ctx, &r); err != nil {
		r.complaints = append(r.complaints, err)
	}
	r.took = time.Since(r.began)
	return r
}

// check counts the violations that no earlier row had.
func (h *harness) check(ctx context.Context, r *row) error {
	if err := h.observe(ctx); err != nil {
		return err
	}
	violations, err := invariants.Check(ctx, h.pool)
	if err != nil {
		return err
	}
	for _, v := range violations {
		mark := v.Invariant.ID + " " + v.Subject
		if h.seen[mark] {
			continue
		}
		h.seen[mark] = true
		r.found[v.Invariant.Class]++
		r.violations = append(r.violations, v)
	}
	return nil
}
