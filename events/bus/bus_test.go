package bus_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

var log = slog.New(slog.DiscardHandler)

var keys, _ = bus.NewKeys("the secret that signs commands of a test")

func connect(t *testing.T, server *natstest.Instance) *nats.Conn {
	t.Helper()
	conn, err := bus.Connect(server.URL(), "test", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := bus.EnsureStreams(context.Background(), js, bus.DefaultStreamLimits()); err != nil {
		t.Fatal(err)
	}
	return conn
}

func dispatcher(t *testing.T, conn *nats.Conn, name string) *bus.Dispatcher {
	t.Helper()
	d, err := bus.NewDispatcher(conn, keys, name, 1, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestMessagesOfTheStreamsCannotBeRemoved(t *testing.T) {
	t.Parallel()
	conn := connect(t, natstest.Server(t))
	publish(t, conn, "kept")
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{events.CommandStream, events.EventStream} {
		stream, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Purge(t.Context()); err == nil {
			t.Errorf("%s was purged", name)
		}
		if err := stream.DeleteMsg(t.Context(), 1); err == nil {
			t.Errorf("a message of %s was deleted", name)
		}
		unlocked := stream.CachedInfo().Config
		unlocked.DenyPurge, unlocked.DenyDelete = false, false
		if _, err := js.UpdateStream(t.Context(), unlocked); err == nil {
			t.Errorf("%s allows it now", name)
		}
	}
}

func command() events.Command {
	return events.Command{
		ID:          uuid.NewString(),
		Type:        "test.do",
		AggregateID: uuid.NewString(),
		Payload:     []byte(`{}`),
	}
}

// consume answers every command with 200 until the returned stop is called.
func consume(t *testing.T, conn *nats.Conn, seen func(events.Command)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		queue := bus.CommandQueue{
			Context:   "test",
			BatchSize: 16,
			Keys:      keys,
			Limits:    bus.DefaultStreamLimits(),
			Log:       log,
		}
		_ = bus.ConsumeCommands(ctx, conn, queue,
			func(_ context.Context, batch []bus.Delivery) error {
				for _, d := range batch {
					seen(d.Command)
					if d.Command.ReplyTo != "" {
						_ = bus.SendReplies(conn, keys, d.Command.ReplyTo, []events.Reply{{CommandID: d.Command.ID, Status: 200}})
					}
				}
				return nil
			})
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	t.Cleanup(stop)
	return stop
}

func send(t *testing.T, d *bus.Dispatcher) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if reply, err := d.Send(ctx, command()); err != nil || reply.Status != 200 {
		t.Fatalf("reply %+v, error %v", reply, err)
	}
}

func TestEachDispatcherGetsTheOutcomesOfItsCommands(t *testing.T) {
	t.Parallel()
	server := natstest.Server(t)
	conn := connect(t, server)
	consume(t, conn, func(events.Command) {})
	one, two := dispatcher(t, conn, "one"), dispatcher(t, connect(t, server), "two")
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() { send(t, one) })
		wait.Go(func() { send(t, two) })
	}
	wait.Wait()
}

func TestOneProcessConsumesAPartitionUntilItStops(t *testing.T) {
	t.Parallel()
	server := natstest.Server(t)
	var mu sync.Mutex
	by := map[string]int{}
	count := func(name string) func(events.Command) {
		return func(events.Command) { mu.Lock(); defer mu.Unlock(); by[name]++ }
	}
	d := dispatcher(t, connect(t, server), "edge")
	stopFirst := consume(t, connect(t, server), count("first"))
	send(t, d)
	consume(t, connect(t, server), count("second"))
	for range 20 {
		send(t, d)
	}
	mu.Lock()
	first, second := by["first"], by["second"]
	mu.Unlock()
	if first != 21 || second != 0 {
		t.Errorf("the first consumed %d and the second %d, want 21 and 0", first, second)
	}
	stopFirst()
	send(t, d) // waits until the pin is free
	mu.Lock()
	defer mu.Unlock()
	if by["second"] != 1 {
		t.Errorf("the second consumed %d after the first stopped, want 1", by["second"])
	}
}

func TestSendFailsAtOnceWhenTheServerIsDown(t *testing.T) {
	t.Parallel()
	server := natstest.Embedded(t)
	conn := connect(t, server)
	d := dispatcher(t, conn, "edge")
	server.Stop(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := d.Send(ctx, command()); !errors.Is(err, bus.ErrNotPublished) {
		t.Errorf("error = %v, want ErrNotPublished", err)
	}
}

func TestSendReturnsDeadlineExceededWithoutAnOutcome(t *testing.T) {
	t.Parallel()
	d := dispatcher(t, connect(t, natstest.Server(t)), "edge")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := d.Send(ctx, command()); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, bus.ErrNotPublished) {
		t.Errorf("error = %v, want the deadline", err)
	}
}

func TestEnsureStreamsUpdatesLimits(t *testing.T) {
	t.Parallel()
	conn := connect(t, natstest.Server(t))
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	limits := bus.DefaultStreamLimits()
	limits.EventAge = 7 * 24 * time.Hour
	if err := bus.EnsureStreams(context.Background(), js, limits); err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(context.Background(), events.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().Config.MaxAge; got != limits.EventAge {
		t.Errorf("events are kept for %s, wanted %s", got, limits.EventAge)
	}
}
