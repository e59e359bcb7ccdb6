package accounts_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
)

var hrefPattern = regexp.MustCompile(`<a href="([^"]+)">`)

func TestTheMailboxShowsMailsToReadAndLinksToClick(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	b := w.browser(t)
	if empty := b.get(t, "/mailbox").want(t, http.StatusOK); !strings.Contains(string(empty.body), "No mail") {
		t.Errorf("%s", empty.body)
	}
	b.signUp(t, "ada@example.org")
	b.signUp(t, "bob@example.org")
	if _, err := w.mailer.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := b.get(t, "/mailbox?to=Ada@example.org").want(t, http.StatusOK)
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("policy %s", policy)
	}
	if page.header.Get("Cache-Control") != "no-store" || page.header.Get("Referrer-Policy") != "no-referrer" || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Errorf("headers %v", page.header)
	}
	if strings.Contains(string(page.body), "bob@") || strings.Contains(string(page.body), "style=") || strings.Contains(string(page.body), "<script") {
		t.Errorf("%s", page.body)
	}
	links := hrefPattern.FindAllStringSubmatch(string(page.body), -1)
	if len(links) != 1 {
		t.Fatalf("links %v in %s", links, page.body)
	}
	b.get(t, strings.TrimPrefix(html.UnescapeString(links[0][1]), w.url)).want(t, http.StatusFound)
	if !b.signedIn(t) {
		t.Error("the link does not sign in")
	}
	b.get(t, "/mailbox.css").want(t, http.StatusOK)
	if all := b.get(t, "/mailbox").want(t, http.StatusOK); strings.Index(string(all.body), "bob@") < strings.Index(string(all.body), "Your e-mail address is confirmed") {
		t.Error("the newest mail is not first")
	}
}

func TestProgramsReadTheMailboxAsJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	b := w.browser(t)
	b.signUp(t, "ada@example.org")
	b.signUp(t, "bob@example.org")
	got := b.get(t, "/mailbox.json?to=ada@example.org").want(t, http.StatusOK)
	items, _ := got.at("items").([]any)
	if len(items) != 1 || got.at("pagination.total") != float64(1) {
		t.Fatalf("%s", got.body)
	}
	item, _ := items[0].(map[string]any)
	found, _ := item["links"].([]any)
	if item["to"] != "ada@example.org" || item["subject"] == "" || item["status"] != "pending" || len(found) != 1 {
		t.Fatalf("%v", item)
	}
	if want := w.url + w.links(t, "ada@example.org")[0]; found[0] != want {
		t.Errorf("link %v, want %s", found[0], want)
	}
	for path, want := range map[string]float64{"/mailbox.json": 2, "/mailbox.json?to=carol@example.org": 0, "/mailbox.json?to=nonsense": 0} {
		if got := b.get(t, path).want(t, http.StatusOK); got.at("pagination.total") != want {
			t.Errorf("%s: %s", path, got.body)
		}
	}
}

func TestAMailCannotPutAnythingButTextOnThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	hostile := `<script>alert(1)</script> https://a.test/"onmouseover="alert(1) javascript:alert(1) (see https://b.test/x). <img src=x onerror=alert(1)>`
	w.exec(t, `INSERT INTO mails (id, template, recipient, source_id, subject, text_body, html_body) VALUES ($1, 'x', 'ada@example.org', 'x', $2, $2, $2)`, uuid.NewString(), hostile)
	page := string(w.browser(t).get(t, "/mailbox").want(t, http.StatusOK).body)
	for _, bad := range []string{"<script", "<img", `"onmouseover`, `href="javascript`} {
		if strings.Contains(page, bad) {
			t.Errorf("%s is on the page", bad)
		}
	}
	links := hrefPattern.FindAllStringSubmatch(page, -1)
	if len(links) != 2 || links[0][1] != "https://a.test/" && !strings.HasPrefix(links[0][1], "https://a.test") || links[1][1] != "https://b.test/x" {
		t.Errorf("links %v", links)
	}
}
