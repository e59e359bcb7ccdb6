package outbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/outbox"
)

// flowAgain is how long events may take to flow after the whole cluster was restarted.
const flowAgain = 15 * time.Second

// received collects the events of a durable consumer.
type received struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (r *received) has(ids []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if !r.ids[id] {
			return false
		}
	}
	return true
}

// newClusterWorld is newWorld with three servers and three replicas, a relay, and a
// consumer of what it publishes.
func newClusterWorld(t *testing.T) (w *world, nodes *natstest.Nodes, got *received) {
	t.Helper()
	nodes = natstest.Cluster(t)
	limits := bus.DefaultStreamLimits()
	limits.Replicas = 3
	w = &world{url: pgtest.Database(t)}
	w.db = w.connect(t)
	var err error
	if w.conn, err = bus.Connect(nodes.URL(), "test", quiet()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.conn.Close)
	if w.js, err = jetstream.New(w.conn); err != nil {
		t.Fatal(err)
	}
	replicated := func(c *outbox.RelayConfig) { c.Limits = limits }
	w.relay(t, replicated)
	w.relay(t, replicated)

	got = &received{ids: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = bus.ConsumeEvents(ctx, w.conn, bus.EventQueue{
			Durable:   "test",
			Types:     []string{"content.unpublished"},
			BatchSize: 64,
			Keys:      keys,
			Limits:    limits,
			Log:       quiet(),
		}, func(_ context.Context, batch []bus.EventDelivery) error {
			got.mu.Lock()
			defer got.mu.Unlock()
			for i := range batch {
				got.ids[batch[i].Event.ID] = true
			}
			return nil
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w, nodes, got
}

func TestEventsFlowAgainAfterTheWholeClusterWasRestarted(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t *testing.T, nodes *natstest.Nodes){
		"with its data":    func(*testing.T, *natstest.Nodes) {},
		"without its data": func(t *testing.T, nodes *natstest.Nodes) { t.Helper(); nodes.Wipe(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, nodes, got := newClusterWorld(t)
			ids := w.appendMany(t, "before", 100)
			await(t, "events of a new cluster are not consumed", func() bool { return got.has(ids) })

			nodes.Stop()
			lose(t, nodes)
			ids = append(ids, w.appendMany(t, "during", 100)...)
			nodes.Start(t)
			began := time.Now()
			ids = append(ids, w.appendMany(t, "after", 100)...)
			await(t, "events are not consumed after the restart", func() bool { return got.has(ids) })
			if took := time.Since(began); took > flowAgain {
				t.Errorf("events flow again after %s", took)
			}
			w.waitPublished(t, 300)
			assertOrdered(t, w.stream(t))
			t.Logf("events flow again after %s", time.Since(began))
		})
	}
}

func TestEventsFlowAgainAfterANodeOfTheClusterWasLost(t *testing.T) {
	t.Parallel()
	w, nodes, got := newClusterWorld(t)
	ids := w.appendMany(t, "before", 20)
	await(t, "events of a new cluster are not consumed", func() bool { return got.has(ids) })
	for i := range 3 {
		nodes.StopNode(i)
		began := time.Now()
		ids = append(ids, w.appendMany(t, fmt.Sprint("without-", i), 20)...)
		await(t, "events are not consumed without a node", func() bool { return got.has(ids) })
		if took := time.Since(began); took > flowAgain {
			t.Errorf("events flow again after %s", took)
		}
		nodes.Start(t)
	}
	w.waitPublished(t, len(ids))
	assertOrdered(t, w.stream(t))
}

// appendMany appends two events each of n/2 aggregates and returns the events' ids.
func (w *world) appendMany(t *testing.T, prefix string, n int) (ids []string) {
	t.Helper()
	for i := range n / 2 {
		for version := range int64(2) {
			e := event(fmt.Sprint(prefix, "-", i), version+1)
			ids = append(ids, e.ID)
			w.append(t, e)
		}
	}
	return ids
}
