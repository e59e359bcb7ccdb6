package reactions_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/publishing"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/handlers/streaming"
)

// film inserts a published item for sale.
func (w *harness) film() (id, creator string) {
	w.Helper()
	creator = w.User("creator")
	return w.Publish(handlertest.ForSale{Creator: creator, Price: 2999}), creator
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

// grants and counters are two projections of the platform.
func grants() reactions.Projection {
	return projection(streaming.New(streaming.Config{Now: time.Now}), "access")
}

func counters() reactions.Projection {
	return projection(publishing.New(publishing.Config{}), "counters")
}

func projection(m handlers.Module, name string) reactions.Projection {
	i := slices.IndexFunc(m.Projections, func(p reactions.Projection) bool { return p.Name == name })
	return m.Projections[i]
}

const liveGrants = `SELECT count(*) FROM content_access WHERE deleted_at IS NULL`

func TestBurstOfPaidEventsIsAppliedInBatchesExactlyOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	film, creator := w.film()
	const buyers = 300
	for range buyers {
		e := paid(t, w.User("customer"), film, creator)
		w.publish(e, false)
		w.publish(e, true) // a second copy
	}
	var mu sync.Mutex
	var sizes []int
	counted := grants()
	apply := counted.Apply
	counted.Apply = func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
		mu.Lock()
		sizes = append(sizes, len(batch))
		mu.Unlock()
		return apply(ctx, tx, batch)
	}
	w.start(counted, counters())

	w.Eventually(buyers, liveGrants)
	w.Eventually(buyers, `SELECT count(*) FROM reaction_inbox WHERE reaction = 'access'`)
	w.Eventually(buyers, `SELECT count(*) FROM outbox WHERE type = 'access.granted' AND version = 1`)
	w.Eventually(buyers, `SELECT purchase_count FROM content_stats WHERE content_id = $1`, film)
	mu.Lock()
	defer mu.Unlock()
	if len(sizes) > buyers/10 {
		t.Errorf("%d purchases took %d transactions", buyers, len(sizes))
	}
}

func TestFailingEventDoesNotAffectItsNeighbours(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	film, creator := w.film()
	poison := paid(t, w.User("customer"), "not a UUID", creator)
	for i := range 50 {
		if i == 25 {
			w.publish(poison, false)
		}
		w.publish(paid(t, w.User("customer"), film, creator), false)
	}
	w.start(grants(), counters())

	w.Eventually(50, liveGrants)
	w.Eventually(50, `SELECT purchase_count FROM content_stats WHERE content_id = $1`, film)
	w.Eventually(2, `SELECT count(*) FROM dead_letters WHERE message_id = $1 AND attempts = 2`, poison.ID)
	w.Eventually(0, `SELECT count(*) FROM reaction_inbox WHERE event_id = $1`, poison.ID)
}

func TestNeighboursOfAFailingEventDoNotWaitForItsRetries(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	var (
		mu       sync.Mutex
		batched  bool            // a batch with failing events and others was applied
		waiting  map[string]bool // the others, as long as they are not applied
		attempts = map[string]int{}
		most     int // attempts of a failing event when the last of the others was applied
	)
	p := follow(always)
	apply := p.Apply
	p.Apply = func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
		mu.Lock()
		defer mu.Unlock()
		var bad, good []string
		for _, e := range batch {
			if strings.HasPrefix(e.AggregateID, "bad") {
				bad = append(bad, e.AggregateID)
				attempts[e.AggregateID]++
			} else {
				good = append(good, e.AggregateID)
			}
		}
		if len(bad) > 0 {
			if len(good) > 0 && !batched {
				batched, waiting = true, map[string]bool{}
				clear(attempts)
				for _, id := range bad {
					attempts[id] = 1
				}
				for _, id := range good {
					waiting[id] = true
				}
			}
			return errors.New("not yet")
		}
		for _, id := range good {
			if waiting[id] {
				delete(waiting, id)
				most = slices.Max(slices.Collect(maps.Values(attempts)))
			}
		}
		return apply(ctx, tx, batch)
	}
	for i := range 40 {
		w.publish(newEvent(t, fmt.Sprint("good-", i), 1), false)
		if i%8 == 4 {
			w.publish(newEvent(t, fmt.Sprint("bad-", i), 1), false)
		}
	}
	w.start(p)

	w.Eventually(5, `SELECT count(*) FROM dead_letters`)
	w.Eventually(40, `SELECT count(*) FROM outbox`)
	mu.Lock()
	defer mu.Unlock()
	if !batched || len(waiting) > 0 || most > 2 {
		t.Errorf("batched %t, not applied %v, a failing event had %d attempts before, want one or two",
			batched, waiting, most)
	}
}

func TestDatabaseFailureNeverWritesADeadLetter(t *testing.T) {
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
	w.publish(newEvent(t, "a", 1), false)
	w.start(broken)
	w.Eventually(1, `SELECT count(*) FROM outbox`)
	w.Eventually(0, `SELECT count(*) FROM dead_letters`)
}

func TestProjectionsLoseNothingWhenTheServerStalls(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	film, creator := w.film()
	w.start(grants())
	w.publish(paid(t, w.User("customer"), film, creator), false)
	w.Eventually(1, liveGrants)
	const buyers = 300
	var burst []events.Event
	for range buyers {
		burst = append(burst, paid(t, w.User("customer"), film, creator))
	}

	w.Bus.Stop(t)
	<-time.After(3 * time.Second)
	w.Bus.Restart(t)
	if err := w.Conn.FlushTimeout(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	for _, e := range burst {
		w.publish(e, false)
	}
	start := time.Now()
	w.Eventually(buyers+1, liveGrants)
	if took := time.Since(start); took > 8*time.Second { // a message that waits for its redelivery takes 10 s
		t.Errorf("the burst took %s", took)
	}
}
