package main

import (
	"strings"
	"testing"
)

// production is an environment with which the program starts in production.
var production = map[string]string{
	"CODEX_ENV":                     "production",
	"CODEX_PUBLIC_URL":              "https://codex.example",
	"CODEX_TRUSTED_PROXIES":         "10.0.0.0/8",
	"CODEX_MAIL_FROM":               "Codex <mail@codex.example>",
	"CODEX_SMTP_URL":                "smtps://user:password@mail.codex.example:465",
	"CODEX_S3_ENDPOINT":             "https://media.codex.example",
	"CODEX_S3_ACCESS_KEY":           "key",
	"CODEX_S3_SECRET_KEY":           "s3-0123456789abcdef",
	"STRIPE_SECRET_KEY":             "sk_live_1234",
	"STRIPE_WEBHOOK_SECRET_BOOKING": "whsec_booking-0123456789abcdef0123456789",
	"STRIPE_WEBHOOK_SECRET_PAYMENT": "whsec_payment-0123456789abcdef0123456789",
	"STRIPE_WEBHOOK_SECRET_DISPUTE": "whsec_dispute-0123456789abcdef0123456789",
	"CODEX_TRANSCODER_SECRET":       "transcoder-0123456789abcdef0123456789",
	"CODEX_TOKEN_SECRET":            "token-0123456789abcdef0123456789abcdef",
	"CODEX_WORKER_SECRET":           "worker-0123456789abcdef0123456789abcdef",
	"CODEX_COMMAND_SECRET":          "command-0123456789abcdef0123456789abcdef",
	"CODEX_EVENT_SECRET":            "event-0123456789abcdef0123456789abcdef",
}

func TestProductionRefusesWhatIsMissingOrWeak(t *testing.T) {
	const token, worker, booking = "CODEX_TOKEN_SECRET", "CODEX_WORKER_SECRET", "STRIPE_WEBHOOK_SECRET_BOOKING"
	for name, c := range map[string]struct {
		variable, value, want string
	}{
		"complete":                     {"CODEX_ENV", "production", ""},
		"no proxies":                   {"CODEX_TRUSTED_PROXIES", "", "set CODEX_TRUSTED_PROXIES"},
		"proxies none":                 {"CODEX_TRUSTED_PROXIES", "none", ""},
		"a sender at localhost":        {"CODEX_MAIL_FROM", "Codex <no-reply@localhost>", "set CODEX_MAIL_FROM"},
		"a short secret":               {token, "short", token + " to at least 32"},
		"a short secret in a list":     {token, production[token] + ",short", token + ", number 2 of the list"},
		"a repetition in a list":       {token, production[token] + "," + strings.Repeat("ab", 20), "repeats a few"},
		"the same secret twice":        {token, production[token] + ", " + production[token], "lists the same secret twice"},
		"one secret for two purposes":  {worker, production[token], "must differ"},
		"shared in a list":             {worker, production[worker] + "," + production[token], "must differ"},
		"shared with commands":         {worker, production["CODEX_COMMAND_SECRET"], "must differ"},
		"shared by webhooks":           {booking, production["STRIPE_WEBHOOK_SECRET_PAYMENT"], "must differ"},
		"a short command secret":       {"CODEX_COMMAND_SECRET", "short", "CODEX_COMMAND_SECRET to at least 32"},
		"NATS for others without TLS":  {"CODEX_NATS_ADDR", "0.0.0.0:4222", "CODEX_NATS_SERVER_CERT"},
		"a list of secrets, all right": {token, production[token] + ",older-0123456789abcdef0123456789abcdef", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range production {
				t.Setenv(variable, value)
			}
			t.Setenv(c.variable, c.value)
			cfg, err := readConfig()
			if err == nil {
				err = cfg.check(allRoles)
			}
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), "0123456789abcdef"):
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}

func TestDevelopmentRefusesAPublicURLOfOthers(t *testing.T) {
	for address, allowed := range map[string]bool{
		"http://localhost:8080":      true,
		"http://127.0.0.1:8080":      true,
		"http://[::1]:8080":          true,
		"https://codex.example":      false,
		"http://192.168.1.5:8080":    false,
		"http://127.0.0.1.nip.io":    false,
		"http://localhost.example/x": false,
	} {
		t.Setenv("CODEX_PUBLIC_URL", address)
		cfg, err := readConfig()
		if err == nil {
			err = cfg.check(allRoles)
		}
		if (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestNoDefaultNamesADomainOfOthers(t *testing.T) {
	cfg, err := readConfig()
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.ReturnHosts) > 0 {
		t.Errorf("buyers may return to %v", cfg.ReturnHosts)
	}
	if listing := string(cfg.listing(false)); strings.Contains(listing, "revelations") {
		t.Errorf("the configuration names the domain of others: %s", lineOf(listing, "revelations"))
	}
}
