// Package web_test tests the pages over HTTP.
package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/domain/mail/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/web"
)

// harness is one installation that serves the pages only.
type harness struct{ *handlertest.Harness }

func newHarness(t *testing.T, development bool) *harness {
	t.Helper()
	w := &harness{handlertest.New(t, handlertest.Options{})}
	w.Install(
		func(cfg *edge.Config) { cfg.Development = development },
		web.New(web.Config{Pool: w.Pool, Development: development, Payments: "http://127.0.0.1:1/"}),
	)
	return w
}

func (w *harness) get(path string) handlertest.Answer {
	w.Helper()
	return w.Send(handlertest.Request{Method: http.MethodGet, Path: path})
}

// page reads a page and checks what all pages have in common: they are not cached and run
// no inline code.
func (w *harness) page(path string) handlertest.Answer {
	w.Helper()
	got := w.get(path).Want(http.StatusOK, "")
	policy := got.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		w.Errorf("%s: policy %s", path, policy)
	}
	if !strings.HasPrefix(got.Header.Get("Content-Type"), "text/html") || got.Header.Get("Cache-Control") != "no-store" {
		w.Errorf("%s: headers %v", path, got.Header)
	}
	if strings.Contains(got.Body, "style=") || strings.Contains(got.Body, "<script>") {
		w.Errorf("%s has inline code: %s", path, got.Body)
	}
	return got
}

var assetPattern = regexp.MustCompile(`(?:<link[^>]*href|<script[^>]*src)="([^"]+)"`)

// assets checks that the assets of a page exist.
func (w *harness) assets(page handlertest.Answer) {
	w.Helper()
	found := assetPattern.FindAllStringSubmatch(page.Body, -1)
	if len(found) == 0 {
		w.Errorf("no assets in %s", page.Body)
	}
	for _, asset := range found {
		w.get(asset[1]).Want(http.StatusOK, "")
	}
}

// mail writes a mail to a recipient.
func (w *harness) mail(recipient, subject, text string) {
	w.Helper()
	m := mail.Mail{
		ID:        uuid.NewString(),
		Template:  mail.Welcome,
		Recipient: recipient,
		SourceID:  uuid.NewString(),
		Subject:   subject,
		Text:      text,
		HTML:      text,
		Created:   time.Now(),
	}
	err := pgx.BeginFunc(w.Context(), w.Pool, func(tx pgx.Tx) error { return postgres.Insert(w.Context(), tx, m) })
	if err != nil {
		w.Fatal(err)
	}
}
