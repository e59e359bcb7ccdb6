package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// seedBooking is where the original's programs send the events of checkouts.
const seedBooking = "/webhooks/stripe/booking"

// A client of the original platform goes through its main job: it forces media to be
// ready as only development allows, sells with the older field names, and reports the
// payment by a webhook whose session was never opened here.
func TestAClientOfTheOriginalBuysAndStreamsAtOnce(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	up := startUp(t, data)
	creator, buyer := newClient(t, up.addresses["api"]), newClient(t, up.addresses["api"])
	creator.signUp("creator@example.com", "creator")
	buyer.signUp("buyer@example.com", "user")
	organization, content := creator.sellFilm()

	stream := "/api/access/content/" + content + "/stream"
	buyer.want(http.StatusForbidden, http.MethodGet, stream, nil)
	order := map[string]any{
		"contentId":  content,
		"successUrl": up.addresses["api"] + "/ok",
		"cancelUrl":  up.addresses["api"] + "/no",
	}
	checkout := buyer.want(http.StatusOK, http.MethodPost, "/checkout/create", order)
	if u, _ := url.Parse(fmt.Sprint(field(checkout, "data.sessionUrl"))); u.Host == "" {
		t.Errorf("checkout = %v", checkout)
	}

	event := completedSession(t, "evt_1", "pi_from_elsewhere", buyer.userID, content, organization, 2999)
	secret := webhookSecret(t, data, "booking")
	post := func(status int, signature ...string) map[string]any {
		return buyer.want(status, http.MethodPost, seedBooking, event, signature...)
	}
	post(http.StatusBadRequest)
	post(http.StatusUnauthorized, "Stripe-Signature", sign("whsec_wrong", event, time.Now()))
	post(http.StatusUnauthorized, "Stripe-Signature", sign(secret, event, time.Now().Add(-time.Hour)))
	if body := post(http.StatusOK, "Stripe-Signature", sign(secret, event, time.Now())); body["received"] != true {
		t.Errorf("webhook = %v", body)
	}

	// At once, without waiting: both the purchase and the stream.
	playback := buyer.want(http.StatusOK, http.MethodGet, stream, nil)
	u, err := url.Parse(fmt.Sprint(field(playback, "data.streamingUrl")))
	if err != nil || !strings.HasSuffix(u.Path, "master.m3u8") {
		t.Errorf("stream = %v", playback)
	}
	purchase := buyer.onlyPurchase(content, organization)
	creator.want(http.StatusNotFound, http.MethodGet, "/purchases/"+purchase, nil)

	// The same event again, and a second payment of the same content.
	post(http.StatusOK, "Stripe-Signature", sign(secret, event, time.Now()))
	if n := buyer.want(http.StatusOK, http.MethodGet, "/purchases", nil)["items"].([]any); len(n) != 1 {
		t.Errorf("%d purchases after the repetition, want 1", len(n))
	}
	buyer.want(http.StatusConflict, http.MethodPost, "/checkout/create", order)
	buyer.watchToTheEnd(content)
}

// sellFilm publishes a video for 2999 in a new organization.
func (c *client) sellFilm() (organization, content string) {
	c.t.Helper()
	organization = field(c.want(http.StatusCreated, http.MethodPost, "/api/organizations",
		map[string]any{"name": "Studio", "slug": "studio-one"}), "data.id").(string)
	media := field(c.want(http.StatusCreated, http.MethodPost, "/api/media", map[string]any{
		"title":         "Film",
		"mediaType":     "video",
		"mimeType":      "video/mp4",
		"fileSizeBytes": 1024,
	}), "data.id").(string)
	c.want(http.StatusOK, http.MethodPatch, "/api/media/"+media, map[string]any{
		"status":               "ready",
		"durationSeconds":      120,
		"width":                1280,
		"height":               720,
		"hlsMasterPlaylistKey": c.userID + "/hls/" + media + "/master.m3u8",
		"thumbnailKey":         c.userID + "/thumbnails/" + media + "/auto-generated.jpg",
	})

	content = field(c.want(http.StatusCreated, http.MethodPost, "/api/content", map[string]any{
		"title":          "The film",
		"slug":           "the-film",
		"contentType":    "video",
		"mediaItemId":    media,
		"organizationId": organization,
		"visibility":     "purchased_only",
		"priceCents":     2999,
	}), "data.id").(string)
	published := c.want(http.StatusOK, http.MethodPost, "/api/content/"+content+"/publish", map[string]any{})
	if field(published, "data.visibility") != "purchased_only" || field(published, "data.accessType") != "paid" {
		c.t.Errorf("both generations of fields are shown: %v", published)
	}
	return organization, content
}

