package bus_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

const (
	// afterStall is how many messages follow the stall of a server, and inTime how long
	// each of them may take.
	afterStall = 60
	inTime     = 2 * time.Second
)

// recorder keeps a log.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// work is one way to consume. consume runs until ctx is done and calls handled with the id
// of each message; send sends one message.
type work struct {
	consume func(ctx context.Context, conn *nats.Conn, log *slog.Logger, handled func(id string)) error
	send    func(t *testing.T, d *bus.Dispatcher, p *bus.EventPublisher, id string)
}

var works = map[string]work{
	"ConsumeEvents": {
		consume: func(ctx context.Context, conn *nats.Conn, log *slog.Logger, handled func(string)) error {
			q := queue("batches")
			q.Log = log
			return bus.ConsumeEvents(ctx, conn, q, func(_ context.Context, batch []bus.EventDelivery) error {
				for i := range batch {
					handled(batch[i].Event.AggregateID)
				}
				return nil
			})
		},
		send: sendEvent,
	},
	"ConsumeEachEvent": {
		consume: func(ctx context.Context, conn *nats.Conn, log *slog.Logger, handled func(string)) error {
			q := queue("singles")
			q.Log = log
			return bus.ConsumeEachEvent(ctx, conn, q, func(_ context.Context, d bus.EventDelivery) error {
				handled(d.Event.AggregateID)
				return nil
			})
		},
		send: sendEvent,
	},
	"ConsumeCommands": {
		consume: func(ctx context.Context, conn *nats.Conn, log *slog.Logger, handled func(string)) error {
			return bus.ConsumeCommands(ctx, conn, commandQueue(log), func(_ context.Context, batch []bus.Delivery) error {
				for _, d := range batch {
					handled(d.Command.AggregateID)
					reply(conn, d)
				}
				return nil
			})
		},
		send: sendCommand,
	},
	"ConsumeEach": {
		consume: func(ctx context.Context, conn *nats.Conn, log *slog.Logger, handled func(string)) error {
			return bus.ConsumeEach(ctx, conn, commandQueue(log), 4, func(_ context.Context, d bus.Delivery) error {
				handled(d.Command.AggregateID)
				reply(conn, d)
				return nil
			})
		},
		send: sendCommand,
	},
}

func commandQueue(log *slog.Logger) bus.CommandQueue {
	return bus.CommandQueue{
		Context:   "test",
		BatchSize: 16,
		Keys:      keys,
		Limits:    bus.DefaultStreamLimits(),
		Log:       log,
	}
}

func reply(conn *nats.Conn, d bus.Delivery) {
	_ = bus.PublishReplies(conn, keys, d.Command.ReplyTo, []events.Reply{{CommandID: d.Command.ID, Status: 200}})
}

func sendEvent(t *testing.T, _ *bus.Dispatcher, p *bus.EventPublisher, id string) {
	t.Helper()
	if errs, _ := p.Publish(context.Background(), deleted(t, id)); errs[0] != nil {
		t.Error(errs[0])
	}
}

func sendCommand(t *testing.T, d *bus.Dispatcher, _ *bus.EventPublisher, id string) {
	t.Helper()
	cmd := command()
	cmd.AggregateID = id
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	began := time.Now()
	if r, err := d.Send(ctx, cmd); err != nil || r.Status != 200 {
		t.Errorf("reply %+v, %v", r, err)
	}
	if took := time.Since(began); took > inTime {
		t.Errorf("the outcome came after %s", took)
	}
}

func TestWhatIsSentAfterAServerWasStoppedForAWhileIsHandledInTime(t *testing.T) {
	t.Parallel()
	for name, w := range works {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testStoppedServer(t, w)
		})
	}
}

func testStoppedServer(t *testing.T, w work) {
	t.Helper()
	server := startChild(t)
	logged := &recorder{}
	log := slog.New(slog.NewTextHandler(logged, nil))
	consumer, publisher := dial(t, server, log), dial(t, server, log)
	d, err := bus.NewDispatcher(publisher, keys, "edge", 1, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	p, err := bus.NewEventPublisher(publisher, keys, bus.DefaultStreamLimits())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)

	var mu sync.Mutex
	handled := map[string]time.Time{}
	took := make(chan string, 2*afterStall)
	background(t, func(ctx context.Context) error {
		return w.consume(ctx, consumer, log, func(id string) {
			mu.Lock()
			handled[id] = time.Now()
			mu.Unlock()
			took <- id
		})
	})
	w.send(t, d, p, "before")
	<-took

	server.stall(t)
	sent := map[string]time.Time{}
	var sending sync.WaitGroup
	for _, id := range numbers(afterStall) {
		sent[id] = time.Now()
		sending.Go(func() { w.send(t, d, p, id) })
	}
	sending.Wait()
	timeout := time.After(20 * time.Second)
	for range afterStall {
		select {
		case <-took:
		case <-timeout:
			t.Fatal("some are not handled after 20 s")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for id, at := range sent {
		if late := handled[id].Sub(at); late > inTime {
			t.Errorf("%s was handled after %s", id, late)
		}
	}
	if strings.Contains(logged.String(), "slow consumer") {
		t.Errorf("messages were dropped:\n%s", logged)
	}
}

// dial connects to a server in another process, whose streams it creates.
func dial(t *testing.T, server child, log *slog.Logger) *nats.Conn {
	t.Helper()
	conn, err := bus.Connect(server.url, "test", log)
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
