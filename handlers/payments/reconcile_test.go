package payments_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func (w *harness) reconciler() *commands.Reconciler {
	return &commands.Reconciler{
		Pool:     w.Pool,
		Events:   w.Stripe,
		Sessions: w.Stripe,
		Ingester: w.intake,
		Every:    10 * time.Second,
		Now:      time.Now,
		Log:      w.Logger,
	}
}

func TestF31ALostWebhookIsRepairedAndALateOneChangesNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	session := w.sessionOf(w.checkout(user, content))
	w.Sandbox.SetFaults(sandbox.Faults{Drops: sandbox.Always})
	w.control("sessions/"+session+"/pay", nil)
	w.Sandbox.SetFaults(sandbox.Faults{})

	r := w.reconciler()
	repaired, err := r.Reconcile(t.Context())
	if err != nil || repaired.Events != 1 {
		t.Fatalf("%+v, %v", repaired, err)
	}
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'completed'`)
	id := handlertest.Value[string](w.Harness, `SELECT event_id FROM stripe_events WHERE type = 'checkout.session.completed'`)

	// Another process in the same period does nothing; the next run finds nothing.
	claimed := handlertest.Value[time.Time](w.Harness, `SELECT claimed_at FROM stripe_watermark`)
	if repaired, err = r.Reconcile(t.Context()); err != nil || repaired != (commands.Repaired{}) {
		t.Fatalf("%+v, %v", repaired, err)
	}
	if again := handlertest.Value[time.Time](w.Harness, `SELECT claimed_at FROM stripe_watermark`); !again.Equal(claimed) {
		t.Error("two runs in one period")
	}
	r.Now = func() time.Time { return time.Now().Add(time.Minute) }
	if repaired, err = r.Reconcile(t.Context()); err != nil || repaired != (commands.Repaired{}) {
		t.Fatalf("%+v, %v", repaired, err)
	}
	w.control("events/"+id+"/resend", nil)
	w.deliver(hook{id: id, typ: "checkout.session.completed", object: map[string]any{"id": session}})
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type = 'purchase.completed'`); n != 1 {
		t.Errorf("announced %d times", n)
	}
}

func TestCheckoutsThatNobodyToldTheEndOfAreSettled(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	paidOne, openOne, lostOne := w.User("customer"), w.User("customer"), w.User("customer")
	content := w.piece(2999)
	w.Sandbox.SetFaults(sandbox.Faults{Drops: sandbox.Always})
	paid := w.sessionOf(w.checkout(paidOne, content))
	w.control("sessions/"+paid+"/pay", nil)
	open := w.sessionOf(w.checkout(openOne, content))
	w.Sandbox.SetFaults(sandbox.Faults{Down: true})
	if got := w.checkout(lostOne, content); got.Status != http.StatusBadGateway {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	w.Sandbox.SetFaults(sandbox.Faults{Drops: sandbox.Always})

	r := w.reconciler()
	r.Events = noEvents{} // the list is of no help either
	r.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	repaired, err := r.Reconcile(t.Context())
	if err != nil || repaired.Checkouts != 3 {
		t.Fatalf("%+v, %v", repaired, err)
	}
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE customer_id = $1 AND status = 'completed'`, paidOne)
	w.Eventually(2, `SELECT count(*) FROM checkouts WHERE status = 'expired'`)
	if s := w.session(open); s.Status != "expired" {
		t.Errorf("the open session is %s", s.Status)
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type = 'checkout.expired'`); n != 2 {
		t.Errorf("%d expired announced", n)
	}
}

// noEvents is a list that shows nothing.
type noEvents struct{}

func (noEvents) ListEvents(context.Context, time.Time, []string) ([]stripe.Event, error) {
	return nil, nil
}
