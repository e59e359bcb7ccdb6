package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/outbox"
)

// drained is how many events a round of BenchmarkRelayDrain publishes.
const drained = 100_000

// BenchmarkRelayDrain publishes a backlog, and beside it the same messages with raw
// asynchronous publishing to a stream of the same server. One iteration is one round of
// each.
func BenchmarkRelayDrain(b *testing.B) {
	for _, perAggregate := range []int{1, 5} {
		b.Run(fmt.Sprintf("per-aggregate=%d", perAggregate), func(b *testing.B) {
			w := newWorld(b)
			var relay, raw []float64
			for b.Loop() {
				b.StopTimer()
				w.fill(b, drained, perAggregate)
				b.StartTimer()
				relay = append(relay, w.drain(b, drained))
				raw = append(raw, w.publishRaw(b, drained))
			}
			ratios := make([]float64, len(relay))
			for i := range relay {
				ratios[i] = relay[i] / raw[i]
			}
			b.ReportMetric(median(relay), "relay-events/s")
			b.ReportMetric(median(raw), "raw-events/s")
			b.ReportMetric(median(ratios), "relay/raw")
		})
	}
}

// fill writes n unpublished events of n/perAggregate aggregates.
func (w *world) fill(b *testing.B, n, perAggregate int) {
	b.Helper()
	_, err := w.db.Exec(context.Background(), `
INSERT INTO outbox (day, event_id, type, tenant, aggregate_id, version, causation_id, correlation_id, actor_id,
                    data, occurred_at)
SELECT (now() AT TIME ZONE 'utc')::date, gen_random_uuid(), 'content.unpublished', 'tenant', $3 || '-' || i / $2,
       1 + i % $2, gen_random_uuid()::text, 'correlation', 'actor', $4::json, now()
FROM generate_series(0, $1 - 1) i`, n, perAggregate, uuid.NewString(), string(event("a", 1).Data))
	if err != nil {
		b.Fatal(err)
	}
}

// messages is how many messages a stream holds.
func (w *world) messages(b *testing.B, stream string) uint64 {
	b.Helper()
	s, err := w.js.Stream(context.Background(), stream)
	if err != nil {
		b.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// drain runs a relay until the stream has n more events and returns the rate.
func (w *world) drain(b *testing.B, n uint64) float64 {
	b.Helper()
	want := w.messages(b, events.EventStream) + n
	began := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	relay := w.newRelay(b, func(c *outbox.RelayConfig) { c.BatchSize, c.Poll = 0, 0 })
	go func() { defer close(done); _ = relay.Run(ctx) }()
	for w.messages(b, events.EventStream) < want {
		time.Sleep(2 * time.Millisecond) // between two looks at the condition
	}
	took := time.Since(began)
	w.waitAllPublished(b)
	cancel()
	<-done
	return float64(n) / took.Seconds()
}

func (w *world) waitAllPublished(b *testing.B) {
	b.Helper()
	for waiting := true; waiting; time.Sleep(2 * time.Millisecond) {
		if err := w.db.QueryRow(context.Background(), `SELECT EXISTS (SELECT FROM outbox WHERE published_at IS NULL)`).
			Scan(&waiting); err != nil {
			b.Fatal(err)
		}
	}
}

// publishRaw publishes n messages like those of the relay and returns the rate.
func (w *world) publishRaw(b *testing.B, n int) float64 {
	b.Helper()
	js, err := jetstream.New(w.conn, jetstream.WithPublishAsyncMaxPending(8192))
	if err != nil {
		b.Fatal(err)
	}
	defer js.CleanupPublisher()
	_, err = js.CreateOrUpdateStream(context.Background(), jetstream.StreamConfig{
		Name:       "RAW",
		Subjects:   []string{"raw.>"},
		Storage:    jetstream.FileStorage,
		MaxBytes:   8 << 30,
		Duplicates: 2 * time.Minute,
	})
	if err != nil {
		b.Fatal(err)
	}
	e := event(uuid.NewString(), 1)
	began := time.Now()
	for range n {
		e.ID = uuid.NewString()
		msg := &nats.Msg{Subject: "raw.tenant", Header: e.Headers(), Data: e.Data}
		if _, err := js.PublishMsgAsync(msg, jetstream.WithStallWait(time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	return float64(n) / time.Since(began).Seconds()
}

// BenchmarkRelayLag measures the time from a commit to the delivery by a consumer while
// 2 000 events are committed per second, 20 at once. One iteration is ten seconds.
func BenchmarkRelayLag(b *testing.B) {
	const every, batch = 10 * time.Millisecond, 20
	w := newWorld(b)
	relay := w.newRelay(b, func(c *outbox.RelayConfig) { c.BatchSize, c.Poll = 0, 0 })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = relay.Run(ctx) }()
	defer func() { cancel(); <-done }()

	var mu sync.Mutex
	received := map[string]time.Time{}
	consumer, err := w.js.OrderedConsumer(ctx, events.EventStream, jetstream.OrderedConsumerConfig{HeadersOnly: true})
	if err != nil {
		b.Fatal(err)
	}
	consuming, err := consumer.Consume(func(msg jetstream.Msg) {
		at := time.Now()
		mu.Lock()
		defer mu.Unlock()
		received[msg.Headers().Get(events.HeaderMsgID)] = at
	})
	if err != nil {
		b.Fatal(err)
	}
	defer consuming.Stop()

	committed := map[string]time.Time{}
	for b.Loop() {
		began := time.Now()
		for i := range int(10 * time.Second / every) {
			time.Sleep(time.Until(began.Add(time.Duration(i) * every)))
			list := make([]events.Event, batch)
			for j := range list {
				list[j] = event(uuid.NewString(), 1)
			}
			if err := pgx.BeginFunc(ctx, w.db, func(tx pgx.Tx) error { return outbox.Append(ctx, tx, list...) }); err != nil {
				b.Fatal(err)
			}
			at := time.Now()
			_ = bus.WakeRelay(w.conn)
			for _, e := range list {
				committed[e.ID] = at
			}
		}
	}
	w.waitAllPublished(b)
	var lags []float64
	for deadline := time.Now().Add(10 * time.Second); len(lags) < len(committed) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
		lags = lags[:0]
		mu.Lock()
		for id, at := range committed {
			if r, ok := received[id]; ok {
				lags = append(lags, max(0, r.Sub(at).Seconds()*1000))
			}
		}
		mu.Unlock()
	}
	slices.Sort(lags)
	b.ReportMetric(lags[len(lags)/2], "p50-ms")
	b.ReportMetric(lags[len(lags)*99/100], "p99-ms")
	b.ReportMetric(float64(len(committed)-len(lags)), "not-delivered")
}

func median(list []float64) float64 {
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2]
}
