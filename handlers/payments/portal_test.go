package payments_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/purchase/stripe/sandbox"
	"github.com/codex-platform/codex/handlers/edge"
)

// production is the same installation behind an edge that is not for development.
func (w *world) production(parts ...any) *world {
	w.Helper()
	e, err := edge.New(edge.Config{
		Pool: w.pool, Dispatcher: w.intake.Dispatcher, PublicURL: "https://shop.example.test", Now: w.intake.Now, Log: w.log,
		LimitFactor: edge.NoLimits,
	}, parts...)
	w.must(func() error { return err })
	server := httptest.NewServer(e.Handler())
	w.Cleanup(server.Close)
	return &world{T: w.T, pool: w.pool, client: w.client, log: w.log, url: server.URL}
}

func (w *world) portal(user, back string) answer {
	w.Helper()
	return w.request(http.MethodPost, "/checkout/portal-session", user, map[string]string{"returnUrl": back})
}

// portalPage opens the portal and returns what the buyer sees.
func (w *world) portalPage(user string) string {
	w.Helper()
	got := w.portal(user, w.url+"/account")
	address, _ := got.at("data", "url").(string)
	if got.status != http.StatusOK || !strings.HasPrefix(address, "http") {
		w.Fatalf("portal: %d %s", got.status, got.raw)
	}
	req, err := http.NewRequest(http.MethodGet, address, nil)
	w.must(func() error { return err })
	page := w.do(req)
	if page.status != http.StatusOK {
		w.Fatalf("portal page: %d", page.status)
	}
	return page.raw
}

func TestThePortalShowsTheBuyersPaymentsAndLeadsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user, stranger := w.user(), w.user()
	w.control("sessions/"+w.sessionOf(w.checkout(user, w.piece(2999)))+"/pay", nil)
	w.eventually(1, `SELECT count(*) FROM purchases WHERE customer_id = $1`, user)
	if page := w.portalPage(user); !strings.Contains(page, "29.99") || !strings.Contains(page, w.url+"/account") {
		t.Errorf("the buyer's page\n%s", page)
	}
	if page := w.portalPage(stranger); strings.Contains(page, "29.99") {
		t.Error("a stranger's page shows the payment")
	}
	if got := w.portal("", w.url); got.status != http.StatusUnauthorized {
		t.Errorf("signed out: %d", got.status)
	}
	for _, body := range []map[string]string{{}, {"returnUrl": "x"}, {"returnUrl": "https://evil.example.test/"}, {"returnUrl": w.url, "more": "x"}} {
		if got := w.request(http.MethodPost, "/checkout/portal-session", user, body); got.status != http.StatusBadRequest || got.at("error", "code") != "VALIDATION_ERROR" {
			t.Errorf("%v: %d %s", body, got.status, got.raw)
		}
	}
}

func TestABuyerHasOneCustomerAtTheProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := w.user()
	first := w.session(w.sessionOf(w.checkout(user, w.piece(2999)))).CustomerID
	second := w.session(w.sessionOf(w.checkout(user, w.piece(1999)))).CustomerID
	if first == "" || first != second || first != read[string](w, `SELECT stripe_customer_id FROM users WHERE id = $1`, user) {
		t.Errorf("customers %q and %q", first, second)
	}
	// One that the provider has forgotten is replaced, whoever finds out.
	for name, use := range map[string]func(user string) string{
		"a checkout": func(user string) string { return w.session(w.sessionOf(w.checkout(user, w.piece(2999)))).CustomerID },
		"the portal": func(user string) string {
			w.portalPage(user)
			return read[string](w, `SELECT stripe_customer_id FROM users WHERE id = $1`, user)
		},
	} {
		user := w.user()
		w.exec(`UPDATE users SET stripe_customer_id = 'cus_gone_' || id WHERE id = $1`, user)
		if got := use(user); strings.HasPrefix(got, "cus_gone") || got != read[string](w, `SELECT stripe_customer_id FROM users WHERE id = $1`, user) {
			t.Errorf("%s uses %q", name, got)
		}
	}
}

func TestACustomerIsMadeWhateverTheProviderAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, faults := range map[string]sandbox.Faults{
		"the answer is lost": {DroppedReplies: 1}, "done, but answered 500": {CommittedErrors: 1}, "not done, answered 500": {Errors: 1}, "asked to slow down": {RateLimits: 1},
	} {
		user := w.user()
		w.sandbox.SetFaults(faults)
		got := w.portal(user, w.url)
		w.sandbox.SetFaults(sandbox.Faults{})
		if got.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
	w.sandbox.SetFaults(sandbox.Faults{Down: true})
	if got := w.portal(w.user(), w.url); got.status != http.StatusBadGateway || got.at("error", "code") != "PAYMENT_PROCESSING_ERROR" {
		t.Errorf("away: %d %s", got.status, got.raw)
	}
}

func TestBuyersAreSentBackToOurOwnSitesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := w.user()
	live := w.production(edge.CheckoutRoutes{Sessions: w.stripe})
	ours := w.production(edge.CheckoutRoutes{Sessions: w.stripe, ReturnHosts: []string{"films.example.org"}})
	for _, c := range []struct {
		target                           string
		inDevelopment, inProduction, own bool
	}{
		{"https://revelations.studio/x", true, true, false},
		{"https://app.revelations.studio/x", true, true, false},
		{"http://codex-staging.revelations.studio:8443/x", true, true, false},
		{"https://REVELATIONS.studio/", true, true, false},
		{"https://films.example.org/", false, false, true},
		{"https://shop.example.test/own", false, true, true},
		{"http://shop.example.test/own", false, false, false},
		{w.url + "/own", true, false, false},
		{"http://localhost:5173/", true, false, false},
		{"http://127.0.0.1:3000/", true, false, false},
		{"http://shop.lvh.me:5173/", true, false, false},
		{"https://evilrevelations.studio/", false, false, false},
		{"https://revelations.studio.evil.test/", false, false, false},
		{"https://revelations.studio@evil.test/", false, false, false},
		{"https://evil.test/?revelations.studio", false, false, false},
		{"https://evil.test#.revelations.studio", false, false, false},
		{`https://evil.test\.revelations.studio/`, false, false, false},
		{"ftp://revelations.studio/", false, false, false},
		{"javascript://revelations.studio/%0aalert(1)", false, false, false},
		{"//revelations.studio/", false, false, false},
		{"http://10.0.0.1/", false, false, false},
		{"http://127.0.0.1.nip.io/", false, false, false},
	} {
		for name, at := range map[string]struct {
			world   *world
			allowed bool
		}{"development": {w, c.inDevelopment}, "production": {live, c.inProduction}, "another domain": {ours, c.own}} {
			got := at.world.portal(user, c.target)
			if (got.status == http.StatusOK) != at.allowed || (!at.allowed && got.status != http.StatusBadRequest) {
				u, _ := url.Parse(c.target)
				t.Errorf("%s: to %s (%v): %d %s", name, c.target, u, got.status, got.raw)
			}
		}
	}
}
