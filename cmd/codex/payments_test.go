package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase/stripe"
)

func TestAnOperatorRepairsALostPaymentAndSeesWhyItIsRefunded(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	up := startUp(t, data)
	key, err := os.ReadFile(filepath.Join(data, "secrets", "stripe-key"))
	if err != nil {
		t.Fatal(err)
	}
	provider, err := stripe.New(stripe.Config{SecretKey: "sk_test_" + string(key), BackendURL: up.addresses["payments"]})
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	control := func(method, path, body string) {
		t.Helper()
		address := up.addresses["payments"] + "/sandbox/" + path
		r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, answer.Status)
		}
	}
	codex := func(args ...string) string {
		t.Helper()
		r := launch(t, []string{
			"CODEX_DATA=" + data,
			"CODEX_DATABASE_URL=" + up.addresses["database"],
			"CODEX_NATS_URL=" + up.addresses["nats"],
			"CODEX_STRIPE_BACKEND_URL=" + up.addresses["payments"],
		}, args...)
		<-r.exited
		return r.out.String()
	}

	// The platform's own round at its start is over, so the next one is five minutes away.
	db, err := pgx.Connect(t.Context(), up.addresses["database"])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(context.WithoutCancel(t.Context())) }()
	for deadline, over := time.Now().Add(30*time.Second), false; !over; time.Sleep(20 * time.Millisecond) {
		err := db.QueryRow(t.Context(), `SELECT seen_until IS NOT NULL FROM stripe_watermark`).Scan(&over)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("no reconciliation at the start: %v", err)
		}
	}
	control(http.MethodPut, "faults", `{"drops":-1}`)
	const deleted = "0197a3c4-5d6e-7f80-9a1b-2c3d4e5f6071"
	for _, sql := range []string{
		`INSERT INTO users (id, name, email, email_verified, role)
		 VALUES ('lostbuyer', 'Ben', 'ben@example.test', true, 'customer')`,
		`INSERT INTO content (id, creator_id, title, slug, content_type, access_type, price_cents, status, deleted_at)
		 VALUES ('` + deleted + `', 'lostbuyer', 'A piece', 'a-piece', 'written', 'paid', 700, 'draft', now())`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for i, metadata := range []map[string]string{
		{"customerId": "lostbuyer", "contentId": deleted},
		{"order": "of another shop"},
	} {
		session, err := provider.CreateCheckout(t.Context(), stripe.CheckoutParams{
			IdempotencyKey: fmt.Sprint("lost ", i),
			AmountCents:    700,
			Currency:       "gbp",
			ProductName:    "A piece",
			SuccessURL:     up.addresses["api"],
			Metadata:       metadata,
		})
		if err != nil {
			t.Fatal(err)
		}
		control(http.MethodPost, "sessions/"+session.ID+"/pay", "")
	}

	if out := codex("payments", "reconcile"); !strings.Contains(out, "2 lost events") {
		t.Errorf("codex payments reconcile: %s", out)
	}
	for _, c := range []struct{ list, reason string }{
		{"mismatches", "the content is deleted"},
		{"foreign", "it names no buyer and content item"},
	} {
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			out := codex("payments", c.list)
			if strings.Contains(out, c.reason) && strings.Contains(out, "700 gbp") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("codex payments %s: %s", c.list, out)
			}
		}
	}
}

// The events that an operator subscribes to are those that are acted on.
func TestTheREADMENamesEveryEventThatIsActedOn(t *testing.T) {
	t.Parallel()
	want := slices.Sorted(slices.Values(slices.Concat(stripe.CheckoutEvents, stripe.RefundEvents, stripe.DisputeEvents)))
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(readme), "codex payments webhooks")
	_, block, _ := strings.Cut(after, "```\n")
	block, _, _ = strings.Cut(block, "```")
	if got := slices.Sorted(strings.FieldsSeq(block)); !slices.Equal(got, want) {
		t.Errorf("the README has %v, want %v", got, want)
	}
	var printed strings.Builder
	if err := (webhooksCmd{}).Run(&app{out: &printed}); err != nil {
		t.Fatal(err)
	}
	for _, event := range want {
		if !strings.Contains(printed.String(), "  "+event+"\n") {
			t.Errorf("codex payments webhooks does not print %s", event)
		}
	}
}

// What the sandbox does not deliver is found by the reconciliation only, minutes later.
func TestTheSandboxDeliversEveryEventThatIsActedOn(t *testing.T) {
	t.Parallel()
	var delivered []string
	for _, e := range sandboxWebhooks(config{}) {
		delivered = append(delivered, e.Events...)
	}
	for _, want := range slices.Concat(stripe.CheckoutEvents, stripe.RefundEvents, stripe.DisputeEvents) {
		if !slices.Contains(delivered, want) {
			t.Errorf("%s is delivered to no endpoint", want)
		}
	}
}

// TestTheRunningPlatformFollowsRefundsAndWithdrawals sells to two buyers, lets the refund of
// one fail, and withdraws the item while the other pays.
func TestTheRunningPlatformFollowsRefundsAndWithdrawals(t *testing.T) {
	t.Parallel()
	up := startUp(t, filepath.Join(t.TempDir(), "data"))
	api, sandbox := up.addresses["api"], newClient(t, up.addresses["payments"])
	creator, first, second := newClient(t, api), newClient(t, api), newClient(t, api)
	creator.signUp("creator@example.com", "creator")
	first.signUp("first@example.com", "user")
	second.signUp("second@example.com", "user")
	_, content := creator.sellFilm()
	checkout := func(c *client) string {
		t.Helper()
		order := map[string]any{"contentId": content, "successUrl": api + "/ok", "cancelUrl": api + "/no"}
		return fmt.Sprint(field(c.want(http.StatusOK, http.MethodPost, "/checkout/create", order), "data.sessionId"))
	}
	control := func(path string, body map[string]any) map[string]any {
		t.Helper()
		return sandbox.want(http.StatusOK, http.MethodPost, "/sandbox/"+path, body)
	}
	streams := func(c *client, want int) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			status, body, _ := c.do(http.MethodGet, "/api/access/content/"+content+"/stream", nil)
			if status == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the stream responds with %d, want %d: %v", status, want, body)
			}
		}
	}

	intent := fmt.Sprint(control("sessions/"+checkout(first)+"/pay", nil)["payment_intent"])
	streams(first, http.StatusOK)
	refund := fmt.Sprint(control("payment_intents/"+intent+"/refund", map[string]any{"status": "pending"})["id"])
	streams(first, http.StatusForbidden)
	control("refunds/"+refund+"/settle", map[string]any{"status": "failed"})
	streams(first, http.StatusOK)

	session := checkout(second)
	creator.want(http.StatusOK, http.MethodPost, "/api/content/"+content+"/unpublish", map[string]any{})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		state := second.want(http.StatusOK, http.MethodGet, "/checkout/verify?session_id="+session, nil)
		if field(state, "data.sessionStatus") == "expired" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the session of an item that is not published: %v", state)
		}
	}
	streams(first, http.StatusOK)
	streams(second, http.StatusNotFound)
}
