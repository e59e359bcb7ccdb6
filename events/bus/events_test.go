package bus_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/events/bus"
)

// publish publishes content.deleted events of these aggregates.
func publish(t *testing.T, conn *nats.Conn, aggregates ...string) {
	t.Helper()
	publisher, err := bus.NewEventPublisher(conn, keys, bus.DefaultStreamLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer publisher.Close()
	batch := deleted(t, aggregates...)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if errs, _ := publisher.Publish(ctx, batch); errors.Join(errs...) != nil {
		t.Fatal(errors.Join(errs...))
	}
}

func queue(durable string) bus.EventQueue {
	return bus.EventQueue{
		Durable:   durable,
		Types:     []string{"content.deleted"},
		BatchSize: 64,
		Workers:   2,
		Keys:      keys,
		Limits:    bus.DefaultStreamLimits(),
		Log:       log,
	}
}

// handled counts how often each aggregate's event was handled.
type handled struct {
	mu    sync.Mutex
	count map[string]int
	done  chan string
}

func newHandled() *handled { return &handled{count: map[string]int{}, done: make(chan string, 4096)} }

func (h *handled) add(aggregate string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count[aggregate]++
	return h.count[aggregate]
}

// wait waits until n pieces of work are done.
func (h *handled) wait(t *testing.T, n int, within time.Duration) {
	t.Helper()
	timeout := time.After(within)
	for i := range n {
		select {
		case <-h.done:
		case <-timeout:
			t.Fatalf("%d of %d are done after %s", i, n, within)
		}
	}
}

func (h *handled) want(t *testing.T, want map[string]int) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for aggregate, n := range want {
		if h.count[aggregate] != n {
			t.Errorf("%s was handled %d times, want %d", aggregate, h.count[aggregate], n)
		}
	}
}

// background runs f until stop is called or the test ends.
func background(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("consumer stopped with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func TestLongWorkIsDeliveredOnceAndFailedWorkIsRedelivered(t *testing.T) {
	t.Parallel()
	conn := connect(t, natstest.Server(t))
	publish(t, conn, "slow", "fails-once")
	h := newHandled()
	stop := background(t, func(ctx context.Context) error {
		return bus.ConsumeEachEvent(ctx, conn, queue("work"), func(_ context.Context, d bus.EventDelivery) error {
			n := h.add(d.Event.AggregateID)
			if d.Event.AggregateID == "slow" {
				<-time.After(12 * time.Second) // longer than the server waits for a sign of life
			} else if n == 1 {
				return errors.New("not yet")
			}
			h.done <- d.Event.AggregateID
			return nil
		})
	})
	h.wait(t, 2, 40*time.Second)
	stop()
	h.want(t, map[string]int{"slow": 1, "fails-once": 2})
}

func TestRetriedEventsOfABatchAreRedeliveredAlone(t *testing.T) {
	t.Parallel()
	conn := connect(t, natstest.Server(t))
	publish(t, conn, "a", "b", "c")
	h := newHandled()
	stop := background(t, func(ctx context.Context) error {
		return bus.ConsumeEvents(ctx, conn, queue("batches"), func(_ context.Context, batch []bus.EventDelivery) error {
			for i := range batch {
				d := &batch[i]
				if h.add(d.Event.AggregateID) == 1 && d.Event.AggregateID == "b" {
					d.Retry(errors.New("not yet"))
					continue
				}
				h.done <- d.Event.AggregateID
			}
			return nil
		})
	})
	h.wait(t, 3, 20*time.Second)
	stop()
	h.want(t, map[string]int{"a": 1, "b": 2, "c": 1})
}

func TestStopReturnsUnhandledEvents(t *testing.T) {
	t.Parallel()
	conn := connect(t, natstest.Server(t))
	first := make(chan struct{})
	stop := background(t, func(ctx context.Context) error {
		return bus.ConsumeEvents(ctx, conn, queue("batches"), func(ctx context.Context, _ []bus.EventDelivery) error {
			close(first)
			<-ctx.Done()
			return ctx.Err()
		})
	})
	aggregates := numbers(200)
	publish(t, conn, aggregates...)
	<-first
	stop()

	h := newHandled()
	background(t, func(ctx context.Context) error {
		return bus.ConsumeEvents(ctx, conn, queue("batches"), func(_ context.Context, batch []bus.EventDelivery) error {
			for i := range batch {
				if h.add(batch[i].Event.AggregateID) == 1 {
					h.done <- batch[i].Event.AggregateID
				}
			}
			return nil
		})
	})
	h.wait(t, len(aggregates), 8*time.Second) // less than the acknowledgement wait
}

func TestWaitHandledReturnsWhenAllEventsAreHandled(t *testing.T) {
	t.Parallel()
	server := natstest.Server(t)
	conn := connect(t, server)
	d := dispatcher(t, conn, "edge")
	var mu sync.Mutex
	marks := 0
	count := func(context.Context) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return marks, nil
	}
	other := connect(t, server)
	mark := func() {
		mu.Lock()
		marks++
		mu.Unlock()
		if err := bus.ReportHandled(other, "access", []string{"another", "cause"}); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := d.WaitHandled(ctx, "access", "cause", 0, count); err != nil {
		t.Errorf("nothing to wait for: %v", err)
	}

	result := make(chan error, 1)
	go func() { result <- d.WaitHandled(ctx, "access", "cause", 2, count) }()
	mark()
	select {
	case err := <-result:
		t.Fatalf("returned after one of two events: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	mark()
	if err := <-result; err != nil {
		t.Error(err)
	}

	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := d.WaitHandled(short, "access", "cause", 3, count); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want the deadline", err)
	}
}

func numbers(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	return list
}
