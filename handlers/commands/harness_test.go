package commands_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/publishing"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(runChild(role))
	}
	handlertest.Main(m)
}

// harness is one installation: a database, a bus and an edge's dispatcher. Runner
// and relay are started by the test.
type harness struct {
	*handlertest.Harness
	creator string
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	w := &harness{Harness: handlertest.New(t, handlertest.Options{})}
	w.StartBus(natstest.Embedded(t), 2)
	w.creator = w.User("creator")
	return w
}

func (w *harness) config() commands.Config {
	return commands.Config{
		Pool:       w.Pool,
		Conn:       w.Conn,
		Keys:       handlertest.Keys(),
		Partitions: 2,
		Limits:     bus.DefaultStreamLimits(),
		Log:        w.Logger,
	}
}

func (w *harness) startRunner(contexts ...commands.Context) (stop func()) {
	w.Helper()
	if contexts == nil {
		contexts = contentCommands()
	}
	return w.Start(commands.NewRunner(w.config(), contexts, nil).Run)
}

// contentCommands are the commands of content, which load and save with the batch only.
func contentCommands() []commands.Context {
	return publishing.New(publishing.Config{}).Commands
}

func (w *harness) create(slug string) events.Command {
	return newCommand(content.CommandCreate, w.creator, uuid.NewString(), content.Create{
		Title:       "A piece",
		Slug:        slug,
		ContentType: content.Written,
		ContentBody: pointer("text"),
	})
}

func pointer[T any](v T) *T { return &v }

func newCommand(typ, actor, aggregate string, payload any) events.Command {
	body, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return events.Command{
		ID:          uuid.Must(uuid.NewV7()).String(),
		Type:        typ,
		ActorID:     actor,
		AggregateID: aggregate,
		Payload:     body,
		IssuedAt:    time.Now().UTC(),
	}
}

// send sends a command and waits for its outcome.
func (w *harness) send(cmd events.Command) events.Reply {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	reply, err := w.Dispatcher.Send(ctx, cmd)
	if err != nil {
		w.Fatalf("send %s: %v", cmd.Type, err)
	}
	return reply
}

// accept writes a command's row as an edge does before it says 202.
func (w *harness) accept(cmd events.Command) {
	w.Helper()
	if err := (commands.Ledger{DB: w.Pool}).Accept(context.Background(), cmd); err != nil {
		w.Fatal(err)
	}
}

// onStream returns how often every event id is on the event stream.
func (w *harness) onStream() map[string]int {
	w.Helper()
	publisher, err := bus.NewEventPublisher(w.Conn, handlertest.EventKeys(), bus.DefaultStreamLimits())
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ids := map[string]int{}
	if err := publisher.EachID(ctx, time.Now().Add(-time.Hour), func(id string) { ids[id]++ }); err != nil {
		w.Fatal(err)
	}
	return ids
}

// assertWhole checks what must hold whenever the pipeline is at rest: versions
// dense, every event on the stream, every row's version that of its last event.
func (w *harness) assertWhole() {
	w.Helper()
	w.Eventually(0, `SELECT count(*) FROM outbox WHERE published_at IS NULL`)
	if n := w.Number(`SELECT count(*) FROM (SELECT aggregate_id FROM outbox GROUP BY aggregate_id
		HAVING max(version) <> count(*) OR min(version) <> 1) gaps`); n != 0 {
		w.Errorf("%d aggregates have gaps or doubles in their versions", n)
	}
	if n := w.Number(
		`SELECT count(*) FROM content c WHERE version <> (SELECT max(version) FROM outbox o
			WHERE o.aggregate_id = c.id::text)`,
	); n != 0 {
		w.Errorf("%d rows have another version than their last event", n)
	}
	rows, err := w.Pool.Query(context.Background(), `SELECT event_id FROM outbox`)
	if err != nil {
		w.Fatal(err)
	}
	defer rows.Close()
	stream := w.onStream()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			w.Fatal(err)
		}
		if stream[id] == 0 {
			w.Errorf("event %s is not on the stream", id)
		}
	}
}

func slug(i int) string { return fmt.Sprintf("piece-%d", i) }
