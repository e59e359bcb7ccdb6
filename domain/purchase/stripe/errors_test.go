package stripe_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe"
)

func TestEveryFailureHasOneKind(t *testing.T) {
	t.Parallel()
	kinds := []error{stripe.ErrDeclined, stripe.ErrRejected, stripe.ErrRateLimited, stripe.ErrUnknownOutcome}
	cases := []struct {
		name   string
		status int
		body   string
		want   error
	}{
		{
			"declined card", 402, `{"error":{"type":"card_error","code":"card_declined","decline_code":"do_not_honor"}}`,
			stripe.ErrDeclined,
		},
		{"invalid request", 400, `{"error":{"type":"invalid_request_error"}}`, stripe.ErrRejected},
		{"bad key", 401, `{"error":{"type":"invalid_request_error"}}`, stripe.ErrRejected},
		{
			"key in use", 409, `{"error":{"type":"idempotency_error","code":"idempotency_key_in_use"}}`,
			stripe.ErrUnknownOutcome,
		},
		{"rate limit", 429, `{"error":{"type":"invalid_request_error","code":"rate_limit"}}`, stripe.ErrRateLimited},
		{"lock timeout", 429, `{"error":{"type":"invalid_request_error","code":"lock_timeout"}}`, stripe.ErrRateLimited},
		{"server error", 500, `{"error":{"type":"api_error"}}`, stripe.ErrUnknownOutcome},
		{"gateway page", 502, `<html>bad gateway</html>`, stripe.ErrUnknownOutcome},
		{"client error without Stripe's shape", 403, `forbidden by a proxy`, stripe.ErrUnknownOutcome},
		{"redirect", 302, ``, stripe.ErrUnknownOutcome},
		{"unreadable success", 200, `{"id":`, stripe.ErrUnknownOutcome},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer server.Close()
			client, err := stripe.New(stripe.Config{SecretKey: "sk_test_x", BackendURL: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			_, err = client.CreateCheckout(t.Context(), sale("k"))
			for _, kind := range kinds {
				if got := errors.Is(err, kind); got != errors.Is(kind, c.want) {
					t.Errorf("errors.Is(%v, %v) = %v", err, kind, got)
				}
			}
		})
	}
}

