package edge_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// discover is a public route with the usual limit, 100 in a minute.
const discover = "/api/content/public/discover"

// limited sends n requests at once, in turns to all edges, and returns how many were
// allowed. Every other one must be rejected as the contract says.
func (w *harness) allowed(n int, method, path string, body any, headers ...string) int {
	w.Helper()
	var passed int
	var mu sync.Mutex
	var all sync.WaitGroup
	connections := make(chan struct{}, 100)
	for i := range n {
		all.Go(func() {
			connections <- struct{}{}
			defer func() { <-connections }()
			a := w.sendTo(i%len(w.edges), method, path, body, headers...)
			if a.Status == http.StatusServiceUnavailable {
				w.Errorf("not counted: %s", a.Body)
				return
			}
			if a.Status != http.StatusTooManyRequests {
				mu.Lock()
				passed++
				mu.Unlock()
				return
			}
			if a.Code() != "RATE_LIMITED" {
				w.Errorf("the error is %s", a.Body)
			}
			if wait, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || wait < 1 {
				w.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
			}
		})
	}
	all.Wait()
	return passed
}

func TestSeveralEdgesTogetherAllowExactlyTheLimit(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{edges: 2})
	signIn := map[string]any{"email": "unknown@example.test", "password": "wrong horse 9"}
	if got := w.allowed(500, http.MethodPost, "/api/auth/sign-in/email", signIn); got != 5 {
		t.Errorf("%d of 500 attempts to sign in were allowed, want 5", got)
	}
	if got := w.allowed(500, http.MethodGet, discover, nil); got != 100 {
		t.Errorf("%d of 500 reads were allowed, want 100", got)
	}
}

func TestResponseHeadersShowTheRemainingRequests(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	start := time.Now().Unix()
	for left := 99; left > 90; left-- {
		a := w.send(http.MethodGet, discover, nil)
		if a.Status != http.StatusOK || a.Header.Get("X-RateLimit-Limit") != "100" ||
			a.Header.Get("X-RateLimit-Remaining") != strconv.Itoa(left) {
			t.Fatalf("%d, %v, want %d left of 100", a.Status, a.Header, left)
		}
		reset, err := strconv.ParseInt(a.Header.Get("X-RateLimit-Reset"), 10, 64)
		if err != nil || reset < start+59 || reset > time.Now().Unix()+61 {
			t.Errorf("the window ends at %q, want in a minute", a.Header.Get("X-RateLimit-Reset"))
		}
	}
	// Another route has a count of its own.
	if a := w.send(http.MethodGet, "/api/auth/get-session", nil); a.Header.Get("X-RateLimit-Remaining") != "99" {
		t.Errorf("another route: %v", a.Header)
	}
}

func TestUsersOfOneAddressHaveLimitsOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{edges: 2})
	for range 3 {
		// Enough for each edge to spend what it has leased.
		if got := w.allowed(240, http.MethodGet, "/api/content", nil, "Cookie", w.user("creator")); got != 100 {
			t.Errorf("a user was allowed %d times, want 100", got)
		}
	}
}

func TestUserHasOneLimitForAllAddresses(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{edges: 2, change: trustLoopback})
	cookie := w.user("creator")
	passed := 0
	for i := range 240 {
		a := w.sendTo(i%2, http.MethodGet, "/api/content", nil, "Cookie", cookie, "X-Forwarded-For",
			fmt.Sprintf("198.51.100.%d", i))
		if a.Status == http.StatusOK {
			passed++
		}
	}
	if passed != 100 {
		t.Errorf("the user was allowed %d times, want 100", passed)
	}
}

func TestInvalidSessionCookiesDoNotRaiseALimit(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	// Whoever has no session is counted by address, whatever the cookie says.
	signIn := map[string]any{"email": "unknown@example.test", "password": "wrong horse 9"}
	if got := w.allowed(20, http.MethodPost, "/api/auth/sign-in/email", signIn, "Cookie", "codex-session=invalid",
		"Origin", publicURL); got != 5 {
		t.Errorf("%d attempts with an invalid cookie, want 5", got)
	}
	// Where a session is needed the shared count of the address ends the attempts.
	item := "/api/content/" + uuid.NewString()
	if got := w.allowed(220, http.MethodDelete, item, nil, "Cookie", "codex-session=invalid", "Origin",
		publicURL); got != 200 {
		t.Errorf("%d requests with an invalid cookie reached the session lookup, want 200", got)
	}
}

