package payments_test

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// sessionsOf are the sandbox's sessions of a checkout.
func (w *harness) sessionsOf(checkoutID string) []stripe.Session {
	w.Helper()
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	return handlertest.Must(w.Stripe.FindCheckouts(context.Background(), checkoutID, from, to))(w)
}

func (w *harness) session(id string) stripe.Session {
	w.Helper()
	return handlertest.Must(w.Stripe.RetrieveCheckout(context.Background(), id))(w)
}

func (w *harness) verify(user, session string) answer {
	w.Helper()
	return w.request(http.MethodGet, "/checkout/verify?session_id="+url.QueryEscape(session), user, nil)
}

func TestACheckoutIsPaidAndVerified(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	session := w.sessionOf(w.checkout(user, content))

	at := w.session(session)
	checkout := w.text(`SELECT id::text FROM checkouts WHERE stripe_session_id = $1 AND status = 'open'`, session)
	if at.AmountTotal != 2999 || at.Currency != "gbp" || at.ClientReferenceID != checkout {
		t.Errorf("%+v", at)
	}
	for key, want := range map[string]string{
		"contentId":      content,
		"customerId":     user,
		"organizationId": w.organization,
		"creatorId":      w.creator,
		"contentTitle":   "A piece",
	} {
		if at.Metadata[key] != want {
			t.Errorf("metadata %s: %q, want %q", key, at.Metadata[key], want)
		}
	}
	if life := time.Until(at.ExpiresAt); life < 30*time.Minute || life > time.Hour {
		t.Errorf("it lives %s", life)
	}
	if got := w.verify(user, session); got.At("data.sessionStatus") != "open" || got.At("data.purchase") != nil {
		t.Errorf("before: %s", got.Body)
	}
	if got := w.verify(w.User("customer"), session); got.Status != http.StatusForbidden {
		t.Errorf("a stranger: %d", got.Status)
	}
	if got := w.verify(user, "cs_none"); got.Status != http.StatusNotFound {
		t.Errorf("no such session: %d", got.Status)
	}

	w.control("sessions/"+session+"/pay", nil)
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE checkout_id = $1 AND status = 'completed'`, checkout)
	got := w.verify(user, session)
	if got.Text("data.sessionStatus") != "complete" || got.At("data.purchase.amountPaidCents") != 2999.0 ||
		got.Text("data.content.title") != "A piece" {
		t.Errorf("after: %s", got.Body)
	}
	w.checkout(user, content).Want(http.StatusConflict, "ALREADY_PURCHASED")
	if got := w.eventsOf(checkout); got != "checkout.started" {
		t.Errorf("events %q", got)
	}

	// Refunds and disputes at the sandbox arrive as webhooks.
	intent := w.session(session).PaymentIntentID
	w.control("payment_intents/"+intent+"/refund", map[string]any{"amount": 500})
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'partially_refunded' AND refund_amount_cents = 500`)
	w.control("payment_intents/"+intent+"/dispute", nil)
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE disputed_at IS NOT NULL AND dispute_reason = 'fraudulent'`)
	w.control("disputes/"+w.text(`SELECT stripe_dispute_id FROM purchases`)+"/close", map[string]any{"status": "lost"})
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'refunded'`)
	if got := w.eventsOf(w.text(`SELECT id::text FROM purchases`)); got !=
		"purchase.completed purchase.refunded purchase.disputed purchase.dispute_closed" {
		t.Errorf("events %q", got)
	}
}

func TestCheckoutsThatAreRejected(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user := w.User("customer")
	changed := func(set string) string {
		id := w.piece(2999)
		w.Exec(`UPDATE content SET `+set+` WHERE id = $1`, id)
		return id
	}
	unpriced := changed(`access_type = 'subscribers', price_cents = NULL`)
	for _, c := range []struct {
		name, user, content string
		status              int
		code, reason        string
	}{
		{"unknown", user, uuid.NewString(), 404, "NOT_FOUND", ""},
		{"draft", user, changed(`status = 'draft'`), 422, "CONTENT_NOT_PURCHASABLE", "not_published"},
		{"deleted", user, changed(`deleted_at = now()`), 422, "CONTENT_NOT_PURCHASABLE", "deleted"},
		{"free", user, changed(`access_type = 'free', price_cents = 0`), 422, "CONTENT_NOT_PURCHASABLE", "free"},
		{"no price", user, unpriced, 422, "CONTENT_NOT_PURCHASABLE", "no_price"},
		{"one's own", w.creator, w.piece(2999), 422, "CONTENT_NOT_PURCHASABLE", "own_content"},
		{"signed out", "", w.piece(2999), 401, "UNAUTHORIZED", ""},
	} {
		got := w.checkout(c.user, c.content)
		if got.Status != c.status || got.At("error.code") != c.code {
			t.Errorf("%s: %d %s", c.name, got.Status, got.Body)
		}
		if c.reason != "" && got.At("error.details.context.reason") != c.reason {
			t.Errorf("%s: %s", c.name, got.Body)
		}
	}
	for _, target := range []string{
		"https://evil.example.test/",
		"http://localhost.evil.test/",
		"http://127.0.0.1.nip.io/",
		"javascript:alert(1)",
		"//localhost/",
		"http://user@localhost/",
	} {
		got := w.request(http.MethodPost, "/checkout/create", user, map[string]string{
			"contentId": w.piece(1), "successUrl": target, "cancelUrl": "http://shop.lvh.me:8080/",
		})
		if got.Status != http.StatusBadRequest || got.At("error.code") != "VALIDATION_ERROR" {
			t.Errorf("%s: %d %s", target, got.Status, got.Body)
		}
	}
	if n := w.Number(`SELECT count(*) FROM checkouts`); n != 0 {
		t.Errorf("%d checkouts", n)
	}
}

