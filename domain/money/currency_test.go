package money_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain/money"
)

func TestAmountsFollowTheMinorUnitOfTheirCurrency(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code    string
		amount  money.Cents
		written string
		fault   string
	}{
		{"gbp", 2999, "£29.99", ""},
		{"GBP", 30, "£0.30", ""},
		{"gbp", 29, "£0.29", "must be at least 30 (£0.30), the lowest amount that can be charged"},
		{"jpy", 50, "¥50", ""},
		{"jpy", 49, "¥49", "must be at least 50 (¥50), the lowest amount that can be charged"},
		{"kwd", 1230, "1.230 KWD", ""},
		{"kwd", 1234, "1.234 KWD", "must be a multiple of 10 (0.010 KWD)"},
		{"isk", 10_000, "100.00 ISK", ""},
		{"isk", 10_050, "100.50 ISK", "must be a multiple of 100 (1.00 ISK)"},
		{"huf", 17_499, "174.99 HUF", "must be at least 17500 (175.00 HUF), the lowest amount that can be charged"},
		{"usd", -5, "-$0.05", "must be at least 50 ($0.50), the lowest amount that can be charged"},
	} {
		currency, err := money.ParseCurrency(c.code)
		if err != nil {
			t.Fatal(err)
		}
		if got := currency.Format(c.amount); got != c.written {
			t.Errorf("%d %s is written %q, want %q", c.amount, c.code, got, c.written)
		}
		if got := currency.Fault(c.amount); got != c.fault {
			t.Errorf("%d %s: %q, want %q", c.amount, c.code, got, c.fault)
		}
	}
	for _, code := range []string{"", "xxx", "pounds", "btc", "gb"} {
		if _, err := money.ParseCurrency(code); err == nil {
			t.Errorf("%q was accepted", code)
		}
	}
}

func TestSharesCanBeTransferredInTheirCurrency(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		currency := money.CurrencyOf(rapid.SampledFrom([]string{"gbp", "jpy", "kwd", "isk"}).Draw(t, "currency"))
		gross := money.Cents(rapid.Int64Range(0, 10_000_000).Draw(t, "steps")) * currency.Step
		rates := money.Rates{
			Platform:     money.BasisPoints(rapid.Int64Range(0, 10_000).Draw(t, "platform")),
			Organization: money.BasisPoints(rapid.Int64Range(0, 10_000).Draw(t, "organization")),
		}
		split, err := currency.Divide(gross, rates, rapid.Bool().Draw(t, "hasOrg"))
		if err != nil {
			t.Fatal(err)
		}
		if split.Platform+split.Organization+split.Creator != gross {
			t.Fatalf("%+v does not sum to %d", split, gross)
		}
		for _, share := range []money.Cents{split.Platform, split.Organization, split.Creator} {
			if share < 0 || share%currency.Step != 0 {
				t.Fatalf("%+v of %d %s", split, gross, currency.Code)
			}
		}
	})
}
