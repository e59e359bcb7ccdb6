package token_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/access/token"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func keys(t testing.TB, secrets ...string) *token.Keys {
	t.Helper()
	var all [][]byte
	for _, s := range secrets {
		all = append(all, []byte(s))
	}
	k, err := token.NewKeys(all...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func claims() token.Claims {
	return token.Claims{
		UserID:    "u",
		ContentID: "c",
		CreatorID: "k",
		MediaID:   "m",
		Begin:     now.Add(time.Minute).Unix(),
		Expires:   now.Add(10 * time.Minute).Unix(),
	}
}

func sign(t testing.TB, k *token.Keys, c token.Claims) string {
	t.Helper()
	text, err := k.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const (
	newSecret = "new-secret-of-32-characters-0000"
	oldSecret = "old-secret-of-32-characters-1111"
)

func TestATokenOpensToItsClaims(t *testing.T) {
	t.Parallel()
	k := keys(t, newSecret)
	text := sign(t, k, claims())
	if strings.ContainsAny(text, "+/=&?# ") {
		t.Errorf("%q needs escaping in a query", text)
	}
	got, err := k.Open(text, now)
	if err != nil || got != claims() {
		t.Fatalf("opened %+v, %v", got, err)
	}
	if !got.MayBegin(now.Add(time.Minute-time.Second)) || got.MayBegin(now.Add(time.Minute)) {
		t.Error("playing may begin for a minute, and no longer")
	}
}

func TestATokenExpiresAtItsTime(t *testing.T) {
	t.Parallel()
	k := keys(t, newSecret)
	text := sign(t, k, claims())
	if _, err := k.Open(text, now.Add(10*time.Minute-time.Second)); err != nil {
		t.Errorf("a second before: %v", err)
	}
	if _, err := k.Open(text, now.Add(10*time.Minute)); !errors.Is(err, token.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
}

func TestTokensOfARotatedSecretStayValidUntilExpiry(t *testing.T) {
	t.Parallel()
	old := sign(t, keys(t, oldSecret), claims())
	both := keys(t, newSecret, oldSecret)
	if _, err := both.Open(old, now); err != nil {
		t.Errorf("while both are configured: %v", err)
	}
	if _, err := keys(t, newSecret).Open(old, now); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("without the old secret: %v", err)
	}
	if _, err := keys(t, oldSecret).Open(sign(t, both, claims()), now); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("the first secret must be the one that signs: %v", err)
	}
}

func TestNoChangedTokenPasses(t *testing.T) {
	t.Parallel()
	k := keys(t, newSecret)
	text := sign(t, k, claims())
	payload, signature, _ := strings.Cut(text, ".")
	other := claims()
	other.ContentID = "d"
	otherPayload, otherSignature, _ := strings.Cut(sign(t, k, other), ".")
	claims := `{"user":"u","content":"d","creator":"k","media":"m","exp":9999999999}`
	forged := base64.RawURLEncoding.EncodeToString([]byte(claims))
	for name, bad := range map[string]string{
		"empty": "", "no dot": payload, "no signature": payload + ".", "no payload": "." + signature, "padding": text + "=",
		"foreign signature": payload + "." + otherSignature, "foreign payload": otherPayload + "." + signature,
		"forged": forged + "." + signature, "three parts": text + ".x", "long": strings.Repeat("a", 1025),
		"newline": text + "\n",
	} {
		if got, err := k.Open(bad, now); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: opened %+v, %v", name, got, err)
		}
	}
	for i := range len(text) {
		for _, c := range []byte("A-_.0") {
			changed := text[:i] + string(c) + text[i+1:]
			if changed == text {
				continue
			}
			if _, err := k.Open(changed, now); err == nil {
				t.Fatalf("%q passes as well", changed)
			}
		}
	}
}

func TestASecretMustHaveEnoughBytes(t *testing.T) {
	t.Parallel()
	if _, err := token.NewKeys(); err == nil {
		t.Error("no secret was accepted")
	}
	if _, err := token.NewKeys([]byte(newSecret), []byte("short")); err == nil {
		t.Error("a short secret was accepted")
	}
}

// FuzzToken opens any text. Only what was signed opens, and it says what was signed.
func FuzzToken(f *testing.F) {
	k := keys(f, newSecret, oldSecret)
	valid := sign(f, k, claims())
	f.Add(valid)
	f.Add(valid[:len(valid)-1])
	f.Add("e30.e30")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := k.Open(text, now)
		if err == nil && text != valid {
			t.Fatalf("%q opens as %+v", text, got)
		}
		if err != nil && !errors.Is(err, token.ErrInvalid) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
