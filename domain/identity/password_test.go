package identity_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain/identity"
)

func TestGuessablePasswordsAreRefused(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		"password", "PASSWORD", "Password123", "12345678", "qwertyuiop", "iloveyou", "trustno1", "P@ssw0rd", "letmein123",
		"aaaaaaaa", "ßßßßßßßß", "!!!!!!!!!!", "codex123", "CODEX2026!", "123codex456", "codex-platform", "ada.lovelace",
		"ada.lovelace@example.org",
	} {
		if identity.BadPassword(password, "ada.lovelace@example.org") == "" {
			t.Errorf("%q is accepted", password)
		}
	}
}

func TestPasswordsAreCheckedByLengthNotComposition(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		"SecurePassword123!", "correct horse battery staple", "ninechars", "пароль длинный", "密码密码密码密码甲", "        x        ",
		strings.Repeat("ab", 64), strings.Repeat("é è", 42), "my codex of laws",
	} {
		if message := identity.BadPassword(password, "ada@example.org"); message != "" {
			t.Errorf("%q %s", password, message)
		}
	}
	for _, password := range []string{"", "sev7nch", strings.Repeat("ab", 64) + "c", "éèéèéèé"} {
		if identity.BadPassword(password, "ada@example.org") == "" {
			t.Errorf("%q is accepted", password)
		}
	}
}

func TestAnyCharactersMakeAPassword(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// Twelve arbitrary runes behind a start that no list begins with.
		password := "vQ7#" + rapid.StringN(8, 24, -1).Draw(t, "rest")
		if message := identity.BadPassword(password, "ada@example.org"); message != "" {
			t.Fatalf("%q %s", password, message)
		}
	})
}
