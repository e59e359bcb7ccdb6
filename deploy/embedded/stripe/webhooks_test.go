package stripe_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	stripego "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
)

func TestARejectedWebhookIsRetriedUntilItIsAccepted(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.inbox.mu.Lock()
	b.inbox.refuse = 6
	b.inbox.mu.Unlock()
	b.paid()
	waitFor(t, "four events", func() bool { return len(b.inbox.types()) == 4 })
	b.inbox.mu.Lock()
	defer b.inbox.mu.Unlock()
	if len(b.inbox.faults) != 0 {
		t.Fatalf("signatures: %v", b.inbox.faults)
	}
}

func TestOneEndpointDoesNotDelayAnother(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices a caller that gives up
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(hang) })
	b := start(t, func(c *sandbox.Config) {
		c.Retry.Workers = 1
		c.Webhooks = append([]sandbox.Endpoint{{URL: slow.URL, Secret: "x"}}, c.Webhooks...)
		c.Webhooks[1].Events = []string{"checkout.session.completed"}
	})
	begun := time.Now()
	s := b.session()
	b.page("POST", "/c/pay/"+s.ID+"/pay")
	waitFor(t, "the event at the fast endpoint", func() bool { return b.inbox.count("checkout.session.completed") == 1 })
	if took := time.Since(begun); took > 5*time.Second {
		t.Fatalf("the redirect or the fast endpoint waited: %s", took)
	}
	if got := b.inbox.types(); len(got) != 1 {
		t.Fatalf("events that were not asked for: %v", got)
	}
}

