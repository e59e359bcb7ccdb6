package stripe_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	stripego "github.com/stripe/stripe-go/v76"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
)

func TestASessionHasStripesFields(t *testing.T) {
	t.Parallel()
	b := start(t)
	s := b.session()
	if s.Status != "open" || s.PaymentStatus != "unpaid" || s.PaymentIntent != nil || s.AmountTotal != 2000 ||
		s.Livemode || s.ExpiresAt-s.Created != 24*60*60 || !strings.HasPrefix(s.ID, "cs_test_a1") ||
		s.URL != b.server.URL()+"/c/pay/"+s.ID {
		t.Fatalf("%+v", s)
	}
	params := &stripego.CheckoutSessionParams{}
	params.AddExpand("line_items")
	params.AddExpand("payment_intent.latest_charge.refunds")
	b.control("POST", "sessions/"+s.ID+"/pay", "", 200)
	got, err := b.api.CheckoutSessions.Get(s.ID, params)
	if err != nil {
		t.Fatal(err)
	}
	charge := got.PaymentIntent.LatestCharge
	if got.LineItems.Data[0].Description != "Essay <b>& more</b>" || got.PaymentIntent.Status != "succeeded" ||
		charge.Amount != 2000 || charge.Refunds == nil || !charge.Paid || !strings.HasPrefix(charge.ID, "ch_3") {
		t.Fatalf("%+v", got)
	}
	list := b.api.CheckoutSessions.List(&stripego.CheckoutSessionListParams{PaymentIntent: &got.PaymentIntent.ID})
	if !list.Next() || list.CheckoutSession().ID != s.ID || list.Next() {
		t.Fatal("the session is not found by its payment intent")
	}
	charges := b.api.Charges.List(&stripego.ChargeListParams{PaymentIntent: &got.PaymentIntent.ID})
	if !charges.Next() || charges.Charge().ID != charge.ID || charges.Charge().Refunds != nil {
		t.Fatal("the charge is not found, or shows refunds unasked")
	}
}

func TestRequestsThatStripeRejectsAreRejected(t *testing.T) {
	t.Parallel()
	script := "javascript:alert(1)"
	b := start(t)
	cases := []struct {
		name  string
		bend  func(*stripego.CheckoutSessionParams)
		param string
	}{
		{"29 minutes", func(p *stripego.CheckoutSessionParams) {
			p.ExpiresAt = stripego.Int64(time.Now().Add(29 * time.Minute).Unix())
		}, "expires_at"},
		{"25 hours", func(p *stripego.CheckoutSessionParams) {
			p.ExpiresAt = stripego.Int64(time.Now().Add(25 * time.Hour).Unix())
		}, "expires_at"},
		{"no mode", func(p *stripego.CheckoutSessionParams) { p.Mode = nil }, "mode"},
		{"no lines", func(p *stripego.CheckoutSessionParams) { p.LineItems = nil }, "line_items"},
		{"script URL", func(p *stripego.CheckoutSessionParams) { p.SuccessURL = &script }, "success_url"},
		{"policy in a host", func(p *stripego.CheckoutSessionParams) {
			p.CancelURL = stripego.String("https://a;script-src.test/")
		}, "cancel_url"},
		{"unknown customer", func(p *stripego.CheckoutSessionParams) { p.Customer = stripego.String("cus_x") }, "customer"},
		{"unknown parameter", func(p *stripego.CheckoutSessionParams) { p.AddExtra("colour", "blue") }, "colour"},
		{
			"long metadata", func(p *stripego.CheckoutSessionParams) { p.AddMetadata("k", strings.Repeat("x", 501)) },
			"metadata",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := sale()
			if c.name == "long metadata" {
				p.Metadata = nil
			}
			c.bend(p)
			_, err := b.api.CheckoutSessions.New(p)
			if err == nil {
				t.Fatal("accepted")
			}
			if e := failure(t, err); e.HTTPStatusCode != 400 || e.Type != "invalid_request_error" || e.Param != c.param {
				t.Fatalf("%+v", e)
			}
		})
	}
	_, err := b.api.PaymentIntents.Get("pi_x", nil)
	if e := failure(t, err); e.HTTPStatusCode != 404 || e.Code != stripego.ErrorCodeResourceMissing {
		t.Fatalf("%+v", e)
	}
	req, _ := http.NewRequest(http.MethodGet, b.server.URL()+"/v1/events", nil)
	if status, _, _ := b.do(req); status != 401 {
		t.Fatalf("without a key: %d", status)
	}
	req.SetBasicAuth(secretKey, "")
	if status, _, _ := b.do(req); status != 200 {
		t.Fatalf("with basic authentication: %d", status)
	}
}

