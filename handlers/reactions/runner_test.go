package reactions_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/reactions"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

// harness is a database and a bus; the test publishes events by hand.
type harness struct {
	*handlertest.Harness
	js jetstream.JetStream
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	w := &harness{Harness: handlertest.New(t, handlertest.Options{})}
	w.StartBus(natstest.Embedded(t), 1)
	w.js = handlertest.Must(jetstream.New(w.Conn))(t)
	return w
}

// start runs projections until the test ends, or stop is called.
func (w *harness) start(list ...reactions.Projection) (stop func()) {
	w.Helper()
	return w.run(list, nil)
}

func (w *harness) run(projections []reactions.Projection, processes []reactions.Process) (stop func()) {
	w.Helper()
	return w.Start(reactions.New(reactions.Config{
		Pool:          w.Pool,
		Conn:          w.Conn,
		Keys:          handlertest.EventKeys(),
		Limits:        bus.DefaultStreamLimits(),
		Log:           w.Logger,
		MaxDeliveries: 2,
	}, projections, processes).Run)
}

func newEvent(t *testing.T, aggregate string, version int64) events.Event {
	t.Helper()
	e, err := events.Fact{
		Tenant:      "tenant",
		AggregateID: aggregate,
		Version:     version,
		Payload:     events.ContentUnpublished{ContentID: aggregate},
	}.Event(uuid.Must(uuid.NewV7()).String(), events.Cause{
		ID:            uuid.NewString(),
		CorrelationID: "request",
		ActorID:       "actor",
		At:            time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// publish publishes an event; fresh makes the server store a copy of one that it knows.
func (w *harness) publish(e events.Event, fresh bool) {
	w.Helper()
	msg := message(e)
	if fresh {
		msg.Header.Set(events.HeaderMsgID, uuid.NewString())
	}
	if _, err := w.js.PublishMsg(context.Background(), msg); err != nil {
		w.Fatal(err)
	}
}

func message(e events.Event) *nats.Msg {
	msg := &nats.Msg{Subject: events.Subject(e.Tenant, e.Type), Header: e.Headers(), Data: e.Data}
	if err := handlertest.EventKeys().SignEvent(msg); err != nil {
		panic(err)
	}
	return msg
}

// follow is a projection that emits one event for every event.
func follow(handle func(e events.Event) error) reactions.Projection {
	return reactions.Projection{
		Name:   "follow",
		Events: []string{"content.unpublished"},
		Apply: func(_ context.Context, _ pgx.Tx, batch []reactions.Event) error {
			for _, e := range batch {
				if err := handle(e.Event); err != nil {
					return err
				}
				e.Emit(events.Fact{
					Tenant:      e.Tenant,
					AggregateID: "follow-" + e.AggregateID,
					Version:     e.Version,
					Payload:     events.ContentDeleted{ContentID: e.AggregateID},
				})
			}
			return nil
		},
	}
}

func always(events.Event) error { return nil }

func TestRedeliveredEventHasOneEffect(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(follow(always))
	e := newEvent(t, "a", 1)
	w.publish(e, false)
	w.publish(e, true)
	w.publish(newEvent(t, "b", 1), false)
	w.Eventually(1, `SELECT count(*) FROM outbox WHERE aggregate_id = 'follow-b'`)
	w.Eventually(1,
		`SELECT count(*) FROM outbox WHERE aggregate_id = 'follow-a' AND causation_id = $1 AND correlation_id = 'request'`,
		e.ID)
	w.Eventually(2, `SELECT count(*) FROM reaction_inbox`)
}

func TestFailedAttemptIsRolledBackAndRepeated(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	var attempts atomic.Int32
	w.start(follow(func(events.Event) error {
		if attempts.Add(1) == 1 {
			return errors.New("not yet")
		}
		return nil
	}))
	w.publish(newEvent(t, "a", 1), false)
	w.Eventually(1, `SELECT count(*) FROM outbox`)
	if attempts.Load() != 2 {
		t.Errorf("%d attempts, want 2", attempts.Load())
	}
	w.Eventually(0, `SELECT count(*) FROM dead_letters`)
}

func TestEventThatAlwaysFailsBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(follow(func(e events.Event) error {
		if e.AggregateID == "bad" {
			panic("bad")
		}
		return nil
	}))
	bad := newEvent(t, "bad", 1)
	w.publish(bad, false)
	w.publish(newEvent(t, "good", 1), false)
	w.Eventually(1, `SELECT count(*) FROM outbox WHERE aggregate_id = 'follow-good'`)
	w.Eventually(1,
		`SELECT count(*) FROM dead_letters WHERE consumer = 'reaction-follow' AND message_id = $1 AND attempts = 2`, bad.ID)
	w.Eventually(0, `SELECT count(*) FROM reaction_inbox WHERE event_id = $1`, bad.ID)
}

func TestUnreadableEventBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(follow(always))
	msg := &nats.Msg{Subject: "codex.events.tenant.content.unpublished", Data: []byte("not json")}
	if err := handlertest.EventKeys().SignEvent(msg); err != nil {
		t.Fatal(err)
	}
	if _, err := w.js.PublishMsg(context.Background(), msg); err != nil {
		t.Fatal(err)
	}
	w.publish(newEvent(t, "good", 1), false)
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE body = 'not json'::bytea`)
	w.Eventually(1, `SELECT count(*) FROM outbox`)
}

func TestEventsPublishedWhileStoppedAreHandledAfterStart(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	stop := w.start(follow(always))
	w.publish(newEvent(t, "before", 1), false)
	w.Eventually(1, `SELECT count(*) FROM outbox`)
	stop()
	w.publish(newEvent(t, "meanwhile", 1), false)
	w.start(follow(always))
	w.Eventually(2, `SELECT count(*) FROM outbox`)
}

func TestDeletedConsumerIsCreatedAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(follow(always))
	w.publish(newEvent(t, "before", 1), false)
	w.Eventually(1, `SELECT count(*) FROM outbox`)
	if err := w.js.DeleteConsumer(context.Background(), events.EventStream, "reaction-follow"); err != nil {
		t.Fatal(err)
	}
	w.publish(newEvent(t, "after", 1), false)
	w.Eventually(2, `SELECT count(*) FROM outbox`)
}

func TestStreamOfAWipedServerIsCreatedAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(follow(always))
	w.publish(newEvent(t, "before", 1), false)
	w.Eventually(1, `SELECT count(*) FROM outbox`)
	w.Bus.StopAndWipe(t)
	e := newEvent(t, "after", 1)
	w.Until("the runner has created the stream again", func() bool {
		_, err := w.js.PublishMsg(context.Background(), message(e))
		return err == nil
	})
	w.Eventually(2, `SELECT count(*) FROM outbox`)
}

func TestWaitHandledReturnsAfterTheCommit(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	dispatcher, err := bus.NewDispatcher(w.Conn, handlertest.Keys(), "edge", 1, w.Logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dispatcher.Close)
	w.start(follow(always))
	e := newEvent(t, "a", 1)
	marks := func(ctx context.Context) (n int, err error) {
		err = w.Pool.QueryRow(ctx, `SELECT count(*) FROM reaction_inbox WHERE causation_id = $1`, e.CausationID).Scan(&n)
		return n, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	waited := make(chan error, 1)
	go func() { waited <- dispatcher.WaitHandled(ctx, "follow", e.CausationID, 1, marks) }()
	w.publish(e, false)
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	w.Eventually(1, `SELECT count(*) FROM reaction_inbox WHERE causation_id = $1`, e.CausationID)
}

// recorded makes the process record its spans; the tracer provider is global.
var recorded = sync.OnceValue(func() *tracetest.SpanRecorder {
	recorder := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(trace.NewTracerProvider(trace.WithSpanProcessor(recorder)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return recorder
})

func TestTraceReachesTheProjectionAndItsEvents(t *testing.T) {
	recorder := recorded()
	w := newHarness(t)
	w.start(follow(always))
	e := newEvent(t, "traced", 1)
	e.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	w.publish(e, false)
	w.Eventually(1,
		`SELECT count(*) FROM outbox WHERE traceparent LIKE '00-0af7651916cd43dd8448eb211c80319c-%' AND traceparent <> $1`,
		e.TraceParent)
	w.Until("the projection has a span in the event's trace", func() bool { // it ends after the commit
		return reacted(recorder, "0af7651916cd43dd8448eb211c80319c")
	})
}

func reacted(recorder *tracetest.SpanRecorder, traceID string) bool {
	for _, span := range recorder.Ended() {
		if span.Name() == "react follow" && span.SpanContext().TraceID().String() == traceID {
			return true
		}
	}
	return false
}

func TestOutboxKeepsTheBytesOfTheData(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(follow(always))
	w.publish(newEvent(t, "a", 1), false)
	w.Eventually(1, `SELECT count(*) FROM outbox`)
	data := handlertest.Value[string](w.Harness, `SELECT data::text FROM outbox`)
	if data != `{"content_id":"a"}` {
		t.Errorf("data = %s", data)
	}
}
