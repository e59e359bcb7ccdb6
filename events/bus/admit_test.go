package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// metrics reads what this test binary measures.
var metrics = sync.OnceValue(func() *metric.ManualReader {
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	return reader
})

// counted returns the sum of a counter for one consumer.
func counted(t *testing.T, name, consumer string) (sum int64) {
	t.Helper()
	var collected metricdata.ResourceMetrics
	if err := metrics().Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			data, ok := m.Data.(metricdata.Sum[int64])
			if m.Name != name || !ok {
				continue
			}
			for _, point := range data.DataPoints {
				if value, _ := point.Attributes.Value("consumer"); value.AsString() == consumer {
					sum += point.Value
				}
			}
		}
	}
	return sum
}

// eventMessage is an event as it travels; without keys it has no signature.
func eventMessage(t *testing.T, k *bus.Keys, e events.Event) *nats.Msg {
	t.Helper()
	msg := &nats.Msg{Subject: events.Subject(e.Tenant, e.Type), Header: e.Headers(), Data: e.Data}
	if k == nil {
		return msg
	}
	if err := k.SignEvent(msg); err != nil {
		t.Fatal(err)
	}
	return msg
}

const forgedText = "text-of-the-forger"

// forgedEvents are messages that no relay with keys has published.
func forgedEvents(t *testing.T) map[string]*nats.Msg {
	t.Helper()
	genuine := func() *nats.Msg { return eventMessage(t, keys, deleted(t, uuid.NewString())[0]) }
	with := func(header, value string) *nats.Msg {
		msg := genuine()
		msg.Header.Set(header, value)
		return msg
	}
	forger := newKeys(t, "another secret, of 32 bytes or more")
	_, code, _ := strings.Cut(genuine().Header.Get("Codex-Signature"), ",")
	unsigned := eventMessage(t, nil, deleted(t, forgedText)[0])
	data := genuine()
	data.Data = []byte(`{"contentId":"` + forgedText + `"}`)
	moved := genuine() // an event under the subject of another tenant
	moved.Subject = strings.Replace(moved.Subject, "codex.events.", "codex.events.x", 1)
	command := eventMessage(t, nil, deleted(t, forgedText)[0])
	if err := keys.Sign(command); err != nil {
		t.Fatal(err)
	}
	// A part of one field as a part of the next.
	shifted := genuine()
	aggregate := shifted.Header.Get(events.HeaderSubject)
	shifted.Header.Set(events.HeaderSubject, aggregate[:len(aggregate)-1])
	shifted.Header.Set(events.HeaderTenant, aggregate[len(aggregate)-1:]+shifted.Header.Get(events.HeaderTenant))
	return map[string]*nats.Msg{
		"without a signature":      unsigned,
		"no event, unsigned":       {Subject: events.Subject("t", "content.deleted"), Data: []byte("not json")},
		"by another secret":        eventMessage(t, forger, deleted(t, forgedText)[0]),
		"signed as a command":      command,
		"with other data":          data,
		"under another subject":    moved,
		"with a shifted field":     shifted,
		"with another id":          with(events.HeaderID, uuid.NewString()),
		"of another type":          with(events.HeaderType, "purchase.completed"),
		"of another time":          with(events.HeaderTime, "2100-01-01T00:00:00Z"),
		"of another tenant":        with(events.HeaderTenant, forgedText),
		"of another aggregate":     with(events.HeaderSubject, forgedText),
		"of another version":       with(events.HeaderVersion, "7"),
		"of another cause":         with(events.HeaderCausationID, forgedText),
		"of another correlation":   with(events.HeaderCorrelationID, forgedText),
		"of another actor":         with(events.HeaderActorID, forgedText),
		"of another trace":         with(events.HeaderTraceParent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
		"with an empty signature":  with("Codex-Signature", ""),
		"with a broken signature":  with("Codex-Signature", "t=1,v1=zz"),
		"with an empty code":       with("Codex-Signature", "t=1,v1="),
		"with a code and no time":  with("Codex-Signature", "v1=00"),
		"with another signed time": with("Codex-Signature", "t=1,"+code),
	}
}

// eventConsumers are the two shapes in which events are consumed.
var eventConsumers = map[string]func(context.Context, *nats.Conn, bus.EventQueue, func(events.Event)) error{
	"ConsumeEvents": func(ctx context.Context, c *nats.Conn, q bus.EventQueue, seen func(events.Event)) error {
		return bus.ConsumeEvents(ctx, c, q, func(_ context.Context, batch []bus.EventDelivery) error {
			for i := range batch {
				seen(batch[i].Event)
			}
			return nil
		})
	},
	"ConsumeEachEvent": func(ctx context.Context, c *nats.Conn, q bus.EventQueue, seen func(events.Event)) error {
		return bus.ConsumeEachEvent(ctx, c, q, func(_ context.Context, d bus.EventDelivery) error {
			seen(d.Event)
			return nil
		})
	},
}

// A client of the bus without the secret announces no fact. Such a message is counted, logged
// without what it says, not delivered again, and delays no other.
func TestEventsThatTheRelayDidNotSignAreRefused(t *testing.T) {
	t.Parallel()
	metrics()
	for name, consume := range eventConsumers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, natstest.Server(t))
			logged := &recorder{}
			q := queue("refusing-" + uuid.NewString()) // the counters outlive a test
			q.Log = slog.New(slog.NewTextHandler(logged, nil))
			forged := forgedEvents(t)
			first, last := deleted(t, "first")[0], deleted(t, "last")[0]
			for _, msg := range forged {
				if err := conn.PublishMsg(msg); err != nil {
					t.Fatal(err)
				}
			}
			for _, e := range []events.Event{first, last} {
				if err := conn.PublishMsg(eventMessage(t, keys, e)); err != nil {
					t.Fatal(err)
				}
			}
			seen := make(chan string, len(forged)+2)
			background(t, func(ctx context.Context) error {
				return consume(ctx, conn, q, func(e events.Event) { seen <- e.ID })
			})

			// Once the last one is handled, all are delivered.
			got := map[string]bool{<-seen: true, <-seen: true}
			awaitAcknowledged(t, conn, events.EventStream, q.Durable)
			if !got[first.ID] || !got[last.ID] || len(seen) > 0 {
				t.Errorf("handled %v and %d more, want %s and %s only", got, len(seen), first.ID, last.ID)
			}
			if n := counted(t, "codex.events.refused", q.Durable); n != int64(len(forged)) {
				t.Errorf("%d refused messages are counted, want %d", n, len(forged))
			}
			text := logged.String()
			if !strings.Contains(text, "events refused") || strings.Contains(text, "redelivered") {
				t.Errorf("the log does not say that messages were refused, or they are delivered again: %s", text)
			}
			if strings.Contains(text, forgedText) {
				t.Errorf("the log shows what was sent: %s", text)
			}
		})
	}
}