func TestAnIdempotencyKeyIsBoundToItsParameters(t *testing.T) {
	t.Parallel()
	b := start(t)
	p := sale()
	p.IdempotencyKey = stripego.String("one")
	first, err := b.api.CheckoutSessions.New(p)
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.api.CheckoutSessions.New(p)
	if err != nil || second.ID != first.ID || second.LastResponse.Header.Get("Idempotent-Replayed") != "true" {
		t.Fatalf("%+v, %v", second, err)
	}
	p.ClientReferenceID = stripego.String("other")
	_, err = b.api.CheckoutSessions.New(p)
	if e := failure(t, err); e.HTTPStatusCode != 400 || e.Type != stripego.ErrorTypeIdempotency {
		t.Fatalf("%+v", e)
	}
	// A request that was not valid leaves no trace under its key.
	q := sale()
	q.IdempotencyKey, q.Mode = stripego.String("two"), nil
	if _, err := b.api.CheckoutSessions.New(q); err == nil {
		t.Fatal("accepted")
	}
	q.Mode = stripego.String("payment")
	if _, err := b.api.CheckoutSessions.New(q); err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentRequestsUnderOneKeyConflictAndMakeOneObject(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.server.SetFaults(sandbox.Faults{LatencyMS: 300})
	p := sale()
	p.IdempotencyKey = stripego.String("race")
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids, conflicts := map[string]bool{}, 0
	for range 8 {
		wg.Go(func() {
			s, err := b.api.CheckoutSessions.New(p)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ids[s.ID] = true
				return
			}
			if e := failure(t, err); e.HTTPStatusCode != 409 || e.Code != stripego.ErrorCodeIdempotencyKeyInUse {
				t.Errorf("%+v", e)
			}
			conflicts++
		})
	}
	wg.Wait()
	if len(ids) != 1 || conflicts == 0 {
		t.Fatalf("%d objects, %d conflicts", len(ids), conflicts)
	}
}

