package identity_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/identity"
)

// FuzzCallback resolves what is accepted as a browser would.
func FuzzCallback(f *testing.F) {
	for _, seed := range []string{
		"/", "/library?a=b#c", "//evil.test", "/\\evil.test", "https://codex.test/x", "https://codex.test@evil.test",
		"https:evil.test", "http:///evil.test",
		"/\t/evil.test", "javascript:alert(1)", "https://CODEX.test", "https://codex.test:443",
		"https://codex.test.evil.test", "/%2f/evil.test", "///evil.test", "",
	} {
		f.Add(seed)
	}
	base, err := url.Parse("https://codex.test")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, callback string) {
		origin, ok := identity.CallbackOrigin(callback)
		if !ok {
			return
		}
		// As a browser reads it: backslashes are slashes, tabs and newlines are not there.
		seen := strings.NewReplacer("\\", "/", "\t", "", "\n", "", "\r", "").Replace(strings.TrimSpace(callback))
		target, err := base.Parse(seen)
		if err != nil {
			t.Fatalf("%q cannot be read: %v", callback, err)
		}
		if origin == "" {
			origin = "https://codex.test"
		}
		if got := strings.ToLower(target.Scheme + "://" + target.Host); got != origin || target.User != nil {
			t.Fatalf("%q leads to %s, not to %s", callback, target, origin)
		}
	})
}
