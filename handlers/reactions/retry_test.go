package reactions_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/reactions"
)

// breakable is a projection of this name that panics while it is broken, and counts the
// events that it has applied in a table.
func breakable(name string, broken *atomic.Bool) reactions.Projection {
	return reactions.Projection{
		Name:   name,
		Events: []string{"content.unpublished"},
		Apply: func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
			for _, e := range batch {
				if broken.Load() {
					panic("broken")
				}
				if _, err := tx.Exec(ctx, `INSERT INTO applied (projection, event) VALUES ($1, $2)`, name, e.ID); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// until waits for a condition.
func (w *harness) until(condition func() bool) {
	w.Helper()
	for deadline := time.Now().Add(handlertest.Within); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatal("the condition is not met")
		}
	}
}

const appliedTable = `CREATE TABLE applied (projection text, event uuid)`

func TestRetriedDeadLetterIsHandledByItsReactionOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.Exec(appliedTable)
	var broken, sound atomic.Bool
	broken.Store(true)
	w.start(breakable("broken", &broken), breakable("sound", &sound))
	e := newEvent(t, "a", 1)
	w.publish(e, false)
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE message_id = $1`, e.ID)
	w.Eventually(1, `SELECT count(*) FROM applied WHERE projection = 'sound'`)
	letters := commands.DeadLetters{Pool: w.Pool}
	open := handlertest.Must(letters.List(t.Context(), false))(t)
	if len(open) != 1 || open[0].Consumer != "reaction-broken" || open[0].Kind != commands.LetterEvent {
		t.Fatalf("open letters %+v", open)
	}

	// While its cause remains, it stays open with the new error.
	if err := letters.Retry(t.Context(), open[0]); err != nil {
		t.Fatal(err)
	}
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE attempts = 3 AND resolved_at IS NULL AND retry_at IS NULL`)
	broken.Store(false)
	if err := letters.Retry(t.Context(), open[0]); err != nil {
		t.Fatal(err)
	}
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE resolution = 'retried'`)
	w.Eventually(1, `SELECT count(*) FROM applied WHERE projection = 'broken'`)
	w.Eventually(1, `SELECT count(*) FROM applied WHERE projection = 'sound'`)
}

func TestRedeliveredEventResolvesItsDeadLetter(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.Exec(appliedTable)
	var broken atomic.Bool
	broken.Store(true)
	w.start(breakable("broken", &broken))
	e := newEvent(t, "a", 1)
	w.publish(e, false)
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE message_id = $1`, e.ID)
	broken.Store(false)
	w.publish(e, true)
	w.Eventually(1, `SELECT count(*) FROM applied`)
	sweeper := &commands.Sweeper{Pool: w.Pool}
	if n, err := sweeper.ResolveLetters(t.Context()); n != 1 || err != nil {
		t.Errorf("%d letters resolved, %v", n, err)
	}
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE resolution = 'handled'`)
}

func TestProjectionNeverGivesAnEventUpOverTheDatabase(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"42703", "42P01", "42501", "42804", "53100", "25006", "57014", "40001", "XX000"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newHarness(t)
			w.Exec(appliedTable)
			w.Exec(fmt.Sprintf(`CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS
				$$ BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = '%s'; END $$`, code))
			w.Exec(`CREATE TRIGGER poison BEFORE INSERT ON applied FOR EACH ROW EXECUTE FUNCTION poison()`)
			var sound atomic.Bool
			var attempts atomic.Int32
			p := breakable("sound", &sound)
			apply := p.Apply
			p.Apply = func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
				attempts.Add(1)
				return apply(ctx, tx, batch)
			}
			w.start(p)
			e := newEvent(t, "a", 1)
			w.publish(e, false)
			w.until(func() bool { return attempts.Load() > 12 }) // MaxDeliveries is 2
			w.Exec(`DROP TRIGGER poison ON applied`)
			w.Eventually(1, `SELECT count(*) FROM applied`)
			if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
				t.Errorf("%d dead letters", n)
			}
		})
	}
}

func TestUnreadableDeadLetterStaysOpenAfterARetry(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.start(follow(always))
	w.Exec(`INSERT INTO dead_letters (consumer, message_id, kind, type, body, error, attempts, retry_at)
		VALUES ('reaction-follow', 'x', 'event', '', 'not json', 'unreadable', 1, now())`)
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE attempts = 2 AND retry_at IS NULL AND resolved_at IS NULL`)
	w.publish(newEvent(t, "good", 1), false)
	w.Eventually(1, `SELECT count(*) FROM outbox`)
}
