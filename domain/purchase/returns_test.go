package purchase_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/purchase"
)

var returns = purchase.Returns{Own: "https://shop.example.test", Hosts: []string{"revelations.studio"}}

func TestBuyersAreRedirectedToOwnSitesOnly(t *testing.T) {
	t.Parallel()
	development := returns
	development.Local = true
	for _, c := range []struct {
		address      string
		always, here bool
	}{
		{"https://revelations.studio", true, true},
		{"https://app.revelations.studio/x?y=z#a", true, true},
		{"http://codex-staging.revelations.studio:8443/x", true, true},
		{"HTTPS://REVELATIONS.studio/", true, true},
		{"https://shop.example.test/own?session_id={CHECKOUT_SESSION_ID}", true, true},
		{"http://shop.example.test/own", false, false},
		{"https://shop.example.test:444/own", false, false},
		{"https://below.shop.example.test/", false, false},
		{"http://localhost:5173/", false, true},
		{"http://127.0.0.1:3000/", false, true},
		{"http://[::1]:3000/", false, true},
		{"http://shop.lvh.me:5173/", false, true},
		{"http://10.0.0.1/", false, false},
		{"http://127.0.0.1.nip.io/", false, false},
		{"http://localhost.evil.test/", false, false},
		{"https://evilrevelations.studio/", false, false},
		{"https://revelations.studio.evil.test/", false, false},
		{"https://revelations.studio@evil.test/", false, false},
		{"https://x@revelations.studio/", false, false},
		{"https://evil.test/?revelations.studio", false, false},
		{"https://evil.test#.revelations.studio", false, false},
		{`https://evil.test\.revelations.studio/`, false, false},
		{"https://evil.test%2f.revelations.studio/", false, false},
		{"https://evil.test／.revelations.studio/", false, false},
		{"https://evil.test\t.revelations.studio/", false, false},
		{"ftp://revelations.studio/", false, false},
		{"javascript://revelations.studio/%0aalert(1)", false, false},
		{"https:revelations.studio", false, false},
		{"//revelations.studio/", false, false},
		{"/thanks", false, false},
		{"", false, false},
	} {
		if got := returns.Allow(c.address); got != c.always {
			t.Errorf("%q: %v", c.address, got)
		}
		if got := development.Allow(c.address); got != c.here {
			t.Errorf("%q in development: %v", c.address, got)
		}
	}
	if (purchase.Returns{}).Allow("https:///x") || (purchase.Returns{Own: "nonsense"}).Allow("https://nonsense/") {
		t.Error("an installation without an address leads somewhere")
	}
}

// FuzzReturnAddress asks about any address. What is allowed begins, for the simplest of
// readers as well, with http or https, a name of ours, and the end of the name.
func FuzzReturnAddress(f *testing.F) {
	for _, seed := range []string{
		"https://revelations.studio/", "https://a.revelations.studio:1/", "https://revelations.studio@x/",
		`https://x\.revelations.studio`,
		"https://shop.example.test/{CHECKOUT_SESSION_ID}", "http://[::1]/", "https://x/.revelations.studio",
		"HTTPS://A.REVELATIONS.STUDIO?x", "https:////revelations.studio",
	} {
		f.Add(seed)
	}
	simple := regexp.MustCompile(
		`^(?i)https?://(([a-z0-9-]*\.)*revelations\.studio(:[0-9]*)?|shop\.example\.test)([/?#].*)?$`)
	f.Fuzz(func(t *testing.T, address string) {
		if !returns.Allow(address) {
			return
		}
		u, err := url.Parse(address)
		if err != nil || !simple.MatchString(strings.ReplaceAll(address, "\n", "")) {
			t.Fatalf("%q is allowed (%v)", address, u)
		}
	})
}
