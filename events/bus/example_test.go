package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/deploy/embedded/nats"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// The edge publishes a command and waits for its outcome; a consumer answers.
func ExampleDispatcher_Send() {
	log := slog.New(slog.DiscardHandler)
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := nats.Start(nats.Config{Dir: dir, Port: -1, Logger: log})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Stop(context.Background()) }()
	conn, err := bus.Connect(server.URL(), "example", log)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	js, err := jetstream.New(conn)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := bus.EnsureStreams(ctx, js, bus.DefaultStreamLimits()); err != nil {
		fmt.Println(err)
		return
	}

	queue := bus.CommandQueue{
		Context:   "content",
		BatchSize: 256,
		Limits:    bus.DefaultStreamLimits(),
		Log:       log,
	}
	consumed := make(chan struct{})
	go func() {
		defer close(consumed)
		_ = bus.ConsumeCommands(ctx, conn, queue, func(_ context.Context, batch []bus.Delivery) error {
			for _, d := range batch {
				reply := events.Reply{CommandID: d.Command.ID, Status: 200, Body: []byte(`{"done":true}`)}
				if err := bus.SendReplies(conn, d.Command.ReplyTo, []events.Reply{reply}); err != nil {
					return err
				}
			}
			return nil
		})
	}()

	dispatcher, err := bus.NewDispatcher(conn, "edge", 1, log)
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
	stop()
	<-consumed
	// Output: 200 {"done":true} <nil>
}
