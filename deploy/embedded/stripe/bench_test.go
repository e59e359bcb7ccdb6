package stripe_test

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
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	stripego "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"
	"github.com/stripe/stripe-go/v76/webhook"
	"go.uber.org/goleak"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
)

const (
	secretKey  = "sk_test_sandbox"
	hookSecret = "whsec_sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a sandbox, stripe-go in front of it and an endpoint behind it.
type bench struct {
	*testing.T
	server *sandbox.Server
	api    *client.API
	http   *http.Client
	inbox  *inbox
	config sandbox.Config
}

// inbox is a webhook endpoint that remembers what came and may refuse.
type inbox struct {
	mu     sync.Mutex
	server *httptest.Server
	refuse int // how many to answer 500; -1 all
	events []stripego.Event
	bodies []json.RawMessage
	faults []error
	came   chan struct{}
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{came: make(chan struct{}, 1)}
	in.server = httptest.NewServer(in)
	t.Cleanup(in.server.Close)
	return in
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	i.mu.Lock()
	defer i.mu.Unlock()
	defer func() {
		select {
		case i.came <- struct{}{}:
		default:
		}
	}()
	if i.refuse != 0 {
		i.refuse--
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	// stripe-go's own verification, as an independent judge of the signature.
	e, err := webhook.ConstructEventWithOptions(body, r.Header.Get("Stripe-Signature"), hookSecret,
		webhook.ConstructEventOptions{IgnoreAPIVersionMismatch: true})
	if err != nil {
		i.faults = append(i.faults, err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	i.events = append(i.events, e)
	i.bodies = append(i.bodies, body)
}

// types are the event types that came, in order of arrival.
func (i *inbox) types() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []string
	for _, e := range i.events {
		out = append(out, string(e.Type))
	}
	return out
}

func (i *inbox) count(eventType string) int {
	n := 0
	for _, t := range i.types() {
		if t == eventType {
			n++
		}
	}
	return n
}

// sessions are those whose completion came.
func (i *inbox) sessions() map[string]bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := map[string]bool{}
	for _, e := range i.events {
		if id, _ := e.Data.Object["id"].(string); e.Type == "checkout.session.completed" {
			out[id] = true
		}
	}
	return out
}

// waitFor waits until holds does.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("never: %s", what)
		}
	}
}

func start(t *testing.T, change ...func(*sandbox.Config)) *bench {
	t.Helper()
	in := newInbox(t)
	b := &bench{T: t, inbox: in, config: sandbox.Config{
		SecretKey: secretKey,
		Webhooks:  []sandbox.Endpoint{{Name: "main", URL: in.server.URL, Secret: hookSecret}},
		Retry:     sandbox.Retry{First: 5 * time.Millisecond, Max: 40 * time.Millisecond},
	}}
	for _, c := range change {
		c(&b.config)
	}
	b.open()
	t.Cleanup(func() { b.stop() })
	return b
}

func onDisk(t *testing.T) func(*sandbox.Config) {
	path := filepath.Join(t.TempDir(), "state", "stripe.journal")
	return func(c *sandbox.Config) { c.StateFile = path }
}

func (b *bench) open() {
	b.Helper()
	server, err := sandbox.Start(context.Background(), b.config)
	if err != nil {
		b.Fatal(err)
	}
	b.server = server
	transport := &http.Transport{DisableKeepAlives: true}
	b.http = &http.Client{
		Transport: transport, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	backend := stripego.GetBackendWithConfig(stripego.APIBackend, &stripego.BackendConfig{
		URL:               stripego.String(server.URL()),
		HTTPClient:        b.http,
		MaxNetworkRetries: stripego.Int64(0),
		LeveledLogger:     &stripego.LeveledLogger{Level: stripego.LevelNull},
	})
	b.api = client.New(secretKey, &stripego.Backends{API: backend})
}

func (b *bench) stop() {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := b.server.Stop(ctx); err != nil {
		b.Errorf("stop: %v", err)
	}
}

func sale() *stripego.CheckoutSessionParams {
	return &stripego.CheckoutSessionParams{
		Mode:       stripego.String("payment"),
		SuccessURL: stripego.String("https://shop.example.test/done?s={CHECKOUT_SESSION_ID}"),
		CancelURL:  stripego.String("https://shop.example.test/back"),
		LineItems: []*stripego.CheckoutSessionLineItemParams{{
			Quantity: stripego.Int64(1),
			PriceData: &stripego.CheckoutSessionLineItemPriceDataParams{
				Currency: stripego.String("gbp"), UnitAmount: stripego.Int64(2000),
				ProductData: &stripego.CheckoutSessionLineItemPriceDataProductDataParams{
					Name: stripego.String("Essay <b>& more</b>"),
				},
			},
		}},
		Metadata:          map[string]string{"contentId": "c-1"},
		ClientReferenceID: stripego.String("ref-1"),
	}
}

func (b *bench) session() *stripego.CheckoutSession {
	b.Helper()
	s, err := b.api.CheckoutSessions.New(sale())
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// paid is a paid session, read again.
func (b *bench) paid() *stripego.CheckoutSession {
	b.Helper()
	s := b.session()
	b.control("POST", "sessions/"+s.ID+"/pay", "", http.StatusOK)
	s, err := b.api.CheckoutSessions.Get(s.ID, nil)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// control calls /sandbox/… and returns the answer.
func (b *bench) control(method, path, body string, want int) map[string]any {
	b.Helper()
	req, _ := http.NewRequest(method, b.server.URL()+"/sandbox/"+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	status, text, _ := b.do(req)
	if status != want {
		b.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	out := map[string]any{}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		b.Fatal(err)
	}
	return out
}

func (b *bench) do(req *http.Request) (int, string, http.Header) {
	b.Helper()
	resp, err := b.http.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

// page opens or presses a page.
func (b *bench) page(method, path string) (int, string, http.Header) {
	b.Helper()
	address := path
	if strings.HasPrefix(path, "/") {
		address = b.server.URL() + path
	}
	req, err := http.NewRequest(method, address, nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	return b.do(req)
}

// failure is the *stripe.Error in err.
func failure(t *testing.T, err error) *stripego.Error {
	t.Helper()
	var e *stripego.Error
	if !errors.As(err, &e) {
		t.Fatalf("not a Stripe error: %v", err)
	}
	return e
}

func hmacHex(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprint(mac, text)
	return hex.EncodeToString(mac.Sum(nil))
}

func sorted(in []string) []string { out := slices.Clone(in); slices.Sort(out); return out }

func contains(text []byte, part string) bool { return bytes.Contains(text, []byte(part)) }
