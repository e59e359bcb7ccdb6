package reactions_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/reactions"
)

// process is a process over the events of runner_test.go.
func process(handle func(ctx context.Context, e events.Event) error) reactions.Process {
	return reactions.Process{
		Name:    "outside",
		Events:  []string{"content.unpublished"},
		Workers: 2,
		Handle: func(ctx context.Context, e events.Event, p events.Payload) error {
			if _, ok := p.(*events.ContentUnpublished); !ok {
				return errors.New("not decoded")
			}
			return handle(ctx, e)
		},
	}
}

func TestProcessHandlesOneEventPerWorker(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	started, proceed := make(chan string, 8), make(chan struct{})
	stop := w.run(nil, []reactions.Process{process(func(_ context.Context, e events.Event) error {
		started <- e.AggregateID
		<-proceed
		return nil
	})})
	for _, id := range []string{"a", "b", "c"} {
		w.publish(newEvent(t, id, 1), false)
	}
	<-started
	<-started
	select {
	case id := <-started:
		t.Errorf("%s is handled beside two others", id)
	case <-time.After(300 * time.Millisecond):
	}
	close(proceed)
	<-started
	stop()
}

func TestProcessRetriesAndThenWritesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	attempts := map[string]chan struct{}{"panics": make(chan struct{}, 64), "once": make(chan struct{}, 64)}
	w.run(nil, []reactions.Process{process(func(_ context.Context, e events.Event) error {
		attempts[e.AggregateID] <- struct{}{}
		if e.AggregateID == "panics" {
			panic("always")
		}
		if len(attempts["once"]) == 1 {
			return errors.New("not yet")
		}
		return nil
	})})
	bad := newEvent(t, "panics", 1)
	w.publish(bad, false)
	w.publish(newEvent(t, "once", 1), false)
	w.Eventually(1,
		`SELECT count(*) FROM dead_letters WHERE consumer = 'reaction-outside' AND message_id = $1 AND attempts = 2`,
		bad.ID)
	if n := len(attempts["panics"]); n != 8 { // four attempts in each of two deliveries
		t.Errorf("%d attempts, want 8", n)
	}
	<-attempts["once"]
	<-attempts["once"]
}

func TestProcessNeverGivesAnEventUpOverTheOutside(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{
		"an unknown error":    errors.New("unavailable"),
		"an outage":           domain.NewError(domain.Upstream, "", "The other company does not respond"),
		"a missing column":    &pgconn.PgError{Code: "42703"},
		"a missing privilege": &pgconn.PgError{Code: "42501"},
		"a full disk":         &pgconn.PgError{Code: "53100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newHarness(t)
			attempts, succeeded := 0, make(chan struct{})
			w.run(nil, []reactions.Process{process(func(context.Context, events.Event) error {
				if attempts++; attempts <= 12 { // three deliveries, MaxDeliveries is 2
					return failure
				}
				close(succeeded)
				return nil
			})})
			w.publish(newEvent(t, "a", 1), false)
			select {
			case <-succeeded:
			case <-time.After(handlertest.Within):
				t.Fatal("not handled")
			}
			if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
				t.Errorf("%d dead letters", n)
			}
		})
	}
}
