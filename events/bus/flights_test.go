package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// eventually is the deadline of what must happen.
const eventually = 20 * time.Second

// consumeOneByOne hands over batches of one command until stop is called.
func consumeOneByOne(
	t *testing.T, conn *nats.Conn, handle func(context.Context, events.Command) error,
) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	queue := bus.CommandQueue{Context: "test", BatchSize: 1, Limits: bus.DefaultStreamLimits(), Log: log}
	go func() {
		defer close(done)
		_ = bus.ConsumeCommands(ctx, conn, queue, func(ctx context.Context, batch []bus.Delivery) error {
			return handle(ctx, batch[0].Command)
		})
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// publishFor publishes a command of an aggregate.
func publishFor(t *testing.T, d *bus.Dispatcher, id, aggregate string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), eventually)
	defer cancel()
	cmd := events.Command{ID: id, Type: "test.do", AggregateID: aggregate, Payload: []byte(`{}`)}
	if err := d.Publish(ctx, cmd); err != nil {
		t.Fatal(err)
	}
}

// receive returns the next value of a channel.
func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(eventually):
		t.Fatal("nothing was received in time")
		panic("unreachable")
	}
}

func TestABatchIsHandledWhileTheOneBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	conn := connect(t, natstest.Server(t))
	d := dispatcher(t, conn, "edge")
	began, written := make(chan string, 2), make(chan struct{})
	consumeOneByOne(t, conn, func(_ context.Context, cmd events.Command) error {
		began <- cmd.ID
		<-written
		return nil
	})
	defer close(written)
	publishFor(t, d, "1", "a")
	publishFor(t, d, "2", "b")
	if first, second := receive(t, began), receive(t, began); first == second {
		t.Errorf("command %s was handled twice", first)
	}
}

func TestCommandsOfOneAggregateAreHandledOneAfterTheOther(t *testing.T) {
	t.Parallel()
	const commands, aggregates = 300, 3
	conn := connect(t, natstest.Server(t))
	d := dispatcher(t, conn, "edge")
	var mu sync.Mutex
	active, last := map[string]bool{}, map[string]string{}
	handled := make(chan struct{}, commands)
	consumeOneByOne(t, conn, func(_ context.Context, cmd events.Command) error {
		mu.Lock()
		if active[cmd.AggregateID] {
			t.Errorf("command %s begins while another one of %s is handled", cmd.ID, cmd.AggregateID)
		}
		if cmd.ID <= last[cmd.AggregateID] {
			t.Errorf("command %s is handled after %s", cmd.ID, last[cmd.AggregateID])
		}
		active[cmd.AggregateID], last[cmd.AggregateID] = true, cmd.ID
		mu.Unlock()

		time.Sleep(100 * time.Microsecond) // lets the next one begin, if it may

		mu.Lock()
		active[cmd.AggregateID] = false
		mu.Unlock()
		handled <- struct{}{}
		return nil
	})
	for i := range commands {
		publishFor(t, d, fmt.Sprintf("%04d", i), fmt.Sprint(i*i%7%aggregates))
	}
	for range commands {
		receive(t, handled)
	}
}

func TestABatchIsAcknowledgedOnlyWithThoseBeforeIt(t *testing.T) {
	t.Parallel()
	conn := connect(t, natstest.Server(t))
	d := dispatcher(t, conn, "edge")
	began, second := make(chan struct{}), make(chan struct{})
	stop := consumeOneByOne(t, conn, func(ctx context.Context, cmd events.Command) error {
		if cmd.ID == "1" {
			close(began)
			<-ctx.Done()
			return errors.New("stopped before the batch was handled")
		}
		close(second)
		return nil
	})
	publishFor(t, d, "1", "a")
	receive(t, began)
	publishFor(t, d, "2", "b")
	receive(t, second)
	stop()

	redelivered := make(chan string, 2)
	consumeOneByOne(t, conn, func(_ context.Context, cmd events.Command) error {
		redelivered <- cmd.ID
		return nil
	})
	if a, b := receive(t, redelivered), receive(t, redelivered); a == b {
		t.Errorf("only command %s is delivered again", a)
	}
}