// The outbox decides about messages without a known signature, and until it can, they wait.
func TestTheOutboxDecidesAboutUnsignedEvents(t *testing.T) {
	t.Parallel()
	metrics()
	for name, consume := range eventConsumers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, natstest.Server(t))
			ours, forged := deleted(t, "ours")[0], deleted(t, "forged")[0]
			var mu sync.Mutex
			failures := 2
			q := queue("asking-" + uuid.NewString()) // the counters outlive a test
			q.Recorded = func(_ context.Context, batch []events.Event) ([]bool, error) {
				mu.Lock()
				defer mu.Unlock()
				if failures > 0 {
					failures--
					return nil, errors.New("the database does not respond")
				}
				recorded := make([]bool, len(batch))
				for i, e := range batch {
					recorded[i] = e.ID == ours.ID
				}
				return recorded, nil
			}
			seen := make(chan string, 4)
			background(t, func(ctx context.Context) error {
				return consume(ctx, conn, q, func(e events.Event) { seen <- e.ID })
			})
			for _, e := range []events.Event{forged, ours} {
				if err := conn.PublishMsg(eventMessage(t, nil, e)); err != nil {
					t.Fatal(err)
				}
			}

			select {
			case id := <-seen:
				if id != ours.ID {
					t.Errorf("handled %s, want %s", id, ours.ID)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("an event of the outbox is not handled")
			}
			awaitAcknowledged(t, conn, events.EventStream, q.Durable)
			refused, recovered := counted(t, "codex.events.refused", q.Durable), counted(t, "codex.events.recovered", q.Durable)
			if len(seen) > 0 || refused != 1 || recovered != 1 {
				t.Errorf("%d more handled, %d refused, %d recovered, want 0, 1 and 1", len(seen), refused, recovered)
			}
		})
	}
}

