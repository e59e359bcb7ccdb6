package edge_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
)

func TestAKeyIsRememberedForSevenDays(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	cookie := w.user("creator")
	post := func() answer {
		return w.send(http.MethodPost, "/api/content", article("kept", `"Words."`), "Cookie", cookie, "Idempotency-Key", "the-key")
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
	// The request is a new one now, whose slug is taken.
	if again := post(); again.Status != http.StatusConflict {
		t.Errorf("after 8 days: %d %s", again.Status, again.Body)
	}
	if n := w.Number(`SELECT count(*) FROM content`); n != 1 {
		t.Errorf("%d items, want 1", n)
	}
}

func TestKeysOfTwoUsersAreTwoKeys(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	for _, slug := range []string{"one", "two"} {
		a := w.send(http.MethodPost, "/api/content", article(slug, `"Words."`), "Cookie", w.user("creator"), "Idempotency-Key", "the-key")
		if a.Status != http.StatusCreated {
			t.Errorf("%s: %d %s", slug, a.Status, a.Body)
		}
	}
}

func TestOneKeyAtTheSameMomentIsOneRequest(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{edges: 2, bus: true})
	cookie := w.user("creator")
	var all sync.WaitGroup
	answers := make([]answer, 20)
	for i := range answers {
		all.Go(func() {
			answers[i] = w.sendTo(i%2, http.MethodPost, "/api/content", article("once", `"Words."`), "Cookie", cookie, "Idempotency-Key", "the-key")
		})
	}
	all.Wait()
	for i, a := range answers {
		if a.Status != http.StatusCreated || a.Body != answers[0].Body {
			t.Errorf("answer %d: %d %s, the first was %d %s", i, a.Status, a.Body, answers[0].Status, answers[0].Body)
		}
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type = 'content.created'`); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

// TestWhatOneEdgeWroteTheOtherShows writes through one edge and reads through the
// other, at once. CODEX_TEST_PAIRS says how often; 100000 take some minutes.
func TestWhatOneEdgeWroteTheOtherShows(t *testing.T) {
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
				if read := w.sendTo(there, http.MethodGet, "/api/content/"+item, nil, "Cookie", cookie); read.Status != http.StatusOK || read.Text("data.title") != title {
					stale.Add(1)
					w.Errorf("wrote %q, read %d %s", title, read.Status, read.Body)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	t.Logf("%d pairs in %s (%.0f a second), %d stale", pairs, took.Round(time.Millisecond), float64(pairs)/took.Seconds(), stale.Load())
}
