package payments_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func (w *harness) portal(user, back string) answer {
	w.Helper()
	return w.request(http.MethodPost, "/checkout/portal-session", user, map[string]string{"returnUrl": back})
}

// portalPage opens the portal and returns what the buyer sees.
func (w *harness) portalPage(user string) string {
	w.Helper()
	got := w.portal(user, w.URL+"/account")
	address, _ := got.At("data.url").(string)
	if got.Status != http.StatusOK || !strings.HasPrefix(address, "http") {
		w.Fatalf("portal: %d %s", got.Status, got.Body)
	}
	page := w.request(http.MethodGet, address, "", nil)
	if page.Status != http.StatusOK {
		w.Fatalf("portal page: %d", page.Status)
	}
	return page.Body
}

func TestThePortalShowsTheBuyersPaymentsAndLeadsBack(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, stranger := w.User("customer"), w.User("customer")
	w.control("sessions/"+w.sessionOf(w.checkout(user, w.piece(2999)))+"/pay", nil)
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE customer_id = $1`, user)
	if page := w.portalPage(user); !strings.Contains(page, "29.99") || !strings.Contains(page, w.URL+"/account") {
		t.Errorf("the buyer's page\n%s", page)
	}
	if page := w.portalPage(stranger); strings.Contains(page, "29.99") {
		t.Error("a stranger's page shows the payment")
	}
	if got := w.portal("", w.URL); got.Status != http.StatusUnauthorized {
		t.Errorf("signed out: %d", got.Status)
	}
	for _, body := range []map[string]string{
		{},
		{"returnUrl": "x"},
		{"returnUrl": "https://evil.example.test/"},
		{"returnUrl": w.URL, "more": "x"},
	} {
		w.request(http.MethodPost, "/checkout/portal-session", user, body).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	}
}

func TestABuyerHasOneCustomerAtTheProvider(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user := w.User("customer")
	first := w.session(w.sessionOf(w.checkout(user, w.piece(2999)))).CustomerID
	second := w.session(w.sessionOf(w.checkout(user, w.piece(1999)))).CustomerID
	if first == "" || first != second || first != w.text(`SELECT stripe_customer_id FROM users WHERE id = $1`, user) {
		t.Errorf("customers %q and %q", first, second)
	}
	// One that the provider no longer has is replaced, in a checkout and in the portal.
	for name, use := range map[string]func(user string) string{
		"a checkout": func(user string) string { return w.session(w.sessionOf(w.checkout(user, w.piece(2999)))).CustomerID },
		"the portal": func(user string) string {
			w.portalPage(user)
			return w.text(`SELECT stripe_customer_id FROM users WHERE id = $1`, user)
		},
	} {
		user := w.User("customer")
		w.Exec(`UPDATE users SET stripe_customer_id = 'cus_gone_' || id WHERE id = $1`, user)
		got := use(user)
		if strings.HasPrefix(got, "cus_gone") || got != w.text(`SELECT stripe_customer_id FROM users WHERE id = $1`, user) {
			t.Errorf("%s uses %q", name, got)
		}
	}
}

func TestACustomerIsCreatedDespiteProviderFailures(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for name, faults := range map[string]sandbox.Faults{
		"the response is lost":      {DroppedReplies: 1},
		"done, with status 500":     {CommittedErrors: 1},
		"not done, with status 500": {Errors: 1},
		"rate limited":              {RateLimits: 1},
	} {
		user := w.User("customer")
		w.Sandbox.SetFaults(faults)
		got := w.portal(user, w.URL)
		w.Sandbox.SetFaults(sandbox.Faults{})
		if got.Status != http.StatusOK {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	w.Sandbox.SetFaults(sandbox.Faults{Down: true})
	w.portal(w.User("customer"), w.URL).Want(http.StatusBadGateway, "PAYMENT_PROCESSING_ERROR")
}

func TestReturnURLsOfThisMachineAreAllowedInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	live, elsewhere := w.production("revelations.studio"), w.production("films.example.org")
	for _, c := range []struct {
		name    string
		harness *harness
		target  string
		status  int
	}{
		{"development", w, "http://localhost:5173/", http.StatusOK},
		{"production", live, "http://localhost:5173/", http.StatusBadRequest},
		{"production", live, "http://127.0.0.1/", http.StatusBadRequest},
		{"production", live, "https://app.revelations.studio/", http.StatusOK},
		{"production", live, "https://shop.example.test/", http.StatusOK},
		{"another domain", elsewhere, "https://app.revelations.studio/", http.StatusBadRequest},
		{"another domain", elsewhere, "https://www.films.example.org/", http.StatusOK},
	} {
		if got := c.harness.portal(user, c.target); got.Status != c.status {
			t.Errorf("%s: the portal back to %s: %d %s", c.name, c.target, got.Status, got.Body)
		}
		body := map[string]string{"contentId": content, "successUrl": c.target, "cancelUrl": c.target}
		got := c.harness.request(http.MethodPost, "/checkout/create", user, body)
		if got.Status != c.status || (c.status == http.StatusBadRequest && strings.Count(got.Body, "must lead back") != 2) {
			t.Errorf("%s: a checkout back to %s: %d %s", c.name, c.target, got.Status, got.Body)
		}
	}
}

// The account may be deleted while the provider creates its customer, and another process
// may have created one meanwhile.
func TestAnUnusedCustomerIsErased(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	stays, leaves := w.User("customer"), w.User("customer")
	w.Exec(`UPDATE users SET deleted_at = now() WHERE id = $1`, leaves)
	keep := func(user, customer, want string, rejected error) {
		t.Helper()
		kept, err := postgres.KeepCustomer(t.Context(), w.Pool, user, "", customer)
		if kept != want || !errors.Is(err, rejected) {
			t.Errorf("%s: %q, %v", customer, kept, err)
		}
	}
	keep(stays, "cus_kept", "cus_kept", nil)
	keep(stays, "cus_kept", "cus_kept", nil)
	keep(stays, "cus_slower", "cus_kept", nil)
	keep(leaves, "cus_late", "", purchase.ErrBuyerNotFound)
	keep(leaves, "cus_late", "", purchase.ErrBuyerNotFound)
	due := w.text(`SELECT string_agg(stripe_customer_id, ' ' ORDER BY stripe_customer_id) FROM customer_erasures`)
	if due != "cus_late cus_slower" {
		t.Errorf("to be erased: %s", due)
	}
}

// The address of the portal opens it without a sign-in: it is kept for a repeated request, for
// minutes. The session of a checkout is read again, by its buyer.
func TestTheAddressOfThePortalIsKeptForMinutes(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user := w.User("customer")
	repeat := func(path string, body map[string]string) answer {
		t.Helper()
		return w.Send(handlertest.Request{
			Method:  http.MethodPost,
			Path:    path,
			Session: user,
			Body:    body,
			Header:  map[string]string{"Idempotency-Key": "key-of-" + path[len("/checkout/"):], "Origin": w.URL},
		})
	}
	back := map[string]string{"returnUrl": w.URL + "/account"}
	buy := map[string]string{"contentId": w.piece(2999), "successUrl": w.URL + "/s", "cancelUrl": w.URL + "/c"}
	first := repeat("/checkout/portal-session", back).Want(http.StatusOK, "")
	if again := repeat("/checkout/portal-session", back); again.Body != first.Body {
		t.Errorf("first %s, then %s", first.Body, again.Body)
	}
	checkout := repeat("/checkout/create", buy).Want(http.StatusOK, "")
	if again := repeat("/checkout/create", buy); again.Body != checkout.Body {
		t.Errorf("first %s, then %s", checkout.Body, again.Body)
	}

	sweeper := &commands.Sweeper{Pool: w.Pool, Now: func() time.Time { return w.Now().Add(4 * time.Minute) }}
	if n, err := sweeper.Expire(t.Context()); n != 0 || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
	sweeper.Now = func() time.Time { return w.Now().Add(6 * time.Minute) }
	if n, err := sweeper.Expire(t.Context()); n != 1 || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
	repeat("/checkout/portal-session", back).Want(http.StatusNotFound, "RESPONSE_EXPIRED")
	repeat("/checkout/create", buy).Want(http.StatusOK, "")
	if n := w.Number(`SELECT count(*) FROM commands c WHERE strpos(c::text, 'http') > 0`); n != 0 {
		t.Errorf("%d rows have an address", n)
	}
}
