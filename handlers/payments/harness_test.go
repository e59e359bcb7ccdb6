// Package payments_test tests selling as a whole, over HTTP and with real parts: an
// edge, a bus, the consumers, the relay, the reaction that opens and closes access,
// Postgres, and the payments sandbox as Stripe.
package payments_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/payments"
	"github.com/codex-platform/codex/handlers/publishing"
	"github.com/codex-platform/codex/handlers/streaming"
)

const (
	bookingKey = "whsec_booking"
	paymentKey = "whsec_payment"
	olderKey   = "whsec_older"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

// harness is one installation in development: the modules payments, streaming and
// publishing, and the sandbox as the payment provider.
type harness struct {
	*handlertest.Harness
	// config is what module was made from.
	config payments.Config
	module handlers.Module
	// logs is what the module logs, from level warn on, as JSON.
	logs *logBuffer
	// rejecting makes the endpoints reject what the sandbox delivers.
	rejecting atomic.Bool

	creator, organization string
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	options := handlertest.Options{Pool: func(c *pgxpool.Config) { c.MaxConns = 12 }}
	w := &harness{Harness: handlertest.New(t, options), logs: &logBuffer{}}
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
	w.config = payments.Config{
		Pool:           w.Pool,
		Dispatcher:     w.Dispatcher,
		Stripe:         w.Stripe,
		WebhookSecrets: map[string][]string{"booking": {bookingKey, olderKey}, "payment": {paymentKey}},
		Rates:          money.DefaultRates(),
		PublicURL:      w.URL,
		Development:    true,
		Now:            w.Now,
		Log:            slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	w.module = payments.New(w.config)
	watching := streaming.New(streaming.Config{
		Pool:   w.Pool,
		Tokens: handlertest.Must(token.NewKeys([]byte("the secret of stream tokens")))(t),
		Now:    w.Now,
	})
	selling := publishing.New(publishing.Config{Pool: w.Pool})
	w.StartModules(w.module, watching, selling)
	handler := w.Edge(func(cfg *edge.Config) { cfg.Development = true }, w.module, watching, selling).Handler()
	w.Serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.rejecting.Load() && r.UserAgent() == "Stripe/1.0 (codex sandbox)" {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(rw, r)
	}))
	return w
}

// logBuffer keeps what is logged.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// serve is the same installation behind another edge, with its own configuration.
func (w *harness) serve(cfg payments.Config) *harness {
	w.Helper()
	module := payments.New(cfg)
	handler := w.Edge(func(e *edge.Config) {
		e.PublicURL = cfg.PublicURL
		e.Development = cfg.Development
	}, module).Handler()
	server := httptest.NewServer(handler)
	w.Cleanup(server.Close)
	other := *w.Harness
	other.URL = server.URL
	return &harness{Harness: &other, logs: w.logs, config: cfg, module: module}
}

// production serves the installation for production.
func (w *harness) production(returnHosts ...string) *harness {
	w.Helper()
	cfg := w.config
	cfg.Development = false
	cfg.PublicURL = "https://shop.example.test"
	cfg.ReturnHosts = returnHosts
	return w.serve(cfg)
}

// run runs a job of a module once and returns how many items it processed.
func (w *harness) run(module handlers.Module, name string) int {
	w.Helper()
	i := slices.IndexFunc(module.Jobs, func(j jobs.Job) bool { return j.Name == name })
	if i < 0 {
		w.Fatalf("module %s has no job %q", module.Name, name)
	}
	return handlertest.Must(module.Jobs[i].Run(w.Context()))(w)
}

// text reads one text from the database.
func (w *harness) text(sql string, args ...any) string {
	w.Helper()
	return handlertest.Value[string](w.Harness, sql, args...)
}

// eventsOf returns the types of an aggregate's events, in the order of their versions,
// which must be dense.
func (w *harness) eventsOf(aggregate string) string {
	w.Helper()
	return w.text(`
SELECT COALESCE(string_agg(type, ' ' ORDER BY version), '') ||
       CASE WHEN max(version) <> count(*) THEN ' (not dense)' ELSE '' END
FROM outbox WHERE aggregate_id = $1`, aggregate)
}

// piece makes a published content item at a price.
func (w *harness) piece(price int) string {
	w.Helper()
	return w.Publish(handlertest.ForSale{Creator: w.creator, Organization: w.organization, Price: price})
}

// deletedPiece makes a content item that was deleted: a payment for it has to be refunded.
func (w *harness) deletedPiece(price int) string {
	w.Helper()
	id := w.piece(price)
	w.Exec(`UPDATE content SET deleted_at = now() WHERE id = $1`, id)
	return id
}

// stream asks for the stream of a content item and returns the status.
func (w *harness) stream(user, content string) int {
	w.Helper()
	return w.request(http.MethodGet, "/api/access/content/"+content+"/stream", user, nil).Status
}

type answer = handlertest.Answer

func (w *harness) request(method, path, user string, body any) answer {
	w.Helper()
	return w.Send(handlertest.Request{
		Method:  method,
		Path:    path,
		Session: user,
		Body:    body,
	})
}

// checkout asks for a checkout as a client does.
func (w *harness) checkout(user, content string) answer {
	w.Helper()
	return w.request(http.MethodPost, "/checkout/create", user, map[string]string{
		"contentId":  content,
		"successUrl": w.URL + "/done?session_id={CHECKOUT_SESSION_ID}",
		"cancelUrl":  "http://localhost:3000/",
	})
}

// sessionOf returns the session of a response to a checkout.
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
		"id":              "ch_" + intent,
		"object":          "charge",
		"payment_intent":  intent,
		"amount":          amount,
		"amount_refunded": refunded,
		"currency":        "gbp",
	}}
}

func disputed(intent, typ, status string) hook {
	return hook{id: eventID(), typ: typ, object: map[string]any{
		"id":             "dp_" + intent,
		"object":         "dispute",
		"payment_intent": intent,
		"charge":         "ch_1",
		"status":         status,
		"reason":         "fraudulent",
	}}
}

// sign returns the Stripe-Signature header of a body at a time.
func sign(body []byte, secret string, at time.Time) string {
	return handlertest.StripeSignature(body, secret, at)
}

func (w *harness) post(endpoint string, body []byte, signature string) answer {
	w.Helper()
	r := handlertest.Request{Method: http.MethodPost, Path: "/webhooks/stripe/" + endpoint, Body: body}
	if signature != "" {
		r.Header = handlertest.Pairs("Stripe-Signature", signature)
	}
	return w.Send(r)
}

// deliver posts a webhook that must be accepted.
func (w *harness) deliver(h hook) {
	w.Helper()
	body := h.body()
	a := w.post("booking", body, sign(body, bookingKey, time.Now()))
	if a.Status != http.StatusOK || a.Body != `{"received":true}` {
		w.Errorf("%s: %d %s", h.typ, a.Status, a.Body)
	}
}
