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

	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
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
		"customerId":      user,
		"contentId":       content,
		"organizationId":  w.organization,
		"amountPaidCents": 2999.0,
		"amountCents":     2999.0,
		"currency":        "gbp",
		"status":          "completed",
		"contentTitle":    "A piece",
	} {
		if row[field] != want {
			t.Errorf("%s: %v", field, row[field])
		}
	}
	item, _ := row["content"].(map[string]any)
	if item["id"] != content || item["contentType"] != "written" || item["slug"] != "p-"+content {
		t.Errorf("content: %v", row["content"])
	}
	if got := w.stream(user, content); got != http.StatusOK {
		t.Errorf("right after the webhook, the stream responds with %d", got)
	}

	id := row["id"].(string)
	detail := w.request(http.MethodGet, "/purchases/"+id, user, nil)
	for field, want := range map[string]any{
		"platformFeeCents":      300.0,
		"organizationFeeCents":  0.0,
		"creatorPayoutCents":    2699.0,
		"stripePaymentIntentId": "pi_first",
	} {
		if detail.At("data."+field) != want {
			t.Errorf("%s: %v", field, detail.At("data."+field))
		}
	}
	if got := w.request(http.MethodGet, "/purchases/"+id, other, nil); got.Status != http.StatusNotFound {
		t.Errorf("another user: %d", got.Status)
	}
	if got := w.request(http.MethodGet, "/purchases", "", nil); got.Status != http.StatusUnauthorized {
		t.Errorf("signed out: %d", got.Status)
	}
	beyond := w.request(http.MethodGet, "/purchases?page=7&status=completed&contentId="+content, user, nil)
	items, _ = beyond.At("items").([]any)
	if len(items) != 0 || beyond.At("pagination.page") != 7.0 || beyond.At("pagination.total") != 1.0 {
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
	if result := w.text(`SELECT result FROM stripe_events WHERE processed_at IS NOT NULL`); result != "purchase" {
		t.Errorf("result %q", result)
	}
}

func TestAStoredEventWhoseCommandWasLostIsAppliedWithItsNextCopy(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	h := paidSession(w, w.User("customer"), w.piece(2999), "pi_lost", 2999)
	conn := handlertest.Must(bus.Connect(w.Bus.URL(), "cut off", w.Logger))(t)
	cfg := w.config
	cfg.Dispatcher = handlertest.Must(bus.NewDispatcher(conn, handlertest.Keys(), uuid.NewString(), 2, w.Logger))(t)
	conn.Close()
	w.serve(cfg).deliver(h)
	if n := w.Number(`SELECT count(*) FROM commands WHERE status = 'accepted'`); n != 1 {
		t.Fatalf("%d commands are stored and not sent, want 1", n)
	}
	h.object["amount_total"] = 1 // the stored payload counts
	w.deliver(h)
	if got := w.Number(`SELECT COALESCE(sum(amount_paid_cents), 0) FROM purchases`); got != 2999 {
		t.Errorf("paid %d", got)
	}
	if n := w.Number(`SELECT count(*) FROM commands WHERE status <> 'applied'`); n != 0 {
		t.Errorf("%d commands are open", n)
	}
}

