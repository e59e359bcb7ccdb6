package payments_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// refundOf is an event about one refund.
func refundOf(intent, typ, id string, amount int, status string) hook {
	return hook{id: eventID(), typ: typ, object: map[string]any{
		"id":             id,
		"object":         "refund",
		"payment_intent": intent,
		"charge":         "ch_" + intent,
		"amount":         amount,
		"currency":       "gbp",
		"status":         status,
		"reason":         "duplicate",
		"created":        time.Now().Unix(),
	}}
}

// disputeOf is an event about one of several disputes.
func disputeOf(intent, id, typ, status string) hook {
	h := disputed(intent, "charge.dispute."+typ, status)
	h.object["id"] = id
	return h
}

// sellElsewhere lets another system sell through the same account, and returns the payment
// intent.
func (w *harness) sellElsewhere(amount int64, metadata map[string]string) string {
	w.Helper()
	session := handlertest.Must(w.Stripe.CreateCheckout(w.Context(), stripe.CheckoutParams{
		IdempotencyKey: "elsewhere " + handlertest.FlatID(),
		AmountCents:    amount,
		Currency:       "gbp",
		ProductName:    "A shirt",
		SuccessURL:     w.URL,
		Metadata:       metadata,
	}))(w)
	w.control("sessions/"+session.ID+"/pay", nil)
	return w.session(session.ID).PaymentIntentID
}

func TestPaymentsOfOthersInTheAccountAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	staging := map[string]string{
		"customerId":   user,
		"contentId":    content,
		"installation": purchase.Marker("another database", w.URL),
	}
	var intents []string
	for _, metadata := range []map[string]string{
		nil,
		{"order": "4711"},
		{"customerId": "someone", "contentId": "something"},
		{"customerId": user},
		staging,
	} {
		intents = append(intents, w.sellElsewhere(2999, metadata))
	}
	intents = append(intents, w.sellElsewhere(2500, map[string]string{"customerId": user, "contentId": content}))
	w.control("payment_intents/"+intents[0]+"/refund", map[string]any{"amount": 100})
	w.control("payment_intents/"+intents[1]+"/dispute", nil)
	w.Until("all events are processed", func() bool {
		return w.Number(`SELECT count(*) FROM stripe_events WHERE processed_at IS NULL`) == 0 &&
			w.Number(`SELECT count(*) FROM stripe_events WHERE type IN ('charge.refunded', 'charge.dispute.created')`) == 2
	})
	w.reconcile(w.config)
	w.run(w.module, "payments.refund")
	w.run(w.module, "payments.look_up_refunds")

	for _, table := range []string{"purchases", "refund_obligations", "dead_letters"} {
		if n := w.Number(`SELECT count(*) FROM ` + table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type LIKE 'purchase.%'`); n != 0 {
		t.Errorf("%d events", n)
	}
	for i, intent := range intents {
		made := handlertest.Must(w.Stripe.ListRefunds(t.Context(), intent))(t)
		if want := map[int]int{0: 1}[i]; len(made) != want {
			t.Errorf("payment %d has %d refunds, want %d", i, len(made), want)
		}
	}
	if n := w.Number(`SELECT count(*) FROM stripe_events WHERE result = 'foreign'`); n < len(intents) {
		t.Errorf("%d events are foreign", n)
	}
	list, total, err := postgres.ForeignPayments(t.Context(), w.Pool, 100)
	if err != nil || len(list) != len(intents) || int(total) != len(intents) {
		t.Fatalf("%d of %d payments are listed, %v", len(list), total, err)
	}
	reasons := ""
	for _, p := range list {
		reasons += fmt.Sprintln(p.Intent, p.Amount, p.Currency, p.Reason)
	}
	for _, want := range []string{
		intents[0] + " 2999 gbp it names no buyer and content item",
		intents[4] + " 2999 gbp it is of another installation",
		intents[5] + " 2500 gbp the item costs 2999 gbp, paid 2500 gbp",
	} {
		if !strings.Contains(reasons, want) {
			t.Errorf("the list lacks %q:\n%s", want, reasons)
		}
	}
	if strings.Contains(reasons, user) {
		t.Error("the list names the buyer")
	}
}

func TestOurSessionsCarryTheMarkerOfTheInstallation(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	session := w.session(w.sessionOf(w.checkout(w.User("customer"), w.piece(2999))))
	want := purchase.Marker(w.text(`SELECT id::text FROM installation`), w.URL)
	if got := session.Metadata["installation"]; got != want {
		t.Errorf("marker %q, want %q", got, want)
	}
}

func TestARefundInTheDashboardKeepsItsIDAndReason(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	session := w.sessionOf(w.checkout(user, content))
	w.control("sessions/"+session+"/pay", nil)
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'completed'`)
	intent := w.session(session).PaymentIntentID

	// Only the event without a list of refunds arrives.
	w.Sandbox.SetFaults(sandbox.Faults{Drops: sandbox.Always})
	w.control("payment_intents/"+intent+"/refund", map[string]any{"amount": 700, "reason": "fraudulent"})
	w.deliver(refundedCharge(intent, 2999, 700))
	if got := w.text(`SELECT COALESCE(stripe_refund_id, 'none') FROM purchases`); got != "none" {
		t.Fatalf("refund %s", got)
	}
	if n := w.run(w.module, "payments.look_up_refunds"); n != 1 {
		t.Errorf("looked up %d payments, want 1", n)
	}
	made := handlertest.Must(w.Stripe.ListRefunds(t.Context(), intent))(t)
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE stripe_refund_id = $1 AND refund_reason = 'fraudulent'
		AND refund_amount_cents = 700 AND status = 'partially_refunded'`, made[0].ID)
	got := w.request(http.MethodGet, "/purchases/"+w.text(`SELECT id::text FROM purchases`), user, nil)
	if got.At("data.stripeRefundId") != made[0].ID || got.At("data.refundReason") != "fraudulent" {
		t.Errorf("%s", got.Body)
	}
	if n := w.run(w.module, "payments.look_up_refunds"); n != 0 {
		t.Errorf("looked up %d payments again", n)
	}
}

func TestARefundThatFailsGivesAccessBack(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	session := w.sessionOf(w.checkout(user, content))
	w.control("sessions/"+session+"/pay", nil)
	w.Until("the payment opens the stream", func() bool { return w.stream(user, content) == http.StatusOK })

	w.control("payment_intents/"+w.session(session).PaymentIntentID+"/refund", map[string]any{"status": "pending"})
	w.Until("the refund closes the stream", func() bool { return w.stream(user, content) == http.StatusForbidden })
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'refunded'`)
	refund := w.text(`SELECT refund_id FROM payment_refunds WHERE status = 'pending'`)
	w.control("refunds/"+refund+"/settle", map[string]any{"status": "failed"})
	w.Until("its failure opens the stream", func() bool { return w.stream(user, content) == http.StatusOK })
	w.Eventually(1, `SELECT count(*) FROM purchases
		WHERE status = 'completed' AND refund_amount_cents IS NULL AND refunded_at IS NULL`)
	w.Eventually(0, `SELECT count(*) FROM stripe_events WHERE processed_at IS NULL`)
	if got := w.eventsOf(w.text(`SELECT id::text FROM purchases`)); got !=
		"purchase.completed purchase.refunded purchase.refund_failed" {
		t.Errorf("events %q", got)
	}
}

func TestARefundOfADuplicateThatFailsIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	metadata := map[string]string{"customerId": w.User("customer"), "contentId": w.deletedPiece(700)}
	intent := w.sellElsewhere(700, metadata)
	w.Eventually(1, `SELECT count(*) FROM refund_obligations WHERE amount_cents = 700`)
	if n := w.run(w.module, "payments.refund"); n != 1 {
		t.Fatalf("refunded %d, want 1", n)
	}
	first := handlertest.Must(w.Stripe.ListRefunds(t.Context(), intent))(t)[0].ID
	w.control("refunds/"+first+"/settle", map[string]any{"status": "failed"})
	w.Eventually(1, `SELECT count(*) FROM payment_refunds WHERE refund_id = $1 AND status = 'failed'`, first)
	w.Eventually(1, `SELECT count(*) FROM refund_obligations WHERE paid_at IS NULL`)

	if n := w.run(w.module, "payments.refund"); n != 1 {
		t.Fatalf("refunded %d again, want 1", n)
	}
	made := handlertest.Must(w.Stripe.ListRefunds(t.Context(), intent))(t)
	if len(made) != 2 || made[0].ID == first || made[0].AmountCents != 700 || made[0].Status != "succeeded" {
		t.Fatalf("%+v", made)
	}
	w.Eventually(1, `SELECT count(*) FROM refund_obligations WHERE paid_at IS NOT NULL AND stripe_refund_id = $1`,
		made[0].ID)
	if n := w.run(w.module, "payments.refund"); n != 0 {
		t.Errorf("refunded %d a third time", n)
	}
}

func TestAFailedRefundIsOwedWhenTheItemWasBoughtAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	first := w.purchaseOf(user, content)
	w.deliver(refundOf(first, "refund.created", "re_1", 2999, "pending"))
	second := w.purchaseOf(user, content)
	w.deliver(refundOf(first, "refund.failed", "re_1", 2999, "failed"))

	if n := w.Number(`SELECT count(*) FROM purchases WHERE status = 'completed' AND stripe_payment_intent_id = $1`,
		second); n != 1 {
		t.Error("the second purchase does not stand")
	}
	if n := w.Number(`SELECT count(*) FROM refund_obligations
		WHERE payment_intent = $1 AND reason = 'duplicate' AND amount_cents = 2999 AND paid_at IS NULL`, first); n != 1 {
		t.Error("the first payment is not owed")
	}
	if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
		t.Errorf("%d dead letters", n)
	}
	w.deliver(refundOf(first, "refund.created", "re_2", 2999, "succeeded"))
	if n := w.Number(`SELECT count(*) FROM refund_obligations WHERE paid_at IS NULL`); n != 0 {
		t.Error("it is owed after a refund that was made by hand")
	}
	if got := w.stream(user, content); got != http.StatusOK {
		t.Errorf("the stream responds with %d", got)
	}
}

func TestDisputesByIDDecideAboutAccess(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	intent := w.purchaseOf(user, content)
	first := disputeOf(intent, "dp_1", "created", "needs_response")
	for _, c := range []struct {
		name string
		hook hook
		want int
	}{
		{"an inquiry", disputeOf(intent, "dp_0", "created", "warning_needs_response"), http.StatusOK},
		{"is closed", disputeOf(intent, "dp_0", "closed", "warning_closed"), http.StatusOK},
		{"a dispute", first, http.StatusForbidden},
		{"a second one", disputeOf(intent, "dp_2", "created", "needs_response"), http.StatusForbidden},
		{"the first is won", disputeOf(intent, "dp_1", "closed", "won"), http.StatusForbidden},
		{"the second is reinstated", disputeOf(intent, "dp_2", "funds_reinstated", "under_review"), http.StatusOK},
		{"the first is reported late", disputeOf(intent, "dp_1", "funds_withdrawn", "needs_response"), http.StatusOK},
		{"an inquiry costs", disputeOf(intent, "dp_3", "funds_withdrawn", "warning_needs_response"), http.StatusForbidden},
		{"it is lost", disputeOf(intent, "dp_3", "closed", "lost"), http.StatusForbidden},
		{"the money returns after all", disputeOf(intent, "dp_3", "funds_reinstated", "won"), http.StatusOK},
		{"its loss is reported again", disputeOf(intent, "dp_3", "updated", "lost"), http.StatusOK},
	} {
		w.deliver(c.hook)
		if got := w.stream(user, content); got != c.want {
			t.Errorf("%s: the stream responds with %d, want %d", c.name, got, c.want)
		}
	}
	if n := w.Number(`SELECT count(*) FROM payment_disputes WHERE payment_intent = $1`, intent); n != 4 {
		t.Errorf("%d disputes", n)
	}
}