func TestADeclineCarriesItsCodes(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Request-Id", "req_1")
		w.WriteHeader(http.StatusPaymentRequired)
		_, _ = w.Write([]byte(`{"error":{"type":"card_error","code":"card_declined","decline_code":"do_not_honor",
			"message":"Ada's card"}}`))
	}))
	defer server.Close()
	client, err := stripe.New(stripe.Config{SecretKey: "sk_test_x", BackendURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.CreateCheckout(t.Context(), sale("k"))
	var failure *stripe.Error
	if !errors.As(err, &failure) || failure.Code != "card_declined" || failure.DeclineCode != "do_not_honor" ||
		failure.RequestID != "req_1" {
		t.Fatalf("%+v", failure)
	}
	if strings.Contains(err.Error(), "Ada") {
		t.Fatalf("the error's text contains Stripe's message: %v", err)
	}
}

func TestATimeoutAfterTheEffectIsUnknownAndTheKeyFindsIt(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.sandbox.SetFaults(sandbox.Faults{LatencyMS: 2_000})
	hasty := b.newClient(secretKey, 100*time.Millisecond)
	params := sale("slow") // stored before the first call: repeating needs the same parameters
	_, err := hasty.CreateCheckout(t.Context(), params)
	if !errors.Is(err, stripe.ErrUnknownOutcome) {
		t.Fatalf("a time-out: %v", err)
	}
	b.sandbox.SetFaults(sandbox.Faults{})
	first := b.eventually(params)
	second := b.eventually(params)
	if first.ID != second.ID {
		t.Fatal("the key gave two sessions")
	}
	found, err := b.client.FindCheckouts(t.Context(), "ref-slow", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil || len(found) != 1 || found[0].ID != first.ID {
		t.Fatalf("%d sessions exist: %v", len(found), err)
	}
}

// eventually repeats a create with its key while the outcome is unknown, as callers do.
func (b *bench) eventually(p stripe.CheckoutParams) stripe.Session {
	b.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		s, err := b.client.CreateCheckout(b.Context(), p)
		if err == nil {
			return s
		}
		if !errors.Is(err, stripe.ErrUnknownOutcome) || time.Now().After(deadline) {
			b.Fatal(err)
		}
	}
}

func TestADroppedResponseIsReturnedForTheSameKey(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.sandbox.SetFaults(sandbox.Faults{DroppedReplies: sandbox.Always})
	params := sale("drop")
	if _, err := b.client.CreateCheckout(t.Context(), params); !errors.Is(err, stripe.ErrUnknownOutcome) {
		t.Fatalf("a dropped reply: %v", err)
	}
	b.sandbox.SetFaults(sandbox.Faults{})
	s, err := b.client.CreateCheckout(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	found, err := b.client.FindCheckouts(t.Context(), "ref-drop", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil || len(found) != 1 || found[0].ID != s.ID {
		t.Fatalf("%d sessions exist: %v", len(found), err)
	}
}

func TestAKept500StaysUntilANewKey(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.sandbox.SetFaults(sandbox.Faults{Errors: 1})
	params := sale("kept")
	for range 3 {
		if _, err := b.client.CreateCheckout(t.Context(), params); !errors.Is(err, stripe.ErrUnknownOutcome) {
			t.Fatalf("a 500: %v", err)
		}
	}
	found, err := b.client.FindCheckouts(t.Context(), "ref-kept", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil || len(found) != 0 {
		t.Fatalf("%d sessions exist: %v", len(found), err)
	}
	if _, err := b.client.CreateCheckout(t.Context(), sale("kept:2")); err != nil {
		t.Fatal(err)
	}
}

func TestA500AfterTheEffectIsFoundByReference(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.sandbox.SetFaults(sandbox.Faults{CommittedErrors: 1})
	if _, err := b.client.CreateCheckout(t.Context(), sale("hid")); !errors.Is(err, stripe.ErrUnknownOutcome) {
		t.Fatalf("a 500: %v", err)
	}
	found, err := b.client.FindCheckouts(t.Context(), "ref-hid", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d sessions exist: %v", len(found), err)
	}
}

func TestRateLimitAndOutageAreDistinguished(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.sandbox.SetFaults(sandbox.Faults{RateLimits: 1})
	if _, err := b.client.CreateCheckout(t.Context(), sale("x")); !errors.Is(err, stripe.ErrRateLimited) {
		t.Fatalf("429: %v", err)
	}
	b.sandbox.SetFaults(sandbox.Faults{Down: true})
	if _, err := b.client.RetrieveCheckout(t.Context(), "cs_test_x"); !errors.Is(err, stripe.ErrUnknownOutcome) {
		t.Fatalf("down: %v", err)
	}
	b.sandbox.SetFaults(sandbox.Faults{})
	if _, err := b.client.RetrieveCheckout(t.Context(), "cs_test_x"); !errors.Is(err, stripe.ErrNotFound) {
		t.Fatalf("an unknown session: %v", err)
	}
	_, err := b.newClient("sk_test_wrong", time.Second).CreateCheckout(t.Context(), sale("x"))
	if !errors.Is(err, stripe.ErrRejected) {
		t.Fatalf("a wrong key: %v", err)
	}
}

func TestACancelledContextIsVisibleInTheError(t *testing.T) {
	t.Parallel()
	b := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.client.CreateCheckout(ctx, sale("x"))
	if !errors.Is(err, context.Canceled) || !errors.Is(err, stripe.ErrUnknownOutcome) {
		t.Fatalf("%v", err)
	}
}

func TestNothingIsSentWithoutAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	called := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	client, err := stripe.New(stripe.Config{SecretKey: "sk_test_x", BackendURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, create := client.CreateCheckout(t.Context(), sale(""))
	_, refund := client.Refund(t.Context(), "pi_1", 0, "", "")
	_, long := client.Refund(t.Context(), "pi_1", 0, "", strings.Repeat("k", 256))
	_, negative := client.Refund(t.Context(), "pi_1", -1, "", "k")
	free := sale("k")
	free.AmountCents = 0
	_, zero := client.CreateCheckout(t.Context(), free)
	for _, err := range []error{create, refund, long, negative, zero} {
		if !errors.Is(err, stripe.ErrRejected) {
			t.Errorf("accepted: %v", err)
		}
	}
	if called {
		t.Error("something was sent")
	}
}

func TestAnInvalidConfigurationIsRejected(t *testing.T) {
	t.Parallel()
	for _, cfg := range []stripe.Config{
		{},
		{SecretKey: "k", BackendURL: "api.stripe.com"},
		{SecretKey: "k", BackendURL: "ftp://x"},
		{SecretKey: "k", Timeout: -1},
	} {
		if _, err := stripe.New(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}