func TestARestartKeepsTheStateAndSendsPendingWebhooks(t *testing.T) {
	t.Parallel()
	b := start(t, onDisk(t))
	b.inbox.mu.Lock()
	b.inbox.refuse = -1
	b.inbox.mu.Unlock()
	p := sale()
	p.IdempotencyKey = stripego.String("kept")
	s, err := b.api.CheckoutSessions.New(p)
	if err != nil {
		t.Fatal(err)
	}
	b.page("POST", "/c/pay/"+s.ID+"/pay")
	paid, err := b.api.CheckoutSessions.Get(s.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	part := &stripego.RefundParams{PaymentIntent: &paid.PaymentIntent.ID, Amount: stripego.Int64(700)}
	if _, err := b.api.Refunds.New(part); err != nil {
		t.Fatal(err)
	}
	b.stop()
	// What a crash in the middle of a write leaves behind.
	file, err := os.OpenFile(b.config.StateFile, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`[{"k":"session","i":"cs_torn","v":{"ID`); err != nil {
		t.Fatal(err)
	}
	file.Close()

	b.inbox.mu.Lock()
	b.inbox.refuse = 0
	b.inbox.mu.Unlock()
	b.open()
	// At least once: an attempt that the stop cut off may have arrived as well.
	waitFor(t, "the pending webhooks", func() bool {
		return b.inbox.count("checkout.session.completed") >= 1 && b.inbox.count("charge.refunded") >= 1
	})
	again, err := b.api.CheckoutSessions.New(p)
	if err != nil || again.ID != s.ID {
		t.Fatalf("the key was forgotten: %+v, %v", again, err)
	}
	same, err := b.api.CheckoutSessions.Get(s.ID, nil)
	if err != nil || same.PaymentStatus != "paid" || same.PaymentIntent.ID != paid.PaymentIntent.ID {
		t.Fatalf("%+v, %v", same, err)
	}
	if rest, err := b.api.Refunds.New(&stripego.RefundParams{PaymentIntent: &paid.PaymentIntent.ID}); err != nil ||
		rest.Amount != 1300 {
		t.Fatalf("%+v, %v", rest, err)
	}
}

func TestADamagedStateFileIsRejected(t *testing.T) {
	t.Parallel()
	b := start(t, onDisk(t))
	b.session()
	b.stop()
	text, err := os.ReadFile(b.config.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.config.StateFile, append([]byte("garbage\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := sandbox.Start(t.Context(), b.config); err == nil {
		_ = s.Stop(t.Context())
		t.Fatal("started on a damaged file")
	}
}

func TestDuplicatesAreCopiesOfOneEvent(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.control("PUT", "faults", `{"duplicates":4}`, 200)
	b.paid()
	waitFor(t, "five copies", func() bool { return b.inbox.count("checkout.session.completed") == 5 })
	ids := map[string]bool{}
	b.inbox.mu.Lock()
	defer b.inbox.mu.Unlock()
	for _, e := range b.inbox.events {
		if e.Type == "checkout.session.completed" {
			ids[e.ID] = true
		}
	}
	if len(ids) != 1 {
		t.Fatalf("%d ids", len(ids))
	}
}

func TestADroppedWebhookIsFoundInTheListAndCanBeResent(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.control("PUT", "faults", `{"drops":-1}`, 200)
	b.paid()
	it := b.api.Events.List(&stripego.EventListParams{
		DeliverySuccess: stripego.Bool(false),
		Type:            stripego.String("checkout.session.completed"),
	})
	if !it.Next() {
		t.Fatal("the event is not listed as undelivered")
	}
	dropped := b.control("GET", "deliveries?status=dropped", "", 200)["data"].([]any)
	if len(dropped) != 4 || len(b.inbox.types()) != 0 {
		t.Fatalf("%d dropped, %v came", len(dropped), b.inbox.types())
	}
	b.control("DELETE", "faults", "", 200)
	b.control("POST", "events/"+it.Event().ID+"/resend", "", 200)
	waitFor(t, "the resent event", func() bool { return b.inbox.count("checkout.session.completed") == 1 })
}

func TestWebhooksAreDelayedAndReordered(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.control("PUT", "faults", `{"delay_ms":400}`, 200)
	begun := time.Now()
	b.paid()
	waitFor(t, "the delayed events", func() bool { return len(b.inbox.types()) == 4 })
	if took := time.Since(begun); took < 400*time.Millisecond {
		t.Fatalf("came after %s", took)
	}
	b.control("PUT", "faults", `{"reorder_window_ms":600}`, 200)
	var made []string
	for range 10 {
		made = append(made, b.paid().ID)
	}
	waitFor(t, "all events", func() bool { return b.inbox.count("checkout.session.completed") == 11 })
	var came []string
	b.inbox.mu.Lock()
	defer b.inbox.mu.Unlock()
	for _, e := range b.inbox.events {
		if id, _ := e.Data.Object["id"].(string); e.Type == "checkout.session.completed" && slices.Contains(made, id) {
			came = append(came, id)
		}
	}
	// Ten events in order by chance: one in 3.6 million.
	if slices.Equal(made, came) {
		t.Fatal("the order was kept")
	}
}

func TestAForgedVersionIsDeliveredButNotListed(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.control("PUT", "faults", `{"api_version":"2025-10-29.clover"}`, 200)
	b.paid()
	waitFor(t, "events", func() bool { return len(b.inbox.types()) == 4 })
	b.inbox.mu.Lock()
	e := b.inbox.events[0]
	body := b.inbox.bodies[0]
	b.inbox.mu.Unlock()
	if e.APIVersion != "2025-10-29.clover" || !contains(body, "clover") {
		t.Fatalf("%s", e.APIVersion)
	}
	if listed, err := b.api.Events.Get(e.ID, nil); err != nil || listed.APIVersion != stripego.APIVersion {
		t.Fatalf("%+v, %v", listed, err)
	}
}

func TestTheSignatureCoversTimeAndBody(t *testing.T) {
	t.Parallel()
	type caught struct{ header, body string }
	hooks := make(chan caught, 10)
	raw := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hooks <- caught{r.Header.Get("Stripe-Signature"), string(body)}
	}))
	t.Cleanup(raw.Close)
	b := start(t, func(c *sandbox.Config) {
		c.Webhooks = []sandbox.Endpoint{{URL: raw.URL, Secret: hookSecret}}
	})
	b.paid()
	h := <-hooks
	stamp, mac, found := strings.Cut(strings.TrimPrefix(h.header, "t="), ",v1=")
	if !found || mac != hmacHex(hookSecret, stamp+"."+h.body) {
		t.Fatalf("%q", h.header)
	}
	var e map[string]any
	if err := json.Unmarshal([]byte(h.body), &e); err != nil || e["object"] != "event" || e["livemode"] != false {
		t.Fatalf("%v, %v", e, err)
	}
}

