package reactions_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/migrations"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// harness is a database and a bus; the test publishes events by hand.
type harness struct {
	pool *pgxpool.Pool
	bus  *natstest.Instance
	conn *nats.Conn
	js   jetstream.JetStream
	log  *slog.Logger
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	w := &harness{bus: natstest.Embedded(t), log: slog.New(slog.DiscardHandler)}
	var err error
	if w.pool, err = pgxpool.New(context.Background(), pgtest.Database(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	if w.conn, err = bus.Connect(w.bus.URL(), "test", w.log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.conn.Close)
	if w.js, err = jetstream.New(w.conn); err != nil {
		t.Fatal(err)
	}
	if err := bus.EnsureStreams(context.Background(), w.js, bus.DefaultStreamLimits()); err != nil {
		t.Fatal(err)
	}
	return w
}

// start runs projections until the test ends, or stop is called.
func (w *harness) start(t *testing.T, list ...reactions.Projection) (stop func()) {
	t.Helper()
	return w.run(t, list, nil)
}

func (w *harness) run(t *testing.T, projections []reactions.Projection, processes []reactions.Process) (stop func()) {
	t.Helper()
	runner := reactions.New(reactions.Config{
		Pool: w.pool, Conn: w.conn, Limits: bus.DefaultStreamLimits(), Log: w.log, MaxDeliveries: 2,
	}, projections, processes)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = runner.Run(ctx) }()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	t.Cleanup(stop)
	return stop
}

func newEvent(t *testing.T, aggregate string, version int64) events.Event {
	t.Helper()
	e, err := events.Fact{
		Tenant: "tenant", AggregateID: aggregate, Version: version, Payload: events.ContentUnpublished{ContentID: aggregate},
	}.Event(uuid.Must(uuid.NewV7()).String(), events.Cause{ID: uuid.NewString(), CorrelationID: "request", ActorID: "actor", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// publish publishes an event; fresh makes the server take a copy of one it knows.
func (w *harness) publish(t *testing.T, e events.Event, fresh bool) {
	t.Helper()
	msg := &nats.Msg{Subject: events.Subject(e.Tenant, e.Type), Header: e.Headers(), Data: e.Data}
	if fresh {
		msg.Header.Set(events.HeaderMsgID, uuid.NewString())
	}
	if _, err := w.js.PublishMsg(context.Background(), msg); err != nil {
		t.Fatal(err)
	}
}

func (w *harness) eventually(t *testing.T, want int, sql string, args ...any) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		var n int
		if err := w.pool.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is %d after 30 s, want %d", sql, n, want)
		}
		time.Sleep(10 * time.Millisecond) // between two looks at the condition
	}
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

func TestAnEventDeliveredTwiceHasOneEffect(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(t, follow(always))
	e := newEvent(t, "a", 1)
	w.publish(t, e, false)
	w.publish(t, e, true)
	w.publish(t, newEvent(t, "b", 1), false)
	w.eventually(t, 1, `SELECT count(*) FROM outbox WHERE aggregate_id = 'follow-b'`)
	w.eventually(t, 1, `SELECT count(*) FROM outbox WHERE aggregate_id = 'follow-a' AND causation_id = $1 AND correlation_id = 'request'`, e.ID)
	w.eventually(t, 2, `SELECT count(*) FROM reaction_inbox`)
}

func TestAFailedAttemptIsRolledBackAndRepeated(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	var attempts atomic.Int32
	w.start(t, follow(func(events.Event) error {
		if attempts.Add(1) == 1 {
			return errors.New("not yet")
		}
		return nil
	}))
	w.publish(t, newEvent(t, "a", 1), false)
	w.eventually(t, 1, `SELECT count(*) FROM outbox`)
	if attempts.Load() != 2 {
		t.Errorf("%d attempts, want 2", attempts.Load())
	}
	w.eventually(t, 0, `SELECT count(*) FROM dead_letters`)
}

func TestAnEventThatAlwaysFailsBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(t, follow(func(e events.Event) error {
		if e.AggregateID == "bad" {
			panic("bad")
		}
		return nil
	}))
	bad := newEvent(t, "bad", 1)
	w.publish(t, bad, false)
	w.publish(t, newEvent(t, "good", 1), false)
	w.eventually(t, 1, `SELECT count(*) FROM outbox WHERE aggregate_id = 'follow-good'`)
	w.eventually(t, 1, `SELECT count(*) FROM dead_letters WHERE consumer = 'reaction-follow' AND message_id = $1 AND attempts = 2`, bad.ID)
	w.eventually(t, 0, `SELECT count(*) FROM reaction_inbox WHERE event_id = $1`, bad.ID)
}

func TestAMessageThatIsNoEventBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(t, follow(always))
	if _, err := w.js.Publish(context.Background(), "codex.events.tenant.content.unpublished", []byte("not json")); err != nil {
		t.Fatal(err)
	}
	w.publish(t, newEvent(t, "good", 1), false)
	w.eventually(t, 1, `SELECT count(*) FROM dead_letters WHERE body = 'not json'::bytea`)
	w.eventually(t, 1, `SELECT count(*) FROM outbox`)
}

