package mail_test

import (
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/mail"
)

func TestValidAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"a@b.co", "ada.lovelace+films@mail.example.org", "o'neill@example.org",
		"x_1-2@xn--bcher-kva.example",
	} {
		if !mail.ValidAddress(address) {
			t.Errorf("%q is refused", address)
		}
	}
	for _, address := range []string{
		"", "ada", "@example.org", "ada@", "ada@localhost", "ada@@example.org", "a b@example.org", ".ada@example.org",
		"ada.@example.org",
		"a..b@example.org", "ada@-example.org", "ada@example-.org", "ada@example..org", "ada@example.org.", "ada@[127.0.0.1]",
		`"ada"@example.org`, "ada@example.org\n", "ada\r\nbcc:x@example.org", "ADA@example.org", "ada,bob@example.org",
		"<ada@example.org>",
		strings.Repeat("a", 65) + "@example.org", "a@" + strings.Repeat("b.", 126) + "org", "ädа@example.org",
	} {
		if mail.ValidAddress(address) {
			t.Errorf("%q is accepted", address)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"ada@example.org", "A@B.co", "a@b", "a@b.c\r\nbcc:x@y.z", "<a@b.co>", `"a"@b.co`,
		"a@[::1]", "ä@b.co", " a@b.co ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		address := mail.NormalAddress(s)
		if mail.NormalAddress(address) != address {
			t.Fatalf("%q is not normal", address)
		}
		if !mail.ValidAddress(address) {
			return
		}
		if strings.Count(address, "@") != 1 || len(address) > 254 ||
			strings.ContainsFunc(
				address,
				func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`<>(),;:"\[]`, r) },
			) {
			t.Fatalf("%q would not be safe in a header", address)
		}
	})
}
