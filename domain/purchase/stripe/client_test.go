package stripe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe"
)

const (
	secretKey     = "sk_test_adapter"
	webhookSecret = "whsec_adapter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is an adapter with a sandbox behind it and an endpoint that keeps webhooks.
type bench struct {
	*testing.T
	sandbox *sandbox.Server
	client  *stripe.Client
	inbox   *inbox
}

type hook struct {
	body   []byte
	header string
}

type inbox struct {
	mu    sync.Mutex
	hooks []hook
	came  chan struct{}
}

func (i *inbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	i.mu.Lock()
	i.hooks = append(i.hooks, hook{body, r.Header.Get("Stripe-Signature")})
	i.mu.Unlock()
	select {
	case i.came <- struct{}{}:
	default:
	}
}

func start(t *testing.T) *bench {
	t.Helper()
	in := &inbox{came: make(chan struct{}, 1)}
	receiver := httptest.NewServer(in)
	t.Cleanup(receiver.Close)
	server, err := sandbox.Start(context.Background(), sandbox.Config{
		SecretKey: secretKey,
		Webhooks:  []sandbox.Endpoint{{URL: receiver.URL, Secret: webhookSecret}},
		Retry:     sandbox.Retry{First: 5 * time.Millisecond, Max: 50 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	b := &bench{T: t, sandbox: server, inbox: in}
	b.client = b.newClient(secretKey, 5*time.Second)
	return b
}

func (b *bench) newClient(key string, timeout time.Duration) *stripe.Client {
	b.Helper()
	c, err := stripe.New(stripe.Config{SecretKey: key, BackendURL: b.sandbox.URL(), Timeout: timeout})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}

// event waits for a webhook of the given type, verifies it and returns it.
func (b *bench) event(eventType string) stripe.Event {
	b.Helper()
	deadline := time.After(10 * time.Second)
	for {
		b.inbox.mu.Lock()
		hooks := b.inbox.hooks
		b.inbox.mu.Unlock()
		for _, h := range hooks {
			e, err := stripe.VerifyWebhook(h.body, h.header, []string{webhookSecret}, time.Now())
			if err != nil {
				b.Fatalf("a webhook of the sandbox is rejected: %v", err)
			}
			if e.Type == eventType {
				return e
			}
		}
		select {
		case <-b.inbox.came:
		case <-deadline:
			b.Fatalf("no event %s", eventType)
		}
	}
}

// control calls the sandbox's control API.
func (b *bench) control(path, body string) {
	b.Helper()
	resp, err := http.Post(b.sandbox.URL()+"/sandbox/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		b.Fatalf("control %s: %d %s", path, resp.StatusCode, text)
	}
	http.DefaultClient.CloseIdleConnections()
}

func sale(key string) stripe.CheckoutParams {
	return stripe.CheckoutParams{
		IdempotencyKey:    key,
		ClientReferenceID: "ref-" + key,
		AmountCents:       2999,
		Currency:          "gbp",
		ProductName:       "Field recording",
		Description:       strings.Repeat("ä", 600),
		CustomerEmail:     "buyer@example.test",
		SuccessURL:        "https://shop.example.test/done?s={CHECKOUT_SESSION_ID}",
		CancelURL:         "https://shop.example.test/",
		ExpiresAt:         time.Now().Add(45 * time.Minute),
		Metadata:          map[string]string{"contentId": "c-1", "customerId": "u-1"},
	}
}

func TestACheckoutIsCreatedRetrievedPaidAndReported(t *testing.T) {
	t.Parallel()
	b := start(t)
	created, err := b.client.CreateCheckout(t.Context(), sale("k1"))
	if err != nil {
		t.Fatal(err)
	}
	if created.Status != stripe.SessionOpen || created.PaymentStatus != "unpaid" ||
		created.PaymentIntentID != "" || created.AmountTotal != 2999 || created.Currency != "gbp" ||
		created.Metadata["contentId"] != "c-1" || created.ClientReferenceID != "ref-k1" ||
		!strings.HasPrefix(created.ID, "cs_test_") || !strings.HasPrefix(created.URL, b.sandbox.URL()+"/c/pay/") {
		t.Fatalf("created: %+v", created)
	}
	b.control("sessions/"+created.ID+"/pay", "")
	paid, err := b.client.RetrieveCheckout(t.Context(), created.ID)
	if err != nil {
		t.Fatal(err)
	}
	if paid.Status != stripe.SessionComplete || paid.PaymentStatus != stripe.PaymentPaid || paid.PaymentIntentID == "" ||
		paid.URL != "" {
		t.Fatalf("paid: %+v", paid)
	}
	reported, err := stripe.CheckoutSession(b.event(stripe.EventCheckoutCompleted))
	if err != nil {
		t.Fatal(err)
	}
	if reported.ID != paid.ID || reported.PaymentIntentID != paid.PaymentIntentID ||
		reported.PaymentStatus != stripe.PaymentPaid || reported.AmountTotal != 2999 ||
		reported.Mode != stripe.ModePayment || reported.Metadata["customerId"] != "u-1" ||
		!reported.ExpiresAt.Equal(created.ExpiresAt) {
		t.Fatalf("the webhook says: %+v", reported)
	}
}

func TestTheSameKeyGivesTheSameSession(t *testing.T) {
	t.Parallel()
	b := start(t)
	p := sale("same")
	first, err := b.client.CreateCheckout(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.client.CreateCheckout(t.Context(), p)
	if err != nil || second.ID != first.ID {
		t.Fatalf("second: %+v, %v", second, err)
	}
	p.AmountCents++
	var failure *stripe.Error
	if _, err := b.client.CreateCheckout(t.Context(), p); !errors.Is(err, stripe.ErrRejected) ||
		!errors.As(err, &failure) || failure.HTTPStatus != 400 {
		t.Fatalf("other parameters under the same key: %v", err)
	}
}

func TestAnExpiredCheckoutCannotBeExpiredAgain(t *testing.T) {
	t.Parallel()
	b := start(t)
	s, err := b.client.CreateCheckout(t.Context(), sale("e"))
	if err != nil {
		t.Fatal(err)
	}
	if s, err = b.client.ExpireCheckout(t.Context(), s.ID); err != nil || s.Status != stripe.SessionExpired {
		t.Fatalf("%+v, %v", s, err)
	}
	reported, err := stripe.CheckoutSession(b.event(stripe.EventCheckoutExpired))
	if err != nil || reported.ID != s.ID {
		t.Fatalf("%+v, %v", reported, err)
	}
	paid, err := b.client.CreateCheckout(t.Context(), sale("p"))
	if err != nil {
		t.Fatal(err)
	}
	b.control("sessions/"+paid.ID+"/pay", "")
	if _, err := b.client.ExpireCheckout(t.Context(), paid.ID); !errors.Is(err, stripe.ErrRejected) {
		t.Fatalf("expiring a paid session: %v", err)
	}
}

func TestRefundsAddUpAndStopAtWhatWasPaid(t *testing.T) {
	t.Parallel()
	b := start(t)
	s, err := b.client.CreateCheckout(t.Context(), sale("r"))
	if err != nil {
		t.Fatal(err)
	}
	b.control("sessions/"+s.ID+"/pay", "")
	s, err = b.client.RetrieveCheckout(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	part, err := b.client.Refund(t.Context(), s.PaymentIntentID, 500, stripe.ReasonByRequest, "r1")
	if err != nil || part.AmountCents != 500 || part.Status != "succeeded" || part.PaymentIntentID != s.PaymentIntentID {
		t.Fatalf("%+v, %v", part, err)
	}
	again, err := b.client.Refund(t.Context(), s.PaymentIntentID, 500, stripe.ReasonByRequest, "r1")
	if err != nil || again.ID != part.ID {
		t.Fatalf("the same key refunded twice: %+v, %v", again, err)
	}
	reported, err := stripe.ChargeRefund(b.event(stripe.EventChargeRefunded))
	if err != nil || reported.PaymentIntentID != s.PaymentIntentID || reported.RefundedCents != 500 ||
		reported.AmountCents != 2999 {
		t.Fatalf("%+v, %v", reported, err)
	}
	rest, err := b.client.Refund(t.Context(), s.PaymentIntentID, 0, stripe.ReasonDuplicate, "r2")
	if err != nil || rest.AmountCents != 2499 {
		t.Fatalf("%+v, %v", rest, err)
	}
	var failure *stripe.Error
	if _, err := b.client.Refund(t.Context(), s.PaymentIntentID, 0, "", "r3"); !errors.As(err, &failure) ||
		failure.Code != "charge_already_refunded" {
		t.Fatalf("a third refund: %v", err)
	}
	all, err := b.client.ListRefunds(t.Context(), s.PaymentIntentID)
	if err != nil || len(all) != 2 || all[0].ID != rest.ID || all[0].Reason != stripe.ReasonDuplicate {
		t.Fatalf("%+v, %v", all, err)
	}
}

func TestADisputeIsReportedOpenAndClosed(t *testing.T) {
	t.Parallel()
	b := start(t)
	s, err := b.client.CreateCheckout(t.Context(), sale("d"))
	if err != nil {
		t.Fatal(err)
	}
	b.control("sessions/"+s.ID+"/pay", "")
	s, _ = b.client.RetrieveCheckout(t.Context(), s.ID)
	b.control("payment_intents/"+s.PaymentIntentID+"/dispute", `{"reason":"product_not_received"}`)
	opened, err := stripe.Dispute(b.event(stripe.EventDisputeCreated))
	if err != nil || opened.PaymentIntentID != s.PaymentIntentID || opened.ChargeID == "" ||
		opened.Reason != "product_not_received" ||
		opened.AmountCents != 2999 || opened.Status != "needs_response" {
		t.Fatalf("%+v, %v", opened, err)
	}
	b.control("disputes/"+opened.ID+"/close", `{"status":"won"}`)
	closed, err := stripe.Dispute(b.event(stripe.EventDisputeClosed))
	if err != nil || closed.ID != opened.ID || closed.Status != "won" {
		t.Fatalf("%+v, %v", closed, err)
	}
	if _, err := b.client.Refund(t.Context(), s.PaymentIntentID, 0, "", "dr"); !errors.Is(err, stripe.ErrRejected) {
		t.Fatalf("a disputed payment was refunded: %v", err)
	}
}

func TestEventsAreListedOldestFirstAcrossPages(t *testing.T) {
	t.Parallel()
	b := start(t)
	const sales = 60 // 180 events and more: two pages
	since := time.Now().Add(-time.Minute)
	var want []string
	for i := range sales {
		s, err := b.client.CreateCheckout(t.Context(), sale("l"+string(rune('A'+i))))
		if err != nil {
			t.Fatal(err)
		}
		b.control("sessions/"+s.ID+"/pay", "")
		want = append(want, s.ID)
	}
	all, err := b.client.ListEvents(t.Context(), since, nil)
	if err != nil || len(all.Events) != 4*sales || !all.Until.IsZero() {
		t.Fatalf("%d events, %v", len(all.Events), err)
	}
	completed, err := b.client.ListEvents(t.Context(), since,
		[]string{stripe.EventCheckoutCompleted, stripe.EventChargeRefunded})
	if err != nil || len(completed.Events) != sales {
		t.Fatalf("%d events, %v", len(completed.Events), err)
	}
	for i, e := range completed.Events {
		s, err := stripe.CheckoutSession(e)
		if err != nil || s.ID != want[i] {
			t.Fatalf("event %d is about %s, want %s (%v)", i, s.ID, want[i], err)
		}
	}
	later, err := b.client.ListEvents(t.Context(), time.Now().Add(time.Hour), nil)
	if err != nil || len(later.Events) != 0 {
		t.Fatalf("%d events of the future, %v", len(later.Events), err)
	}
}

func TestMoreEventsThanFitAreListedInOldestFirstParts(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(listOfPast))
	defer server.Close()
	client, err := stripe.New(stripe.Config{SecretKey: secretKey, BackendURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.SetMaxListed(20)
	since, next := time.Unix(0, 0), 0
	for next < len(past) {
		part, err := client.ListEvents(t.Context(), since, nil)
		if err != nil || len(part.Events) == 0 || len(part.Events) > 20 {
			t.Fatalf("%d events, %v", len(part.Events), err)
		}
		for _, e := range part.Events {
			if got := e.Created.Unix(); got != past[next] {
				t.Fatalf("event %d is of %d, want %d", next, got, past[next])
			}
			next++
		}
		if next < len(past) && part.Until.Unix() <= past[next-1] {
			t.Fatalf("the list goes on at %d, after the event of %d", part.Until.Unix(), past[next-1])
		}
		since = part.Until
	}
}

func TestASecondWithMoreEventsThanFitIsListedWhole(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := 10
		if r.URL.Query().Get("starting_after") != "" {
			page = 20
		}
		fmt.Fprint(w, `{"object":"list","has_more":`, page == 10, `,"data":[`)
		for i := range 10 {
			fmt.Fprintf(w, `%s{"id":"evt_%d","type":"charge.refunded","created":1000}`, strings.Repeat(",", min(i, 1)), page+i)
		}
		fmt.Fprint(w, `]}`)
	}))
	defer server.Close()
	client, err := stripe.New(stripe.Config{SecretKey: secretKey, BackendURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.SetMaxListed(5)
	list, err := client.ListEvents(t.Context(), time.Unix(1000, 0), nil)
	if err != nil || len(list.Events) != 20 || !list.Until.IsZero() {
		t.Fatalf("%d events, until %s, %v", len(list.Events), list.Until, err)
	}
}

func TestAnUnreadableEntryDoesNotStopTheList(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("starting_after") == "" {
			fmt.Fprint(w, `{"object":"list","has_more":true,"data":[
				{"id":"evt_4","type":"charge.refunded","created":1004},
				{"id":"evt_3","type":"charge.refunded","created":1.5},
				17,
				{"id":"evt_2","type":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}]}`)
			return
		}
		if got := r.URL.Query().Get("starting_after"); got != "evt_2" {
			t.Errorf("the second page begins after %s", got)
		}
		fmt.Fprint(w, `{"object":"list","has_more":false,"data":[{"id":"evt_1","type":"charge.refunded","created":1001}]}`)
	}))
	defer server.Close()
	client, err := stripe.New(stripe.Config{SecretKey: secretKey, BackendURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	list, err := client.ListEvents(t.Context(), time.Unix(1000, 0), nil)
	if err != nil || len(list.Events) != 2 || list.Events[0].ID != "evt_1" || list.Events[1].ID != "evt_4" {
		t.Fatalf("%+v, %v", list.Events, err)
	}
	var ids []string
	for _, e := range list.Unreadable {
		if e.Cause == nil || len(e.Raw) == 0 {
			t.Errorf("unreadable entry %q without its cause or text", e.ID)
		}
		ids = append(ids, e.ID)
	}
	if got := strings.Join(ids, " "); got != "evt_2  evt_3" {
		t.Errorf("unreadable: %q", got)
	}
}

// past are the times of events: long pauses with many events after each.
var past = func() (out []int64) {
	for _, from := range []int64{1_000, 500_000, 9_000_000} {
		for i := range int64(30) {
			out = append(out, from+i*3)
		}
	}
	return out
}()

// listOfPast responds like Stripe's list of events: newest first, ten per page.
func listOfPast(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number := func(name string, fallback int64) int64 {
		if n, err := strconv.ParseInt(q.Get(name), 10, 64); err == nil {
			return n
		}
		return fallback
	}
	from, to := number("created[gte]", 0), number("created[lt]", 1<<40)
	if after, found := strings.CutPrefix(q.Get("starting_after"), "evt_"); found {
		at, _ := strconv.ParseInt(after, 10, 64)
		to = min(to, at)
	}
	var data []string
	more := false
	for _, at := range slices.Backward(past) {
		if at < from || at >= to {
			continue
		}
		if len(data) == 10 {
			more = true
			break
		}
		data = append(data, fmt.Sprintf(`{"id":"evt_%d","type":"x","created":%d}`, at, at))
	}
	fmt.Fprintf(w, `{"object":"list","has_more":%v,"data":[%s]}`, more, strings.Join(data, ","))
}

func TestACustomerPaysAndSeesThePortal(t *testing.T) {
	t.Parallel()
	b := start(t)
	id, err := b.client.CreateCustomer(t.Context(), "buyer@example.test", "u-1", "cust")
	if err != nil || !strings.HasPrefix(id, "cus_") {
		t.Fatalf("%q, %v", id, err)
	}
	p := sale("c")
	p.CustomerID = id
	s, err := b.client.CreateCheckout(t.Context(), p)
	if err != nil || s.CustomerID != id {
		t.Fatalf("%+v, %v", s, err)
	}
	address, err := b.client.PortalURL(t.Context(), id, "https://shop.example.test/account", "portal")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(address)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the portal: %v %v", resp, err)
	}
	resp.Body.Close()
	p.IdempotencyKey, p.CustomerID = "stale", "cus_gone"
	if _, err := b.client.CreateCheckout(t.Context(), p); !errors.Is(err, stripe.ErrNotFound) ||
		!errors.Is(err, stripe.ErrRejected) {
		t.Fatalf("a forgotten customer: %v", err)
	}
}

func TestADeletedCustomerCannotBeUsed(t *testing.T) {
	t.Parallel()
	b := start(t)
	id, err := b.client.CreateCustomer(t.Context(), "buyer@example.test", "u-1", "cust")
	if err != nil {
		t.Fatal(err)
	}
	b.sandbox.SetFaults(sandbox.Faults{Down: true})
	if err := b.client.DeleteCustomer(t.Context(), id); !errors.Is(err, stripe.ErrUnknownOutcome) ||
		strings.Contains(err.Error(), id) {
		t.Errorf("outage: %v", err)
	}
	b.sandbox.SetFaults(sandbox.Faults{Errors: 1})
	if err := b.client.DeleteCustomer(t.Context(), id); !errors.Is(err, stripe.ErrUnknownOutcome) {
		t.Errorf("status 500: %v", err)
	}
	if err := b.client.DeleteCustomer(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.event("customer.deleted")
	for _, deleted := range []string{id, "cus_never"} {
		if err := b.client.DeleteCustomer(t.Context(), deleted); !errors.Is(err, stripe.ErrNotFound) {
			t.Errorf("%s again: %v", deleted, err)
		}
	}
	if err := b.client.DeleteCustomer(t.Context(), ""); !errors.Is(err, stripe.ErrRejected) {
		t.Errorf("no id: %v", err)
	}
	_, err = b.client.PortalURL(t.Context(), id, "https://shop.example.test/account", "portal")
	if !errors.Is(err, stripe.ErrNotFound) {
		t.Errorf("its portal: %v", err)
	}
	p := sale("c")
	p.CustomerID = id
	if _, err := b.client.CreateCheckout(t.Context(), p); !errors.Is(err, stripe.ErrNotFound) {
		t.Errorf("its checkout: %v", err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.sandbox.URL()+"/v1/customers/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(secretKey, "")
	got, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if text, _ := io.ReadAll(got.Body); got.StatusCode != http.StatusOK ||
		!strings.Contains(string(text), `"deleted":true`) || strings.Contains(string(text), "buyer@") {
		t.Errorf("%d %s", got.StatusCode, text)
	}
	http.DefaultClient.CloseIdleConnections()
}