func TestEventsPublishedWhileStoppedAreHandledAfterStart(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	stop := w.start(t, follow(always))
	w.publish(t, newEvent(t, "before", 1), false)
	w.eventually(t, 1, `SELECT count(*) FROM outbox`)
	stop()
	w.publish(t, newEvent(t, "meanwhile", 1), false)
	w.start(t, follow(always))
	w.eventually(t, 2, `SELECT count(*) FROM outbox`)
}

func TestADeletedConsumerIsCreatedAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(t, follow(always))
	w.publish(t, newEvent(t, "before", 1), false)
	w.eventually(t, 1, `SELECT count(*) FROM outbox`)
	if err := w.js.DeleteConsumer(context.Background(), events.EventStream, "reaction-follow"); err != nil {
		t.Fatal(err)
	}
	w.publish(t, newEvent(t, "after", 1), false)
	w.eventually(t, 2, `SELECT count(*) FROM outbox`)
}

func TestAWipedServerIsNoticed(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(t, follow(always))
	w.publish(t, newEvent(t, "before", 1), false)
	w.eventually(t, 1, `SELECT count(*) FROM outbox`)
	w.bus.StopAndWipe(t)
	e := newEvent(t, "after", 1)
	deadline := time.Now().Add(30 * time.Second)
	for { // the runner creates the stream again; until then publishing fails
		_, err := w.js.PublishMsg(context.Background(), &nats.Msg{Subject: events.Subject(e.Tenant, e.Type), Header: e.Headers(), Data: e.Data})
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the stream is not back after 30 s: %v", err)
		}
		time.Sleep(50 * time.Millisecond) // between two tries
	}
	w.eventually(t, 2, `SELECT count(*) FROM outbox`)
}

func TestWaitHandledReturnsAfterTheCommit(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	dispatcher, err := bus.NewDispatcher(w.conn, "edge", 1, w.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dispatcher.Close)
	w.start(t, follow(always))
	e := newEvent(t, "a", 1)
	marks := func(ctx context.Context) (n int, err error) {
		err = w.pool.QueryRow(ctx, `SELECT count(*) FROM reaction_inbox WHERE causation_id = $1`, e.CausationID).Scan(&n)
		return n, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	waited := make(chan error, 1)
	go func() { waited <- dispatcher.WaitHandled(ctx, "follow", e.CausationID, 1, marks) }()
	w.publish(t, e, false)
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	w.eventually(t, 1, `SELECT count(*) FROM reaction_inbox WHERE causation_id = $1`, e.CausationID)
}

// recorded makes the process record its spans; the tracer provider is global.
var recorded = sync.OnceValue(func() *tracetest.SpanRecorder {
	recorder := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(trace.NewTracerProvider(trace.WithSpanProcessor(recorder)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return recorder
})

func TestTheTraceReachesTheProjectionAndItsEvents(t *testing.T) {
	recorder := recorded()
	w := newHarness(t)
	w.start(t, follow(always))
	e := newEvent(t, "traced", 1)
	e.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	w.publish(t, e, false)
	w.eventually(t, 1, `SELECT count(*) FROM outbox WHERE traceparent LIKE '00-0af7651916cd43dd8448eb211c80319c-%' AND traceparent <> $1`, e.TraceParent)
	deadline := time.Now().Add(30 * time.Second)
	for !reacted(recorder, "0af7651916cd43dd8448eb211c80319c") { // the span ends after the commit
		if time.Now().After(deadline) {
			t.Fatal("the projection has no span in the event's trace")
		}
		time.Sleep(10 * time.Millisecond) // between two looks at the condition
	}
}

func reacted(recorder *tracetest.SpanRecorder, traceID string) bool {
	for _, span := range recorder.Ended() {
		if span.Name() == "react follow" && span.SpanContext().TraceID().String() == traceID {
			return true
		}
	}
	return false
}

func TestTheOutboxKeepsTheBytesOfTheData(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(t, follow(always))
	w.publish(t, newEvent(t, "a", 1), false)
	w.eventually(t, 1, `SELECT count(*) FROM outbox`)
	var data json.RawMessage
	if err := w.pool.QueryRow(context.Background(), `SELECT data FROM outbox`).Scan(&data); err != nil {
		t.Fatal(err)
	}
	if string(data) != `{"content_id":"a"}` {
		t.Errorf("data = %s", data)
	}
}
