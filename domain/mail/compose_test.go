package mail_test

import (
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/mail"
)

func TestAMailHasItsContentAsTextAndAsEscapedHTML(t *testing.T) {
	t.Parallel()
	envelope := mail.Envelope{
		ID:        "m1",
		Recipient: "ada@example.org",
		UserID:    "u1",
		SourceID:  "s1",
		Created:   time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC),
	}
	content := mail.Content{
		Template: mail.Welcome,
		Title:    "Trains & Co",
		Text:     "1 < 2",
		Action:   "Open",
		Link:     "https://codex.test/?a=1&b=2",
		Footer:   "Once.",
	}
	m, err := mail.Compose(envelope, content)
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != content.Title || m.Text != "1 < 2\n\nhttps://codex.test/?a=1&b=2\n\nOnce.\n" {
		t.Errorf("%q, %q", m.Subject, m.Text)
	}
	for _, want := range []string{
		"Trains &amp; Co", "1 &lt; 2", `href="https://codex.test/?a=1&amp;b=2"`, "Open",
		"Once.",
	} {
		if !strings.Contains(m.HTML, want) {
			t.Errorf("%q is missing in %s", want, m.HTML)
		}
	}

	content.Action, content.Link = "", ""
	if m, err = mail.Compose(
		envelope,
		content,
	); err != nil || m.Text != "1 < 2\n\nOnce.\n" ||
		strings.Contains(m.HTML, "href") {
		t.Errorf("without a link: %q, %s, %v", m.Text, m.HTML, err)
	}
}
