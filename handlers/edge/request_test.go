package edge_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
)

// article is a request for written content with this text, already JSON.
func article(slug, text string) string {
	return `{"title":"A long read","slug":"` + slug + `","contentType":"written","contentBody":` + text + `}`
}

func TestLongestAllowedArticleIsAccepted(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{edges: 2, bus: true, change: patient})
	cookie := w.user("creator")
	const most = 500_000
	for i, c := range []struct {
		slug, text string
		// length is that of the text itself, in bytes.
		length int
	}{
		{"markup", `"` + strings.Repeat("<", most) + `"`, most},
		{"escaped", `"` + strings.Repeat(`\ud834\udd1e`, most) + `"`, 4 * most},
	} {
		send := func() answer {
			return w.sendTo(i%2, http.MethodPost, "/api/content", article(c.slug, c.text), "Cookie", cookie,
				"Idempotency-Key", c.slug)
		}
		a := send()
		if a.Status == http.StatusAccepted { // a busy machine stores three megabytes slowly
			w.Eventually(i+1, `SELECT count(*) FROM commands WHERE status = 'applied'`)
			a = send()
		}
		if a.Status != http.StatusCreated {
			t.Errorf("%s: %d %.200s", c.slug, a.Status, a.Body)
			continue
		}
		var got struct {
			Data struct {
				ID          string `json:"id"`
				ContentBody string `json:"contentBody"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil || len(got.Data.ContentBody) != c.length {
			t.Errorf("%s: the response has a text of %d bytes, want %d (%v)", c.slug, len(got.Data.ContentBody), c.length, err)
		}
		read := w.sendTo((i+1)%2, http.MethodGet, "/api/content/"+got.Data.ID, nil, "Cookie", cookie)
		if read.Status != http.StatusOK || len(read.Body) < c.length {
			t.Errorf("%s: read as %d, %d bytes", c.slug, read.Status, len(read.Body))
		}
	}
	a := w.send(http.MethodPost, "/api/content", article("one-more", `"`+strings.Repeat("a", most+1)+`"`), "Cookie",
		cookie)
	if a.Status != http.StatusBadRequest || a.Code() != "VALIDATION_ERROR" {
		t.Errorf("one character more: %d %.200s", a.Status, a.Body)
	}
	if n := w.Number(`SELECT count(*) FROM commands WHERE status <> 'applied'`); n != 0 {
		t.Errorf("%d commands were left", n)
	}
}

func TestTooLargeBodyIsRejected(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	cookie := w.user("creator")
	for _, c := range []struct {
		what, path string
		length     int
	}{
		{"an article", "/api/content", 7 << 20},
		{"credentials", "/api/auth/sign-in/email", 300 << 10},
	} {
		text := `{"title":"` + strings.Repeat("a", c.length) + `"}`
		if a := w.send(http.MethodPost, c.path, text, "Cookie", cookie); a.Status != http.StatusRequestEntityTooLarge ||
			a.Code() != "PAYLOAD_TOO_LARGE" {
			t.Errorf("%s: %d %s", c.what, a.Status, a.Body)
		}
		// Nothing said beforehand how long it is.
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+c.path,
			io.MultiReader(strings.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", cookie)
		if a := w.Do(r); a.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s without a length: %d", c.what, a.Status)
		}
	}
	if n := w.Number(`SELECT count(*) FROM commands`); n != 0 {
		t.Errorf("rejected requests left %d commands", n)
	}
}

func TestUnknownRoutesAreNotFound(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	for _, c := range [][2]string{
		{http.MethodGet, "/nothing"},
		{http.MethodPost, "/api"},
		{http.MethodGet, "/api/content/public/discover/"},
		{http.MethodGet, "//"},
		{http.MethodGet, "/api/test/verification-token/a@example.test"},
		{http.MethodPost, "/api/test/fast-register"},
		{http.MethodDelete, "/health"},
		{http.MethodPut, "/api/content"},
		{"PROPFIND", "/api/content"},
		{http.MethodTrace, "/health"},
		{http.MethodOptions, "/nothing"},
		{http.MethodHead, "/nothing"},
	} {
		a := w.send(c[0], c[1], nil)
		if a.Status != http.StatusNotFound || (c[0] != http.MethodHead && a.Code() != "NOT_FOUND") {
			t.Errorf("%s %s: %d %s", c[0], c[1], a.Status, a.Body)
		}
	}
}

func TestHeadHasTheHeadersOfGetWithoutTheBody(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	get, head := w.send(http.MethodGet, discover, nil), w.send(http.MethodHead, discover, nil)
	if head.Status != http.StatusOK || len(head.Body) != 0 {
		t.Errorf("%d with %d bytes", head.Status, len(head.Body))
	}
	for _, name := range []string{"Content-Type", "Cache-Control", "Content-Security-Policy", "X-RateLimit-Limit"} {
		if head.Header.Get(name) != get.Header.Get(name) {
			t.Errorf("%s: %q, of GET %q", name, head.Header.Get(name), get.Header.Get(name))
		}
	}
}

func TestOptionsListTheMethodsOfAPath(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	a := w.send(http.MethodOptions, "/api/content", nil)
	allow := a.Header.Get("Allow")
	if a.Status != http.StatusNoContent || !strings.Contains(allow, "GET") || !strings.Contains(allow, "POST") ||
		strings.Contains(allow, "DELETE") {
		t.Errorf("%d, Allow: %q", a.Status, allow)
	}
}

func TestPanicIsAnInternalErrorWithoutDetails(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	a := w.send(http.MethodGet, "/panic", nil, "X-Request-Id", "the-request")
	if a.Status != http.StatusInternalServerError || a.Code() != "INTERNAL_ERROR" ||
		strings.Contains(a.Body, "secret") || !strings.Contains(a.Body, "the-request") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := w.send(http.MethodGet, discover, nil); a.Status != http.StatusOK {
		t.Errorf("afterwards: %d", a.Status)
	}
}

func TestPanicInTheMiddleOfAResponseClosesTheConnection(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/half", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if body, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("the response seems complete: %q", body)
	}
}

func TestIdempotencyKeyIsKeptForSevenDays(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	cookie := w.user("creator")
	post := func() answer {
		return w.send(http.MethodPost, "/api/content", article("kept", `"Words."`), "Cookie", cookie, "Idempotency-Key",
			"the-key")
	}
	sweepAfter := func(age time.Duration) {
		t.Helper()
		s := &commands.Sweeper{Pool: w.Pool, Now: func() time.Time { return time.Now().Add(age) }}
		if err := s.Clean(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const day = 24 * time.Hour
	first := post()
	sweepAfter(6 * day)
	if again := post(); first.Status != http.StatusCreated || again.Status != first.Status || again.Body != first.Body {
		t.Errorf("after 6 days: %d %s, first %d %s", again.Status, again.Body, first.Status, first.Body)
	}
	sweepAfter(8 * day)
	// Now it is a new request, whose slug is in use.
	if again := post(); again.Status != http.StatusConflict {
		t.Errorf("after 8 days: %d %s", again.Status, again.Body)
	}
	if n := w.Number(`SELECT count(*) FROM content`); n != 1 {
		t.Errorf("%d items, want 1", n)
	}
}

func TestIdempotencyKeysBelongToTheirUser(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	for _, slug := range []string{"one", "two"} {
		a := w.send(http.MethodPost, "/api/content", article(slug, `"Words."`), "Cookie", w.user("creator"),
			"Idempotency-Key", "the-key")
		if a.Status != http.StatusCreated {
			t.Errorf("%s: %d %s", slug, a.Status, a.Body)
		}
	}
}

func TestConcurrentRequestsWithOneKeyAreOneRequest(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{edges: 2, bus: true, change: patient})
	cookie := w.user("creator")
	var all sync.WaitGroup
	responses := make([]answer, 20)
	for i := range responses {
		all.Go(func() {
			responses[i] = w.sendTo(i%2, http.MethodPost, "/api/content", article("once", `"Words."`), "Cookie", cookie,
				"Idempotency-Key", "the-key")
		})
	}
	all.Wait()
	for i, a := range responses {
		if a.Status != http.StatusCreated || a.Body != responses[0].Body {
			t.Errorf("response %d: %d %s, the first was %d %s", i, a.Status, a.Body, responses[0].Status, responses[0].Body)
		}
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type = 'content.created'`); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

// TestReadsFollowWritesOfAnotherEdge writes through one edge and reads through the
// other, at once. CODEX_TEST_PAIRS says how often; 100000 take some minutes.
func TestReadsFollowWritesOfAnotherEdge(t *testing.T) {
	t.Parallel()
	pairs := 1000
	if set := os.Getenv("CODEX_TEST_PAIRS"); set != "" {
		var err error
		if pairs, err = strconv.Atoi(set); err != nil {
			t.Fatal(err)
		}
	}
	w := newHarness(t, options{edges: 2, bus: true, change: func(cfg *edge.Config) { cfg.LimitFactor = edge.NoLimits }})
	const writers = 16
	var done, stale atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for writer := range writers {
		cookie := w.user("creator")
		all.Go(func() {
			item := ""
			for done.Add(1) <= int64(pairs) && stale.Load() == 0 {
				n := done.Load()
				title := fmt.Sprintf("Title %s", uuid.NewString())
				here, there := int(n%2), int((n+1)%2)
				var wrote answer
				if item == "" || n%10 == 0 {
					wrote = w.sendTo(here, http.MethodPost, "/api/content", map[string]any{
						"title": title, "slug": "s-" + uuid.NewString(), "contentType": "written", "contentBody": "Words.",
					}, "Cookie", cookie)
				} else {
					wrote = w.sendTo(here, http.MethodPatch, "/api/content/"+item, map[string]any{"title": title}, "Cookie", cookie)
				}
				if wrote.Status == http.StatusAccepted || wrote.Status >= 300 {
					w.Errorf("writer %d: %d %s", writer, wrote.Status, wrote.Body)
					return
				}
				item = wrote.Text("data.id")
				if read := w.sendTo(there, http.MethodGet, "/api/content/"+item, nil, "Cookie",
					cookie); read.Status != http.StatusOK ||
					read.Text("data.title") != title {
					stale.Add(1)
					w.Errorf("wrote %q, read %d %s", title, read.Status, read.Body)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	t.Logf("%d pairs in %s (%.0f a second), %d stale", pairs, took.Round(time.Millisecond),
		float64(pairs)/took.Seconds(), stale.Load())
}
