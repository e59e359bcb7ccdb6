package edge_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestResponsesHaveTheSecurityHeadersOfTheContract(t *testing.T) {
	t.Parallel()
	const (
		api = "default-src 'none'; script-src 'none'; style-src 'none'; img-src 'none'; font-src 'none'; " +
			"connect-src 'self'; " +
			"frame-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
		page = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; " +
			"font-src 'self'; " +
			"connect-src 'self'; frame-src 'none'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
	)
	for _, development := range []bool{false, true} {
		w := newHarness(t, options{change: func(cfg *edge.Config) { cfg.Development = development }})
		for _, path := range []string{discover, "/nothing", "/panic", "/page", "/api/content"} {
			a := w.send(http.MethodGet, path, nil)
			want := map[string]string{
				"Content-Security-Policy": api, "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
				"Referrer-Policy":           "strict-origin-when-cross-origin",
				"Cache-Control":             "no-store",
				"Permissions-Policy":        "geolocation=(), microphone=(), camera=(), payment=()",
				"Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
			}
			if path == "/page" || path == "/panic" {
				want["Content-Security-Policy"], want["X-Frame-Options"] = page, "SAMEORIGIN"
				want["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
			}
			if path == discover { // what everybody may see
				want["Cache-Control"] = "public, max-age=60"
			}
			if development {
				want["Strict-Transport-Security"] = ""
			}
			for name, value := range want {
				if got := a.Header.Values(name); strings.Join(got, "|") != value {
					t.Errorf("%s, development %t: %s is %q, want %q", path, development, name, got, value)
				}
			}
			for _, name := range []string{"Server", "X-Powered-By"} {
				if got := a.Header.Get(name); got != "" {
					t.Errorf("%s says %s: %s", path, name, got)
				}
			}
		}
	}
}

func TestRequestIDOfTheClientIsUsedWhenItIsSafe(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	for _, id := range []string{"abc-123", strings.Repeat("a", 128)} {
		if got := w.send(http.MethodGet, "/health", nil, "X-Request-Id", id).Header.Get("X-Request-Id"); got != id {
			t.Errorf("%q became %q", id, got)
		}
	}
	for _, id := range []string{"", "with space", "<script>", strings.Repeat("a", 129)} {
		got := w.send(http.MethodGet, "/health", nil, "X-Request-Id", id).Header.Get("X-Request-Id")
		if parsed, err := uuid.Parse(got); err != nil || parsed.String() != got {
			t.Errorf("%q became %q, want a fresh UUID", id, got)
		}
	}
}

func TestHealthNamesTheUnreachablePart(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	w := newHarness(t, options{change: func(cfg *edge.Config) {
		cfg.Checks = []edge.Check{
			{Name: "bus", Ask: func(context.Context) error { return nil }},
			{Name: "storage", Ask: func(context.Context) error {
				if broken.Load() {
					return errors.New("no route to host")
				}
				return nil
			}},
		}
	}})
	type health struct {
		Status, Service, Version string
		Timestamp                time.Time
		Checks                   map[string]string
	}
	getHealth := func() (int, health) {
		t.Helper()
		a := w.send(http.MethodGet, "/health", nil)
		var h health
		if err := json.Unmarshal([]byte(a.Body), &h); err != nil {
			t.Fatal(err)
		}
		return a.Status, h
	}
	status, h := getHealth()
	if status != http.StatusOK || h.Status != "healthy" || h.Service != "codex" || h.Version == "" ||
		time.Since(h.Timestamp).Abs() > time.Minute ||
		len(h.Checks) != 3 || h.Checks["database"] != "ok" ||
		h.Checks["bus"] != "ok" ||
		h.Checks["storage"] != "ok" {
		t.Errorf("%d %+v", status, h)
	}
	broken.Store(true)
	deadline := time.Now().Add(10 * time.Second) // a result is reused for a second
	for {
		status, h = getHealth()
		if status == http.StatusServiceUnavailable || time.Now().After(deadline) {
			break
		}
	}
	if status != http.StatusServiceUnavailable || h.Status != "unhealthy" || h.Checks["storage"] != "unreachable" ||
		h.Checks["database"] != "ok" {
		t.Errorf("%d %+v", status, h)
	}
}

// fromBrowser configures web apps of other origins.
func fromBrowser(development bool) func(*edge.Config) {
	return func(cfg *edge.Config) {
		cfg.Development = development
		cfg.WebOrigins = []string{"https://app.example", "https://Studio.example:8443"}
		cfg.OwnOrigins = []string{"http://127.0.0.1:4001"}
	}
}

// known and unknown are origins as browsers send them.
var (
	known = []string{"https://app.example", "https://studio.example:8443", publicURL, "http://127.0.0.1:4001"}
	local = []string{
		"http://localhost:3000",
		"http://localhost:5173",
		"http://localhost:8787",
		"http://localhost:8788",
		"http://localhost:8789",
		"http://localhost:4001",
		"http://localhost:4002",
		"http://acme.lvh.me:3000",
		"http://lvh.me.lvh.me",
		"http://acme.127.0.0.1.nip.io:5173",
	}
	unknown = []string{
		"null",
		"https://evil.example",
		"http://app.example",
		"https://app.example:8443",
		"https://app.example.evil.example",
		"https://evilapp.example",
		"https://app.example@evil.example",
		"https://codex.example.",
		"http://localhost:3001",
		"http://localhost",
		"http://lvh.me.evil.example",
		"http://evillvh.me",
		"http://127.0.0.1.nip.io.evil.example",
		"file://",
		"https://app.example/",
		"HTTPS://APP.EXAMPLE",
		"http://localhost:3000.evil.example",
		"http://user@acme.lvh.me",
		"https://app.example, https://evil.example",
		"*",
	}
)

func TestOnlyKnownOriginsMayReadResponses(t *testing.T) {
	t.Parallel()
	for _, development := range []bool{false, true} {
		w := newHarness(t, options{change: fromBrowser(development)})
		allowed := map[string]bool{}
		for _, origin := range known {
			allowed[origin] = true
		}
		for _, origin := range local {
			allowed[origin] = development
		}
		for _, origin := range slices.Concat(known, local, unknown) {
			want := origin
			if !allowed[origin] {
				want = "https://app.example" // so that the browser sees: not this one
			}
			a := w.send(http.MethodGet, discover, nil, "Origin", origin)
			if got := strings.Join(a.Header.Values("Access-Control-Allow-Origin"), "|"); got != want {
				t.Errorf("development %t, %s got %q, want %q", development, origin, got, want)
			}
			if a.Header.Get("Access-Control-Allow-Credentials") != "true" ||
				!slices.Contains(a.Header.Values("Vary"), "Origin") {
				t.Errorf("%s: %v", origin, a.Header)
			}
			for _, name := range []string{"Content-Length", "X-Request-Id"} {
				if !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), name) {
					t.Errorf("%s is not exposed: %v", name, a.Header)
				}
			}
		}
	}
}

