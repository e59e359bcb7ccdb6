// Package payments_test tests selling as a whole, over HTTP and with real parts: an
// edge, a bus, the consumers, the relay, the reaction that opens and closes access,
// Postgres, and the payments sandbox as Stripe.
package payments_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe/sandbox"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/migrations"
	"github.com/codex-platform/codex/outbox"
)

const (
	secretKey  = "sk_test_payments"
	bookingKey = "whsec_booking"
	paymentKey = "whsec_payment"
	olderKey   = "whsec_older"
	within     = 20 * time.Second
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// world is one installation.
type world struct {
	*testing.T
	pool    *pgxpool.Pool
	conn    *nats.Conn
	sandbox *sandbox.Server
	stripe  *stripe.Client
	intake  *edge.StripeIntake
	url     string
	client  *http.Client
	log     *slog.Logger
	// deaf makes the endpoint refuse what the sandbox delivers.
	deaf atomic.Bool

	creator, organization string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, log: quiet(), client: &http.Client{Timeout: within}}
	database := pgtest.Database(t)
	server := natstest.Embedded(t)
	var err error
	w.must(func() error { w.pool, err = pgxpool.New(context.Background(), database); return err })
	t.Cleanup(w.pool.Close)
	w.must(func() error { w.conn, err = bus.Connect(server.URL(), "test", w.log); return err })
	t.Cleanup(w.conn.Close)
	js, err := jetstream.New(w.conn)
	w.must(func() error { return err })
	w.must(func() error { return bus.EnsureStreams(context.Background(), js, bus.DefaultStreamLimits()) })
	dispatcher, err := bus.NewDispatcher(w.conn, uuid.NewString(), 2, w.log)
	w.must(func() error { return err })
	t.Cleanup(dispatcher.Close)
	w.seed()

	var handler atomic.Value
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.deaf.Load() && r.UserAgent() == "Stripe/1.0 (codex sandbox)" {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		handler.Load().(http.Handler).ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	t.Cleanup(w.client.CloseIdleConnections)
	w.url = front.URL
	w.startSandbox()

	w.intake = &edge.StripeIntake{Pool: w.pool, Dispatcher: dispatcher, Now: time.Now, Log: w.log}
	tokens, err := token.NewKeys([]byte("the secret of stream tokens"))
	w.must(func() error { return err })
	e, err := edge.New(edge.Config{
		Pool: w.pool, Dispatcher: dispatcher, PublicURL: front.URL, Development: true, Now: time.Now, Log: w.log,
	}, edge.CheckoutRoutes{Sessions: w.stripe}, edge.PurchaseRoutes{}, edge.AccessRoutes{Tokens: tokens}, &edge.WebhookRoutes{
		Intake: w.intake, Secrets: map[string][]string{"booking": {bookingKey, olderKey}, "payment": {paymentKey}},
	})
	w.must(func() error { return err })
	handler.Store(e.Handler())

	limits := bus.DefaultStreamLimits()
	runner := commands.NewRunner(commands.Config{Pool: w.pool, Conn: w.conn, Partitions: 2, Limits: limits, Log: w.log},
		[]commands.Context{commands.Purchase{Rates: money.DefaultRates()}},
		[]commands.External{&commands.Checkout{Pool: w.pool, Stripe: w.stripe, Rates: money.DefaultRates(), Log: w.log}})
	w.run(runner.Run)
	relay, err := outbox.NewRelay(outbox.RelayConfig{DatabaseURL: database, Conn: w.conn, Limits: limits, Log: w.log})
	w.must(func() error { return err })
	w.run(relay.Run)
	w.run(reactions.New(reactions.Config{Pool: w.pool, Conn: w.conn, Limits: limits, Log: w.log}, reactions.Access(time.Now)).Run)
	return w
}

func (w *world) startSandbox() {
	w.Helper()
	var err error
	w.sandbox, err = sandbox.Start(context.Background(), sandbox.Config{
		SecretKey: secretKey,
		// Both endpoints get everything: one event comes twice, under one id.
		Webhooks: []sandbox.Endpoint{
			{URL: w.url + "/webhooks/stripe/booking", Secret: bookingKey},
			{URL: w.url + "/webhooks/stripe/payment", Secret: paymentKey},
		},
		Retry: sandbox.Retry{First: 20 * time.Millisecond, Max: 100 * time.Millisecond},
	})
	w.must(func() error { return err })
	w.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		if err := w.sandbox.Stop(ctx); err != nil {
			w.Errorf("stop the sandbox: %v", err)
		}
	})
	w.stripe, err = stripe.New(stripe.Config{SecretKey: secretKey, BackendURL: w.sandbox.URL(), Timeout: 5 * time.Second})
	w.must(func() error { return err })
	w.Cleanup(w.stripe.Close)
}

func quiet() *slog.Logger {
	if os.Getenv("CODEX_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

func (w *world) must(f func() error) {
	w.Helper()
	if err := f(); err != nil {
		w.Fatal(err)
	}
}

// run runs f until the test ends.
func (w *world) run(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	w.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				w.Errorf("stopped with %v", err)
			}
		case <-time.After(within):
			w.Error("did not stop in time")
		}
	})
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.pool.Exec(context.Background(), sql, args...); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

