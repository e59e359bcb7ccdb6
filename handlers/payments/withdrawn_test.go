package payments_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// withdrawal is a change after which an item is not for sale any more, as its creator makes it.
type withdrawal struct {
	name, method, path string
	body               any
	// kept says that a payment that was made all the same is a purchase.
	kept bool
}

var withdrawals = []withdrawal{
	{name: "unpublished", method: http.MethodPost, path: "/unpublish", kept: true},
	{name: "deleted", method: http.MethodDelete},
	{name: "private", method: http.MethodPatch, body: map[string]any{"accessType": "private"}},
	{name: "free", method: http.MethodPatch, body: map[string]any{"accessType": "free", "priceCents": 0}},
}

// personal makes a published item of the creator alone.
func (w *harness) personal(price int) string {
	w.Helper()
	return w.Publish(handlertest.ForSale{Creator: w.creator, Price: price})
}

// change changes an item as its creator.
func (w *harness) change(content string, c withdrawal) {
	w.Helper()
	got := w.request(c.method, "/api/content/"+content+c.path, w.creator, c.body)
	if got.Status/100 != 2 {
		w.Fatalf("%s: %d %s", c.name, got.Status, got.Body)
	}
}

func TestWithdrawnContentExpiresItsOpenSessionsAtOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for _, c := range withdrawals {
		content := w.personal(2999)
		first := w.sessionOf(w.checkout(w.User("customer"), content))
		second := w.sessionOf(w.checkout(w.User("customer"), content))
		w.change(content, c)
		w.Until(c.name+" expires both sessions", func() bool {
			return w.session(first).Status == stripe.SessionExpired && w.session(second).Status == stripe.SessionExpired
		})
		w.Eventually(2, `SELECT count(*) FROM checkouts WHERE content_id = $1 AND status = 'expired'`, content)
		id := w.text(`SELECT id::text FROM checkouts WHERE stripe_session_id = $1`, first)
		if got := w.eventsOf(id); got != "checkout.started checkout.expired" {
			t.Errorf("%s: events %q", c.name, got)
		}
	}
}

func TestAChangedAccessTypeExpiresSessionsAndKeepsPayments(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for _, accessType := range []string{"subscribers", "members", "followers"} {
		user, content := w.User("customer"), w.piece(2999)
		open := w.sessionOf(w.checkout(w.User("customer"), content))
		paid := w.sessionOf(w.checkout(user, content))
		w.rejecting.Store(true)
		w.control("sessions/"+paid+"/pay", nil)
		w.Exec(`UPDATE content SET access_type = $2 WHERE id = $1`, content, accessType)
		w.Tell(w.Event(w.organization, content, 1, events.ContentPriceChanged{
			ContentID:     content,
			AccessType:    accessType,
			PriceCents:    2999,
			OldAccessType: "paid",
			OldPriceCents: 2999,
		}))
		w.Until(accessType+" expires the session", func() bool { return w.session(open).Status == stripe.SessionExpired })
		w.Until(accessType+" opens the stream", func() bool { return w.stream(user, content) == http.StatusOK })
		w.rejecting.Store(false)
	}
}

