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
		{
			"gbp", 10_000_001, "£100000.01",
			"must be at most 10000000 (£100000.00), the highest amount that can be charged",
		},
		{"usd", 99_999_999, "$999999.99", ""},
		{
			"usd", 100_000_000, "$1000000.00",
			"must be at most 99999999 ($999999.99), the highest amount that can be charged",
		},
		{"kwd", 99_999_990, "99999.990 KWD", ""},
		{
			"kwd", 100_000_000, "100000.000 KWD",
			"must be at most 99999990 (99999.990 KWD), the highest amount that can be charged",
		},
		{"huf", 1_000_000_000, "10000000.00 HUF", ""},
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

// The amounts of the table in https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.
func TestTheLowestAmountsAreThoseThatStripePublishes(t *testing.T) {
	t.Parallel()
	for code, lowest := range map[string]string{
		"usd": "$0.50", "aed": "2.00 AED", "aud": "A$0.50", "bgn": "1.00 BGN", "brl": "R$0.50", "cad": "CA$0.50",
		"chf": "0.50 CHF", "czk": "15.00 CZK", "dkk": "2.50 DKK", "eur": "€0.50", "gbp": "£0.30", "hkd": "HK$4.00",
		"huf": "175.00 HUF", "inr": "₹0.50", "jpy": "¥50", "mxn": "MX$10.00", "myr": "2.00 MYR", "nok": "3.00 NOK",
		"nzd": "NZ$0.50", "pln": "2.00 PLN", "ron": "2.00 RON", "sek": "3.00 SEK", "sgd": "0.50 SGD", "thb": "10.00 THB",
	} {
		if c := money.CurrencyOf(code); c.Format(c.Minimum) != lowest {
			t.Errorf("the lowest amount in %s is %s, want %s", code, c.Format(c.Minimum), lowest)
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
