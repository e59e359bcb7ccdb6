package outbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/migrations"
	"github.com/codex-platform/codex/outbox"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDatabase) != "" {
		os.Exit(runChild())
	}
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

type world struct {
	url  string
	db   *pgx.Conn
	bus  *natstest.Instance
	conn *nats.Conn
	js   jetstream.JetStream
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{url: pgtest.Database(t), bus: natstest.Embedded(t)}
	w.db = w.connect(t)
	var err error
	if w.conn, err = bus.Connect(w.bus.URL(), "test", quiet()); err != nil {
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

var keys, _ = bus.NewKeys("the secret that signs the events of a test")

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (w *world) connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), w.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// newRelay returns a relay for tests: it polls often, and takes small batches.
func (w *world) newRelay(t testing.TB, change ...func(*outbox.RelayConfig)) *outbox.Relay {
	t.Helper()
	cfg := outbox.RelayConfig{
		DatabaseURL: w.url,
		Conn:        w.conn,
		Keys:        keys,
		Limits:      bus.DefaultStreamLimits(),
		Log:         quiet(),
		Poll:        20 * time.Millisecond,
		BatchSize:   64,
	}
	for _, c := range change {
		c(&cfg)
	}
	r, err := outbox.NewRelay(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// relay starts a relay that ends with the test.
func (w *world) relay(t *testing.T, change ...func(*outbox.RelayConfig)) (stop func()) {
	t.Helper()
	r := w.newRelay(t, change...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// event makes the n-th event of an aggregate.
func event(aggregate string, version int64) events.Event {
	e, err := events.Fact{
		Tenant:      "tenant",
		AggregateID: aggregate,
		Version:     version,
		Payload:     events.ContentUnpublished{ContentID: aggregate},
	}.Event(uuid.Must(uuid.NewV7()).String(), events.Cause{
		ID:            uuid.NewString(),
		CorrelationID: "c",
		ActorID:       "a",
		At:            time.Now(),
	})
	if err != nil {
		panic(err)
	}
	return e
}

func (w *world) append(t *testing.T, list ...events.Event) {
	t.Helper()
	err := pgx.BeginFunc(context.Background(), w.db, func(tx pgx.Tx) error {
		return outbox.Append(context.Background(), tx, list...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) waitPublished(t *testing.T, want int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		var n int
		if err := w.db.QueryRow(context.Background(), `SELECT count(*) FROM outbox WHERE published_at IS NOT NULL`).
			Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events are published after 20 s, want %d", n, want)
		}
		time.Sleep(10 * time.Millisecond) // between two looks at the condition
	}
}

// stream returns what the stream holds, in its order.
func (w *world) stream(t *testing.T) []events.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s, err := w.js.Stream(ctx, events.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	var list []events.Event
	for seq := s.CachedInfo().State.FirstSeq; seq <= s.CachedInfo().State.LastSeq && seq > 0; seq++ {
		msg, err := s.GetMsg(ctx, seq)
		if err != nil {
			t.Fatal(err)
		}
		e, err := events.FromMessage(msg.Header, msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

func TestEventReachesTheStreamAsItWasAppended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := event("a", 1)
	want.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	w.append(t, want)
	w.relay(t)
	w.waitPublished(t, 1)
	got := w.stream(t)
	if len(got) != 1 {
		t.Fatalf("%d events on the stream, want 1", len(got))
	}
	if string(got[0].Data) != string(want.Data) {
		t.Errorf("data = %s, want %s", got[0].Data, want.Data)
	}
	got[0].Data, want.Data = nil, nil
	if !got[0].Time.Equal(want.Time.Truncate(time.Microsecond)) {
		t.Errorf("time = %s, want %s", got[0].Time, want.Time)
	}
	got[0].Time, want.Time = time.Time{}, time.Time{}
	if fmt.Sprint(got[0]) != fmt.Sprint(want) {
		t.Errorf("event = %+v, want %+v", got[0], want)
	}
}

func TestEventsOfARolledBackTransactionAreNotPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	kept, undone := event("kept", 1), event("undone", 1)
	tx, err := w.db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := outbox.Append(ctx, tx, undone); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	err = pgx.BeginFunc(ctx, w.db, func(tx pgx.Tx) error {
		return outbox.Append(ctx, tx, kept)
	})
	if err != nil {
		t.Fatal(err)
	}
	w.relay(t)
	w.waitPublished(t, 1)
	if got := w.stream(t); len(got) != 1 || got[0].ID != kept.ID {
		t.Errorf("stream = %+v, want the committed event only", got)
	}
}

func TestSecondEventOfOneVersionIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(t, event("a", 1))
	err := pgx.BeginFunc(context.Background(), w.db, func(tx pgx.Tx) error {
		return outbox.Append(context.Background(), tx, event("a", 1))
	})
	if err == nil {
		t.Error("a second event of version 1 was accepted")
	}
}

// A transaction that took a lower position commits after others were published.
func TestRowThatCommitsAfterHigherPositionsIsPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	slow := w.connect(t)
	tx, err := slow.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := outbox.Append(ctx, tx, event("slow", 1)); err != nil {
		t.Fatal(err)
	}
	w.relay(t)
	w.append(t, event("quick", 1))
	w.waitPublished(t, 1)
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	w.waitPublished(t, 2)
	if got := w.stream(t); len(got) != 2 {
		t.Errorf("%d events on the stream, want 2", len(got))
	}
}

func TestEventsOfAnAggregateArePublishedInVersionOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for version := int64(1); version <= 20; version++ {
		var list []events.Event
		for a := range 10 {
			list = append(list, event(fmt.Sprint("aggregate-", a), version))
		}
		w.append(t, list...)
	}
	w.relay(t)
	w.waitPublished(t, 200)
	assertOrdered(t, w.stream(t))
}

func TestEventsArePublishedInVersionOrderToAServerWithoutBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	stream, err := w.js.Stream(ctx, events.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.AllowAtomicPublish = false
	if _, err := w.js.UpdateStream(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	w.relay(t)
	w.appendVersions(t, 1, 20)
	w.waitPublished(t, 200)
	assertOrdered(t, w.stream(t))
	if err := bus.EnsureStreams(ctx, w.js, bus.DefaultStreamLimits()); err != nil {
		t.Fatal(err)
	}
	w.appendVersions(t, 21, 30)
	w.waitPublished(t, 300)
	assertOrdered(t, w.stream(t))
}

func assertOrdered(t *testing.T, list []events.Event) {
	t.Helper()
	last := map[string]int64{}
	for _, e := range list {
		if e.Version <= last[e.AggregateID] {
			continue // a copy
		}
		if e.Version != last[e.AggregateID]+1 {
			t.Fatalf("aggregate %s: version %d first appears after %d", e.AggregateID, e.Version, last[e.AggregateID])
		}
		last[e.AggregateID] = e.Version
	}
}

func TestSecondRelayTakesOverWhenTheFirstStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var first, second int
	stopFirst := w.relay(t, func(c *outbox.RelayConfig) { c.AfterPublish = func() { first++ } })
	w.append(t, event("a", 1))
	w.waitPublished(t, 1)
	w.relay(t, func(c *outbox.RelayConfig) { c.AfterPublish = func() { second++ } })
	w.append(t, event("a", 2))
	w.waitPublished(t, 2)
	stopFirst()
	w.append(t, event("a", 3))
	w.waitPublished(t, 3)
	if first != 2 {
		t.Errorf("the first relay published %d batches, want 2", first)
	}
	assertOrdered(t, w.stream(t))
}

func TestEventsLostFromTheStreamArePublishedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relay(t)
	var want []string
	for i := range 100 {
		e := event(fmt.Sprint("aggregate-", i), 1)
		want = append(want, e.ID)
		w.append(t, e)
	}
	w.waitPublished(t, 100)
	w.bus.StopAndWipe(t)
	extra := event("after", 1)
	want = append(want, extra.ID)
	w.append(t, extra)
	deadline := time.Now().Add(30 * time.Second)
	for {
		if w.conn.IsConnected() {
			if info, err := w.js.Stream(context.Background(), events.EventStream); err == nil &&
				info.CachedInfo().State.Msgs >= 101 {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the stream is not whole after 30 s")
		}
		time.Sleep(20 * time.Millisecond) // between two looks at the condition
	}
	var got []string
	for _, e := range w.stream(t) {
		got = append(got, e.ID)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(slices.Compact(got), want) {
		t.Errorf("%d events on the stream, want the %d that were appended", len(got), len(want))
	}
}

func TestStoppedRelayLeavesNoGoroutines(t *testing.T) {
	w := newWorld(t)
	before := goleak.IgnoreCurrent()
	stop := w.relay(t)
	w.append(t, event("a", 1))
	w.waitPublished(t, 1)
	stop()
	goleak.VerifyNone(t, before)
}

func TestEveryRegisteredEventCanBeEncodedAndDecoded(t *testing.T) {
	t.Parallel()
	for _, entry := range events.Registry() {
		data, err := json.Marshal(entry.New())
		if err != nil {
			t.Fatal(err)
		}
		e := event("a", 1)
		e.Type, e.Data = entry.Type, data
		back, err := events.FromMessage(e.Headers(), e.Data)
		if err != nil {
			t.Fatalf("%s: %v", entry.Type, err)
		}
		if _, err := back.Decode(); err != nil {
			t.Errorf("%s: %v", entry.Type, err)
		}
	}
}
