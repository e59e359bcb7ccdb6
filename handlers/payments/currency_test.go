package payments_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestAnItemIsSoldInTheCurrencyOfItsPrice(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(3000)
	w.Exec(`UPDATE content SET currency = 'jpy' WHERE id = $1`, content)
	session := w.sessionOf(w.checkout(user, content))
	if at := w.session(session); at.AmountTotal != 3000 || at.Currency != "jpy" {
		t.Errorf("%+v", at)
	}
	w.control("sessions/"+session+"/pay", nil)
	w.Eventually(1, `SELECT count(*)::int FROM purchases
		WHERE customer_id = $1 AND status = 'completed' AND amount_paid_cents = 3000 AND currency = 'jpy'`, user)

	// The price in another currency is another offer.
	other := w.piece(3000)
	buyer := w.User("customer")
	first := w.sessionOf(w.checkout(buyer, other))
	w.Exec(`UPDATE content SET currency = 'jpy' WHERE id = $1`, other)
	if second := w.sessionOf(w.checkout(buyer, other)); second == first {
		t.Error("the session in pounds is used for a price in yen")
	}
}

func TestAnItemWhosePriceCannotBeChargedIsNotOffered(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	a := w.checkout(w.User("customer"), w.piece(20))
	a.Want(http.StatusUnprocessableEntity, "CONTENT_NOT_PURCHASABLE")
	if reason := a.Text("error.details.context.reason"); reason != "price_not_chargeable" {
		t.Errorf("the reason is %q: %s", reason, a.Body)
	}
}

// deliverBody delivers an event as it is.
func (w *harness) deliverBody(body string) answer {
	w.Helper()
	return w.post("booking", []byte(body), sign([]byte(body), bookingKey, time.Now()))
}

func TestThinEventsAreAnsweredAndLeftAlone(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for _, body := range []string{
		`{"id": "evt_thin_1", "object": "v2.core.event", "type": "v2.core.account.updated",
			"created": "2026-11-30T08:00:00.123Z", "livemode": true, "context": "acct_1", "changes": null,
			"reason": {"type": "request", "request": {"id": "req_1", "idempotency_key": "k"}},
			"related_object": {"id": "acct_1", "type": "v2.core.account", "url": "/v2/core/accounts/acct_1"}}`,
		`{"id": "evt_thin_2", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered",
			"created": "2026-11-30T08:00:00Z", "livemode": false, "data": {"reason": {"error_count": 1}}}`,
		`{"id": "evt_thin_3", "object": "v2.core.event", "type": "checkout.session.completed",
			"created": "2026-11-30T08:00:00Z", "livemode": false, "data": null}`,
	} {
		if a := w.deliverBody(body); a.Status != http.StatusOK {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	const stored = `SELECT count(*)::int FROM stripe_events WHERE event_id LIKE 'evt_thin%' AND result = 'ignored'`
	if got := handlertest.Value[int](w.Harness, stored); got != 3 {
		t.Errorf("%d events are ignored", got)
	}
}

func TestAPaymentInTheCurrencyOfTheBuyerIsRead(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for name, converted := range map[string]map[string]any{
		// Until 2025-03 the session counts in the currency of the buyer.
		"converted": {
			"amount_total": 3790, "currency": "usd",
			"currency_conversion": map[string]any{
				"amount_subtotal": 2999, "amount_total": 2999, "fx_rate": "1.2637", "source_currency": "gbp",
			},
		},
		// Since then it counts in that of the price.
		"presented": {
			"amount_total": 2999, "currency": "gbp", "currency_conversion": nil,
			"presentment_details": map[string]any{"presentment_amount": 3790, "presentment_currency": "usd"},
		},
	} {
		user, content := w.User("customer"), w.piece(2999)
		session := w.sessionOf(w.checkout(user, content))
		h := paidSession(w, user, content, "pi_"+name, 2999)
		h.object["id"] = session
		for key, value := range converted {
			h.object[key] = value
		}
		w.deliver(h)
		w.Eventually(1, `SELECT count(*)::int FROM payments WHERE payment_intent = $1
			AND outcome = 'purchase' AND amount_cents = 2999 AND currency = 'gbp'`, "pi_"+name)
	}
}
