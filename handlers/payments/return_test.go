package payments_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestTheBuyersReturnOpensAccessWithoutAWebhook(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	w.Sandbox.SetFaults(sandbox.Faults{Drops: sandbox.Always})
	session := w.sessionOf(w.checkout(user, content))
	w.control("sessions/"+session+"/pay", nil)

	got := w.verify(user, session)
	if got.At("data.sessionStatus") != "complete" || got.At("data.purchase.amountPaidCents") != 2999.0 ||
		got.At("data.content.id") != content {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if status := w.stream(user, content); status != http.StatusOK {
		t.Errorf("right after the return, the stream responds with %d", status)
	}

	// The webhook that comes after all changes nothing.
	w.Sandbox.SetFaults(sandbox.Faults{})
	completed := []string{stripe.EventCheckoutCompleted}
	list := handlertest.Must(w.Stripe.ListEvents(t.Context(), w.Now().Add(-time.Hour), completed))(t)
	w.control("events/"+list.Events[0].ID+"/resend", nil)
	w.Eventually(1, `SELECT count(*) FROM stripe_events WHERE result = 'unchanged'`)
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type = 'purchase.completed'`); n != 1 {
		t.Errorf("%d purchases were completed", n)
	}
}

func TestTheReturnFromASessionOpenedElsewhereIsRecordedForItsBuyerOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	w.Sandbox.SetFaults(sandbox.Faults{Drops: sandbox.Always})
	session := handlertest.Must(w.Stripe.CreateCheckout(t.Context(), stripe.CheckoutParams{
		IdempotencyKey: "elsewhere",
		AmountCents:    2999,
		Currency:       "gbp",
		ProductName:    "A piece",
		SuccessURL:     w.URL,
		Metadata:       map[string]string{"customerId": user, "contentId": content},
	}))(t)
	w.control("sessions/"+session.ID+"/pay", nil)

	if got := w.verify(w.User("customer"), session.ID); got.Status != http.StatusForbidden {
		t.Errorf("another buyer: %d %s", got.Status, got.Body)
	}
	if n := w.Number(`SELECT count(*) FROM commands`); n != 0 {
		t.Errorf("%d commands follow from another buyer's request", n)
	}
	if got := w.verify(user, session.ID); got.At("data.purchase.amountPaidCents") != 2999.0 {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if status := w.stream(user, content); status != http.StatusOK {
		t.Errorf("the stream responds with %d", status)
	}
}

func TestTheReturnDuringAnOutageOfTheProviderShowsWhatIsKnown(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	session := w.sessionOf(w.checkout(user, content))
	w.rejecting.Store(true)
	w.control("sessions/"+session+"/pay", nil)
	w.Sandbox.SetFaults(sandbox.Faults{Down: true})
	if got := w.verify(user, session); got.Status != http.StatusOK || got.At("data.sessionStatus") != "open" {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	w.Sandbox.SetFaults(sandbox.Faults{})
	if got := w.verify(user, session); got.At("data.purchase.amountPaidCents") != 2999.0 {
		t.Errorf("after the outage: %d %s", got.Status, got.Body)
	}
}

func TestAMismatchIsLoggedAndListedWithItsReason(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	session := w.sessionOf(w.checkout(user, content))
	h := paidSession(w, user, content, "pi_mismatch", 100)
	h.object["id"] = session
	w.deliver(h)
	w.Eventually(1, `SELECT count(*) FROM refund_obligations`)

	const reason = "expected 2999 gbp, paid 100 gbp"
	line := ""
	for l := range strings.Lines(w.logs.String()) {
		if strings.Contains(l, `"payment_intent":"pi_mismatch"`) {
			line = l
		}
	}
	for _, want := range []string{h.id, "amount_mismatch", reason} {
		if !strings.Contains(line, want) {
			t.Errorf("the log does not say %q: %s", want, line)
		}
	}
	if strings.Contains(line, user) {
		t.Errorf("the log names the buyer: %s", line)
	}
	if got := w.text(`SELECT detail FROM refund_obligations WHERE payment_intent = 'pi_mismatch'`); got != reason {
		t.Errorf("detail %q", got)
	}
}
