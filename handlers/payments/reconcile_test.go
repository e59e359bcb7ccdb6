package payments_test

import (
	"net/http"
	"testing"
	"time"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestF31ALostWebhookIsRepairedAndALateOneChangesNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	session := w.sessionOf(w.checkout(user, content))
	w.Sandbox.SetFaults(sandbox.Faults{Drops: sandbox.Always})
	w.control("sessions/"+session+"/pay", nil)
	w.Sandbox.SetFaults(sandbox.Faults{})

	if n := w.run(w.module, "payments.reconcile"); n != 1 {
		t.Fatalf("repaired %d, want 1", n)
	}
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'completed'`)
	id := handlertest.Value[string](w.Harness, `SELECT event_id FROM stripe_events WHERE type = 'checkout.session.completed'`)

	// Another process in the same period does nothing; the next run finds nothing.
	claimed := handlertest.Value[time.Time](w.Harness, `SELECT claimed_at FROM stripe_watermark`)
	if n := w.run(w.module, "payments.reconcile"); n != 0 {
		t.Fatalf("repaired %d, want 0", n)
	}
	if again := handlertest.Value[time.Time](w.Harness, `SELECT claimed_at FROM stripe_watermark`); !again.Equal(claimed) {
		t.Error("two runs in one period")
	}
	w.Pass(5 * time.Minute)
	if n := w.run(w.module, "payments.reconcile"); n != 0 {
		t.Fatalf("repaired %d, want 0", n)
	}
	w.Pass(-5 * time.Minute)
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

	// The list of events shows nothing either.
	w.Exec(`UPDATE stripe_watermark SET seen_until = now() + interval '2 hours'`)
	w.Pass(2 * time.Hour)
	if n := w.run(w.module, "payments.reconcile"); n != 3 {
		t.Fatalf("repaired %d, want 3", n)
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
