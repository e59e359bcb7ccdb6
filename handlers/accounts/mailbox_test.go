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
	w := newHarness(t, options{})
	b := w.browser()
	if empty := b.get("/mailbox").want(http.StatusOK); !strings.Contains(empty.Body, "No mail") {
		t.Errorf("%s", empty.Body)
	}
	b.signUp("ada@example.org")
	b.signUp("bob@example.org")
	if _, err := w.mailer.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := b.get("/mailbox?to=Ada@example.org").want(http.StatusOK)
	policy := page.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("policy %s", policy)
	}
	if page.Header.Get("Cache-Control") != "no-store" || page.Header.Get("Referrer-Policy") != "no-referrer" || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
		t.Errorf("headers %v", page.Header)
	}
	if strings.Contains(page.Body, "bob@") || strings.Contains(page.Body, "style=") || strings.Contains(page.Body, "<script") {
		t.Errorf("%s", page.Body)
	}
	links := hrefPattern.FindAllStringSubmatch(page.Body, -1)
	if len(links) != 1 {
		t.Fatalf("links %v in %s", links, page.Body)
	}
	b.get(strings.TrimPrefix(html.UnescapeString(links[0][1]), w.URL)).want(http.StatusFound)
	if !b.signedIn() {
		t.Error("the link does not sign in")
	}
	b.get("/mailbox.css").want(http.StatusOK)
	if all := b.get("/mailbox").want(http.StatusOK); strings.Index(all.Body, "bob@") < strings.Index(all.Body, "Your e-mail address is confirmed") {
		t.Error("the newest mail is not first")
	}
}

func TestProgramsReadTheMailboxAsJSON(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	b := w.browser()
	b.signUp("ada@example.org")
	b.signUp("bob@example.org")
	got := b.get("/mailbox.json?to=ada@example.org").want(http.StatusOK)
	items, _ := got.At("items").([]any)
	if len(items) != 1 || got.At("pagination.total") != float64(1) {
		t.Fatalf("%s", got.Body)
	}
	item, _ := items[0].(map[string]any)
	found, _ := item["links"].([]any)
	if item["to"] != "ada@example.org" || item["subject"] == "" || item["status"] != "pending" || len(found) != 1 {
		t.Fatalf("%v", item)
	}
	if want := w.URL + w.links("ada@example.org")[0]; found[0] != want {
		t.Errorf("link %v, want %s", found[0], want)
	}
	for path, want := range map[string]float64{"/mailbox.json": 2, "/mailbox.json?to=carol@example.org": 0, "/mailbox.json?to=nonsense": 0} {
		if got := b.get(path).want(http.StatusOK); got.At("pagination.total") != want {
			t.Errorf("%s: %s", path, got.Body)
		}
	}
}

func TestAMailCannotPutAnythingButTextOnThePage(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	hostile := `<script>alert(1)</script> https://a.test/"onmouseover="alert(1) javascript:alert(1) (see https://b.test/x). <img src=x onerror=alert(1)>`
	w.Exec(`INSERT INTO mails (id, template, recipient, source_id, subject, text_body, html_body) VALUES ($1, 'x', 'ada@example.org', 'x', $2, $2, $2)`, uuid.NewString(), hostile)
	page := w.browser().get("/mailbox").want(http.StatusOK).Body
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