func TestResponsesVaryByOriginEvenWithoutOne(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{change: fromBrowser(false)})
	a := w.send(http.MethodGet, discover, nil)
	if !slices.Contains(a.Header.Values("Vary"), "Origin") || a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", a.Header)
	}
}

func TestPreflightSucceedsForEveryPath(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{change: fromBrowser(false)})
	for _, path := range []string{"/api/content", "/api/auth/sign-in/email", "/nothing"} {
		a := w.send(http.MethodOptions, path, nil, "Origin", "https://app.example", "Access-Control-Request-Method", "PATCH",
			"Access-Control-Request-Headers", "content-type,idempotency-key")
		want := map[string]string{
			"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Credentials": "true",
			"Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
			"Access-Control-Allow-Headers": "Content-Type, Authorization, Cookie, Idempotency-Key, Prefer, Range, " +
				"X-Request-Id, Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata, Upload-Checksum",
			"Access-Control-Max-Age": "86400",
		}
		for name, value := range want {
			if got := a.Header.Get(name); got != value || a.Status != http.StatusNoContent || len(a.Body) > 0 {
				t.Errorf("%s: %d, %s is %q, want %q", path, a.Status, name, got, value)
			}
		}
	}
}

func TestCrossSiteWritesWithASessionCookieAreRejected(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{change: fromBrowser(false)})
	cookie := w.user("creator")
	const path = "/api/auth/sign-up/email" // the response is 400 unless it is rejected
	const site = "Sec-Fetch-Site"
	type request []string
	for _, c := range []struct {
		what     string
		headers  request
		rejected bool
	}{
		{"a program", request{"Cookie", cookie}, false},
		{"a program that names the address it talks to", request{"Cookie", cookie, "Origin", publicURL}, false},
		{
			"a program at another of our addresses",
			request{"Cookie", cookie, "Origin", "http://codex.internal", "Host", "codex.internal"},
			false,
		},
		{"our own page", request{"Cookie", cookie, "Origin", publicURL, site, "same-origin"}, false},
		{"a web app of ours", request{"Cookie", cookie, "Origin", "https://app.example", site, "cross-site"}, false},
		{"an address typed in", request{"Cookie", cookie, site, "none"}, false},
		{"another site", request{"Cookie", cookie, "Origin", "https://evil.example", site, "cross-site"}, true},
		{"another site without the cookie", request{"Origin", "https://evil.example", site, "cross-site"}, false},
		{"another site in an older browser", request{"Cookie", cookie, "Origin", "https://evil.example"}, true},
		{"a sandboxed page", request{"Cookie", cookie, "Origin", "null"}, true},
		{"another site that hides its origin", request{"Cookie", cookie, site, "cross-site"}, true},
		{"a sub-domain", request{"Cookie", cookie, "Origin", "https://blog.codex.example", site, "same-site"}, true},
		{"our origin without encryption", request{"Cookie", cookie, "Origin", "http://codex.example"}, true},
	} {
		for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodPatch, http.MethodPut} {
			a := w.send(method, path, "{", c.headers...)
			if rejected := a.Status == http.StatusForbidden && strings.Contains(a.Body, "CROSS_ORIGIN"); rejected != c.rejected {
				t.Errorf("%s, %s: %d %s, want rejected %t", c.what, method, a.Status, a.Body, c.rejected)
			}
		}
		if a := w.send(http.MethodGet, discover, nil, c.headers...); a.Status != http.StatusOK {
			t.Errorf("%s reads: %d %s", c.what, a.Status, a.Body)
		}
	}
	for kind, rejected := range map[string]bool{
		"application/x-www-form-urlencoded": true,
		"text/plain; charset=utf-8":         true,
		"application/json":                  false,
		"multipart/form-data; boundary=x":   false,
	} {
		a := w.Send(
			handlertest.Request{
				Method: http.MethodPost,
				Path:   path,
				Body:   []byte("a=b"),
				Header: handlertest.Pairs("Cookie", cookie, "Content-Type", kind),
			},
		)
		if (a.Status == http.StatusForbidden) != rejected {
			t.Errorf("a form of an old browser, %s: %d, want rejected %t", kind, a.Status, rejected)
		}
	}
}