func TestUnreadableFaultsAreRejected(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.control("PUT", "faults", `{"dropz":1}`, 400)
	if got := b.control("GET", "faults", "", 200); len(got) != 0 {
		t.Fatalf("%v", got)
	}
}

// TestSandboxProcess is not a test: it is the program that the crash test kills.
func TestSandboxProcess(t *testing.T) {
	path, endpoint := os.Getenv("SANDBOX_STATE"), os.Getenv("SANDBOX_ENDPOINT")
	if path == "" {
		t.Skip("run by TestKill9LosesNothingThatWasResponded")
	}
	s, err := sandbox.Start(context.Background(), sandbox.Config{
		SecretKey: secretKey, StateFile: path,
		Webhooks: []sandbox.Endpoint{{Name: "main", URL: endpoint, Secret: hookSecret}},
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(s.URL())
	// The parent holds standard input open; should it die, this process ends as well.
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	_ = s.Stop(context.Background())
}

func TestKill9LosesNothingThatWasResponded(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	in.refuse = -1
	path := filepath.Join(t.TempDir(), "stripe.journal")
	cmd := exec.Command(os.Args[0], "-test.run=^TestSandboxProcess$")
	cmd.Env = append(os.Environ(), "SANDBOX_STATE="+path, "SANDBOX_ENDPOINT="+in.server.URL)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = address[:len(address)-1]

	answered := payUntilKilled(t, cmd, address)
	_ = cmd.Wait() // killed

	in.mu.Lock()
	in.refuse = 0
	in.mu.Unlock()
	b := start(t, func(c *sandbox.Config) {
		c.StateFile, c.Webhooks[0] = path, sandbox.Endpoint{Name: "main", URL: in.server.URL, Secret: hookSecret}
	})
	for _, id := range answered {
		if s, err := b.api.CheckoutSessions.Get(id, nil); err != nil || s.PaymentStatus != "paid" {
			t.Fatalf("%s was answered as paid and is gone: %+v, %v", id, s, err)
		}
	}
	waitFor(t, "a webhook for every paid session", func() bool {
		delivered := in.sessions()
		return !slices.ContainsFunc(answered, func(id string) bool { return !delivered[id] })
	})
}

// payUntilKilled pays sessions from four buyers, kills the process in the middle and
// returns the sessions whose payment had been answered.
func payUntilKilled(t *testing.T, cmd *exec.Cmd, address string) []string {
	t.Helper()
	web := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	backend := stripego.GetBackendWithConfig(stripego.APIBackend, &stripego.BackendConfig{
		URL:               &address,
		HTTPClient:        web,
		MaxNetworkRetries: stripego.Int64(0),
		LeveledLogger:     &stripego.LeveledLogger{Level: stripego.LevelNull},
	})
	api := client.New(secretKey, &stripego.Backends{API: backend})
	var mu sync.Mutex
	var answered []string
	var kill sync.Once
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				s, err := api.CheckoutSessions.New(sale())
				if err != nil {
					return
				}
				resp, err := web.Post(address+"/c/pay/"+s.ID+"/pay", "", nil)
				if err != nil {
					return
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusSeeOther {
					t.Errorf("status %d", resp.StatusCode)
					return
				}
				mu.Lock()
				answered = append(answered, s.ID)
				enough := len(answered) >= 25
				mu.Unlock()
				if enough {
					kill.Do(func() { _ = cmd.Process.Kill() })
				}
			}
		})
	}
	wg.Wait()
	kill.Do(func() { _ = cmd.Process.Kill() })
	if len(answered) < 25 {
		t.Fatalf("only %d payments before the end", len(answered))
	}
	return answered
}