func TestSpoofedForwardedForIsIgnored(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	passed := 0
	for i := range 110 {
		a := w.send(http.MethodGet, discover, nil,
			"X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i), "X-Real-Ip", fmt.Sprintf("198.51.100.%d", i),
			"Cf-Connecting-Ip", fmt.Sprintf("198.51.100.%d", i), "Forwarded", fmt.Sprintf("for=198.51.100.%d", i))
		if a.Status == http.StatusOK {
			passed++
		}
	}
	if passed != 100 {
		t.Errorf("%d requests were allowed, want 100", passed)
	}
}

func TestClientAddressIsReadFromATrustedProxy(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{change: trustLoopback})
	left := func(lines []string) string {
		t.Helper()
		r := handlertest.Must(http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+discover, http.NoBody))(t)
		for _, line := range lines {
			r.Header.Add("X-Forwarded-For", line)
		}
		return w.Do(r).Header.Get("X-RateLimit-Remaining")
	}
	for _, c := range []struct {
		what string
		// lines are the lines of X-Forwarded-For.
		lines []string
		want  string
	}{
		{"a client", []string{"198.51.100.1"}, "99"},
		{"the same client, who adds a line of their own", []string{"203.0.113.9", "198.51.100.1"}, "98"},
		{"the same client, who adds an address of their own", []string{"203.0.113.9, 198.51.100.1"}, "97"},
		{"another client", []string{"198.51.100.2"}, "99"},
		{"a client of IPv6", []string{"2001:db8:1:2::3"}, "99"},
		{"the same subscriber", []string{"2001:db8:1:2:ffff::"}, "98"},
		{"another subscriber", []string{"2001:db8:1:3::3"}, "99"},
		{"the proxy itself", nil, "99"},
		{"no address", []string{"a client"}, "98"},
	} {
		if got := left(c.lines); got != c.want {
			t.Errorf("%s: %s left, want %s", c.what, got, c.want)
		}
	}
}

func trustLoopback(cfg *edge.Config) {
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

func TestParseProxiesAcceptsAddressesAndNetworksOnly(t *testing.T) {
	t.Parallel()
	networks, err := edge.ParseProxies(" 10.0.0.0/8, 192.0.2.1 ,2001:db8::/32,")
	if err != nil || fmt.Sprint(networks) != "[10.0.0.0/8 192.0.2.1/32 2001:db8::/32]" {
		t.Errorf("%v, %v", networks, err)
	}
	for _, wrong := range []string{"0.0.0.0/0", "::/0", "proxy.example", "10.0.0.0/33", "10.0.0.0/8 192.0.2.1"} {
		if networks, err := edge.ParseProxies(wrong); err == nil {
			t.Errorf("%q is %v", wrong, networks)
		}
	}
}

func TestDevelopmentLimitsAreAHundredTimesHigherUnlessConfigured(t *testing.T) {
	t.Parallel()
	for factor, want := range map[int]string{0: "10000", 1: "100", 7: "700", edge.NoLimits: ""} {
		w := newHarness(t, options{change: func(cfg *edge.Config) { cfg.Development, cfg.LimitFactor = true, factor }})
		if got := w.send(http.MethodGet, discover, nil).Header.Get("X-RateLimit-Limit"); got != want {
			t.Errorf("factor %d: the limit is %q, want %q", factor, got, want)
		}
	}
}

func TestPagesHaveALimit(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	if got := w.allowed(320, http.MethodGet, "/page", nil); got != 300 {
		t.Errorf("a page was shown %d times, want 300", got)
	}
}

func TestRequestsAreRejectedWhileTheyCannotBeCounted(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	w.Pool.Close()
	for _, c := range [][2]string{
		{http.MethodPost, "/api/auth/sign-in/email"},
		{http.MethodPost, "/api/auth/sign-up/email"},
		{http.MethodGet, discover},
		{http.MethodGet, "/api/content"},
		{http.MethodGet, "/page"},
		{http.MethodGet, "/api/auth/get-session"},
	} {
		a := w.send(c[0], c[1], nil)
		if a.Status != http.StatusServiceUnavailable || a.Code() != "SERVICE_UNAVAILABLE" ||
			a.Header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %d %s", c[0], c[1], a.Status, a.Body)
		}
	}
	if a := w.send(http.MethodGet, "/health", nil); a.Status != http.StatusServiceUnavailable {
		t.Errorf("health: %d %s", a.Status, a.Body)
	}
}
