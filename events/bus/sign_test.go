package bus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// message is a command as it travels, without a signature.
func message(t *testing.T, cmd events.Command) *nats.Msg {
	t.Helper()
	body, err := json.Marshal(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return &nats.Msg{Subject: events.CommandSubject(cmd.Type, 0), Data: body, Header: nats.Header{}}
}

func signed(t *testing.T, k *bus.Keys, cmd events.Command) *nats.Msg {
	t.Helper()
	msg := message(t, cmd)
	if err := k.Sign(msg); err != nil {
		t.Fatal(err)
	}
	return msg
}

func newKeys(t *testing.T, secrets ...string) *bus.Keys {
	t.Helper()
	k, err := bus.NewKeys(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A client of the bus without the secret impersonates no user. Such a message is
// acknowledged, counted and logged without what it says, and delays no other.
func TestCommandsThatNoEdgeSignedAreRefused(t *testing.T) {
	t.Parallel()
	const marker = "the-actor-that-was-chosen"
	forged := func() events.Command {
		cmd := command()
		cmd.ActorID = marker
		return cmd
	}
	other := newKeys(t, "another secret, of 32 bytes or more")
	changed := signed(t, keys, command())
	changed.Data = bytes.Replace(changed.Data, []byte(`"actor":""`), []byte(`"actor":"`+marker+`"`), 1)
	header := func(value string) *nats.Msg {
		msg := message(t, forged())
		msg.Header.Set("Codex-Signature", value)
		return msg
	}
	timeChanged := signed(t, keys, forged())
	_, mac, _ := strings.Cut(timeChanged.Header.Get("Codex-Signature"), ",")
	timeChanged.Header.Set("Codex-Signature", "t=4102444800,"+mac)
	refused := map[string]*nats.Msg{
		"without a signature":          message(t, forged()),
		"by another secret":            signed(t, other, forged()),
		"of another actor":             changed,
		"of another time":              timeChanged,
		"with an empty signature":      header(""),
		"with a broken signature":      header("t=1,v1=zz"),
		"with an empty code":           header("t=1,v1="),
		"with a signature and no time": header("v1=00"),
	}
	consumers := map[string]func(context.Context, *nats.Conn, bus.CommandQueue, func(events.Command)) error{
		"ConsumeCommands": func(ctx context.Context, c *nats.Conn, q bus.CommandQueue, seen func(events.Command)) error {
			return bus.ConsumeCommands(ctx, c, q, func(_ context.Context, batch []bus.Delivery) error {
				for _, d := range batch {
					seen(d.Command)
				}
				return nil
			})
		},
		"ConsumeEach": func(ctx context.Context, c *nats.Conn, q bus.CommandQueue, seen func(events.Command)) error {
			return bus.ConsumeEach(ctx, c, q, 2, func(_ context.Context, d bus.Delivery) error {
				seen(d.Command)
				return nil
			})
		},
	}
	for name, consume := range consumers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, natstest.Server(t))
			logged := &recorder{}
			queue := commandQueue(slog.New(slog.NewTextHandler(logged, nil)))
			var mu sync.Mutex
			var seen []string
			handled := make(chan string, len(refused)+1)
			background(t, func(ctx context.Context) error {
				return consume(ctx, conn, queue, func(cmd events.Command) {
					mu.Lock()
					seen = append(seen, cmd.ID)
					mu.Unlock()
					handled <- cmd.ID
				})
			})
			for _, msg := range refused {
				if err := conn.PublishMsg(msg); err != nil {
					t.Fatal(err)
				}
			}
			last := command()
			if err := conn.PublishMsg(signed(t, keys, last)); err != nil {
				t.Fatal(err)
			}
			select {
			case <-handled:
			case <-time.After(30 * time.Second):
				t.Fatal("the command behind the refused ones is not handled")
			}
			awaitAcknowledged(t, conn, events.CommandStream, "commands-test-0")
			mu.Lock()
			defer mu.Unlock()
			if len(seen) != 1 || seen[0] != last.ID {
				t.Errorf("handled %v, want %s only", seen, last.ID)
			}
			if n := strings.Count(logged.String(), "command refused"); n != len(refused) {
				t.Errorf("%d log lines for %d refused messages: %s", n, len(refused), logged)
			}
			if strings.Contains(logged.String(), marker) {
				t.Errorf("the log shows what was sent: %s", logged)
			}
		})
	}
}

// awaitAcknowledged waits until every message of a consumer is delivered, and acknowledged or
// refused.
func awaitAcknowledged(t *testing.T, conn *nats.Conn, stream, durable string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	for {
		consumer, err := js.Consumer(ctx, stream, durable)
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			t.Fatal(err)
		}
		if err == nil {
			if info := consumer.CachedInfo(); info.NumAckPending == 0 && info.NumPending == 0 {
				return
			}
		}
		time.Sleep(20 * time.Millisecond) // between two inspections of the condition
	}
}

func TestASecretIsReplacedWithoutALostCommand(t *testing.T) {
	t.Parallel()
	const before, after = "the secret before, of 32 bytes or more", "the secret after, of 32 bytes or more"
	conn := connect(t, natstest.Server(t))
	queue := commandQueue(log)
	queue.Keys = newKeys(t, after, before)
	handled := make(chan string, 8)
	background(t, func(ctx context.Context) error {
		return bus.ConsumeCommands(ctx, conn, queue, func(_ context.Context, batch []bus.Delivery) error {
			for _, d := range batch {
				handled <- d.Command.ID
			}
			return nil
		})
	})
	for _, k := range []*bus.Keys{newKeys(t, before), newKeys(t, after, before), newKeys(t, after)} {
		cmd := command()
		if err := conn.PublishMsg(signed(t, k, cmd)); err != nil {
			t.Fatal(err)
		}
		select {
		case id := <-handled:
			if id != cmd.ID {
				t.Errorf("handled %s, want %s", id, cmd.ID)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("a command of a listed secret is not handled")
		}
	}
}

func TestSecretsForCommandsAreLongEnough(t *testing.T) {
	t.Parallel()
	if _, err := bus.NewKeys(); err == nil {
		t.Error("keys without a secret")
	}
	if _, err := bus.NewKeys(strings.Repeat("a", 32), "short"); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a short secret behind a long one: %v", err)
	}
}

func BenchmarkSignEvent(b *testing.B) {
	msg := &nats.Msg{Subject: events.Subject("tenant", "content.deleted"), Data: bytes.Repeat([]byte("x"), 700)}
	msg.Header = events.Event{ID: "0190a8a4-0000-7000-8000-000000000002", Type: "content.deleted"}.Headers()
	for b.Loop() {
		if err := keys.SignEvent(msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	msg := &nats.Msg{Data: bytes.Repeat([]byte("x"), 700)}
	for b.Loop() {
		if err := keys.Sign(msg); err != nil {
			b.Fatal(err)
		}
	}
}
