package payments_test

import (
	"net/http"
	"testing"
	"time"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestH01ASecondPaymentIsRefundedAutomatically(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	first := w.sessionOf(w.checkout(user, content))
	w.control("sessions/"+first+"/pay", nil)
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'completed'`)
	// A session that got through all the same, for example of an older deployment.
	second, err := w.Stripe.CreateCheckout(t.Context(), stripe.CheckoutParams{
		IdempotencyKey: "second",
		AmountCents:    2999,
		Currency:       "gbp",
		ProductName:    "A piece",
		SuccessURL:     w.URL,
		CancelURL:      w.URL,
		Metadata:       map[string]string{"customerId": user, "contentId": content},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.control("sessions/"+second.ID+"/pay", nil)
	w.Eventually(1, `SELECT count(*) FROM refund_obligations WHERE paid_at IS NULL AND reason = 'duplicate'`)

	w.Sandbox.SetFaults(sandbox.Faults{Errors: 1}) // the key now stands for a failure
	if n := w.run(w.module, "payments.refund"); n != 0 {
		t.Fatalf("refunded %d while the provider fails", n)
	}
	if n := w.run(w.module, "payments.refund"); n != 0 {
		t.Fatalf("refunded %d without a pause", n)
	}
	w.Pass(time.Minute)
	if n := w.run(w.module, "payments.refund"); n != 1 {
		t.Fatalf("refunded %d, want 1", n)
	}
	intent := w.session(second.ID).PaymentIntentID
	w.Eventually(1, `SELECT count(*) FROM payments WHERE payment_intent = $1 AND refunded_cents = 2999`, intent)
	made, err := w.Stripe.ListRefunds(t.Context(), intent)
	if err != nil || len(made) != 1 || made[0].AmountCents != 2999 || made[0].Reason != stripe.ReasonDuplicate {
		t.Fatalf("%+v, %v", made, err)
	}
	if got := w.text(`SELECT stripe_refund_id FROM refund_obligations WHERE paid_at IS NOT NULL`); got != made[0].ID {
		t.Errorf("refund %s", got)
	}
	if n := w.Number(`SELECT count(*) FROM purchases WHERE status = 'completed'`); n != 1 {
		t.Error("the first purchase does not stand")
	}
}

func TestAPaymentRefundedByHandIsNotRefundedTwice(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	session, err := w.Stripe.CreateCheckout(t.Context(), stripe.CheckoutParams{
		IdempotencyKey: "one",
		AmountCents:    700,
		Currency:       "gbp",
		ProductName:    "A piece",
		SuccessURL:     w.URL,
		Metadata:       map[string]string{"customerId": w.User("customer"), "contentId": w.deletedPiece(700)},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.control("sessions/"+session.ID+"/pay", nil)
	w.Eventually(1, `SELECT count(*) FROM refund_obligations WHERE reason = 'unfulfillable' AND amount_cents = 700`)
	w.Sandbox.SetFaults(sandbox.Faults{Drops: sandbox.Always}) // or the webhook settles it
	w.control("payment_intents/"+w.session(session.ID).PaymentIntentID+"/refund", nil)
	if n := w.run(w.module, "payments.refund"); n != 1 {
		t.Fatalf("settled %d, want 1", n)
	}
	if made, _ := w.Stripe.ListRefunds(t.Context(), w.session(session.ID).PaymentIntentID); len(made) != 1 {
		t.Fatalf("%d refunds", len(made))
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

	if n := w.run(w.module, "payments.reconcile"); n != 1 {
		t.Fatalf("repaired %d, want 1", n)
	}
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'completed'`)
	id := w.text(`SELECT event_id FROM stripe_events WHERE type = 'checkout.session.completed'`)

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
		t.Errorf("%d events", n)
	}
}

func TestTheEndOfCheckoutsIsRecordedWithoutEvents(t *testing.T) {
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
		t.Errorf("%d checkout.expired events", n)
	}
}
