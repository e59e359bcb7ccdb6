package reactions_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

func (w *harness) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// film makes a published item for sale.
func (w *harness) film(t *testing.T) (id, creator string) {
	t.Helper()
	id, creator = uuid.NewString(), w.user(t)
	w.exec(t, `INSERT INTO content (id, creator_id, title, slug, content_type, access_type, price_cents, status, published_at)
		VALUES ($1, $2, 'A film', $3, 'video', 'paid', 2999, 'published', now())`, id, creator, "c-"+id)
	return id, creator
}

func (w *harness) user(t *testing.T) string {
	t.Helper()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	w.exec(t, `INSERT INTO users (id, name, email) VALUES ($1, 'Test', $1 || '@example.test')`, id)
	return id
}

// paid returns the event of a completed purchase.
func paid(t *testing.T, user, film, creator string) events.Event {
	t.Helper()
	purchase := uuid.NewString()
	e, err := events.Fact{
		Tenant:      creator,
		AggregateID: purchase,
		Version:     1,
		Payload:     events.PurchaseCompleted{PurchaseID: purchase, CustomerID: user, ContentID: film},
	}.Event(uuid.Must(uuid.NewV7()).String(), events.Cause{ID: uuid.NewString(), ActorID: "stripe", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const liveGrants = `SELECT count(*) FROM content_access WHERE deleted_at IS NULL`

func TestABurstOfPaidEventsIsAppliedInBatchesExactlyOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	film, creator := w.film(t)
	const buyers = 300
	for range buyers {
		e := paid(t, w.user(t), film, creator)
		w.publish(t, e, false)
		w.publish(t, e, true) // a second copy
	}
	var mu sync.Mutex
	var sizes []int
	counted := reactions.Access(time.Now)
	apply := counted.Apply
	counted.Apply = func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
		mu.Lock()
		sizes = append(sizes, len(batch))
		mu.Unlock()
		return apply(ctx, tx, batch)
	}
	w.start(t, counted, reactions.Counters())

	w.eventually(t, buyers, liveGrants)
	w.eventually(t, buyers, `SELECT count(*) FROM reaction_inbox WHERE reaction = 'access'`)
	w.eventually(t, buyers, `SELECT count(*) FROM outbox WHERE type = 'access.granted' AND version = 1`)
	w.eventually(t, buyers, `SELECT purchase_count FROM content WHERE id = $1`, film)
	mu.Lock()
	defer mu.Unlock()
	if len(sizes) > buyers/10 {
		t.Errorf("%d purchases took %d transactions", buyers, len(sizes))
	}
}

func TestAPoisonousEventDoesNotHurtItsNeighbours(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	film, creator := w.film(t)
	poison := paid(t, w.user(t), "not a UUID", creator)
	for i := range 50 {
		if i == 25 {
			w.publish(t, poison, false)
		}
		w.publish(t, paid(t, w.user(t), film, creator), false)
	}
	w.start(t, reactions.Access(time.Now), reactions.Counters())

	w.eventually(t, 50, liveGrants)
	w.eventually(t, 50, `SELECT purchase_count FROM content WHERE id = $1`, film)
	w.eventually(t, 2, `SELECT count(*) FROM dead_letters WHERE message_id = $1 AND attempts = 2`, poison.ID)
	w.eventually(t, 0, `SELECT count(*) FROM reaction_inbox WHERE event_id = $1`, poison.ID)
}

func TestNeighboursOfAFailingEventDoNotWaitForItsRetries(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.publish(t, newEvent(t, "bad", 1), false)
	for i := range 20 {
		w.publish(t, newEvent(t, fmt.Sprint("good-", i), 1), false)
	}
	var mu sync.Mutex
	attempts, before := 0, 0 // of the failing event, and until the last good one was applied
	good := map[string]bool{}
	w.start(t, follow(func(e events.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if e.AggregateID == "bad" {
			attempts++
			return errors.New("not yet")
		}
		if good[e.AggregateID] = true; len(good) == 20 {
			before = attempts
		}
		return nil
	}))
	w.eventually(t, 1, `SELECT count(*) FROM dead_letters`)
	w.eventually(t, 20, `SELECT count(*) FROM outbox`)
	mu.Lock()
	defer mu.Unlock()
	if before == 0 || before > 3 {
		t.Errorf("the failing event had %d attempts before the others were applied, want one or two", before)
	}
}

func TestTheDatabasesFaultIsNeverADeadLetter(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	var mu sync.Mutex
	attempts := 0
	broken := follow(always)
	apply := broken.Apply
	broken.Apply = func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
		mu.Lock()
		attempts++
		n := attempts
		mu.Unlock()
		if n <= 12 { // more attempts than two deliveries have: MaxDeliveries is 2
			if _, err := tx.Exec(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`); err != nil {
				return err
			}
		}
		return apply(ctx, tx, batch)
	}
	w.publish(t, newEvent(t, "a", 1), false)
	w.start(t, broken)
	w.eventually(t, 1, `SELECT count(*) FROM outbox`)
	w.eventually(t, 0, `SELECT count(*) FROM dead_letters`)
}

func TestProjectionsLoseNothingWhenTheServerStalls(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	film, creator := w.film(t)
	w.start(t, reactions.Access(time.Now))
	w.publish(t, paid(t, w.user(t), film, creator), false)
	w.eventually(t, 1, liveGrants)
	const buyers = 300
	var burst []events.Event
	for range buyers {
		burst = append(burst, paid(t, w.user(t), film, creator))
	}

	w.bus.Stop(t)
	<-time.After(3 * time.Second)
	w.bus.Restart(t)
	if err := w.conn.FlushTimeout(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	for _, e := range burst {
		w.publish(t, e, false)
	}
	start := time.Now()
	w.eventually(t, buyers+1, liveGrants)
	if took := time.Since(start); took > 8*time.Second { // a message that waits for its redelivery takes 10 s
		t.Errorf("the burst took %s", took)
	}
}
