package commands_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// failOn has the database reject rows of content whose slug begins with "poison", with this
// SQLSTATE, until heal is called.
func (w *harness) failOn(code string) (heal func()) {
	w.Helper()
	w.Exec(fmt.Sprintf(`
CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = '%s'; END $$`, code))
	w.Exec(`CREATE TRIGGER poison BEFORE INSERT OR UPDATE ON content FOR EACH ROW
WHEN (NEW.slug LIKE 'poison%') EXECUTE FUNCTION poison()`)
	return func() { w.Exec(`DROP TRIGGER poison ON content`) }
}

// publish sends a command as a client does that got a 202.
func (w *harness) publish(cmd events.Command) {
	w.Helper()
	w.accept(cmd)
	if err := w.Dispatcher.Publish(context.Background(), cmd); err != nil {
		w.Fatal(err)
	}
}

func TestCommandThatFailsOverTheDatabaseIsNeverGivenUp(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"42703", // undefined column
		"42P01", // undefined table
		"42501", // insufficient privilege
		"42601", // syntax error
		"53100", // disk full
		"53200", // out of memory
		"53300", // too many connections
		"25006", // read-only transaction
		"40001", // serialization failure
		"55P03", // lock not available
		"57014", // query cancelled
		"XX000", // internal error
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newHarness(t)
			heal := w.failOn(code)
			w.startRunner()
			cmd := w.create("poison")
			if err := w.Dispatcher.Publish(t.Context(), cmd); err != nil {
				t.Fatal(err)
			}
			w.sweep()
			w.Eventually(1, `SELECT count(*) FROM commands WHERE id = $1 AND status = 'accepted' AND postponed >= 3`, cmd.ID)
			if reply := w.send(w.create("neighbour")); reply.Status != http.StatusCreated {
				t.Errorf("neighbour = %d %s", reply.Status, reply.Body)
			}
			heal()
			w.Eventually(1, `SELECT count(*) FROM commands WHERE id = $1 AND response_status = 201`, cmd.ID)
			if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
				t.Errorf("%d dead letters", n)
			}
		})
	}
}

func TestCommandsWaitForAColumnThatADeployRenames(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startRunner()
	w.send(w.create("before"))
	w.Exec(`ALTER TABLE content RENAME COLUMN title TO title_of_the_next_version`)
	w.sweep()
	cmds := []events.Command{w.create("one"), w.create("two"), w.create("three")}
	for _, cmd := range cmds {
		w.publish(cmd)
	}
	w.Eventually(3, `SELECT count(*) FROM commands WHERE status = 'accepted' AND postponed >= 2`)
	w.Exec(`ALTER TABLE content RENAME COLUMN title_of_the_next_version TO title`)
	w.Eventually(4, `SELECT count(*) FROM commands WHERE response_status = 201`)
	if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

func TestParkedCommandsKeepTheOrderOfTheirAggregate(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	heal := w.failOn("42703")
	w.startRunner()
	create := w.create("poison")
	title := func(title string) events.Command {
		return newCommand(content.CommandUpdate, w.creator, create.AggregateID,
			content.Update{Title: domain.Optional[string]{Set: true, Value: &title}})
	}
	w.publish(create)
	w.Eventually(1, `SELECT count(*) FROM commands WHERE postponed >= 1`)
	// Without the item these would be rejected at once.
	second, third := title("second"), title("third")
	w.publish(second)
	w.Eventually(2, `SELECT count(*) FROM commands WHERE postponed >= 1`)
	w.publish(third)
	if reply := w.send(w.create("neighbour")); reply.Status != http.StatusCreated {
		t.Errorf("neighbour = %d %s", reply.Status, reply.Body)
	}
	w.Eventually(3, `SELECT count(*) FROM commands WHERE status = 'accepted' AND postponed >= 1`)
	heal()
	w.sweep()
	w.Eventually(4, `SELECT count(*) FROM commands WHERE status = 'applied'`)
	if n := w.Number(`SELECT version FROM content WHERE id = $1 AND title = 'third'`, create.AggregateID); n != 3 {
		t.Errorf("version = %d, want 3", n)
	}
}

// givenUp sends a command that is given up over its data, and then removes the obstacle.
func (w *harness) givenUp() events.Command {
	w.Helper()
	heal := w.failOn("22000")
	w.startRunner()
	cmd := w.create("poison")
	if reply := w.send(cmd); reply.Status != http.StatusInternalServerError {
		w.Fatalf("reply = %d %s", reply.Status, reply.Body)
	}
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE message_id = $1 AND resolved_at IS NULL`, cmd.ID)
	heal()
	return cmd
}

func TestCommandThatWasGivenUpIsAppliedWhenItIsSentAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	cmd := w.givenUp()
	if reply := w.send(cmd); reply.Status != http.StatusCreated {
		t.Errorf("sent again: %d %s", reply.Status, reply.Body)
	}
	s := &commands.Sweeper{Pool: w.Pool, Now: time.Now}
	if n, err := s.ResolveLetters(t.Context()); n != 1 || err != nil {
		t.Errorf("%d letters resolved, %v", n, err)
	}
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE message_id = $1 AND resolution = 'handled'`, cmd.ID)
	if reply := w.send(cmd); reply.Status != http.StatusCreated || w.Number(`SELECT count(*) FROM content`) != 1 {
		t.Errorf("and again: %d %s", reply.Status, reply.Body)
	}
}

