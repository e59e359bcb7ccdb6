package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	embedded "github.com/codex-platform/codex/deploy/embedded/nats"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// startBus starts a server with the streams of the platform, and connects to it.
func startBus(ctx context.Context) (conn *nats.Conn, stop func(), err error) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		return nil, nil, err
	}
	server, err := embedded.Start(embedded.Config{Dir: dir, Port: -1, Token: "secret", Logger: discard})
	if err != nil {
		return nil, nil, err
	}
	if conn, err = bus.Connect(server.URL(), "example", discard); err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, nil, err
	}
	stop = func() {
		conn.Close()
		_ = server.Stop(context.Background())
		_ = os.RemoveAll(dir)
	}
	return conn, stop, bus.EnsureStreams(ctx, js, bus.DefaultStreamLimits())
}

var discard = slog.New(slog.DiscardHandler)

// The edge publishes a command and waits for its outcome; a consumer answers.
func ExampleDispatcher_Send() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, stop, err := startBus(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	queue := bus.CommandQueue{
		Context:   "content",
		BatchSize: 256,
		Keys:      keys,
		Limits:    bus.DefaultStreamLimits(),
		Log:       discard,
	}
	consumed := make(chan struct{})
	go func() {
		defer close(consumed)
		_ = bus.ConsumeCommands(ctx, conn, queue, func(_ context.Context, batch []bus.Delivery) error {
			for _, d := range batch {
				reply := events.Reply{CommandID: d.Command.ID, Status: 200, Body: []byte(`{"done":true}`)}
				if err := bus.SendReplies(conn, keys, d.Command.ReplyTo, []events.Reply{reply}); err != nil {
					return err
				}
			}
			return nil
		})
	}()

	dispatcher, err := bus.NewDispatcher(conn, keys, "edge", 1, discard)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dispatcher.Close()
	reply, err := dispatcher.Send(ctx, events.Command{
		ID:          "0190a8a4-0000-7000-8000-000000000001",
		Type:        "content.publish",
		AggregateID: "a-film",
		Payload:     []byte(`{}`),
	})
	fmt.Println(reply.Status, string(reply.Body), err)
	cancel()
	<-consumed
	// Output: 200 {"done":true} <nil>
}

// A subscriber of events names a durable consumer and the types that it follows. What it
// was delivered is acknowledged when the function returns nil.
func ExampleConsumeEvents() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, stop, err := startBus(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	publisher, err := bus.NewEventPublisher(conn, keys, bus.DefaultStreamLimits())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer publisher.Close()
	facts := events.Facts("a-creator", "a-film", 2, events.ContentPublished{ContentID: "a-film"})
	event, err := facts[0].Event("0190a8a4-0000-7000-8000-000000000002", events.Cause{ID: "a-command"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if errs, _ := publisher.Publish(ctx, []events.Event{event}); errs[0] != nil {
		fmt.Println(errs[0])
		return
	}

	queue := bus.EventQueue{
		Durable:   "search-index",
		Types:     []string{events.ContentPublished{}.EventType()},
		BatchSize: 256,
		Keys:      keys,
		Limits:    bus.DefaultStreamLimits(),
		Log:       discard,
	}
	err = bus.ConsumeEvents(ctx, conn, queue, func(_ context.Context, batch []bus.EventDelivery) error {
		for _, d := range batch {
			fmt.Println(d.Event.Type, d.Event.AggregateID, d.Event.Version)
		}
		cancel() // one event is enough for an example
		return nil
	})
	fmt.Println(err)
	// Output:
	// content.published a-film 2
	// <nil>
}
