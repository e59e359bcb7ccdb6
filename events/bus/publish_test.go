package bus_test

import (
	"context"
	"errors"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// deleted returns content.deleted events of these aggregates.
func deleted(t *testing.T, aggregates ...string) []events.Event {
	t.Helper()
	var list []events.Event
	for _, id := range aggregates {
		fact := events.Fact{
			Tenant:      "t",
			AggregateID: id,
			Version:     1,
			Payload:     events.ContentDeleted{ContentID: id},
		}
		e, err := fact.Event(uuid.NewString(), events.Cause{At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// ids reads the ids of the whole stream.
func ids(t *testing.T, p *bus.EventPublisher) []string {
	t.Helper()
	var list []string
	since := time.Now().Add(-time.Hour)
	if err := p.EachID(context.Background(), since, func(id string) { list = append(list, id) }); err != nil {
		t.Fatal(err)
	}
	return list
}

// awaitIDs returns the ids on the stream once it has n of them. Any server of a cluster may
// be the one that is read, and learns last what the others have stored.
func awaitIDs(t *testing.T, p *bus.EventPublisher, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // between two inspections
		if got := ids(t, p); len(got) >= n || time.Now().After(deadline) {
			return got
		}
	}
}

func TestReadingTheStreamFailsInTimeWhenItsServerStops(t *testing.T) {
	t.Parallel()
	server := startChild(t)
	conn := dial(t, server, slog.New(slog.DiscardHandler))
	publish(t, conn, numbers(3000)...)
	p, err := bus.NewEventPublisher(conn, keys, bus.DefaultStreamLimits())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if got := ids(t, p); len(got) != 3000 {
		t.Fatalf("%d ids, want 3000", len(got))
	}

	began, read := time.Now(), 0
	err = p.EachID(context.Background(), time.Now().Add(-time.Hour), func(string) {
		if read++; read == 1 {
			if err := server.process.Signal(syscall.SIGSTOP); err != nil {
				t.Error(err)
			}
		}
	})
	if err == nil {
		t.Errorf("no error after %d of 3000 ids", read)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the error came after %s", took)
	}
}

func TestABatchIsStoredWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) (url string, replicas int){
		"one server":    func(t testing.TB) (string, int) { t.Helper(); return natstest.Embedded(t).URL(), 1 },
		"three servers": func(t testing.TB) (string, int) { t.Helper(); return natstest.Cluster(t).URL(), 3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, replicas := start(t)
			limits := bus.DefaultStreamLimits()
			limits.Replicas = replicas
			testBatches(t, url, limits)
		})
	}
}

func testBatches(t *testing.T, url string, limits bus.StreamLimits) {
	t.Helper()
	ctx := context.Background()
	conn, err := bus.Connect(url, "test", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	p, err := bus.NewEventPublisher(conn, keys, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if state, err := p.State(ctx); err != nil || !state.Batches {
		t.Fatalf("state %+v, %v, want a stream that takes batches", state, err)
	}
	send := func(batch []events.Event) error {
		t.Helper()
		ack, err := p.SendBatch(batch)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ack.Wait(ctx)
		return err
	}

	var want []string
	for _, size := range []int{1, 2, bus.MaxBatch} {
		batch := deleted(t, numbers(size)...)
		if err := send(batch); err != nil {
			t.Fatal(err)
		}
		for _, e := range batch {
			want = append(want, e.ID)
		}
	}
	again := deleted(t, "a", "b", "c")
	again[1].ID = want[1]
	if err := send(again); !errors.Is(err, bus.ErrBatchRejected) {
		t.Errorf("a batch with an event that is stored already: %v, want ErrBatchRejected", err)
	}
	got := awaitIDs(t, p, len(want))
	if len(got) != len(want) {
		t.Fatalf("%d events on the stream, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("event %d on the stream is %s, want %s", i, got[i], want[i])
		}
	}
}