// onlyPurchase checks the client's one purchase, of the film, and returns its id.
func (c *client) onlyPurchase(content, organization string) string {
	c.t.Helper()
	purchases := c.want(http.StatusOK, http.MethodGet, "/purchases", nil)
	items, _ := purchases["items"].([]any)
	if len(items) != 1 {
		c.t.Fatalf("purchases = %v", purchases)
	}
	for name, want := range map[string]any{
		"customerId":      c.userID,
		"contentId":       content,
		"organizationId":  organization,
		"amountPaidCents": 2999.0,
		"amountCents":     2999.0,
		"currency":        "gbp",
		"status":          "completed",
		"contentTitle":    "The film",
		"content.slug":    "the-film",
	} {
		if got := field(items[0], name); got != want {
			c.t.Errorf("purchase %s = %v, want %v", name, got, want)
		}
	}

	id := fmt.Sprint(field(items[0], "id"))
	one := c.want(http.StatusOK, http.MethodGet, "/purchases/"+id, nil)
	for name, want := range map[string]float64{
		"platformFeeCents":     300,
		"organizationFeeCents": 0,
		"creatorPayoutCents":   2699,
	} {
		if got := field(one, "data."+name); got != want {
			c.t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	return id
}

// watchToTheEnd reports progress and checks that it and the library follow.
func (c *client) watchToTheEnd(content string) {
	c.t.Helper()
	path := "/api/access/content/" + content + "/progress"
	c.want(http.StatusNoContent, http.MethodPost, path, map[string]any{"positionSeconds": 116, "durationSeconds": 120})
	if p := c.want(http.StatusOK, http.MethodGet, path, nil); field(p, "data.progress.completed") != true {
		c.t.Errorf("progress = %v", p)
	}
	if l := c.want(http.StatusOK, http.MethodGet, "/api/access/user/library", nil); len(l["items"].([]any)) != 1 {
		c.t.Errorf("library = %v", l)
	}
	beyond := c.want(http.StatusOK, http.MethodGet, "/purchases?page=7", nil)
	if len(beyond["items"].([]any)) != 0 || field(beyond, "pagination.page") != 7.0 {
		c.t.Errorf("a page beyond the last = %v", beyond)
	}
}

// completedSession is what Stripe would send for a session of another program, in an
// API version newer than the one the client library pins.
func completedSession(t *testing.T, id, intent, customer, content, organization string, amount int) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"id":          id,
		"object":      "event",
		"type":        "checkout.session.completed",
		"api_version": "2025-10-29.clover",
		"created":     time.Now().Unix(),
		"livemode":    false,
		"data": map[string]any{"object": map[string]any{
			"id":             "cs_test_foreign",
			"object":         "checkout.session",
			"mode":           "payment",
			"payment_status": "paid",
			"status":         "complete",
			"payment_intent": intent,
			"amount_total":   amount,
			"currency":       "gbp",
			"metadata":       map[string]any{"customerId": customer, "contentId": content, "organizationId": organization},
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

func TestInvalidInputIsRejectedFieldByFieldAndChangesNothing(t *testing.T) {
	t.Parallel()
	up := startUp(t, filepath.Join(t.TempDir(), "data"))
	c := newClient(t, up.addresses["api"])
	c.signUp("strict@example.com", "creator")
	const absent = "00000000-0000-7000-8000-000000000000"
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
		{"an organization of others", `{` + ok + `,"organizationId":"` + absent + `"}`, 403, ""},
		{
			"media that does not exist",
			`{"title":"A","slug":"a","contentType":"video","mediaItemId":"` + absent + `"}`, 404, "",
		},
		{"too large", `{"title":"` + strings.Repeat("a", 9<<20) + `"}`, 413, ""},
	} {
		body := c.want(tc.status, http.MethodPost, "/api/content", tc.body)
		if field(body, "error.code") == nil || field(body, "error.message") == nil {
			t.Errorf("%s: no error envelope in %v", tc.name, body)
		}
		if tc.path != "" && !strings.Contains(fmt.Sprint(field(body, "error.details")), tc.path) {
			t.Errorf("%s: details %v do not name %s", tc.name, field(body, "error.details"), tc.path)
		}
	}
	if list := c.want(http.StatusOK, http.MethodGet, "/api/content", nil); len(list["items"].([]any)) != 0 {
		t.Errorf("a rejected request left a trace: %v", list)
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

func TestIdempotencyKeysAndAsynchronousResponses(t *testing.T) {
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
	other := strings.Replace(body, "once", "twice", 1)
	c.want(http.StatusUnprocessableEntity, http.MethodPost, "/api/content", other, "Idempotency-Key", "key-1")
	c.want(http.StatusBadRequest, http.MethodPost, "/api/content", body, "Idempotency-Key", "with space")

	later := strings.Replace(body, "once", "later", 1)
	status, accepted, header := c.do(http.MethodPost, "/api/content", later, "Prefer", "respond-async")
	if status != http.StatusAccepted || header.Get("Location") == "" {
		t.Fatalf("respond-async = %d %v, Location %q", status, accepted, header.Get("Location"))
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

// client is an HTTP client with a cookie of its own, as a program of a user has.
type client struct {
	t      *testing.T
	base   string
	http   *http.Client
	cookie string
	userID string
}

func newClient(t *testing.T, base string) *client {
	t.Helper()
	return &client{t: t, base: base, http: &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// do sends a request and returns status and body.
func (c *client) do(method, path string, body any, headers ...string) (int, map[string]any, http.Header) {
	c.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	r, err := http.NewRequest(method, c.base+path, reader)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.cookie != "" {
		r.Header.Set("Cookie", "codex-session="+c.cookie)
		r.Header.Set("Origin", c.base)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.http.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	for _, cookie := range response.Cookies() {
		if cookie.Name == "codex-session" {
			c.cookie = cookie.Value
		}
	}
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var decoded map[string]any
	if len(raw) > 0 && json.Unmarshal(raw, &decoded) != nil {
		decoded = map[string]any{"text": string(raw)}
	}
	return response.StatusCode, decoded, response.Header
}

// want sends a request and fails unless the response has this status.
func (c *client) want(status int, method, path string, body any, headers ...string) map[string]any {
	c.t.Helper()
	got, decoded, _ := c.do(method, path, body, headers...)
	if got != status {
		c.t.Fatalf("%s %s = %d %v, want %d", method, path, got, decoded, status)
	}
	return decoded
}

// signUp makes an account, verifies its address through the development route and
// keeps the session.
func (c *client) signUp(email, role string) {
	c.t.Helper()
	body := c.want(http.StatusOK, http.MethodPost, "/api/auth/sign-up/email",
		map[string]any{"name": "Test", "email": email, "password": "correct horse 9", "role": role})
	c.userID = field(body, "user.id").(string)
	mailed := c.want(http.StatusOK, http.MethodGet, "/api/test/verification-token/"+url.PathEscape(email), nil)
	token := mailed["token"].(string)
	status, body, _ := c.do(http.MethodGet, "/api/auth/verify-email?token="+url.QueryEscape(token)+"&callbackURL=/", nil)
	if status != http.StatusFound || c.cookie == "" {
		c.t.Fatalf("verify = %d %v, cookie %q", status, body, c.cookie)
	}
}

// createWritten creates a written draft and returns its id.
func (c *client) createWritten(slug string, more map[string]any) string {
	c.t.Helper()
	body := map[string]any{"title": "A piece", "slug": slug, "contentType": "written", "contentBody": "Words."}
	for k, v := range more {
		body[k] = v
	}
	return field(c.want(http.StatusCreated, http.MethodPost, "/api/content", body), "data.id").(string)
}

// field walks a path of names through decoded JSON.
func field(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}
