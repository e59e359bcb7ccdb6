package redact

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// secrets hold a word, canary, that must not appear in the log.
var secrets = map[string]any{
	"password":         "canary",
	"newPassword":      "canary",
	"client_secret":    "canary",
	"token":            "canary",
	"API-Key":          "canary",
	"Authorization":    "Basic canary",
	"auth":             "canary",
	"Set-Cookie":       "codex-session=canary",
	"sessionId":        "canary",
	"csrf":             "canary",
	"database_url":     "canary",
	"stripe_signature": "canary",
	"card":             "canary",
	"cvv":              "canary",
	"passport":         []byte("canary"),
	"headers":          http.Header{"Authorization": {"Bearer canary"}},
	"one":              "with sk_live_canary in it",
	"two":              errors.New("dial postgres://u:canary@db/codex: refused"),
	"three":            "mysql://canary",
	"four":             "bearer canary",
	"five":             "whsec_canary",
	"six":              "0123456789abcdefcanary0123456789abcdef",
	"seven":            slog.GroupValue(slog.String("secret", "canary")),
	"token_group":      slog.GroupValue(slog.String("plain", "canary")),
}

func TestSecretsAreNeverLogged(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Mask, Hash} {
		var out bytes.Buffer
		log := slog.New(New(slog.NewJSONHandler(&out, nil), mode))
		for name, value := range secrets {
			out.Reset()
			log.Info("something happened", name, value)
			log.With(name, value).WithGroup("more").Info("again", "plain", 1)
			log.WithGroup("outer").Info("and in a group", name, value)
			if s, ok := value.(string); ok && strings.Contains(name, "e") && name != "token" && len(name) < 6 {
				log.Info("in the message: " + s) //nolint:sloglint // a message that breaks the rule
			}
			if strings.Contains(out.String(), "canary") {
				t.Errorf("%s: %s", name, out.String())
			}
		}
		out.Reset()
		log.WithGroup("cookies").Info("a group with the name of a secret", "value", "canary")
		if strings.Contains(out.String(), "canary") {
			t.Errorf("%s", out.String())
		}
	}
}

func TestOtherFieldsAreLoggedUnchanged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}), Hash))
	log.Debug("request", "route", "/api/content/:id", "status", 200, "tokens", 3, "stack", strings.Repeat("LongName", 8),
		"id", "0192f0c1-7e3a-7000-8000-000000000000")
	for _, want := range []string{
		"route=/api/content/:id",
		"status=200",
		"tokens=3",
		"stack=LongNameLongName",
		"id=0192f0c1-7e3a-7000-8000-000000000000",
		"level=DEBUG",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing: %s", want, out.String())
		}
	}
}

func TestADeveloperSeesTheEndOfASecretAndAnOperatorItsHash(t *testing.T) {
	t.Parallel()
	write := func(mode Mode, value string) string {
		var out bytes.Buffer
		slog.New(New(slog.NewTextHandler(&out, nil), mode)).Info("m", "token", value, "who", "ada@example.test")
		return out.String()
	}
	masked := write(Mask, "abcdefghijkl")
	if !strings.Contains(masked, "token=****ijkl") || !strings.Contains(masked, "ada@example.test") {
		t.Error(masked)
	}
	if got := write(Mask, "short"); !strings.Contains(got, "token=**** ") {
		t.Error(got)
	}
	got := write(Hash, "abcdefghijkl")
	repeated := write(Hash, "abcdefghijkl")
	if got[strings.Index(got, "token"):] != repeated[strings.Index(repeated, "token"):] {
		t.Error("one value has two hashes")
	}
	if strings.Contains(got, "ijkl") || strings.Contains(got, "ada@") || !strings.Contains(got, "[email]") {
		t.Error(got)
	}
}
