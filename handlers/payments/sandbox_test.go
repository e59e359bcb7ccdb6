package payments_test

import (
	"net/http"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestABankDebitOpensAccessWhenItSettles(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	content := w.piece(2999)
	for result, want := range map[string]int{"succeeded": 1, "failed": 0} {
		user := w.User("customer")
		session := w.sessionOf(w.checkout(user, content))
		w.control("sessions/"+session+"/pay", map[string]any{"method": "bank_debit"})
		w.control("sessions/"+session+"/settle", map[string]any{"status": result})
		w.Eventually(1, `SELECT count(*)::int FROM stripe_events WHERE processed_at IS NOT NULL
			AND type = 'checkout.session.async_payment_`+result+`'`)
		w.Eventually(want, `SELECT count(*)::int FROM content_access WHERE user_id = $1`, user)
	}
}

func TestForgedDeliveriesAreRejected(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user := w.User("customer")
	w.control("sessions/"+w.sessionOf(w.checkout(user, w.piece(2999)))+"/pay", nil)
	w.Eventually(1, `SELECT count(*)::int FROM purchases WHERE customer_id = $1`, user)
	event := handlertest.Value[string](w.Harness, `SELECT event_id FROM stripe_events
		WHERE type = 'checkout.session.completed'`)
	for fault, status := range map[string]float64{
		"secret":   http.StatusUnauthorized,
		"stale":    http.StatusUnauthorized,
		"body":     http.StatusUnauthorized,
		"unsigned": http.StatusBadRequest,
	} {
		a := w.request(http.MethodPost, w.Sandbox.URL()+"/sandbox/events/"+event+"/forge", "",
			map[string]any{"fault": fault})
		if a.At("data.0.status") != status || a.At("data.1.status") != status {
			t.Errorf("%s: %d %s", fault, a.Status, a.Body)
		}
	}
}
