package web_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

var hrefPattern = regexp.MustCompile(`<a href="([^"]+)">`)

func TestTheMailboxShowsMailsWithTheirLinks(t *testing.T) {
	t.Parallel()
	w := newHarness(t, true)
	if empty := w.page("/mailbox"); !strings.Contains(empty.Body, "No mail") {
		t.Errorf("%s", empty.Body)
	}
	const link = "https://codex.test/api/auth/verify-email?token=abc&callbackURL=%2F"
	w.mail("ada@example.org", "First", "Open "+link+".")
	w.mail("bob@example.org", "Second", "no link")

	page := w.page("/mailbox?to=Ada@example.org")
	w.assets(page)
	if policy := page.Header.Get("Content-Security-Policy"); strings.Contains(policy, "script-src") {
		t.Errorf("policy %s", policy)
	}
	if page.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", page.Header)
	}
	if strings.Contains(page.Body, "bob@") || strings.Contains(page.Body, "<script") {
		t.Errorf("%s", page.Body)
	}
	links := hrefPattern.FindAllStringSubmatch(page.Body, -1)
	if len(links) != 1 || html.UnescapeString(links[0][1]) != link {
		t.Errorf("links %v in %s", links, page.Body)
	}
	if all := w.page("/mailbox"); strings.Index(all.Body, "Second") > strings.Index(all.Body, "First") {
		t.Error("the newest mail is not first")
	}
}

func TestProgramsReadTheMailboxAsJSON(t *testing.T) {
	t.Parallel()
	w := newHarness(t, true)
	w.mail("ada@example.org", "First", "Open https://codex.test/x.")
	w.mail("bob@example.org", "Second", "no link")
	got := w.get("/mailbox.json?to=ada@example.org").Want(http.StatusOK, "")
	type message struct {
		To, Subject, Status string
		Links               []string
	}
	list := handlertest.Decode[struct{ Items []message }](got)
	if len(list.Items) != 1 || got.At("pagination.total") != float64(1) {
		t.Fatalf("%s", got.Body)
	}
	item := list.Items[0]
	if item.To != "ada@example.org" || item.Subject != "First" || item.Status != "pending" ||
		len(item.Links) != 1 || item.Links[0] != "https://codex.test/x" {
		t.Errorf("%+v", item)
	}
	for path, want := range map[string]float64{
		"/mailbox.json":                      2,
		"/mailbox.json?to=carol@example.org": 0,
		"/mailbox.json?to=nonsense":          0,
	} {
		if got := w.get(path).Want(http.StatusOK, ""); got.At("pagination.total") != want {
			t.Errorf("%s: %s", path, got.Body)
		}
	}
}

func TestAMailIsShownAsTextOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t, true)
	hostile := `<script>alert(1)</script> https://a.test/"onmouseover="alert(1) javascript:alert(1) ` +
		`(see https://b.test/x). <img src=x onerror=alert(1)>`
	w.mail("ada@example.org", hostile, hostile)
	page := w.page("/mailbox").Body
	for _, bad := range []string{"<script", "<img", `"onmouseover`, `href="javascript`} {
		if strings.Contains(page, bad) {
			t.Errorf("%s is on the page", bad)
		}
	}
	links := hrefPattern.FindAllStringSubmatch(page, -1)
	if len(links) != 2 || !strings.HasPrefix(links[0][1], "https://a.test") || links[1][1] != "https://b.test/x" {
		t.Errorf("links %v", links)
	}
}

func TestTheMailboxExistsInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t, false)
	w.mail("ada@example.org", "First", "text")
	w.get("/mailbox").Want(http.StatusNotFound, "NOT_FOUND")
	w.get("/mailbox.json?to=ada@example.org").Want(http.StatusNotFound, "NOT_FOUND")
}
