package payments_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestAPaidSessionIsAPurchaseWithAccessWhenTheWebhookReturns(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, other, content := w.User("customer"), w.User("customer"), w.piece(2999)
	w.deliver(paidSession(w, user, content, "pi_first", 2999))

	list := w.request(http.MethodGet, "/purchases", user, nil)
	items, _ := list.At("items").([]any)
	if list.Status != http.StatusOK || len(items) != 1 {
		t.Fatalf("%d %s", list.Status, list.Body)
	}
	row := items[0].(map[string]any)
	for field, want := range map[string]any{
		"customerId": user, "contentId": content, "organizationId": w.organization, "amountPaidCents": 2999.0, "amountCents": 2999.0,
		"currency": "gbp", "status": "completed", "contentTitle": "A piece",
	} {
		if row[field] != want {
			t.Errorf("%s: %v", field, row[field])
		}
	}
	if item, _ := row["content"].(map[string]any); item["id"] != content || item["contentType"] != "written" || item["slug"] != "p-"+content {
		t.Errorf("content: %v", row["content"])
	}
	if got := w.stream(user, content); got != http.StatusOK {
		t.Errorf("asked right after the webhook, the stream answers %d", got)
	}

	id := row["id"].(string)
	detail := w.request(http.MethodGet, "/purchases/"+id, user, nil)
	for field, want := range map[string]any{
		"platformFeeCents": 300.0, "organizationFeeCents": 0.0, "creatorPayoutCents": 2699.0, "stripePaymentIntentId": "pi_first",
	} {
		if detail.At("data."+field) != want {
			t.Errorf("%s: %v", field, detail.At("data."+field))
		}
	}
	if got := w.request(http.MethodGet, "/purchases/"+id, other, nil); got.Status != http.StatusNotFound {
		t.Errorf("a stranger gets %d", got.Status)
	}
	if got := w.request(http.MethodGet, "/purchases", "", nil); got.Status != http.StatusUnauthorized {
		t.Errorf("nobody gets %d", got.Status)
	}
	beyond := w.request(http.MethodGet, "/purchases?page=7&status=completed&contentId="+content, user, nil)
	if items, _ := beyond.At("items").([]any); len(items) != 0 || beyond.At("pagination.page") != 7.0 || beyond.At("pagination.total") != 1.0 {
		t.Errorf("beyond the end: %s", beyond.Body)
	}
	if got := w.request(http.MethodGet, "/purchases?status=refunded", user, nil); got.At("pagination.total") != 0.0 {
		t.Errorf("refunded: %s", got.Body)
	}
}