func TestF32H04EventsInAnyOrderLeadToTheSameState(t *testing.T) {
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
		got := w.text(`SELECT status || ' ' || refund_amount_cents || ' ' || (disputed_at IS NULL) || ' ' || stripe_dispute_id
			FROM purchases WHERE stripe_payment_intent_id = $1`, intent)
		if want := "refunded 2000 true dp_" + intent; got != want {
			t.Errorf("%s after%s", got, order)
		}
		id := w.text(`SELECT purchase_id::text FROM payments WHERE payment_intent = $1`, intent)
		types := w.eventsOf(id)
		if !strings.HasPrefix(types, "purchase.completed ") || strings.Count(types, "purchase.dispute_closed") != 1 ||
			strings.Contains(types, "not dense") {
			t.Errorf("events %q after%s", types, order)
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
	if status := w.text(`SELECT status FROM purchases`); status != "refunded" {
		t.Errorf("status %s", status)
	}
	if got := w.eventsOf(w.text(`SELECT id::text FROM purchases`)); got != "purchase.completed purchase.refunded" {
		t.Errorf("events %q", got)
	}
	// A refunded buyer may buy again.
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
	n := w.Number(`SELECT count(*) FROM refund_obligations WHERE reason = 'duplicate' AND amount_cents = 2999`)
	if n != 11 {
		t.Errorf("%d obligations", n)
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type = 'purchase.duplicate_detected'`); n != 11 {
		t.Errorf("%d duplicate_detected events", n)
	}
	if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

func TestUnfulfillablePaymentsAreToBeRefundedOrDeadLetters(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	sale := func(intent string, amount int) hook { return paidSession(w, user, content, intent, amount) }
	change := func(h hook, field string, value any) hook {
		h.object[field] = value
		return h
	}
	marked := func(h hook, field string, value any) hook {
		h.extra = map[string]any{field: value}
		return h
	}
	otherShop := map[string]any{"order": "of another shop"}
	gone := w.User("customer")
	w.Exec(`UPDATE users SET deleted_at = now() WHERE id = $1`, gone)
	ours := change(sale("pi_o", 2999), "payment_intent", nil)
	ours.object["id"] = w.sessionOf(w.checkout(user, content))
	product := hook{id: eventID(), typ: "product.updated", object: map[string]any{"id": "prod_1"}}
	for _, c := range []struct {
		name, result string
		owed, dead   int
		hook         hook
	}{
		{"deleted content", "unfulfillable", 100, 0, paidSession(w, user, w.deletedPiece(100), "pi_a", 100)},
		{"a deleted buyer", "unfulfillable", 2999, 0, paidSession(w, gone, content, "pi_c", 2999)},
		{"unknown content", "foreign", 0, 0, paidSession(w, user, uuid.NewString(), "pi_l", 100)},
		{"no id of content", "foreign", 0, 0, paidSession(w, user, "nothing", "pi_b", 100)},
		{"unknown buyer", "foreign", 0, 0, paidSession(w, "unknown", content, "pi_m", 2999)},
		{"another amount", "foreign", 0, 0, sale("pi_n", 2998)},
		{"another currency", "foreign", 0, 0, change(sale("pi_d", 2999), "currency", "usd")},
		{"no payment intent", "foreign", 0, 0, change(sale("pi_e", 100), "payment_intent", nil)},
		{"nothing paid", "foreign", 0, 0, sale("pi_f", 0)},
		{"no payment intent of our checkout", "unfulfillable", 0, 1, ours},
		{"a malformed amount", "unreadable", 0, 1, change(sale("pi_g", 1), "amount_total", "29.99")},
		{"not paid yet", "ignored", 0, 0, change(sale("pi_h", 100), "payment_status", "unpaid")},
		{"a subscription", "ignored", 0, 0, change(sale("pi_i", 100), "mode", "subscription")},
		{"a sale of another shop", "foreign", 0, 0, change(sale("pi_stranger", 100), "metadata", otherShop)},
		{"a large sale of another shop", "foreign", 0, 0, change(sale("pi_large", 99_999_999_999), "metadata", otherShop)},
		{"another type", "ignored", 0, 0, product},
		{"a live event", "wrong_mode", 0, 0, marked(sale("pi_j", 1), "livemode", true)},
		{"an event of a connected account", "ignored", 0, 0, marked(sale("pi_k", 1), "account", "acct_1")},
	} {
		dead := w.Number(`SELECT count(*) FROM dead_letters`)
		w.deliver(c.hook)
		got := w.text(`SELECT COALESCE(result, 'open') FROM stripe_events WHERE event_id = $1`, c.hook.id)
		if got != c.result {
			t.Errorf("%s: result %s", c.name, got)
		}
		intent, _ := c.hook.object["payment_intent"].(string)
		owed := w.Number(`SELECT COALESCE(sum(amount_cents), 0) FROM refund_obligations WHERE payment_intent = $1`, intent)
		if owed != c.owed {
			t.Errorf("%s: %d cents to be refunded", c.name, owed)
		}
		if got := w.Number(`SELECT count(*) FROM dead_letters`) - dead; got != c.dead {
			t.Errorf("%s: %d dead letters", c.name, got)
		}
	}
	if n := w.Number(`SELECT count(*) FROM purchases`); n != 0 {
		t.Errorf("%d purchases", n)
	}
}

func TestF33F34F35OnlyFreshlySignedEventsAreAccepted(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	now := time.Now()
	h := paidSession(w, w.User("customer"), w.piece(2999), "pi_forged", 2999)
	body := h.body()
	good := sign(body, bookingKey, now)
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
		{"wrong secret", "booking", body, sign(body, "whsec_wrong", now), http.StatusUnauthorized},
		{"another endpoint's secret", "booking", body, sign(body, paymentKey, now), http.StatusUnauthorized},
		{"v0 only", "booking", body, strings.Replace(good, "v1=", "v0=", 1), http.StatusUnauthorized},
		{"body changed", "booking", []byte(strings.Replace(string(body), "2999", "1", 1)), good, http.StatusUnauthorized},
		{"header of another event", "booking", body, sign(another, bookingKey, now), http.StatusUnauthorized},
		{"301 s old", "booking", body, sign(body, bookingKey, now.Add(-301*time.Second)), http.StatusUnauthorized},
		{"an hour ahead", "booking", body, sign(body, bookingKey, now.Add(time.Hour)), http.StatusUnauthorized},
		{"not configured", "connect", body, good, http.StatusNotImplemented},
		{"no such endpoint", "bookings", body, good, http.StatusNotFound},
		{"too large", "booking", large, sign(large, bookingKey, now), http.StatusRequestEntityTooLarge},
		{"10 000 arrays", "booking", deep, sign(deep, bookingKey, now), http.StatusBadRequest},
		{"invalid UTF-8", "booking", broken, sign(broken, bookingKey, now), http.StatusBadRequest},
		{"NUL in the id", "booking", nul, sign(nul, bookingKey, now), http.StatusBadRequest},
	} {
		if a := w.post(c.endpoint, c.body, c.signature); a.Status != c.want {
			t.Errorf("%s: %d %s", c.name, a.Status, a.Body)
		}
	}
	if n := w.Number(`SELECT count(*) FROM stripe_events`) + w.Number(`SELECT count(*) FROM commands`); n != 0 {
		t.Errorf("%d rows of rejected events", n)
	}
	// The older secret of a rotation, and the development endpoint.
	if a := w.post("booking", body, sign(body, olderKey, now)); a.Status != http.StatusOK {
		t.Errorf("older secret: %d", a.Status)
	}
	if a := w.post("dev", another, sign(another, bookingKey, now)); a.Status != http.StatusOK {
		t.Errorf("development endpoint: %d", a.Status)
	}
	if n := w.Number(`SELECT count(*) FROM purchases`); n != 2 {
		t.Errorf("%d purchases", n)
	}
}

// purchaseOf delivers the payment of a content item and returns its intent.
func (w *harness) purchaseOf(user, content string) string {
	w.Helper()
	intent := intentID()
	w.deliver(paidSession(w, user, content, intent, 2999))
	w.Until("the payment opens the stream", func() bool { return w.stream(user, content) == http.StatusOK })
	return intent
}

func TestAPartialRefundKeepsAccessAndAFullOneEndsIt(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	intent := w.purchaseOf(user, content)
	w.deliver(refundedCharge(intent, 2999, 1000))
	if got := w.stream(user, content); got != http.StatusOK {
		t.Errorf("refunded in part, the stream responds with %d", got)
	}
	w.deliver(refundedCharge(intent, 2999, 2999))
	if got := w.stream(user, content); got != http.StatusForbidden {
		t.Errorf("refunded, the stream responds with %d", got)
	}
	// The end of the first purchase does not affect a second one.
	w.purchaseOf(user, content)
}

func TestADisputeThatIsWonRestoresAccess(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for status, after := range map[string]int{"won": http.StatusOK, "lost": http.StatusForbidden} {
		user, content := w.User("customer"), w.piece(2999)
		intent := w.purchaseOf(user, content)
		w.deliver(disputed(intent, "charge.dispute.created", "needs_response"))
		if got := w.stream(user, content); got != http.StatusForbidden {
			t.Errorf("disputed, the stream responds with %d", got)
		}
		w.deliver(disputed(intent, "charge.dispute.closed", status))
		if got := w.stream(user, content); got != after {
			t.Errorf("%s, the stream responds with %d", status, got)
		}
	}
}

func TestARefundEndsAccessToThatItemOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, first, second := w.User("customer"), w.piece(2999), w.piece(2999)
	intent := w.purchaseOf(user, first)
	w.purchaseOf(user, second)
	w.deliver(refundedCharge(intent, 2999, 2999))
	if a, b := w.stream(user, first), w.stream(user, second); a != http.StatusForbidden || b != http.StatusOK {
		t.Errorf("the refunded one responds with %d, the other with %d", a, b)
	}
	w.purchaseOf(user, w.piece(2999))
}

// broken makes every write to a table fail with an unexpected error, until the returned
// function is called.
func (w *harness) broken(table string) (mend func()) {
	w.Helper()
	return w.failing(table, "XX000")
}

// failing makes every write to a table fail with a code, until the returned function is
// called.
func (w *harness) failing(table, code string) (mend func()) {
	w.Helper()
	w.Exec(`
CREATE FUNCTION broken_` + table + `() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'out of order' USING ERRCODE = '` + code + `'; END $$`)
	w.Exec(`
CREATE TRIGGER broken BEFORE INSERT ON ` + table + `
FOR EACH ROW EXECUTE FUNCTION broken_` + table + `()`)
	return func() { w.Exec(`DROP TRIGGER broken ON ` + table) }
}

func TestAnEventThatCannotBeStoredIsRequestedAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	body := paidSession(w, user, content, "pi_again", 2999).body()
	mend := w.broken("stripe_events")
	got := w.post("booking", body, sign(body, bookingKey, time.Now()))
	if got.Status != http.StatusInternalServerError || got.At("error.code") != "INTERNAL_ERROR" {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	mend()
	if got := w.post("booking", body, sign(body, bookingKey, time.Now())); got.Status != http.StatusOK {
		t.Errorf("sent again: %d %s", got.Status, got.Body)
	}
	w.Until("the payment opens the stream", func() bool { return w.stream(user, content) == http.StatusOK })
}

func TestAnUnexpectedErrorWhileAPurchaseIsWrittenLosesNoPayment(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	mend := w.broken("purchases")
	var delivery sync.WaitGroup
	delivery.Go(func() { w.deliver(paidSession(w, user, content, "pi_kept", 2999)) })
	w.Eventually(1, `SELECT count(*) FROM stripe_events WHERE processed_at IS NULL`)
	if n := w.Number(`SELECT count(*) FROM purchases`); n != 0 {
		t.Errorf("%d purchases in a broken table", n)
	}
	mend()
	delivery.Wait()
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'completed' AND platform_fee_cents = 300`)
	w.Eventually(1, `SELECT count(*) FROM content_access WHERE user_id = $1 AND deleted_at IS NULL`, user)
}

func TestAPaymentThatWasGivenUpIsRequestedAgainAndOpenedByItsNextCopy(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	body := paidSession(w, user, content, "pi_given_up", 2999).body()
	mend := w.failing("purchases", "23514") // a constraint: the fault of the command's own data
	w.Until("the webhook of a command that was given up responds with 500", func() bool {
		got := w.post("booking", body, sign(body, bookingKey, time.Now()))
		return got.Status == http.StatusInternalServerError
	})
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE consumer = 'purchase' AND resolved_at IS NULL`)

	mend()
	if got := w.post("booking", body, sign(body, bookingKey, time.Now())); got.Status != http.StatusOK {
		t.Errorf("the next copy: %d %s", got.Status, got.Body)
	}
	w.Eventually(1, `SELECT count(*) FROM content_access WHERE user_id = $1 AND deleted_at IS NULL`, user)
	w.Eventually(0, `SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL`)
}

func TestAPaymentThatWasGivenUpIsOpenedByTheReconciliation(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	body := paidSession(w, w.User("customer"), w.piece(2999), "pi_given_up", 2999).body()
	mend := w.failing("purchases", "23514")
	w.post("booking", body, sign(body, bookingKey, time.Now()))
	w.Eventually(1, `SELECT count(*) FROM dead_letters WHERE consumer = 'purchase'`)
	mend()
	w.Pass(time.Minute)
	if done := w.reconcile(w.config); done.Commands != 1 {
		t.Errorf("%+v, want one command", done)
	}
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'completed'`)
	w.Eventually(1, `SELECT count(*) FROM stripe_events WHERE result = 'purchase'`)
}