func TestARejectedRefundStaysRejectedUnderItsKey(t *testing.T) {
	t.Parallel()
	b := start(t)
	s := b.paid()
	p := &stripego.RefundParams{PaymentIntent: &s.PaymentIntent.ID, Amount: stripego.Int64(2001)}
	p.IdempotencyKey = stripego.String("too-much")
	for range 2 {
		_, err := b.api.Refunds.New(p)
		if e := failure(t, err); e.HTTPStatusCode != 400 || e.Param != "amount" {
			t.Fatalf("%+v", e)
		}
	}
	part, err := b.api.Refunds.New(&stripego.RefundParams{PaymentIntent: &s.PaymentIntent.ID, Amount: stripego.Int64(500)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.api.Refunds.Get(part.ID, nil); err != nil || got.Amount != 500 || got.Charge.ID == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	waitFor(t, "charge.refunded", func() bool { return b.inbox.count("charge.refunded") == 1 })
	c, err := b.api.Charges.Get(part.Charge.ID, nil)
	if err != nil || c.AmountRefunded != 500 || c.Refunded {
		t.Fatalf("%+v, %v", c, err)
	}
}

func TestEventsCanBePagedBothWaysAndFiltered(t *testing.T) {
	t.Parallel()
	b := start(t)
	for range 4 {
		b.paid()
	}
	list := func(p *stripego.EventListParams) (ids []string) {
		p.Single = true
		it := b.api.Events.List(p)
		for it.Next() {
			ids = append(ids, it.Event().ID)
		}
		if it.Err() != nil {
			t.Fatal(it.Err())
		}
		return ids
	}
	all := list(&stripego.EventListParams{ListParams: stripego.ListParams{Limit: stripego.Int64(100)}})
	if len(all) != 16 {
		t.Fatalf("%d events", len(all))
	}
	page := stripego.ListParams{Limit: stripego.Int64(3), StartingAfter: &all[4]}
	after := list(&stripego.EventListParams{ListParams: page})
	if strings.Join(after, " ") != strings.Join(all[5:8], " ") {
		t.Fatal("starting_after")
	}
	page = stripego.ListParams{Limit: stripego.Int64(3), EndingBefore: &all[4]}
	before := list(&stripego.EventListParams{ListParams: page})
	// The page is newest first like every page; stripe-go turns it round for this cursor.
	if slices.Reverse(before); strings.Join(before, " ") != strings.Join(all[1:4], " ") {
		t.Fatal("ending_before")
	}
	if got := list(&stripego.EventListParams{Type: stripego.String("checkout.session.completed")}); len(got) != 4 {
		t.Fatalf("%d of one type", len(got))
	}
	types := stripego.StringSlice([]string{"charge.*", "payment_intent.created"})
	if got := list(&stripego.EventListParams{Types: types}); len(got) != 8 {
		t.Fatalf("%d of a pattern and a type", len(got))
	}
	waitFor(t, "all delivered", func() bool { return len(b.inbox.types()) == 16 })
	waitFor(t, "nothing undelivered", func() bool {
		return len(list(&stripego.EventListParams{DeliverySuccess: stripego.Bool(false)})) == 0
	})
	e, err := b.api.Events.Get(all[0], nil)
	if err != nil || e.PendingWebhooks != 0 || e.APIVersion != stripego.APIVersion || e.Request.ID == "" {
		t.Fatalf("%+v, %v", e, err)
	}
}

func TestConnectAccountsAreOnboardedPaidAndReversed(t *testing.T) {
	t.Parallel()
	b := start(t)
	acct, err := b.api.Accounts.New(&stripego.AccountParams{
		Type: stripego.String("express"), Country: stripego.String("GB"),
		Capabilities: &stripego.AccountCapabilitiesParams{
			Transfers: &stripego.AccountCapabilitiesTransfersParams{Requested: stripego.Bool(true)},
		},
	})
	if err != nil || acct.ChargesEnabled || len(acct.Requirements.CurrentlyDue) == 0 {
		t.Fatalf("%+v, %v", acct, err)
	}
	s := b.paid()
	intent, err := b.api.PaymentIntents.Get(s.PaymentIntent.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	pay := func(amount int64) (*stripego.Transfer, error) {
		return b.api.Transfers.New(&stripego.TransferParams{
			Amount:            &amount,
			Currency:          stripego.String("gbp"),
			Destination:       &acct.ID,
			SourceTransaction: &intent.LatestCharge.ID,
		})
	}
	_, err = pay(100)
	if e := failure(t, err); e.Code != "insufficient_capabilities_for_transfer" {
		t.Fatalf("a transfer before onboarding: %+v", e)
	}
	link, err := b.api.AccountLinks.New(&stripego.AccountLinkParams{
		Account:    &acct.ID,
		Type:       stripego.String("account_onboarding"),
		ReturnURL:  stripego.String("https://shop.example.test/payouts"),
		RefreshURL: stripego.String("https://shop.example.test/again"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if status, _, _ := b.page("GET", link.URL); status != 200 {
		t.Fatalf("onboarding: %d", status)
	}
	if status, _, h := b.page("POST", link.URL); status != 303 ||
		h.Get("Location") != "https://shop.example.test/payouts" {
		t.Fatalf("onboarding: %d %v", status, h)
	}
	if acct, err = b.api.Accounts.GetByID(acct.ID, nil); err != nil || !acct.PayoutsEnabled ||
		acct.Capabilities.Transfers != "active" {
		t.Fatalf("%+v, %v", acct, err)
	}
	waitFor(t, "account.updated", func() bool { return b.inbox.count("account.updated") == 1 })
	if login, err := b.api.LoginLinks.New(&stripego.LoginLinkParams{Account: &acct.ID}); err != nil || login.URL == "" {
		t.Fatalf("%+v, %v", login, err)
	}
	b.server.SetFaults(sandbox.Faults{TransferErrors: 1})
	_, err = pay(1800)
	if e := failure(t, err); e.Code != stripego.ErrorCodeBalanceInsufficient {
		t.Fatalf("%+v", e)
	}
	tr, err := pay(1800)
	if err != nil || tr.Destination.ID != acct.ID || tr.SourceTransaction.ID != intent.LatestCharge.ID {
		t.Fatalf("%+v, %v", tr, err)
	}
	_, err = pay(201)
	if e := failure(t, err); e.Param != "amount" {
		t.Fatalf("more than the source charge: %+v", e)
	}
	back := func(amount int64) (*stripego.TransferReversal, error) {
		return b.api.TransferReversals.New(&stripego.TransferReversalParams{ID: &tr.ID, Amount: &amount})
	}
	if re, err := back(382); err != nil || re.Amount != 382 || re.Transfer.ID != tr.ID {
		t.Fatalf("%+v, %v", re, err)
	}
	_, err = back(1419)
	if e := failure(t, err); e.Param != "amount" {
		t.Fatalf("more than is left: %+v", e)
	}
	b.control("POST", "accounts/"+acct.ID+"/payout", "", 200)
	_, err = back(100)
	if e := failure(t, err); e.Code != stripego.ErrorCodeBalanceInsufficient {
		t.Fatalf("an empty account: %+v", e)
	}
	if tr, err = b.api.Transfers.Get(tr.ID, nil); err != nil || tr.AmountReversed != 382 || tr.Reversed ||
		len(tr.Reversals.Data) != 1 {
		t.Fatalf("%+v, %v", tr, err)
	}
	b.control("POST", "accounts/"+acct.ID+"/deauthorize", "", 200)
	_, err = b.api.Accounts.GetByID(acct.ID, nil)
	if e := failure(t, err); e.HTTPStatusCode != 403 {
		t.Fatalf("%+v", e)
	}
	waitFor(t, "deauthorized", func() bool { return b.inbox.count("account.application.deauthorized") == 1 })
}

func TestProductsPricesAndCustomersServeASession(t *testing.T) {
	t.Parallel()
	b := start(t)
	product, err := b.api.Products.New(&stripego.ProductParams{Name: stripego.String("Course")})
	if err != nil {
		t.Fatal(err)
	}
	price, err := b.api.Prices.New(&stripego.PriceParams{
		Product:    &product.ID,
		Currency:   stripego.String("GBP"),
		UnitAmount: stripego.Int64(150),
	})
	if err != nil {
		t.Fatal(err)
	}
	customer, err := b.api.Customers.New(&stripego.CustomerParams{Email: stripego.String("a@example.test")})
	if err != nil {
		t.Fatal(err)
	}
	p := sale()
	p.Customer = &customer.ID
	p.LineItems = []*stripego.CheckoutSessionLineItemParams{{Price: &price.ID, Quantity: stripego.Int64(3)}}
	s, err := b.api.CheckoutSessions.New(p)
	if err != nil || s.AmountTotal != 450 || s.Customer.ID != customer.ID || s.CustomerDetails.Email != "a@example.test" {
		t.Fatalf("%+v, %v", s, err)
	}
	portal, err := b.api.BillingPortalSessions.New(&stripego.BillingPortalSessionParams{
		Customer:  &customer.ID,
		ReturnURL: stripego.String("https://shop.example.test/"),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.control("POST", "sessions/"+s.ID+"/pay", "", 200)
	if status, text, _ := b.page("GET", portal.URL); status != 200 || !strings.Contains(text, "£4.50") {
		t.Fatalf("%d %s", status, text)
	}
}

func TestARefundThatFailsIsThePlatformsMoneyAgain(t *testing.T) {
	t.Parallel()
	b := start(t)
	intent := b.paid().PaymentIntent.ID
	re := b.control("POST", "payment_intents/"+intent+"/refund", `{"amount":700,"status":"pending"}`, 200)
	id, _ := re["id"].(string)
	if re["status"] != "pending" || id == "" {
		t.Fatalf("%v", re)
	}
	b.control("POST", "refunds/"+id+"/settle", `{"status":"failed"}`, 200)
	b.control("POST", "refunds/"+id+"/settle", `{"status":"succeeded"}`, 400)
	for _, eventType := range []string{
		"refund.created", "charge.refunded", "refund.updated", "charge.refund.updated", "refund.failed",
	} {
		waitFor(t, eventType, func() bool { return b.inbox.count(eventType) == 1 })
	}
	got, err := b.api.Refunds.Get(id, nil)
	if err != nil || got.Status != stripego.RefundStatusFailed {
		t.Fatalf("%+v, %v", got, err)
	}
	if c, err := b.api.Charges.Get(got.Charge.ID, nil); err != nil || c.AmountRefunded != 0 || c.Refunded {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := b.api.Refunds.New(&stripego.RefundParams{PaymentIntent: &intent}); err != nil {
		t.Fatalf("refunded again: %v", err)
	}
}

func TestAPaymentMayHaveSeveralDisputesAndInquiries(t *testing.T) {
	t.Parallel()
	b := start(t)
	intent := b.paid().PaymentIntent.ID
	open := func(body string) string {
		t.Helper()
		id, _ := b.control("POST", "payment_intents/"+intent+"/dispute", body, 200)["id"].(string)
		return id
	}
	asked, first := open(`{"amount":100,"inquiry":true}`), open(`{"amount":500}`)
	refund := &stripego.RefundParams{PaymentIntent: &intent, Amount: stripego.Int64(1)}
	_, err := b.api.Refunds.New(refund)
	if e := failure(t, err); e.Code != "charge_disputed" {
		t.Fatalf("%+v", e)
	}
	second := open(`{"amount":300,"reason":"duplicate"}`)
	if first == second {
		t.Fatal("one dispute")
	}
	b.control("POST", "payment_intents/"+intent+"/dispute", `{"amount":5000}`, 400)
	b.control("POST", "disputes/"+asked+"/close", `{"status":"won"}`, 400)
	b.control("POST", "disputes/"+asked+"/escalate", "", 200)
	for _, id := range []string{asked, first} {
		b.control("POST", "disputes/"+id+"/close", `{"status":"won"}`, 200)
	}
	b.control("POST", "disputes/"+second+"/close", `{"status":"lost"}`, 200)
	b.control("POST", "disputes/"+second+"/close", `{"status":"won"}`, 200)
	for eventType, want := range map[string]int{
		"charge.dispute.created":          3,
		"charge.dispute.updated":          2,
		"charge.dispute.funds_withdrawn":  3,
		"charge.dispute.funds_reinstated": 3,
		"charge.dispute.closed":           3,
	} {
		waitFor(t, eventType, func() bool { return b.inbox.count(eventType) == want })
	}
}
