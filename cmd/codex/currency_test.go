package main

import (
	"strings"
	"testing"
)

func TestTheCurrencyIsOneThatStripeChargesIn(t *testing.T) {
	for value, want := range map[string]string{"": "gbp", "JPY": "jpy", "kwd": "kwd", "pounds": ""} {
		t.Setenv("CODEX_CURRENCY", value)
		cfg, err := readConfig()
		switch {
		case want == "" && (err == nil || !strings.Contains(err.Error(), "CODEX_CURRENCY")):
			t.Errorf("%q: %v", value, err)
		case want != "" && (err != nil || cfg.Currency != want):
			t.Errorf("%q is %q: %v", value, cfg.Currency, err)
		}
	}
}
