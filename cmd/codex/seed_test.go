package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A client of the original platform goes through its main job: it forces media to be
// ready as only development allows, sells with the older field names, and tells of
// the payment by a webhook whose session was never opened here.
func TestAClientOfTheOriginalBuysAndStreamsAtOnce(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	up := startUp(t, data)
	creator, buyer := newClient(t, up.addresses["api"]), newClient(t, up.addresses["api"])
	creator.signUp("creator@example.com", "creator")
	buyer.signUp("buyer@example.com", "user")

	organization := field(creator.want(http.StatusCreated, http.MethodPost, "/api/organizations",
		map[string]any{"name": "Studio", "slug": "studio-one"}), "data.id").(string)
	media := field(creator.want(http.StatusCreated, http.MethodPost, "/api/media", map[string]any{
		"title": "Film", "mediaType": "video", "mimeType": "video/mp4", "fileSizeBytes": 1024,
	}), "data.id").(string)
	creator.want(http.StatusOK, http.MethodPatch, "/api/media/"+media, map[string]any{
		"status": "ready", "durationSeconds": 120, "width": 1280, "height": 720,
		"hlsMasterPlaylistKey": creator.userID + "/hls/" + media + "/master.m3u8", "thumbnailKey": creator.userID + "/thumbnails/" + media + "/auto-generated.jpg",
	})
	content := field(creator.want(http.StatusCreated, http.MethodPost, "/api/content", map[string]any{
		"title": "The film", "slug": "the-film", "contentType": "video", "mediaItemId": media, "organizationId": organization,
		"visibility": "purchased_only", "priceCents": 2999,
	}), "data.id").(string)
	published := creator.want(http.StatusOK, http.MethodPost, "/api/content/"+content+"/publish", map[string]any{})
	if field(published, "data.visibility") != "purchased_only" || field(published, "data.accessType") != "paid" {
		t.Errorf("both generations of fields are answered: %v", published)
	}

	stream := "/api/access/content/" + content + "/stream"
	buyer.want(http.StatusForbidden, http.MethodGet, stream, nil)
	checkout := buyer.want(http.StatusOK, http.MethodPost, "/checkout/create", map[string]any{
		"contentId": content, "successUrl": up.addresses["api"] + "/ok", "cancelUrl": up.addresses["api"] + "/no",
	})
	if u, _ := url.Parse(fmt.Sprint(field(checkout, "data.sessionUrl"))); u.Host == "" {
		t.Errorf("checkout = %v", checkout)
	}

	event := completedSession(t, "evt_1", "pi_from_elsewhere", buyer.userID, content, organization, 2999)
	secret := webhookSecret(t, data, "booking")
	buyer.want(http.StatusBadRequest, http.MethodPost, "/webhooks/stripe/booking", event)
	buyer.want(http.StatusUnauthorized, http.MethodPost, "/webhooks/stripe/booking", event, "Stripe-Signature", sign("whsec_wrong", event, time.Now()))
	buyer.want(http.StatusUnauthorized, http.MethodPost, "/webhooks/stripe/booking", event, "Stripe-Signature", sign(secret, event, time.Now().Add(-time.Hour)))
	if answer := buyer.want(http.StatusOK, http.MethodPost, "/webhooks/stripe/booking", event, "Stripe-Signature", sign(secret, event, time.Now())); answer["received"] != true {
		t.Errorf("webhook answer = %v", answer)
	}
	// At once, without waiting: both the purchase and the stream.
	answer := buyer.want(http.StatusOK, http.MethodGet, stream, nil)
	if u, err := url.Parse(fmt.Sprint(field(answer, "data.streamingUrl"))); err != nil || !strings.HasSuffix(u.Path, "master.m3u8") {
		t.Errorf("stream = %v", answer)
	}
	purchases := buyer.want(http.StatusOK, http.MethodGet, "/purchases", nil)
	items, _ := purchases["items"].([]any)
	if len(items) != 1 {
		t.Fatalf("purchases = %v", purchases)
	}
	for name, want := range map[string]any{
		"customerId": buyer.userID, "contentId": content, "organizationId": organization, "amountPaidCents": 2999.0,
		"amountCents": 2999.0, "currency": "gbp", "status": "completed", "contentTitle": "The film", "content.slug": "the-film",
	} {
		if got := field(items[0], name); got != want {
			t.Errorf("purchase %s = %v, want %v", name, got, want)
		}
	}
	one := buyer.want(http.StatusOK, http.MethodGet, "/purchases/"+fmt.Sprint(field(items[0], "id")), nil)
	for name, want := range map[string]float64{"platformFeeCents": 300, "organizationFeeCents": 0, "creatorPayoutCents": 2699} {
		if got := field(one, "data."+name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	creator.want(http.StatusNotFound, http.MethodGet, "/purchases/"+fmt.Sprint(field(items[0], "id")), nil)

	// The same event again, and a second payment of the same content.
	buyer.want(http.StatusOK, http.MethodPost, "/webhooks/stripe/booking", event, "Stripe-Signature", sign(secret, event, time.Now()))
	if n := buyer.want(http.StatusOK, http.MethodGet, "/purchases", nil)["items"].([]any); len(n) != 1 {
		t.Errorf("%d purchases after the repetition, want 1", len(n))
	}
	buyer.want(http.StatusConflict, http.MethodPost, "/checkout/create", map[string]any{
		"contentId": content, "successUrl": up.addresses["api"] + "/ok", "cancelUrl": up.addresses["api"] + "/no",
	})

	buyer.want(http.StatusNoContent, http.MethodPost, "/api/access/content/"+content+"/progress", map[string]any{"positionSeconds": 116, "durationSeconds": 120})
	if p := buyer.want(http.StatusOK, http.MethodGet, "/api/access/content/"+content+"/progress", nil); field(p, "data.progress.completed") != true {
		t.Errorf("progress = %v", p)
	}
	if l := buyer.want(http.StatusOK, http.MethodGet, "/api/access/user/library", nil); len(l["items"].([]any)) != 1 {
		t.Errorf("library = %v", l)
	}
	if p := buyer.want(http.StatusOK, http.MethodGet, "/purchases?page=7", nil); len(p["items"].([]any)) != 0 || field(p, "pagination.page") != 7.0 {
		t.Errorf("a page beyond the last = %v", p)
	}
}

// completedSession is what Stripe would send for a session of another program, in an
// API version newer than the one the client library pins.
func completedSession(t *testing.T, id, intent, customer, content, organization string, amount int) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"id": id, "object": "event", "type": "checkout.session.completed", "api_version": "2025-10-29.clover",
		"created": time.Now().Unix(), "livemode": false,
		"data": map[string]any{"object": map[string]any{
			"id": "cs_test_foreign", "object": "checkout.session", "mode": "payment", "payment_status": "paid", "status": "complete",
			"payment_intent": intent, "amount_total": amount, "currency": "gbp",
			"metadata": map[string]any{"customerId": customer, "contentId": content, "organizationId": organization},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func webhookSecret(t *testing.T, data, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(data, "secrets", "webhook-"+name))
	if err != nil {
		t.Fatal(err)
	}
	return asWebhookSecret(strings.TrimSpace(string(raw)))
}

func sign(secret, body string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

// What is wrong with a request is said precisely, and leaves no trace.
func TestBadInputIsRefusedPreciselyAndLeavesNoTrace(t *testing.T) {
	t.Parallel()
	up := startUp(t, filepath.Join(t.TempDir(), "data"))
	c := newClient(t, up.addresses["api"])
	c.signUp("strict@example.com", "creator")
	ok := `"title":"A","slug":"a","contentType":"written","contentBody":"b"`
	for _, tc := range []struct {
		name, body string
		status     int
		path       string
	}{
		{"malformed", `{"title":`, 400, ""},
		{"a second document", `{` + ok + `}{}`, 400, ""},
		{"an unknown field", `{` + ok + `,"role":"admin"}`, 400, "role"},
		{"a field in another case", `{` + ok + `,"TITLE":"x"}`, 400, "TITLE"},
		{"a field given twice", `{` + ok + `,"title":"x"}`, 400, "title"},
		{"a NUL character", `{"title":"a\u0000b","slug":"a","contentType":"written","contentBody":"b"}`, 400, "title"},
		{"a lone surrogate", `{"title":"a\ud800","slug":"a","contentType":"written","contentBody":"b"}`, 400, ""},
		{"a wrong type", `{"title":7,"slug":"a","contentType":"written","contentBody":"b"}`, 400, "title"},
		{"a fractional price", `{` + ok + `,"accessType":"paid","priceCents":1.5}`, 400, "priceCents"},
		{"a bad slug", `{"title":"A","slug":"A b","contentType":"written","contentBody":"b"}`, 400, "slug"},
		{"paid without a price", `{` + ok + `,"accessType":"paid"}`, 400, "priceCents"},
		{"too deep", `{"title":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, 400, ""},
		{"an organization of somebody else", `{` + ok + `,"organizationId":"00000000-0000-7000-8000-000000000000"}`, 403, ""},
		{"media of nobody", `{"title":"A","slug":"a","contentType":"video","mediaItemId":"00000000-0000-7000-8000-000000000000"}`, 404, ""},
		{"too large", `{"title":"` + strings.Repeat("a", 9<<20) + `"}`, 413, ""},
	} {
		answer := c.want(tc.status, http.MethodPost, "/api/content", tc.body)
		if field(answer, "error.code") == nil || field(answer, "error.message") == nil {
			t.Errorf("%s: no error envelope in %v", tc.name, answer)
		}
		if tc.path != "" && !strings.Contains(fmt.Sprint(field(answer, "error.details")), tc.path) {
			t.Errorf("%s: details %v do not name %s", tc.name, field(answer, "error.details"), tc.path)
		}
	}
	if list := c.want(http.StatusOK, http.MethodGet, "/api/content", nil); len(list["items"].([]any)) != 0 {
		t.Errorf("a refused request left a trace: %v", list)
	}
	c.want(http.StatusBadRequest, http.MethodGet, "/api/content?page=0", nil)
	c.want(http.StatusBadRequest, http.MethodGet, "/api/content/not-an-id", nil)
	c.want(http.StatusNotFound, http.MethodGet, "/api/nowhere", nil)
	anonymous := newClient(t, up.addresses["api"])
	anonymous.want(http.StatusUnauthorized, http.MethodPost, "/api/content", `{`+ok+`}`)
	anonymous.cookie = "forged"
	anonymous.want(http.StatusUnauthorized, http.MethodGet, "/api/content", nil)
	c.want(http.StatusForbidden, http.MethodPost, "/api/content", `{`+ok+`}`, "Origin", "https://elsewhere.example")
}

func TestIdempotencyKeysAndAsynchronousAnswers(t *testing.T) {
	t.Parallel()
	up := startUp(t, filepath.Join(t.TempDir(), "data"))
	c := newClient(t, up.addresses["api"])
	c.signUp("again@example.com", "creator")
	body := `{"title":"A","slug":"once","contentType":"written","contentBody":"b"}`
	first := c.want(http.StatusCreated, http.MethodPost, "/api/content", body, "Idempotency-Key", "key-1")
	again := c.want(http.StatusCreated, http.MethodPost, "/api/content", body, "Idempotency-Key", "key-1")
	if field(first, "data.id") != field(again, "data.id") {
		t.Errorf("the repetition made another item: %v, %v", first, again)
	}
	c.want(http.StatusUnprocessableEntity, http.MethodPost, "/api/content", strings.Replace(body, "once", "twice", 1), "Idempotency-Key", "key-1")
	c.want(http.StatusBadRequest, http.MethodPost, "/api/content", body, "Idempotency-Key", "with space")

	status, answer, header := c.do(http.MethodPost, "/api/content", strings.Replace(body, "once", "later", 1), "Prefer", "respond-async")
	if status != http.StatusAccepted || header.Get("Location") == "" {
		t.Fatalf("respond-async = %d %v, Location %q", status, answer, header.Get("Location"))
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		operation := c.want(http.StatusOK, http.MethodGet, header.Get("Location"), nil)
		if field(operation, "data.status") == "applied" {
			if field(operation, "data.response.body.data.slug") != "later" {
				t.Errorf("operation = %v", operation)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("operation = %v after 20 s", operation)
		}
		time.Sleep(20 * time.Millisecond) // between two looks at the condition
	}
	stranger := newClient(t, up.addresses["api"])
	stranger.signUp("stranger@example.com", "creator")
	stranger.want(http.StatusNotFound, http.MethodGet, header.Get("Location"), nil)
}
