package paging_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/handlers/paging"
)

func TestACursorOfAnotherListIsRejected(t *testing.T) {
	t.Parallel()
	w := newHarness(t, size{rows: 40, items: 40, heavy: 40, others: 5})
	cursor := func(path string) string { return *w.read(t, "creator", path+"&limit=5").Pagination.NextCursor }
	byTitle := cursor("/api/content?sortBy=title")
	const someID = "00000063-0000-7000-8000-000000000001"
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, bad := range map[string]string{
		"no base64":       "!",
		"no JSON":         encode("{"),
		"another order":   byTitle,
		"no id":           encode(`{"o":"desc content.created_at","k":["2026-01-01T00:00:00Z"],"i":"x","n":2}`),
		"no time":         encode(`{"o":"desc content.created_at","k":["now"],"i":"` + someID + `","n":2}`),
		"keys missing":    encode(`{"o":"desc content.created_at","k":[],"i":"` + someID + `","n":2}`),
		"no page":         encode(`{"o":"desc content.created_at","k":["2026-01-01T00:00:00Z"],"i":"` + someID + `"}`),
		"longer than any": strings.Repeat("a", 5000),
	} {
		status, body := w.send(t, "creator", "/api/content?cursor="+bad)
		if status != http.StatusBadRequest || !strings.Contains(body, `"cursor"`) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, body := w.send(t, "creator", "/api/content?sortBy=title&cursor="+byTitle); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

func TestASearchNeedsTwoCharacters(t *testing.T) {
	t.Parallel()
	w := newHarness(t, size{rows: 10, items: 10, heavy: 10, others: 5})
	for _, l := range []list{
		{"content", "creator", "/api/content?"},
		{"browse", "member", "/api/content/browse?organizationId=" + heavyOrganization},
		{"public", "", "/api/content/public?orgId=" + heavyOrganization},
		{"discover", "", "/api/content/public/discover?"},
		{"library", "customer", "/api/access/user/library?"},
		{"organizations", "creator", "/api/organizations?"},
	} {
		if status, body := w.send(
			t,
			l.user,
			l.path+"&search=p",
		); status != http.StatusBadRequest ||
			!strings.Contains(body, `"search"`) {
			t.Errorf("%s: %d %s", l.name, status, body)
		}
		if status, body := w.send(t, l.user, l.path+"&search=pi"); status != http.StatusOK {
			t.Errorf("%s: %d %s", l.name, status, body)
		}
	}
}

func TestASearchThatTakesTooLongIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newHarness(t, size{})
	err := paging.Search(t.Context(), w.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `SELECT pg_sleep(10)`)
		return err
	})
	if !errors.Is(err, paging.ErrSearchTooLong) {
		t.Errorf("got %v", err)
	}
}

func TestFourSearchesRunAtOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t, size{})
	pool := w.wider(t, 8)
	var running, most atomic.Int32
	started, release := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	for range 7 {
		go func() {
			done <- paging.Search(t.Context(), pool, func(pgx.Tx) error {
				for now := running.Add(1); ; {
					if before := most.Load(); now <= before || most.CompareAndSwap(before, now) {
						break
					}
				}
				started <- struct{}{}
				<-release
				running.Add(-1)
				return nil
			})
		}()
	}
	for range 4 {
		<-started
	}
	// All places are taken: who does not want to wait any more is let go.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := paging.Search(ended, pool, func(pgx.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled search ended with %v", err)
	}
	close(release)
	for range 3 {
		<-started
	}
	for range 7 {
		check(t, <-done)
	}
	if n := most.Load(); n != 4 {
		t.Errorf("%d searches ran at once", n)
	}
}

func TestPatternsMatchLiterally(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "a": "%a%", `50%_\`: `%50\%\_\\%`} {
		if got := paging.Contains(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	w := paging.Where{}
	if got := fmt.Sprint(w.Arg("a"), " ", w.Arg(2)); got != "$1 $2" {
		t.Errorf("got %s", got)
	}
}