func TestASessionStaysOpenWhenOnlyThePriceChanges(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	content := w.personal(2999)
	session := w.sessionOf(w.checkout(w.User("customer"), content))
	w.change(content, withdrawal{name: "dearer", method: http.MethodPatch, body: map[string]any{"priceCents": 3999}})
	w.Eventually(1, `SELECT count(*) FROM outbox WHERE type = 'content.price_changed' AND published_at IS NOT NULL`)
	// An event that is handled after the price change: the sessions of the same item are left alone.
	other := w.personal(2999)
	closed := w.sessionOf(w.checkout(w.User("customer"), other))
	w.change(other, withdrawals[0])
	w.Until("the other session is expired", func() bool { return w.session(closed).Status == stripe.SessionExpired })
	if got := w.session(session).Status; got != stripe.SessionOpen {
		t.Errorf("the session is %s", got)
	}
	w.control("sessions/"+session+"/pay", nil)
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE amount_paid_cents = 2999 AND status = 'completed'`)
}

func TestAPaymentForWithdrawnContentIsAPurchaseOrGoesBack(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for _, c := range withdrawals {
		user, content := w.User("customer"), w.personal(2999)
		session := w.sessionOf(w.checkout(user, content))
		w.rejecting.Store(true)
		w.control("sessions/"+session+"/pay", nil)
		w.change(content, c)
		w.rejecting.Store(false)

		intent := w.session(session).PaymentIntentID
		w.Eventually(1, `SELECT count(*) FROM payments WHERE payment_intent = $1 AND paid_at IS NOT NULL`, intent)
		if c.kept {
			w.Until(c.name+" opens the stream", func() bool { return w.stream(user, content) == http.StatusOK })
			continue
		}
		w.Until(c.name+" is refunded", func() bool {
			w.run(w.module, "payments.refund")
			made := handlertest.Must(w.Stripe.ListRefunds(t.Context(), intent))(t)
			return len(made) == 1 && made[0].AmountCents == 2999
		})
		if n := w.Number(`SELECT count(*) FROM purchases WHERE content_id = $1`, content); n != 0 {
			t.Errorf("%s: %d purchases", c.name, n)
		}
	}
}

func TestASessionThatIsBeingOpenedWhileItsItemIsWithdrawnIsExpired(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	content, id := w.personal(2999), uuid.NewString()
	w.Exec(`
INSERT INTO checkouts (id, customer_id, content_id, creator_id, amount_cents, currency, platform_bps, organization_bps,
    success_url, cancel_url, status, expires_at)
VALUES ($1, $2, $3, $4, 2999, 'gbp', 1000, 0, '', '', 'creating', now() + interval '45 minutes')`,
		id, w.User("customer"), content, w.creator)
	w.change(content, withdrawals[0])
	w.Eventually(1, `SELECT count(*) FROM checkouts WHERE status = 'expiring'`)
	session := handlertest.Must(w.Stripe.CreateCheckout(t.Context(), stripe.CheckoutParams{
		IdempotencyKey:    "late",
		ClientReferenceID: id,
		AmountCents:       2999,
		Currency:          "gbp",
		ProductName:       "A piece",
		SuccessURL:        w.URL,
	}))(t)
	w.Until("the late session is expired", func() bool { return w.session(session.ID).Status == stripe.SessionExpired })
	w.Eventually(1, `SELECT count(*) FROM checkouts WHERE status = 'expired'`)
}

func TestTheOpenSessionsOfADeletedBuyerAreExpired(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.personal(2999)
	session := w.sessionOf(w.checkout(user, content))
	stays := w.sessionOf(w.checkout(w.User("customer"), content))
	w.Exec(`UPDATE users SET deleted_at = now() WHERE id = $1`, user)
	w.Tell(w.Event(user, user, 1, events.UserDeleted{UserID: user}))
	w.Until("the session is expired", func() bool { return w.session(session).Status == stripe.SessionExpired })
	if got := w.session(stays).Status; got != stripe.SessionOpen {
		t.Errorf("another buyer's session is %s", got)
	}
}

func TestBuyersKeepAnItemThatIsUnpublished(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	buyer, other, content := w.User("customer"), w.User("customer"), w.personal(2999)
	w.purchaseOf(buyer, content)
	library := func() string {
		return w.request(http.MethodGet, "/api/access/user/library", buyer, nil).Text("items.0.content.id")
	}
	w.Until("it is in the library", func() bool { return library() == content })

	w.change(content, withdrawals[0])
	w.Eventually(1, `SELECT count(*) FROM library_entries WHERE access_type = 'kept'`)
	if got := w.stream(buyer, content); got != http.StatusOK {
		t.Errorf("the buyer gets %d", got)
	}
	if got := w.stream(other, content); got != http.StatusNotFound {
		t.Errorf("another user gets %d", got)
	}
	if got := library(); got != content {
		t.Errorf("the library has %q", got)
	}
	w.change(content, withdrawals[1])
	if got := w.stream(buyer, content); got != http.StatusNotFound {
		t.Errorf("of a deleted item the buyer gets %d", got)
	}
}
