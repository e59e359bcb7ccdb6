package commands_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestCommandIsAppliedRepliedAndPublished(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	w.StartRelay()
	cmd := w.create("first")
	reply := w.send(cmd)
	if reply.Status != http.StatusCreated || !strings.Contains(string(reply.Body), `"slug":"first"`) {
		t.Fatalf("reply = %d %s", reply.Status, reply.Body)
	}
	w.assertWhole()
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type = 'content.created' AND causation_id = $1 AND tenant = $2`,
		cmd.ID, w.creator); n != 1 {
		t.Errorf("%d events content.created, want 1", n)
	}
}

func TestRepeatedCommandHasOneEffectAndOneOutcome(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	cmd := w.create("once")
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			again := cmd
			again.AggregateID = uuid.NewString() // a retry may make another id, in another partition
			if reply := w.send(again); reply.Status != http.StatusCreated {
				t.Errorf("reply = %d %s", reply.Status, reply.Body)
			}
		})
	}
	wait.Wait()
	if n := w.Number(`SELECT count(*) FROM content`); n != 1 {
		t.Errorf("%d items, want 1", n)
	}
	if n := w.Number(`SELECT count(*) FROM outbox`); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

func TestOtherPayloadWithTheSameIDIsNotApplied(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	first := w.create("one")
	w.send(first)
	second := w.create("two")
	second.ID = first.ID
	if reply := w.send(second); reply.PayloadHash != first.PayloadHash() {
		t.Errorf("the reply must show that the id belongs to another payload")
	}
	if n := w.Number(`SELECT count(*) FROM content WHERE slug = 'two'`); n != 0 {
		t.Errorf("the second payload was applied")
	}
}

func TestOfConcurrentCommandsForOneSlugOneIsApplied(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	statuses := make(chan int, 32)
	var wait sync.WaitGroup
	for range cap(statuses) {
		wait.Go(func() { statuses <- w.send(w.create("wanted")).Status })
	}
	wait.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	if count[http.StatusCreated] != 1 || count[http.StatusConflict] != 31 {
		t.Errorf("statuses = %v, want one 201 and 31 times 409", count)
	}
	if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

func TestCommandsOfOneBatchSeeEachOther(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	id := uuid.NewString()
	create := w.create("story")
	create.AggregateID = id
	cmds := []events.Command{
		create,
		newCommand(content.CommandPublish, w.creator, id, content.Publish{}),
		newCommand(content.CommandUpdate, w.creator, id,
			content.Update{Title: domain.Optional[string]{Set: true, Value: pointer("New")}}),
		newCommand(content.CommandDelete, w.creator, id, content.Delete{}),
	}
	for _, cmd := range cmds { // sent before anyone consumes, so they are one batch
		w.accept(cmd)
		if err := w.Dispatcher.Publish(context.Background(), cmd); err != nil {
			t.Fatal(err)
		}
	}
	w.startRunner()
	w.sweep()
	w.Eventually(4, `SELECT count(*) FROM commands WHERE status = 'applied'`)
	if n := w.Number(`SELECT version FROM content WHERE id = $1 AND title = 'New' AND deleted_at IS NOT NULL`,
		id); n != 4 {
		t.Errorf("version = %d, want 4", n)
	}
}

// sweep starts the sweeper, at a short interval.
func (w *harness) sweep() {
	w.Helper()
	s := &commands.Sweeper{
		Pool:       w.Pool,
		Dispatcher: w.Dispatcher,
		After:      100 * time.Millisecond,
		Now:        time.Now,
	}
	w.StartJobs([]string{"commands.sweep"}, handlers.Module{Jobs: s.Jobs()})
}

func TestSweeperPublishesLostCommandsAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	cmd := w.create("lost")
	w.accept(cmd) // and the edge died before it published
	w.sweep()
	w.Eventually(1, `SELECT count(*) FROM commands WHERE id = $1 AND status = 'applied' AND envelope IS NULL`, cmd.ID)
}

func TestRightsAreCheckedWhenACommandIsApplied(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	cmd := w.create("late")
	w.accept(cmd)
	w.Exec(`UPDATE users SET role = 'customer' WHERE id = $1`, w.creator)
	w.startRunner()
	w.sweep()
	w.Eventually(1, `SELECT count(*) FROM commands WHERE id = $1 AND status = 'rejected' AND response_status = 403`,
		cmd.ID)
	if n := w.Number(`SELECT count(*) FROM content`) + w.Number(`SELECT count(*) FROM outbox`); n != 0 {
		t.Errorf("the refused command left a trace")
	}
}

// statelessBatch loads and saves nothing.
type statelessBatch struct{}

func (statelessBatch) Load(*pgx.Batch)       {}
func (statelessBatch) Save(*pgx.Batch) error { return nil }

// panicking is a context "content" that panics over one command and applies the others.
func panicking(want, decide string) commands.Context {
	panicOver := func(slug string) func(statelessBatch, events.Command, *content.Create) {
		return func(_ statelessBatch, _ events.Command, p *content.Create) {
			if p.Slug == slug {
				panic("poison")
			}
		}
	}
	return commands.NewContext("content", func() statelessBatch { return statelessBatch{} },
		commands.Handle(content.CommandCreate, panicOver(want),
			func(b statelessBatch, cmd events.Command, p *content.Create, _ time.Time) (commands.Outcome, error) {
				panicOver(decide)(b, cmd, p)
				return commands.Created(p.Slug), nil
			}))
}

func TestPanickingCommandIsGivenUpAndItsNeighboursAreApplied(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner(panicking("poison-1", "poison-2"))
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			if reply := w.send(w.create(slug(i))); reply.Status != http.StatusCreated {
				t.Errorf("neighbour = %d %s", reply.Status, reply.Body)
			}
		})
	}
	for _, poison := range []string{"poison-1", "poison-2"} {
		reply := w.send(w.create(poison))
		if reply.Status != http.StatusInternalServerError || !strings.Contains(string(reply.Body), "INTERNAL_ERROR") {
			t.Errorf("%s = %d %s", poison, reply.Status, reply.Body)
		}
	}
	wait.Wait()
	if n := w.Number(`SELECT count(*) FROM dead_letters WHERE consumer = 'content'`); n != 2 {
		t.Errorf("%d dead letters, want 2", n)
	}
}

func TestUnknownCommandIsGivenUpAndDelaysNoOther(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	unknown := w.create("unknown")
	unknown.Type = "content.explode"
	garbled := w.create("garbled")
	garbled.Payload = []byte(`{"title":7}`)
	for _, cmd := range []events.Command{unknown, garbled} {
		if reply := w.send(cmd); reply.Status != http.StatusInternalServerError {
			t.Errorf("%s = %d %s", cmd.Type, reply.Status, reply.Body)
		}
	}
	if reply := w.send(w.create("next")); reply.Status != http.StatusCreated {
		t.Errorf("the next one = %d", reply.Status)
	}
	w.Eventually(2, `SELECT count(*) FROM dead_letters`)
}

func TestUnreadableCommandBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	w.send(w.create("before")) // the stream exists now
	for _, body := range []string{"not json", `{"id":"x"}`, `{"id":"` + uuid.NewString() + `","type":"media.create"}`} {
		msg := &nats.Msg{Subject: events.CommandSubject(content.CommandCreate, 0), Data: []byte(body)}
		if err := errors.Join(handlertest.Keys().Sign(msg), w.Conn.PublishMsg(msg)); err != nil {
			t.Fatal(err)
		}
	}
	w.Eventually(3, `SELECT count(*) FROM dead_letters`)
	if reply := w.send(w.create("after")); reply.Status != http.StatusCreated {
		t.Errorf("after = %d", reply.Status)
	}
}

// A command that the creator never sent, put on the bus by someone with its credentials.
func TestCommandThatNoEdgeSignedChangesNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	w.send(w.create("before")) // the stream exists now
	forged := w.create("forged")
	body, err := json.Marshal(forged)
	if err != nil {
		t.Fatal(err)
	}
	subject := events.CommandSubject(forged.Type, events.Partition(forged.AggregateID, 2))
	if err := errors.Join(w.Conn.Publish(subject, body), w.Conn.Flush()); err != nil {
		t.Fatal(err)
	}
	behind := w.create("behind") // in the same partition, so it is applied after the forged one
	behind.AggregateID = forged.AggregateID
	if reply := w.send(behind); reply.Status != http.StatusCreated {
		t.Errorf("the command behind it = %d %s", reply.Status, reply.Body)
	}
	w.Eventually(0, `SELECT count(*) FROM content WHERE slug = 'forged'`)
	w.Eventually(0, `SELECT count(*) FROM dead_letters`)
	if n := w.Number(`SELECT count(*) FROM commands WHERE id = $1`, forged.ID); n != 0 {
		t.Errorf("%d rows of the forged command", n)
	}
}

func TestUnavailableDatabaseOnlyDelaysACommand(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	w.send(w.create("before"))
	tx, err := w.Pool.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	// Whoever wants to write content waits for this lock and then loses its connection.
	if _, err := tx.Exec(context.Background(), `LOCK TABLE content IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	answered := make(chan events.Reply, 1)
	go func() { answered <- w.send(w.create("delayed")) }()
	w.Eventually(1,
		`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)
	w.Exec(
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
			AND datname = current_database()`,
	)
	if err := tx.Rollback(context.Background()); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		t.Fatal(err)
	}
	if reply := <-answered; reply.Status != http.StatusCreated {
		t.Errorf("delayed = %d %s", reply.Status, reply.Body)
	}
}

func TestStoppedRunnerFinishesItsBatches(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	stop := w.startRunner()
	w.StartRelay()
	var wait sync.WaitGroup
	for i := range 200 {
		cmd := w.create(slug(i))
		w.accept(cmd)
		wait.Go(func() { _ = w.Dispatcher.Publish(context.Background(), cmd) })
		if i == 100 {
			stop()
		}
	}
	wait.Wait()
	w.startRunner()
	w.sweep()
	w.Eventually(200, `SELECT count(*) FROM commands WHERE status = 'applied'`)
	if n := w.Number(`SELECT count(*) FROM content`); n != 200 {
		t.Errorf("%d items, want 200", n)
	}
	w.assertWhole()
}