func TestRetriedDeadLetterOfACommandIsApplied(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	cmd := w.givenUp()
	letters := commands.DeadLetters{Pool: w.Pool}
	open, err := letters.List(t.Context(), false)
	if err != nil || len(open) != 1 || open[0].MessageID != cmd.ID || open[0].Kind != commands.LetterCommand {
		t.Fatalf("open letters %+v, %v", open, err)
	}
	if err := letters.Retry(t.Context(), open[0]); err != nil {
		t.Fatal(err)
	}
	w.Eventually(1, `SELECT count(*) FROM commands WHERE id = $1 AND status = 'accepted'`, cmd.ID)
	w.sweep()
	w.Eventually(1, `SELECT count(*) FROM commands WHERE id = $1 AND response_status = 201`, cmd.ID)
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE message_id = $1 AND resolution = 'retried'`, cmd.ID)
	// Its id names the letter for as long as it is kept.
	letter := handlertest.Must(letters.Find(t.Context(), open[0].ID[:8]))(t)
	if err := letters.Retry(t.Context(), letter); err == nil {
		t.Error("a resolved letter was retried")
	}
}

func TestCommandThatFailsAgainOpensItsLetterAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	cmd := w.givenUp()
	w.Exec(`CREATE TRIGGER poison BEFORE INSERT ON content FOR EACH ROW EXECUTE FUNCTION poison()`)
	letters := commands.DeadLetters{Pool: w.Pool}
	open := handlertest.Must(letters.List(t.Context(), false))(t)
	if err := letters.Discard(t.Context(), open[0]); err != nil {
		t.Fatal(err)
	}
	w.Eventually(0, `SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL`)
	if reply := w.send(cmd); reply.Status != http.StatusInternalServerError {
		t.Errorf("reply = %d %s", reply.Status, reply.Body)
	}
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE message_id = $1 AND resolved_at IS NULL AND attempts = 6`,
		cmd.ID)
}

func TestReopenAcceptsWhatHasNoOutcome(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	ledger := commands.Ledger{DB: w.Pool}
	reopen := func(cmd events.Command, want bool) {
		t.Helper()
		if pending, err := ledger.Reopen(t.Context(), cmd); pending != want || err != nil {
			t.Errorf("reopened: %v, %v; want %v", pending, err, want)
		}
	}
	fresh := newCommand(content.CommandPublish, w.creator, uuid.NewString(), struct{}{})
	reopen(fresh, true)
	reopen(fresh, true)
	rejected := request("Ada")
	if err := ledger.Reject(t.Context(), rejected, rejected.PayloadHash(), errTaken); err != nil {
		t.Fatal(err)
	}
	reopen(rejected, false)
	failed := request("Grace")
	if err := ledger.Reject(t.Context(), failed, failed.PayloadHash(), errOutage); err != nil {
		t.Fatal(err)
	}
	reopen(failed, true)
	if rec, _, err := ledger.Find(t.Context(), failed.ID); err != nil || rec.Status != commands.StatusAccepted {
		t.Errorf("record %+v, %v", rec, err)
	}
	other := failed
	other.Payload = []byte(`{"name":"Barbara"}`)
	reopen(other, false)
}
