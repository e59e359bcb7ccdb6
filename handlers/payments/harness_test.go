// Package payments_test tests selling as a whole, over HTTP and with real parts: an
// edge, a bus, the consumers, the relay, the reaction that opens and closes access,
// Postgres, and the payments sandbox as Stripe.
package payments_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/handlers/handlertest"
)

const (
	bookingKey = "whsec_booking"
	paymentKey = "whsec_payment"
	olderKey   = "whsec_older"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

// harness is one installation in development.
type harness struct {
	*handlertest.Harness
	intake *edge.StripeIntake
	// deaf makes the endpoint refuse what the sandbox delivers.
	deaf atomic.Bool

	creator, organization string
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	w := &harness{Harness: handlertest.New(t, handlertest.Options{})}
	w.creator, w.organization = w.User("creator"), w.Organization()
	w.StartBus(natstest.Embedded(t), 2)
	w.StartSandbox(sandbox.Config{
		// Both endpoints get everything: one event comes twice, under one id.
		Webhooks: []sandbox.Endpoint{
			{URL: w.URL + "/webhooks/stripe/booking", Secret: bookingKey},
			{URL: w.URL + "/webhooks/stripe/payment", Secret: paymentKey},
		},
		Retry: sandbox.Retry{First: 20 * time.Millisecond, Max: 100 * time.Millisecond},
	})
	w.StartCommands([]commands.Context{commands.Purchase{Rates: money.DefaultRates()}.Commands()},
		(&commands.Checkout{Pool: w.Pool, Stripe: w.Stripe, Rates: money.DefaultRates(), Log: w.Logger}).Commands())
	w.StartReactions(reactions.Access(w.Now))

	w.intake = &edge.StripeIntake{Pool: w.Pool, Dispatcher: w.Dispatcher, Now: w.Now, Log: w.Logger}
	tokens := handlertest.Must(token.NewKeys([]byte("the secret of stream tokens")))(t)
	handler := w.Edge(func(cfg *edge.Config) { cfg.Development = true },
		edge.CheckoutRoutes{Sessions: w.Stripe}, edge.PurchaseRoutes{}, edge.AccessRoutes{Tokens: tokens}, &edge.WebhookRoutes{
			Intake: w.intake, Secrets: map[string][]string{"booking": {bookingKey, olderKey}, "payment": {paymentKey}},
		}).Handler()
	w.Serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.deaf.Load() && r.UserAgent() == "Stripe/1.0 (codex sandbox)" {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(rw, r)
	}))
	return w
}

// announced returns the types of an aggregate's events, in the order of their
// versions, which must be dense.
func (w *harness) announced(aggregate string) string {
	w.Helper()
	return handlertest.Value[string](w.Harness, `SELECT COALESCE(string_agg(type, ' ' ORDER BY version), '') ||
		CASE WHEN max(version) <> count(*) THEN ' (not dense)' ELSE '' END FROM outbox WHERE aggregate_id = $1`, aggregate)
}

// piece makes a published content item at a price.
func (w *harness) piece(price int) string {
	w.Helper()
	return w.Publish(handlertest.ForSale{Creator: w.creator, Organization: w.organization, Price: price})
}

// stream asks for the stream of a content item and returns the status.
func (w *harness) stream(user, content string) int {
	w.Helper()
	return w.request(http.MethodGet, "/api/access/content/"+content+"/stream", user, nil).Status
}

type answer = handlertest.Answer

func (w *harness) request(method, path, user string, body any) answer {
	w.Helper()
	return w.Send(handlertest.Request{Method: method, Path: path, Session: user, Body: body})
}

// checkout asks for a checkout as a client does.
func (w *harness) checkout(user, content string) answer {
	w.Helper()
	return w.request(http.MethodPost, "/checkout/create", user, map[string]string{
		"contentId": content, "successUrl": w.URL + "/done?session_id={CHECKOUT_SESSION_ID}", "cancelUrl": "http://localhost:3000/",
	})
}

// sessionOf returns the session that a checkout was answered with.
func (w *harness) sessionOf(a answer) string {
	w.Helper()
	id, url := a.Text("data.sessionId"), a.Text("data.sessionUrl")
	if a.Status != http.StatusOK || id == "" || !strings.HasPrefix(url, "http") {
		w.Fatalf("checkout: %d %s", a.Status, a.Body)
	}
	return id
}

// control makes something happen at the sandbox.
func (w *harness) control(path string, body map[string]any) {
	w.Helper()
	if a := w.request(http.MethodPost, w.Sandbox.URL()+"/sandbox/"+path, "", body); a.Status != http.StatusOK {
		w.Fatalf("control %s: %d %s", path, a.Status, a.Body)
	}
}

// hook is one webhook, made by hand.
type hook struct {
	id, typ string
	object  map[string]any
	extra   map[string]any
}

func (h hook) body() []byte {
	event := map[string]any{
		"id": h.id, "object": "event", "type": h.typ, "created": time.Now().Unix(), "livemode": false,
		"api_version": "2025-10-29.clover", "data": map[string]any{"object": h.object},
	}
	for k, v := range h.extra {
		event[k] = v
	}
	raw, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	return raw
}

func eventID() string { return "evt_" + handlertest.FlatID() }

func intentID() string { return "pi_" + handlertest.FlatID() }

// paidSession is the event that a test client sends: a session not opened here.
func paidSession(w *harness, user, content, intent string, amount int) hook {
	return hook{id: eventID(), typ: "checkout.session.completed", object: map[string]any{
		"id": "cs_" + intent, "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
		"payment_intent": intent, "amount_total": amount, "currency": "gbp",
		"metadata": map[string]any{"customerId": user, "contentId": content, "organizationId": w.organization},
	}}
}

func refundedCharge(intent string, amount, refunded int) hook {
	return hook{id: eventID(), typ: "charge.refunded", object: map[string]any{
		"id": "ch_" + intent, "object": "charge", "payment_intent": intent, "amount": amount, "amount_refunded": refunded, "currency": "gbp",
	}}
}

func disputed(intent, typ, status string) hook {
	return hook{id: eventID(), typ: typ, object: map[string]any{
		"id": "dp_" + intent, "object": "dispute", "payment_intent": intent, "charge": "ch_1", "status": status, "reason": "fraudulent",
	}}
}

func (w *harness) post(endpoint string, body []byte, signature string) answer {
	w.Helper()
	r := handlertest.Request{Method: http.MethodPost, Path: "/webhooks/stripe/" + endpoint, Body: body}
	if signature != "" {
		r.Header = handlertest.Pairs("Stripe-Signature", signature)
	}
	return w.Send(r)
}

// deliver posts a webhook that must be taken.
func (w *harness) deliver(h hook) {
	w.Helper()
	body := h.body()
	if a := w.post("booking", body, handlertest.StripeSignature(body, bookingKey, time.Now())); a.Status != http.StatusOK || a.Body != `{"received":true}` {
		w.Errorf("%s: %d %s", h.typ, a.Status, a.Body)
	}
}