func TestARequestedRetryOfALetterMakesItsRefundDueAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.deliver(paidSession(w, w.User("customer"), w.deletedPiece(700), "pi_retry", 700))
	w.Eventually(1, `SELECT count(*) FROM refund_obligations`)
	w.run(w.module, "payments.refund")
	letters := commands.DeadLetters{Pool: w.Pool}
	open := handlertest.Must(letters.List(t.Context(), false))(t)
	if len(open) != 1 {
		t.Fatalf("%d letters", len(open))
	}
	if err := letters.Retry(t.Context(), open[0]); err != nil {
		t.Fatal(err)
	}
	if n := w.run(w.module, "payments.retry_letters"); n != 1 {
		t.Errorf("retried %d letters, want 1", n)
	}
	if n := w.Number(`SELECT count(*) FROM refund_obligations WHERE attempts = 0 AND isfinite(next_attempt_at)`); n != 1 {
		t.Error("the refund is not due again")
	}
}

func TestRejectedDeliveriesRespondWithTheErrorEnvelope(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	body := paidSession(w, w.User("customer"), w.piece(2999), "pi_x", 2999).body()
	for endpoint, c := range map[string]struct {
		signature string
		status    int
		code      string
	}{
		"booking": {"", http.StatusBadRequest, "VALIDATION_ERROR"},
		"payment": {sign(body, "whsec_wrong", time.Now()), http.StatusUnauthorized, "UNAUTHORIZED"},
		"connect": {sign(body, bookingKey, time.Now()), http.StatusNotImplemented, "CONFIGURATION_ERROR"},
	} {
		got := w.post(endpoint, body, c.signature)
		if got.Status != c.status || got.At("error.code") != c.code || got.Text("error.message") == "" {
			t.Errorf("%s: %d %s", endpoint, got.Status, got.Body)
		}
	}
}

func TestTheDevelopmentEndpointExistsInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	body := paidSession(w, w.User("customer"), w.piece(2999), "pi_dev", 2999).body()
	signature := sign(body, bookingKey, time.Now())
	live := w.production()
	if got := live.post("dev", body, signature); got.Status != http.StatusNotFound {
		t.Errorf("in production: %d", got.Status)
	}
	if got := live.post("booking", body, signature); got.Status != http.StatusOK {
		t.Errorf("the real one: %d %s", got.Status, got.Body)
	}
}

// The lists of events that operators subscribe to, and that are listed at the provider, are those
// that are acted on.
func TestEveryListedEventIsActedOnAndNoOther(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	// A command follows from an event that is acted on.
	commandsOf := func(typ, kind string) int {
		t.Helper()
		before := w.Number(`SELECT count(*) FROM commands`)
		h := hook{id: "evt_" + strings.NewReplacer(".", "_").Replace(typ), typ: typ, object: map[string]any{
			"id": kind + "_of_" + typ, "object": kind, "payment_intent": "pi_of_" + typ, "amount": 100, "currency": "gbp",
			"mode": "payment", "payment_status": "paid", "amount_total": 100, "status": "succeeded",
		}}
		w.deliver(h)
		return w.Number(`SELECT count(*) FROM commands`) - before
	}
	for kind, types := range map[string][]string{
		"checkout.session": stripe.CheckoutEvents,
		"refund":           stripe.RefundEvents,
		"dispute":          stripe.DisputeEvents,
	} {
		for _, typ := range types {
			of := kind
			if typ == stripe.EventChargeRefunded {
				of = "charge"
			}
			if n := commandsOf(typ, of); n != 1 {
				t.Errorf("%d commands follow from %s", n, typ)
			}
		}
	}
	for _, typ := range []string{"payment_intent.succeeded", "charge.succeeded", "refund.unknown", "charge.dispute.x"} {
		if n := commandsOf(typ, "refund"); n != 0 {
			t.Errorf("%d commands follow from %s", n, typ)
		}
	}
}
