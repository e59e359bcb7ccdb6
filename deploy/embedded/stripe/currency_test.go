package stripe_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	stripego "github.com/stripe/stripe-go/v76"
)

func TestMinimumAmountsAreEnforcedPerCurrency(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, c := range []struct {
		currency string
		amount   int64
		code     stripego.ErrorCode
	}{
		{"gbp", 29, stripego.ErrorCodeAmountTooSmall},
		{"gbp", 30, ""},
		{"usd", 49, stripego.ErrorCodeAmountTooSmall},
		{"jpy", 49, stripego.ErrorCodeAmountTooSmall},
		{"jpy", 50, ""},
		{"huf", 17_499, stripego.ErrorCodeAmountTooSmall},
		{"kwd", 1234, stripego.ErrorCodeParameterInvalidInteger},
		{"kwd", 1230, ""},
	} {
		params := sale()
		params.LineItems[0].PriceData.Currency = &c.currency
		params.LineItems[0].PriceData.UnitAmount = &c.amount
		_, err := b.api.CheckoutSessions.New(params)
		if c.code == "" {
			if err != nil {
				t.Errorf("%d %s: %v", c.amount, c.currency, err)
			}
			continue
		}
		if e := failure(t, err); e.HTTPStatusCode != 400 || e.Code != c.code {
			t.Errorf("%d %s: %+v", c.amount, c.currency, e)
		}
	}
	params := sale()
	params.LineItems[0].PriceData.Currency = stripego.String("xxx")
	if _, err := b.api.CheckoutSessions.New(params); failure(t, err).HTTPStatusCode != 400 {
		t.Errorf("a currency that does not exist: %v", err)
	}
}

func TestEveryUnknownParameterIsNamed(t *testing.T) {
	t.Parallel()
	b := start(t)
	s := b.session()
	for path, unknown := range map[string]string{
		"/v1/refunds?colour=red&shape=round":              "colour, shape",
		"/v1/checkout/sessions?state=open":                "state",
		"/v1/checkout/sessions/" + s.ID + "?colour=red":   "colour",
		"/v1/events?type=charge.succeeded&created[at]=1":  "created[at]",
		"/v1/disputes?metadata[a]=b":                      "metadata[a]",
		"/v1/charges?limit=1&payment_intents[]=pi_1&x=2":  "payment_intents[], x",
		"/v1/payment_intents/pi_unknown?expand[]=x&shape": "shape",
	} {
		req, _ := http.NewRequest(http.MethodGet, b.server.URL()+path, nil)
		req.Header.Set("Authorization", "Bearer "+secretKey)
		status, text, _ := b.do(req)
		if status != 400 || !strings.Contains(text, `"parameter_unknown"`) || !strings.Contains(text, ": "+unknown+`"`) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	form := url.Values{
		"adaptive_pricing[enabled]":                     {"false"},
		"mode":                                          {"payment"},
		"success_url":                                   {"https://a.test"},
		"line_items[0][quantity]":                       {"1"},
		"line_items[0][price_data][currency]":           {"gbp"},
		"line_items[0][price_data][unit_amount]":        {"100"},
		"line_items[0][price_data][product_data][name]": {"A"},
	}
	req, _ := http.NewRequest(http.MethodPost, b.server.URL()+"/v1/checkout/sessions", strings.NewReader(form.Encode()))
	req.Header.Set("Authorization", "Bearer "+secretKey)
	if status, text, _ := b.do(req); status != 400 || !strings.Contains(text, "adaptive_pricing[enabled]") {
		t.Errorf("a parameter of a later version: %d %s", status, text)
	}
}

func TestABankDebitSettlesLater(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]struct {
		payment stripego.CheckoutSessionPaymentStatus
		charge  stripego.ChargeStatus
		events  []string
	}{
		"succeeded": {"paid", "succeeded", []string{
			"charge.succeeded", "checkout.session.async_payment_succeeded", "payment_intent.succeeded",
		}},
		"failed": {"unpaid", "failed", []string{
			"charge.failed", "checkout.session.async_payment_failed", "payment_intent.payment_failed",
		}},
	} {
		t.Run(result, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			s := b.session()
			if status, _, header := b.page("POST", "/c/pay/"+s.ID+"/later"); status != 303 ||
				!strings.HasPrefix(header.Get("Location"), "https://shop.example.test/done") {
				t.Fatalf("%d %v", status, header)
			}
			begun := []string{
				"charge.pending", "checkout.session.completed", "payment_intent.created", "payment_intent.processing",
			}
			waitFor(t, "the first events", func() bool { return len(b.inbox.types()) == len(begun) })
			if got := sorted(b.inbox.types()); !slices.Equal(got, begun) {
				t.Fatalf("%v", got)
			}
			waiting, err := b.api.CheckoutSessions.Get(s.ID, nil)
			if err != nil || waiting.Status != "complete" || waiting.PaymentStatus != "unpaid" {
				t.Fatalf("%+v %v", waiting, err)
			}
			if _, text, _ := b.page("GET", "/"); !strings.Contains(text, "waits for the bank") ||
				!strings.Contains(text, ">The bank refuses<") {
				t.Error("the home page does not show what waits")
			}
			_, err = b.api.Refunds.New(&stripego.RefundParams{PaymentIntent: &waiting.PaymentIntent.ID})
			failure(t, err)

			b.control("POST", "sessions/"+s.ID+"/settle", `{"status":"`+result+`"}`, 200)
			b.control("POST", "sessions/"+s.ID+"/settle", `{"status":"succeeded"}`, 400)
			all := sorted(append(begun, want.events...))
			waitFor(t, "all events", func() bool { return len(b.inbox.types()) == len(all) })
			if got := sorted(b.inbox.types()); !slices.Equal(got, all) {
				t.Errorf("%v", got)
			}
			done, err := b.api.CheckoutSessions.Get(s.ID, nil)
			if err != nil || done.Status != "complete" || done.PaymentStatus != want.payment {
				t.Errorf("%+v %v", done, err)
			}
			params := &stripego.PaymentIntentParams{}
			params.AddExpand("latest_charge")
			intent, err := b.api.PaymentIntents.Get(waiting.PaymentIntent.ID, params)
			if err != nil || intent.LatestCharge.Status != want.charge ||
				intent.LatestCharge.PaymentMethodDetails.Type != "bacs_debit" {
				t.Errorf("%+v %v", intent.LatestCharge, err)
			}
		})
	}
}

func TestTheHomePageShowsRefundsAndDisputesOfAPayment(t *testing.T) {
	t.Parallel()
	b := start(t)
	intent := b.paid().PaymentIntent.ID
	made := func(what, body string) string {
		return b.control("POST", "payment_intents/"+intent+"/"+what, body, 200)["id"].(string)
	}
	refund := made("refund", `{"amount":500,"status":"pending"}`)
	first := made("dispute", `{"amount":300,"inquiry":true}`)
	second := made("dispute", `{"amount":200}`)
	_, text, _ := b.page("GET", "/")
	for _, part := range []string{
		refund, first, second, "£5.00", "£3.00", "£2.00", ">Arrives<", ">Fails<", ">Becomes a dispute<", ">Won<", ">Forged<",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
}
