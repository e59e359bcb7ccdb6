package demo

import (
	"testing"

	"github.com/codex-platform/codex/domain/money"
)

func TestTheVideoHasAPriceThatCanBeChargedInAnyCurrency(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"gbp": "£29.99",
		"jpy": "¥2999",
		"kwd": "3.000 KWD",
		"huf": "350.00 HUF",
		"isk": "140.00 ISK",
	} {
		currency := money.CurrencyOf(code)
		price := priceIn(currency)
		if got := (content{price: price, currency: currency}).written(); got != want {
			t.Errorf("the price in %s is %s, want %s", code, got, want)
		}
		if fault := currency.Fault(price); fault != "" {
			t.Errorf("the price in %s %s", code, fault)
		}
	}
}