func TestH01TwoTabsGetOneSession(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	var tabs sync.WaitGroup
	sessions := make(chan string, 8)
	for range cap(sessions) {
		tabs.Go(func() {
			a := w.checkout(user, content)
			id, _ := a.At("data.sessionId").(string)
			if a.Status != http.StatusOK {
				t.Errorf("%d %s", a.Status, a.Body)
			}
			sessions <- id
		})
	}
	tabs.Wait()
	first := <-sessions
	for range cap(sessions) - 1 {
		if other := <-sessions; other != first {
			t.Errorf("two sessions: %s and %s", first, other)
		}
	}
	if n := w.Number(`SELECT count(*) FROM checkouts`); n != 1 {
		t.Errorf("%d checkouts", n)
	}
	id := w.text(`SELECT id::text FROM checkouts`)
	if n := len(w.sessionsOf(id)); n != 1 {
		t.Errorf("%d sessions at the provider", n)
	}
	if got := w.eventsOf(id); got != "checkout.started" {
		t.Errorf("events %q", got)
	}
}

func TestH02AChangedPriceClosesTheOldSession(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	old := w.sessionOf(w.checkout(user, content))
	w.Exec(`UPDATE content SET price_cents = 3999, title = 'Dearer' WHERE id = $1`, content)
	fresh := w.sessionOf(w.checkout(user, content))
	if fresh == old || w.session(old).Status != stripe.SessionExpired || w.session(fresh).AmountTotal != 3999 {
		t.Fatalf("old %+v, new %+v", w.session(old), w.session(fresh))
	}
	oldID := w.text(`SELECT id::text FROM checkouts WHERE stripe_session_id = $1`, old)
	w.Eventually(1, `SELECT count(*) FROM checkouts WHERE id = $1 AND status = 'expired'`, oldID)
	w.Eventually(0, `SELECT count(*) FROM stripe_events WHERE processed_at IS NULL`)
	if got := w.eventsOf(oldID); got != "checkout.started checkout.expired" {
		t.Errorf("events %q", got)
	}

	// The price of the session counts, not the one of the moment of payment.
	w.Exec(`UPDATE content SET price_cents = 1 WHERE id = $1`, content)
	w.control("sessions/"+fresh+"/pay", nil)
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE amount_paid_cents = 3999 AND status = 'completed'`)
}

func TestH02APaymentThatDoesNotMatchItsCheckoutIsToBeRefunded(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	session := w.sessionOf(w.checkout(user, content))
	h := paidSession(w, user, content, "pi_less", 100)
	h.object["id"] = session
	w.deliver(h)
	n := w.Number(`SELECT count(*) FROM refund_obligations WHERE reason = 'amount_mismatch' AND amount_cents = 100`)
	if n != 1 {
		t.Error("nothing is to be refunded")
	}
	if n := w.Number(`SELECT count(*) FROM purchases`); n != 0 {
		t.Error("it became a purchase")
	}
}

func TestH02ASessionThatWasPaidIsNotReplaced(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	old := w.sessionOf(w.checkout(user, content))
	w.rejecting.Store(true)
	w.control("sessions/"+old+"/pay", nil)
	w.Exec(`UPDATE content SET price_cents = 3999 WHERE id = $1`, content)
	if got := w.checkout(user, content); got.Status != http.StatusConflict {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	w.rejecting.Store(false)
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE amount_paid_cents = 2999 AND status = 'completed'`)
	w.Eventually(0, `SELECT count(*) FROM checkouts WHERE status IN ('creating', 'open', 'expiring')`)
}

func TestF38F39ACallWithAnUnknownOutcomeOpensOneSession(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for _, c := range []struct {
		name   string
		faults sandbox.Faults
	}{
		{"the response is lost", sandbox.Faults{DroppedReplies: 1}},
		{"done, with status 500", sandbox.Faults{CommittedErrors: 1}},
		{"not done, with status 500", sandbox.Faults{Errors: 1}},
		{"rate limited", sandbox.Faults{RateLimits: 1}},
	} {
		user, content := w.User("customer"), w.piece(2999)
		w.portalPage(user) // creates the customer, so that the fault affects the session
		w.Sandbox.SetFaults(c.faults)
		session := w.sessionOf(w.checkout(user, content))
		w.Sandbox.SetFaults(sandbox.Faults{})
		id := w.text(`SELECT id::text FROM checkouts WHERE stripe_session_id = $1`, session)
		if n := len(w.sessionsOf(id)); n != 1 {
			t.Errorf("%s: %d sessions", c.name, n)
		}
	}
}

func TestF40AnOutageOfTheProviderIsReportedAndLosesNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	w.Sandbox.SetFaults(sandbox.Faults{Down: true})
	begun := time.Now()
	got := w.checkout(user, content)
	if got.Status != http.StatusBadGateway || got.At("error.code") != "PAYMENT_PROCESSING_ERROR" {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if took := time.Since(begun); took > 9*time.Second {
		t.Errorf("the buyer waited %s", took)
	}
	id := w.text(`SELECT id::text FROM checkouts WHERE status = 'creating'`)
	w.Sandbox.SetFaults(sandbox.Faults{})
	session := w.sessionOf(w.checkout(user, content))
	if w.text(`SELECT stripe_session_id FROM checkouts WHERE id = $1`, id) != session {
		t.Error("the second attempt opened another checkout")
	}
}
