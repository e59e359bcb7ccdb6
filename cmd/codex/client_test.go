package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

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

// want sends a request and fails unless it is answered with this status.
func (c *client) want(status int, method, path string, body any, headers ...string) map[string]any {
	c.t.Helper()
	got, answer, _ := c.do(method, path, body, headers...)
	if got != status {
		c.t.Fatalf("%s %s = %d %v, want %d", method, path, got, answer, status)
	}
	return answer
}

// signUp makes an account, verifies its address through the development route and
// keeps the session.
func (c *client) signUp(email, role string) {
	c.t.Helper()
	answer := c.want(http.StatusOK, http.MethodPost, "/api/auth/sign-up/email",
		map[string]any{"name": "Test", "email": email, "password": "correct horse 9", "role": role})
	c.userID = field(answer, "user.id").(string)
	token := c.want(http.StatusOK, http.MethodGet, "/api/test/verification-token/"+url.PathEscape(email), nil)["token"].(string)
	status, answer, _ := c.do(http.MethodGet, "/api/auth/verify-email?token="+url.QueryEscape(token)+"&callbackURL=/", nil)
	if status != http.StatusFound || c.cookie == "" {
		c.t.Fatalf("verify = %d %v, cookie %q", status, answer, c.cookie)
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
