package stripe_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	stripego "github.com/stripe/stripe-go/v76"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
)

func TestThePageShowsTheSaleEscapedAndRunsNoScript(t *testing.T) {
	t.Parallel()
	b := start(t)
	s := b.session()
	status, text, header := b.page("GET", s.URL)
	if status != 200 || !strings.Contains(text, "Essay &lt;b&gt;&amp; more&lt;/b&gt;") ||
		!strings.Contains(text, "£20.00") || strings.Contains(text, "<script") {
		t.Fatalf("%d %s", status, text)
	}
	csp := header.Get("Content-Security-Policy")
	for _, part := range []string{
		"default-src 'none'",
		"style-src 'sha256-",
		"frame-ancestors 'none'",
		"form-action 'self' https://shop.example.test",
	} {
		if !strings.Contains(csp, part) {
			t.Errorf("policy %q lacks %q", csp, part)
		}
	}
	if status, _, _ := b.page("GET", "/c/pay/cs_test_unknown"); status != 404 {
		t.Fatalf("an unknown session: %d", status)
	}
}

func TestPayingRedirectsAndSendsTheWebhook(t *testing.T) {
	t.Parallel()
	b := start(t)
	s := b.session()
	status, _, header := b.page("POST", "/c/pay/"+s.ID+"/pay")
	if status != 303 || header.Get("Location") != "https://shop.example.test/done?s="+s.ID {
		t.Fatalf("%d %v", status, header)
	}
	want := []string{
		"charge.succeeded", "checkout.session.completed", "payment_intent.created",
		"payment_intent.succeeded",
	}
	waitFor(t, "four events", func() bool { return len(b.inbox.types()) == 4 })
	if got := sorted(b.inbox.types()); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("%v", got)
	}
	if _, text, _ := b.page("GET", "/c/pay/"+s.ID); !strings.Contains(text, "already paid") ||
		strings.Contains(text, "<form") {
		t.Fatal(text)
	}
}

func TestADoubleClickPaysOnce(t *testing.T) {
	t.Parallel()
	b := start(t)
	s := b.session()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if status, _, header := b.page("POST", "/c/pay/"+s.ID+"/pay"); status != 303 ||
				!strings.HasPrefix(header.Get("Location"), "https://shop.example.test/done") {
				t.Errorf("%d %v", status, header)
			}
		})
	}
	wg.Wait()
	if status, _, _ := b.page("POST", "/c/pay/"+s.ID+"/decline"); status != 303 {
		t.Fatalf("declining what is paid: %d", status)
	}
	list := b.api.Charges.List(&stripego.ChargeListParams{})
	n := 0
	for list.Next() {
		n++
	}
	if n != 1 {
		t.Fatalf("%d charges", n)
	}
	waitFor(t, "the completion", func() bool { return b.inbox.count("checkout.session.completed") == 1 })
}

func TestADeclineIsShownAndTheBuyerCanRetry(t *testing.T) {
	t.Parallel()
	b := start(t)
	s := b.session()
	if status, _, header := b.page("POST", "/c/pay/"+s.ID+"/decline"); status != 303 ||
		header.Get("Location") != "/c/pay/"+s.ID {
		t.Fatalf("%d %v", status, header)
	}
	if status, text, _ := b.page("GET", s.URL); status != 402 || !strings.Contains(text, "declined") ||
		!strings.Contains(text, "<form") {
		t.Fatalf("%d %s", status, text)
	}
	waitFor(t, "the failure", func() bool { return b.inbox.count("payment_intent.payment_failed") == 1 })
	open, err := b.api.CheckoutSessions.Get(s.ID, nil)
	if err != nil || open.Status != "open" || open.PaymentStatus != "unpaid" {
		t.Fatalf("%+v, %v", open, err)
	}
	failed, err := b.api.PaymentIntents.Get(open.PaymentIntent.ID, nil)
	if err != nil || failed.LastPaymentError == nil || failed.LastPaymentError.Code != "card_declined" {
		t.Fatalf("%+v, %v", failed, err)
	}
	b.page("POST", "/c/pay/"+s.ID+"/pay")
	paid, err := b.api.PaymentIntents.Get(open.PaymentIntent.ID, nil)
	if err != nil || paid.Status != "succeeded" || paid.LastPaymentError != nil {
		t.Fatalf("%+v, %v", paid, err)
	}
}