func TestF30FiftyCopiesAtOnceHaveOneEffect(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	h := paidSession(w, w.User("customer"), w.piece(2999), "pi_copies", 2999)
	var copies sync.WaitGroup
	for range 50 {
		copies.Go(func() { w.deliver(h) })
	}
	copies.Wait()
	w.deliver(h)
	if n := w.Number(`SELECT count(*) FROM stripe_events`); n != 1 {
		t.Errorf("%d events", n)
	}
	if n := w.Number(`SELECT count(*) FROM purchases`); n != 1 {
		t.Errorf("%d purchases", n)
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type LIKE 'purchase.%'`); n != 1 {
		t.Errorf("%d outbox rows", n)
	}
	if result := handlertest.Value[string](w.Harness, `SELECT result FROM stripe_events WHERE processed_at IS NOT NULL`); result != "purchase" {
		t.Errorf("result %q", result)
	}
}

func TestAStoredEventWhoseCommandWasLostIsAppliedWithItsNextCopy(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	h := paidSession(w, w.User("customer"), w.piece(2999), "pi_lost", 2999)
	conn := handlertest.Must(bus.Connect(w.Bus.URL(), "cut off", w.Logger))(t)
	cfg := w.config
	cfg.Dispatcher = handlertest.Must(bus.NewDispatcher(conn, uuid.NewString(), 2, w.Logger))(t)
	conn.Close()
	w.serve(cfg).deliver(h)
	if n := w.Number(`SELECT count(*) FROM commands WHERE status = 'accepted'`); n != 1 {
		t.Fatalf("%d commands are stored and not sent, want 1", n)
	}
	h.object["amount_total"] = 1 // what was stored first counts
	w.deliver(h)
	if got := w.Number(`SELECT COALESCE(sum(amount_paid_cents), 0) FROM purchases`); got != 2999 {
		t.Errorf("paid %d", got)
	}
	if n := w.Number(`SELECT count(*) FROM commands WHERE status <> 'applied'`); n != 0 {
		t.Errorf("%d commands are open", n)
	}
}

func TestF32H04FactsInAnyOrderEndAlike(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for range 4 {
		user, content, intent := w.User("customer"), w.piece(2000), intentID()
		hooks := []hook{
			paidSession(w, user, content, intent, 2000), refundedCharge(intent, 2000, 500), refundedCharge(intent, 2000, 2000),
			disputed(intent, "charge.dispute.created", "needs_response"), disputed(intent, "charge.dispute.closed", "won"),
		}
		hooks = append(hooks, hooks[rand.IntN(len(hooks))])
		rand.Shuffle(len(hooks), func(i, j int) { hooks[i], hooks[j] = hooks[j], hooks[i] })
		order := ""
		for _, h := range hooks {
			order += " " + h.typ
			w.deliver(h)
		}
		got := handlertest.Value[string](w.Harness, `SELECT status || ' ' || refund_amount_cents || ' ' || (disputed_at IS NULL) || ' ' || stripe_dispute_id
			FROM purchases WHERE stripe_payment_intent_id = $1`, intent)
		if want := "refunded 2000 true dp_" + intent; got != want {
			t.Errorf("%s after%s", got, order)
		}
		id := handlertest.Value[string](w.Harness, `SELECT purchase_id::text FROM payments WHERE payment_intent = $1`, intent)
		announced := w.announced(id)
		if !strings.HasPrefix(announced, "purchase.completed ") || strings.Count(announced, "purchase.dispute_closed") != 1 ||
			strings.Contains(announced, "not dense") {
			t.Errorf("announced %q after%s", announced, order)
		}
	}
}

func TestH04RefundBeforeCompletionIsRecordedAndNeverLive(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	w.deliver(refundedCharge("pi_early", 2999, 2999))
	if n := w.Number(`SELECT count(*) FROM payments WHERE refunded_cents = 2999 AND paid_at IS NULL`); n != 1 {
		t.Fatal("the refund was not kept")
	}
	w.deliver(paidSession(w, user, content, "pi_early", 2999))
	if n := w.Number(`SELECT count(*) FROM reaction_inbox WHERE reaction = 'access'`); n != 2 {
		t.Errorf("the webhook returned after %d of 2 events were handled", n)
	}
	if status := handlertest.Value[string](w.Harness, `SELECT status FROM purchases`); status != "refunded" {
		t.Errorf("status %s", status)
	}
	if got := w.announced(handlertest.Value[string](w.Harness, `SELECT id::text FROM purchases`)); got != "purchase.completed purchase.refunded" {
		t.Errorf("announced %q", got)
	}
	// Who was refunded may buy again.
	w.deliver(paidSession(w, user, content, "pi_again", 2999))
	if n := w.Number(`SELECT count(*) FROM purchases WHERE status = 'completed'`); n != 1 {
		t.Errorf("%d live purchases after buying again", n)
	}
}

func TestOnlyOneOfManyPaymentsForOneContentBecomesAPurchase(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	var all sync.WaitGroup
	for i := range 12 { // both partitions, side by side and within a batch
		all.Go(func() { w.deliver(paidSession(w, user, content, fmt.Sprintf("pi_%d", i), 2999)) })
	}
	all.Wait()
	if n := w.Number(`SELECT count(*) FROM purchases`); n != 1 {
		t.Errorf("%d purchases", n)
	}
	if n := w.Number(`SELECT count(*) FROM refund_obligations WHERE reason = 'duplicate' AND amount_cents = 2999`); n != 11 {
		t.Errorf("%d obligations", n)
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type = 'purchase.duplicate_detected'`); n != 11 {
		t.Errorf("%d duplicates announced", n)
	}
	if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

func TestWhatCannotBeFulfilledIsOwedOrShownToAnOperator(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	change := func(h hook, field string, value any) hook {
		h.object[field] = value
		return h
	}
	stranger := paidSession(w, user, content, "pi_stranger", 100)
	stranger.object["metadata"] = map[string]any{"order": "of another shop"}
	for _, c := range []struct {
		name, result string
		hook         hook
		owed, dead   int
	}{
		{"unknown content", "unfulfillable", paidSession(w, user, uuid.NewString(), "pi_a", 100), 100, 0},
		{"no content's id", "unfulfillable", paidSession(w, user, "nothing", "pi_b", 100), 100, 0},
		{"unknown buyer", "unfulfillable", paidSession(w, "nobody", content, "pi_c", 100), 100, 0},
		{"a foreign currency", "unfulfillable", change(paidSession(w, user, content, "pi_d", 100), "currency", "usd"), 100, 0},
		{"no payment intent", "unfulfillable", change(paidSession(w, user, content, "pi_e", 100), "payment_intent", nil), 0, 1},
		{"nothing paid", "unfulfillable", paidSession(w, user, content, "pi_f", 0), 0, 1},
		{"an amount that is none", "unreadable", change(paidSession(w, user, content, "pi_g", 1), "amount_total", "29.99"), 0, 1},
		{"not paid yet", "ignored", change(paidSession(w, user, content, "pi_h", 100), "payment_status", "unpaid"), 0, 0},
		{"a subscription", "ignored", change(paidSession(w, user, content, "pi_i", 100), "mode", "subscription"), 0, 0},
		{"somebody else's sale", "ignored", stranger, 0, 0},
		{"another type", "ignored", hook{id: eventID(), typ: "product.updated", object: map[string]any{"id": "prod_1"}}, 0, 0},
		{"a live event", "wrong_mode", hook{eventID(), "checkout.session.completed", paidSession(w, user, content, "pi_j", 1).object, map[string]any{"livemode": true}}, 0, 0},
		{"a connected account's event", "ignored", hook{eventID(), "checkout.session.completed", paidSession(w, user, content, "pi_k", 1).object, map[string]any{"account": "acct_1"}}, 0, 0},
	} {
		dead := w.Number(`SELECT count(*) FROM dead_letters`)
		w.deliver(c.hook)
		if got := handlertest.Value[string](w.Harness, `SELECT COALESCE(result, 'open') FROM stripe_events WHERE event_id = $1`, c.hook.id); got != c.result {
			t.Errorf("%s: result %s", c.name, got)
		}
		intent, _ := c.hook.object["payment_intent"].(string)
		if got := w.Number(`SELECT COALESCE(sum(amount_cents), 0) FROM refund_obligations WHERE payment_intent = $1`, intent); got != c.owed {
			t.Errorf("%s: owed %d", c.name, got)
		}
		if got := w.Number(`SELECT count(*) FROM dead_letters`) - dead; got != c.dead {
			t.Errorf("%s: %d dead letters", c.name, got)
		}
	}
	if n := w.Number(`SELECT count(*) FROM purchases`); n != 0 {
		t.Errorf("%d purchases", n)
	}
}

func TestF33F34F35OnlyWhatIsSignedNowIsTaken(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	now := time.Now()
	h := paidSession(w, w.User("customer"), w.piece(2999), "pi_forged", 2999)
	body := h.body()
	good := handlertest.StripeSignature(body, bookingKey, now)
	another := paidSession(w, w.User("customer"), w.piece(2999), "pi_other", 2999).body()
	wrapped := func(inner string) []byte {
		return []byte(`{"id":"evt_x","type":"checkout.session.completed","data":{"object":` + inner + `}}`)
	}
	large := wrapped(`"` + strings.Repeat("a", 600<<10) + `"`)
	deep := wrapped(strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000))
	broken := wrapped("\"\xff\"")
	nul := []byte(`{"id":"evt_\u0000","type":"x","data":{"object":{}}}`)
	for _, c := range []struct {
		name, endpoint string
		body           []byte
		signature      string
		want           int
	}{
		{"no signature", "booking", body, "", http.StatusBadRequest},
		{"wrong secret", "booking", body, handlertest.StripeSignature(body, "whsec_wrong", now), http.StatusUnauthorized},
		{"another endpoint's secret", "booking", body, handlertest.StripeSignature(body, paymentKey, now), http.StatusUnauthorized},
		{"v0 only", "booking", body, strings.Replace(good, "v1=", "v0=", 1), http.StatusUnauthorized},
		{"body changed", "booking", []byte(strings.Replace(string(body), "2999", "1", 1)), good, http.StatusUnauthorized},
		{"header of another event", "booking", body, handlertest.StripeSignature(another, bookingKey, now), http.StatusUnauthorized},
		{"301 s old", "booking", body, handlertest.StripeSignature(body, bookingKey, now.Add(-301*time.Second)), http.StatusUnauthorized},
		{"an hour ahead", "booking", body, handlertest.StripeSignature(body, bookingKey, now.Add(time.Hour)), http.StatusUnauthorized},
		{"not configured", "connect", body, good, http.StatusNotImplemented},
		{"no such endpoint", "bookings", body, good, http.StatusNotFound},
		{"too large", "booking", large, handlertest.StripeSignature(large, bookingKey, now), http.StatusRequestEntityTooLarge},
		{"10 000 arrays", "booking", deep, handlertest.StripeSignature(deep, bookingKey, now), http.StatusBadRequest},
		{"invalid UTF-8", "booking", broken, handlertest.StripeSignature(broken, bookingKey, now), http.StatusBadRequest},
		{"NUL in the id", "booking", nul, handlertest.StripeSignature(nul, bookingKey, now), http.StatusBadRequest},
	} {
		if a := w.post(c.endpoint, c.body, c.signature); a.Status != c.want {
			t.Errorf("%s: %d %s", c.name, a.Status, a.Body)
		}
	}
	if n := w.Number(`SELECT count(*) FROM stripe_events`) + w.Number(`SELECT count(*) FROM commands`); n != 0 {
		t.Errorf("%d rows of what was refused", n)
	}
	// The older secret of a rotation, and the development endpoint.
	if a := w.post("booking", body, handlertest.StripeSignature(body, olderKey, now)); a.Status != http.StatusOK {
		t.Errorf("older secret: %d", a.Status)
	}
	if a := w.post("dev", another, handlertest.StripeSignature(another, bookingKey, now)); a.Status != http.StatusOK {
		t.Errorf("development endpoint: %d", a.Status)
	}
	if n := w.Number(`SELECT count(*) FROM purchases`); n != 2 {
		t.Errorf("%d purchases", n)
	}
}