// read reads one value from the database.
func read[T any](w *world, sql string, args ...any) T {
	w.Helper()
	var v T
	if err := w.pool.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
	return v
}

func (w *world) count(sql string, args ...any) int { w.Helper(); return read[int](w, sql, args...) }

// eventually waits until a query gives the wanted number.
func (w *world) eventually(want int, sql string, args ...any) {
	w.Helper()
	deadline := time.Now().Add(within)
	for {
		got := w.count(sql, args...)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("%s: got %d, want %d", sql, got, want)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// announced returns the types of an aggregate's events, in the order of their
// versions, which must be dense.
func (w *world) announced(aggregate string) string {
	w.Helper()
	return read[string](w, `SELECT COALESCE(string_agg(type, ' ' ORDER BY version), '') ||
		CASE WHEN max(version) <> count(*) THEN ' (not dense)' ELSE '' END FROM outbox WHERE aggregate_id = $1`, aggregate)
}

func (w *world) seed() {
	w.creator, w.organization = w.user(), uuid.NewString()
	w.exec(`INSERT INTO organizations (id, name, slug) VALUES ($1, 'Org', 'org')`, w.organization)
}

// user makes a user who is signed in; the session's token is the id.
func (w *world) user() string {
	w.Helper()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	w.exec(`INSERT INTO users (id, name, email, email_verified, role) VALUES ($1, 'Test', $1 || '@example.test', true, 'customer')`, id)
	hash := sha256.Sum256([]byte(id))
	w.exec(`INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $1, now() + interval '1 day')`, id, hash[:])
	return id
}

// piece makes a published content item at a price.
func (w *world) piece(price int) string {
	w.Helper()
	id := uuid.NewString()
	w.exec(`INSERT INTO content (id, creator_id, organization_id, title, slug, content_type, access_type, price_cents, status, published_at)
		VALUES ($1, $2, $3, 'A piece', $4, 'written', 'paid', $5, 'published', now())`, id, w.creator, w.organization, "p-"+id, price)
	return id
}

// stream asks for the stream of a content item and returns the status.
func (w *world) stream(user, content string) int {
	w.Helper()
	return w.request(http.MethodGet, "/api/access/content/"+content+"/stream", user, nil).status
}

// answer is what a request got.
type answer struct {
	status int
	body   map[string]any
	raw    string
}

// at returns a value deep inside the body.
func (a answer) at(path ...string) any {
	var v any = a.body
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

func (w *world) do(req *http.Request) answer {
	resp, err := w.client.Do(req)
	if err != nil {
		w.Errorf("%s %s: %v", req.Method, req.URL.Path, err)
		return answer{}
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, raw: string(raw)}
	_ = json.Unmarshal(raw, &a.body)
	return a
}

func (w *world) request(method, path, user string, body any) answer {
	w.Helper()
	var content io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		w.must(func() error { return err })
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, w.url+path, content)
	w.must(func() error { return err })
	if user != "" {
		req.AddCookie(&http.Cookie{Name: "codex-session", Value: user})
	}
	return w.do(req)
}

// checkout asks for a checkout as a client does.
func (w *world) checkout(user, content string) answer {
	w.Helper()
	return w.request(http.MethodPost, "/checkout/create", user, map[string]string{
		"contentId": content, "successUrl": w.url + "/done?session_id={CHECKOUT_SESSION_ID}", "cancelUrl": "http://localhost:3000/",
	})
}

// sessionOf returns the session that a checkout was answered with.
func (w *world) sessionOf(a answer) string {
	w.Helper()
	id, _ := a.at("data", "sessionId").(string)
	url, _ := a.at("data", "sessionUrl").(string)
	if a.status != http.StatusOK || id == "" || !strings.HasPrefix(url, "http") {
		w.Fatalf("checkout: %d %s", a.status, a.raw)
	}
	return id
}

// control makes something happen at the sandbox.
func (w *world) control(path string, body map[string]any) {
	w.Helper()
	raw, _ := json.Marshal(body)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.sandbox.URL()+"/sandbox/"+path, bytes.NewReader(raw))
	w.must(func() error { return err })
	req.Header.Set("Content-Type", "application/json")
	if a := w.do(req); a.status != http.StatusOK {
		w.Fatalf("control %s: %d %s", path, a.status, a.raw)
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

func eventID() string { return "evt_" + strings.ReplaceAll(uuid.NewString(), "-", "") }

func intentID() string { return "pi_" + strings.ReplaceAll(uuid.NewString(), "-", "") }

// paidSession is the event that a test client sends: a session not opened here.
func paidSession(w *world, user, content, intent string, amount int) hook {
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

func sign(body []byte, secret string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

func (w *world) post(endpoint string, body []byte, signature string) answer {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.url+"/webhooks/stripe/"+endpoint, bytes.NewReader(body))
	if err != nil {
		w.Error(err)
		return answer{}
	}
	if signature != "" {
		req.Header.Set("Stripe-Signature", signature)
	}
	return w.do(req)
}

// deliver posts a webhook that must be taken.
func (w *world) deliver(h hook) {
	w.Helper()
	body := h.body()
	if a := w.post("booking", body, sign(body, bookingKey, time.Now())); a.status != http.StatusOK || a.raw != `{"received":true}` {
		w.Errorf("%s: %d %s", h.typ, a.status, a.raw)
	}
}