func TestCancellingRedirectsBackAndLeavesTheSessionOpen(t *testing.T) {
	t.Parallel()
	b := start(t)
	s := b.session()
	if status, _, header := b.page("POST", "/c/pay/"+s.ID+"/cancel"); status != 303 ||
		header.Get("Location") != "https://shop.example.test/back" {
		t.Fatalf("%d %v", status, header)
	}
	if s, err := b.api.CheckoutSessions.Get(s.ID, nil); err != nil || s.Status != "open" {
		t.Fatalf("%+v, %v", s, err)
	}
}

func TestASessionExpiresAtItsTime(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Now()
	b := start(t, func(c *sandbox.Config) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	s := b.session()
	mu.Lock()
	now = now.Add(24*time.Hour + time.Second)
	mu.Unlock()
	if status, _, _ := b.page("POST", "/c/pay/"+s.ID+"/pay"); status != 410 {
		t.Fatalf("paying an expired session: %d", status)
	}
	if status, text, _ := b.page("GET", s.URL); status != 410 || !strings.Contains(text, "expired") {
		t.Fatalf("%d %s", status, text)
	}
	it := b.api.Events.List(&stripego.EventListParams{Type: stripego.String("checkout.session.expired")})
	if !it.Next() || it.Next() {
		t.Fatal("not exactly one expiry event")
	}
}

func TestTheHomePageRefundsAndDisputes(t *testing.T) {
	t.Parallel()
	b := start(t)
	first, second := b.paid(), b.paid()
	if _, text, _ := b.page("GET", "/"); !strings.Contains(text, first.PaymentIntent.ID) ||
		!strings.Contains(text, ">Refund<") {
		t.Fatal(text)
	}
	status, _, header := b.page("POST", "/sandbox/payment_intents/"+first.PaymentIntent.ID+"/refund")
	if status != 303 || header.Get("Location") != "/" {
		t.Fatalf("%d %v", status, header)
	}
	b.page("POST", "/sandbox/payment_intents/"+second.PaymentIntent.ID+"/dispute")
	if _, text, _ := b.page("GET", "/"); !strings.Contains(text, "refunded") ||
		!strings.Contains(text, "disputed: needs_response") || !strings.Contains(text, ">Won<") {
		t.Fatal(text)
	}
}

func TestEveryPathAnswersAtItsOwnHostsOnly(t *testing.T) {
	t.Parallel()
	b := start(t)
	s := b.paid()
	session, page := "/v1/checkout/sessions/"+s.ID, "/checkout/"+s.ID
	for _, path := range []string{"/", session, page, "/nothing", "/sandbox/faults"} {
		for host, allowed := range map[string]bool{
			"localhost":                 true,
			"localhost:8090":            true,
			"127.0.0.1":                 true,
			"[::1]:8090":                true,
			"evil.example":              false,
			"127.0.0.1.nip.io":          false,
			"localhost.evil.example":    false,
			"192.168.1.5:8090":          false,
			"evil.example:8090":         false,
			"127.0.0.1@evil.example:80": false,
		} {
			req, err := http.NewRequest(http.MethodGet, b.server.URL()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			status, text, _ := b.do(req)
			if refused := status == http.StatusForbidden; refused == allowed {
				t.Errorf("%s at %s: %d %s", path, host, status, text)
			}
		}
	}
}

func TestTheControlsRejectOtherSitesAndHosts(t *testing.T) {
	t.Parallel()
	b := start(t)
	s := b.paid()
	path := b.server.URL() + "/sandbox/payment_intents/" + s.PaymentIntent.ID + "/refund"
	cases := []struct {
		name string
		bend func(*http.Request)
		want int
	}{
		{"another site's form", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"another origin", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		{"a rebound name", func(r *http.Request) { r.Host = "evil.example" }, 403},
		{"a rebound name with the key", func(r *http.Request) {
			r.Host = "sandbox.internal"
			r.Header.Set("Authorization", "Bearer "+secretKey)
		}, 200},
	}
	for _, c := range cases {
		req, _ := http.NewRequest(http.MethodPost, path, nil)
		c.bend(req)
		if status, text, _ := b.do(req); status != c.want {
			t.Errorf("%s: %d %s", c.name, status, text)
		}
	}
}