func TestASecretOfEventsIsReplacedWithoutALostEvent(t *testing.T) {
	t.Parallel()
	const before, after = "the secret before, of 32 bytes or more", "the secret after, of 32 bytes or more"
	conn := connect(t, natstest.Server(t))
	q := queue("rotating")
	q.Keys = newKeys(t, after, before)
	seen := make(chan string, 8)
	background(t, func(ctx context.Context) error {
		return eventConsumers["ConsumeEvents"](ctx, conn, q, func(e events.Event) { seen <- e.ID })
	})
	for _, k := range []*bus.Keys{newKeys(t, before), newKeys(t, after, before), newKeys(t, after)} {
		e := deleted(t, uuid.NewString())[0]
		if err := conn.PublishMsg(eventMessage(t, k, e)); err != nil {
			t.Fatal(err)
		}
		select {
		case id := <-seen:
			if id != e.ID {
				t.Errorf("handled %s, want %s", id, e.ID)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("an event of a listed secret is not handled")
		}
	}
}

func TestAPublisherNeedsASecret(t *testing.T) {
	t.Parallel()
	conn := connect(t, natstest.Server(t))
	if _, err := bus.NewEventPublisher(conn, nil, bus.DefaultStreamLimits()); err == nil {
		t.Error("a publisher that signs nothing")
	}
}

// An outcome that no consumer of commands sent does not reach a client.
func TestForgedOutcomesAreNotBelieved(t *testing.T) {
	t.Parallel()
	server := natstest.Server(t)
	conn := connect(t, server)
	d, another := dispatcher(t, connect(t, server), "edge"), dispatcher(t, connect(t, server), "another")
	commands, replies := make(chan *nats.Msg, 8), make(chan *nats.Msg, 8)
	for subject, received := range map[string]chan *nats.Msg{"codex.commands.>": commands, "codex.replies.>": replies} {
		if _, err := conn.ChanSubscribe(subject, received); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	cmd := command()
	send := func(d *bus.Dispatcher) (outcome chan events.Reply, edge string) {
		outcome = make(chan events.Reply, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			reply, err := d.Send(ctx, cmd)
			if err != nil {
				t.Error(err)
			}
			outcome <- reply
		}()
		var sent events.Command
		if err := json.Unmarshal((<-commands).Data, &sent); err != nil {
			t.Error(err)
		}
		return outcome, sent.ReplyTo
	}
	outcome, edge := send(another)
	if err := bus.PublishReplies(conn, keys, edge, []events.Reply{{CommandID: cmd.ID, Status: 503}}); err != nil {
		t.Fatal(err)
	}
	<-outcome
	recorded := <-replies // genuine, for another edge

	outcome, edge = send(d)
	subject := "codex.replies." + edge
	body, err := json.Marshal([]events.Reply{{CommandID: cmd.ID, Status: 201, Body: []byte(`{}`)}})
	if err != nil {
		t.Fatal(err)
	}
	asCommand := &nats.Msg{Subject: subject, Data: body}
	if err := keys.Sign(asCommand); err != nil {
		t.Fatal(err)
	}
	changed := &nats.Msg{Subject: subject, Data: body, Header: recorded.Header}
	elsewhere := &nats.Msg{Subject: subject, Data: recorded.Data, Header: recorded.Header}
	for _, msg := range []*nats.Msg{{Subject: subject, Data: body}, asCommand, changed, elsewhere} {
		if err := conn.PublishMsg(msg); err != nil {
			t.Fatal(err)
		}
	}
	forger := newKeys(t, "another secret, of 32 bytes or more")
	for _, k := range []*bus.Keys{forger, keys} { // the last one is genuine
		if err := bus.PublishReplies(conn, k, edge, []events.Reply{{CommandID: cmd.ID, Status: 200}}); err != nil {
			t.Fatal(err)
		}
	}
	if reply := <-outcome; reply.Status != 200 || reply.Body != nil {
		t.Errorf("the client gets %d %s", reply.Status, reply.Body)
	}
}
