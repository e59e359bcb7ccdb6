package payments_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// purchaseOf delivers the payment of a content item and returns its intent.
func (w *harness) purchaseOf(user, content string) string {
	w.Helper()
	intent := intentID()
	w.deliver(paidSession(w, user, content, intent, 2999))
	if got := w.stream(user, content); got != http.StatusOK {
		w.Fatalf("after the payment the stream answers %d", got)
	}
	return intent
}

func TestAPartOfTheMoneyBackLeavesAccessAndAllOfItEndsItAtOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	intent := w.purchaseOf(user, content)
	w.deliver(refundedCharge(intent, 2999, 1000))
	if got := w.stream(user, content); got != http.StatusOK {
		t.Errorf("refunded in part, the stream answers %d", got)
	}
	w.deliver(refundedCharge(intent, 2999, 2999))
	if got := w.stream(user, content); got != http.StatusForbidden {
		t.Errorf("refunded, the stream answers %d", got)
	}
	// Bought again: the first purchase's end is of no interest.
	w.purchaseOf(user, content)
}

func TestADisputeThatIsWonGivesAccessBack(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for status, after := range map[string]int{"won": http.StatusOK, "lost": http.StatusForbidden} {
		user, content := w.User("customer"), w.piece(2999)
		intent := w.purchaseOf(user, content)
		w.deliver(disputed(intent, "charge.dispute.created", "needs_response"))
		if got := w.stream(user, content); got != http.StatusForbidden {
			t.Errorf("disputed, the stream answers %d", got)
		}
		w.deliver(disputed(intent, "charge.dispute.closed", status))
		if got := w.stream(user, content); got != after {
			t.Errorf("%s, the stream answers %d", status, got)
		}
	}
}

func TestARefundEndsThatPurchaseAloneNotTheOrganization(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, first, second := w.User("customer"), w.piece(2999), w.piece(2999)
	intent := w.purchaseOf(user, first)
	w.purchaseOf(user, second)
	w.deliver(refundedCharge(intent, 2999, 2999))
	if a, b := w.stream(user, first), w.stream(user, second); a != http.StatusForbidden || b != http.StatusOK {
		t.Errorf("the refunded one answers %d, the other %d", a, b)
	}
	w.purchaseOf(user, w.piece(2999))
}

// broken makes every write to a table fail, for a reason that nobody foresaw, until
// the returned function is called.
func (w *harness) broken(table string) (mend func()) {
	w.Helper()
	w.Exec(`CREATE FUNCTION broken_` + table + `() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'out of order' USING ERRCODE = 'XX000'; END $$`)
	w.Exec(`CREATE TRIGGER broken BEFORE INSERT ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION broken_` + table + `()`)
	return func() { w.Exec(`DROP TRIGGER broken ON ` + table) }
}

func TestAnEventThatCannotBeStoredIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	body := paidSession(w, user, content, "pi_again", 2999).body()
	mend := w.broken("stripe_events")
	got := w.post("booking", body, handlertest.StripeSignature(body, bookingKey, time.Now()))
	if got.Status != http.StatusInternalServerError || got.At("error.code") != "INTERNAL_ERROR" {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	mend()
	if got := w.post("booking", body, handlertest.StripeSignature(body, bookingKey, time.Now())); got.Status != http.StatusOK {
		t.Errorf("when it comes again: %d %s", got.Status, got.Body)
	}
	if got := w.stream(user, content); got != http.StatusOK {
		t.Errorf("the stream answers %d", got)
	}
}

func TestAnUnforeseenErrorWhileAPurchaseIsWrittenLosesNoPayment(t *testing.T) {
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

func TestRefusedDeliveriesAnswerInTheEnvelope(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	body := paidSession(w, w.User("customer"), w.piece(2999), "pi_x", 2999).body()
	for endpoint, c := range map[string]struct {
		signature string
		status    int
		code      string
	}{
		"booking": {"", http.StatusBadRequest, "VALIDATION_ERROR"},
		"payment": {handlertest.StripeSignature(body, "whsec_wrong", time.Now()), http.StatusUnauthorized, "UNAUTHORIZED"},
		"connect": {handlertest.StripeSignature(body, bookingKey, time.Now()), http.StatusNotImplemented, "CONFIGURATION_ERROR"},
	} {
		got := w.post(endpoint, body, c.signature)
		if message, _ := got.At("error.message").(string); got.Status != c.status || got.At("error.code") != c.code || message == "" {
			t.Errorf("%s: %d %s", endpoint, got.Status, got.Body)
		}
	}
}

func TestTheDevelopmentEndpointIsThereInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	body := paidSession(w, w.User("customer"), w.piece(2999), "pi_dev", 2999).body()
	signature := handlertest.StripeSignature(body, bookingKey, time.Now())
	live := w.production()
	if got := live.post("dev", body, signature); got.Status != http.StatusNotFound {
		t.Errorf("in production: %d", got.Status)
	}
	if got := live.post("booking", body, signature); got.Status != http.StatusOK {
		t.Errorf("the real one: %d %s", got.Status, got.Body)
	}
}
