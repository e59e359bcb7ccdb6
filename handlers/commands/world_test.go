package commands_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/migrations"
	"github.com/codex-platform/codex/outbox"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(runChild(role))
	}
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// world is one installation: a database, a bus and an edge's dispatcher. Runner
// and relay are started by the test.
type world struct {
	database   string
	bus        *natstest.Instance
	pool       *pgxpool.Pool
	conn       *nats.Conn
	dispatcher *bus.Dispatcher
	log        *slog.Logger
	creator    string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{database: pgtest.Database(t), bus: natstest.Embedded(t), log: quiet()}
	var err error
	if w.pool, err = pgxpool.New(context.Background(), w.database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	if w.conn, err = bus.Connect(w.bus.URL(), "test", w.log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.conn.Close)
	js, err := jetstream.New(w.conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := bus.EnsureStreams(context.Background(), js, bus.DefaultStreamLimits()); err != nil {
		t.Fatal(err)
	}
	if w.dispatcher, err = bus.NewDispatcher(w.conn, uuid.NewString(), 2, w.log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.dispatcher.Close)
	w.creator = w.addUser(t, "creator")
	return w
}

func quiet() *slog.Logger {
	if os.Getenv("CODEX_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

func (w *world) addUser(t testing.TB, role string) string {
	t.Helper()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	w.exec(t, `INSERT INTO users (id, name, email, email_verified, role) VALUES ($1, 'Test', $1 || '@example.test', true, $2)`, id, role)
	return id
}

func (w *world) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := w.pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// run runs f until the test ends, or stop is called.
func run(t testing.TB, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("stopped with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("did not stop within 20 s")
		}
	}
	t.Cleanup(stop)
	return stop
}

func (w *world) config() commands.Config {
	return commands.Config{
		Pool: w.pool, Conn: w.conn, Partitions: 2, Limits: bus.DefaultStreamLimits(), Log: w.log,
	}
}

func (w *world) startRunner(t testing.TB, contexts ...commands.Context) (stop func()) {
	t.Helper()
	if contexts == nil {
		contexts = []commands.Context{commands.Content{}}
	}
	return run(t, commands.NewRunner(w.config(), contexts, nil).Run)
}

func (w *world) startRelay(t testing.TB) (stop func()) {
	t.Helper()
	relay, err := outbox.NewRelay(outbox.RelayConfig{
		DatabaseURL: w.database, Conn: w.conn, Limits: bus.DefaultStreamLimits(), Log: w.log, Poll: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return run(t, relay.Run)
}

func (w *world) create(slug string) events.Command {
	return newCommand("content.create", w.creator, uuid.NewString(), content.Create{
		Title: "A piece", Slug: slug, ContentType: content.Written, ContentBody: pointer("text"),
	})
}

func pointer[T any](v T) *T { return &v }

func newCommand(typ, actor, aggregate string, payload any) events.Command {
	body, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return events.Command{
		ID: uuid.Must(uuid.NewV7()).String(), Type: typ, ActorID: actor, AggregateID: aggregate, Payload: body, IssuedAt: time.Now().UTC(),
	}
}

// send sends a command and waits for its outcome.
func (w *world) send(t testing.TB, cmd events.Command) events.Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	reply, err := w.dispatcher.Send(ctx, cmd)
	if err != nil {
		t.Fatalf("send %s: %v", cmd.Type, err)
	}
	return reply
}

// accept writes a command's row as an edge does before it says 202.
func (w *world) accept(t testing.TB, cmd events.Command) {
	t.Helper()
	envelope, err := json.Marshal(cmd)
	if err != nil {
		t.Fatal(err)
	}
	w.exec(t, `INSERT INTO commands (id, actor_id, type, payload_hash, status, envelope, created_at)
		VALUES ($1, $2, $3, $4, 'accepted', $5::json, $6) ON CONFLICT (id) DO NOTHING`, cmd.ID, cmd.ActorID, cmd.Type, cmd.PayloadHash(), string(envelope), cmd.IssuedAt)
}

// number reads one number from the database.
func (w *world) number(t testing.TB, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := w.pool.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// eventually waits until a query gives the wanted number.
func (w *world) eventually(t testing.TB, want int, sql string, args ...any) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		got := w.number(t, sql, args...)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is %d after 30 s, want %d", sql, got, want)
		}
		time.Sleep(10 * time.Millisecond) // between two looks at the condition
	}
}

// onStream returns how often every event id is on the event stream.
func (w *world) onStream(t testing.TB) map[string]int {
	t.Helper()
	publisher, err := bus.NewEventPublisher(w.conn, bus.DefaultStreamLimits())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ids := map[string]int{}
	if err := publisher.EachID(ctx, time.Now().Add(-time.Hour), func(id string) { ids[id]++ }); err != nil {
		t.Fatal(err)
	}
	return ids
}

// assertWhole checks what must hold whenever the pipeline is at rest: versions
// dense, every event on the stream, every row's version that of its last event.
func (w *world) assertWhole(t testing.TB) {
	t.Helper()
	w.eventually(t, 0, `SELECT count(*) FROM outbox WHERE published_at IS NULL`)
	if n := w.number(t, `SELECT count(*) FROM (SELECT aggregate_id FROM outbox GROUP BY aggregate_id
		HAVING max(version) <> count(*) OR min(version) <> 1) gaps`); n != 0 {
		t.Errorf("%d aggregates have gaps or doubles in their versions", n)
	}
	if n := w.number(t, `SELECT count(*) FROM content c WHERE version <> (SELECT max(version) FROM outbox o WHERE o.aggregate_id = c.id::text)`); n != 0 {
		t.Errorf("%d rows have another version than their last event", n)
	}
	rows, err := w.pool.Query(context.Background(), `SELECT event_id FROM outbox`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	stream := w.onStream(t)
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		if stream[id] == 0 {
			t.Errorf("event %s is not on the stream", id)
		}
	}
}

func slug(i int) string { return fmt.Sprintf("piece-%d", i) }
