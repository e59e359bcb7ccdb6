package money_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain/money"
)

func TestDivideGivesTheContractsFigures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		gross               money.Cents
		platform, org       money.BasisPoints
		hasOrg              bool
		wantP, wantO, wantC money.Cents
	}{
		{2999, 1000, 0, true, 300, 0, 2699},
		{2999, 1000, 1000, true, 300, 270, 2429},
		{10_000, 1000, 1000, true, 1000, 900, 8100},
		{999, 1000, 1000, true, 100, 90, 809},
		{101, 1000, 1000, false, 11, 0, 90},
		{1, 1000, 0, true, 1, 0, 0},
		{99_999_999, 1000, 0, true, 10_000_000, 0, 89_999_999},
		{1000, 5000, 5000, true, 500, 250, 250},
		{10_000, 1000, 3000, true, 1000, 2700, 6300},
		{1000, 1000, 1500, true, 100, 135, 765},
		{999, 1000, 1500, true, 100, 135, 764},
		{499, 1000, 1500, true, 50, 68, 381},
		{2, 1000, 1500, true, 1, 1, 0},
		{100_000, 1000, 1500, true, 10_000, 13_500, 76_500},
		{0, 1000, 1000, true, 0, 0, 0},
	} {
		got, err := money.Divide(c.gross, money.Rates{Platform: c.platform, Organization: c.org}, c.hasOrg)
		if err != nil {
			t.Fatalf("Divide(%d): %v", c.gross, err)
		}
		want := money.Split{Platform: c.wantP, Organization: c.wantO, Creator: c.wantC}
		if got != want {
			t.Errorf("Divide(%d, %d/%d) = %+v, want %+v", c.gross, c.platform, c.org, got, want)
		}
	}
}

func TestDivideRejectsAmountsAndRatesOutOfRange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		gross money.Cents
		rates money.Rates
	}{
		{-1, money.DefaultRates()},
		{100, money.Rates{Platform: -1}},
		{100, money.Rates{Platform: 10_001}},
		{100, money.Rates{Organization: 10_001}},
	} {
		if _, err := money.Divide(c.gross, c.rates, true); !errors.Is(err, money.ErrCalculation) {
			t.Errorf("Divide(%d, %+v) error = %v, want ErrCalculation", c.gross, c.rates, err)
		}
	}
}

// The reference works on big rationals, so it shares no arithmetic with Divide.
func TestDivideSumsToTheAmountAndRoundsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		gross := money.Cents(rapid.Int64Range(0, math.MaxInt64).Draw(t, "gross"))
		rates := money.Rates{
			Platform:     money.BasisPoints(rapid.Int64Range(0, 10_000).Draw(t, "platform")),
			Organization: money.BasisPoints(rapid.Int64Range(0, 10_000).Draw(t, "organization")),
		}
		hasOrg := rapid.Bool().Draw(t, "hasOrg")
		got, err := money.Divide(gross, rates, hasOrg)
		if err != nil {
			t.Fatal(err)
		}
		if got.Platform+got.Organization+got.Creator != gross {
			t.Fatalf("%+v does not sum to %d", got, gross)
		}
		if got.Platform < 0 || got.Organization < 0 || got.Creator < 0 {
			t.Fatalf("negative share in %+v", got)
		}
		if want := ceilBig(gross, rates.Platform); got.Platform != want {
			t.Fatalf("platform = %d, want %d", got.Platform, want)
		}
		want := money.Cents(0)
		if hasOrg {
			want = ceilBig(gross-got.Platform, rates.Organization)
		}
		if got.Organization != want {
			t.Fatalf("organization = %d, want %d", got.Organization, want)
		}
	})
}

func ceilBig(amount money.Cents, rate money.BasisPoints) money.Cents {
	product := new(big.Int).Mul(big.NewInt(int64(amount)), big.NewInt(int64(rate)))
	quotient, rest := new(big.Int).QuoRem(product, big.NewInt(10_000), new(big.Int))
	if rest.Sign() > 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	return money.Cents(quotient.Int64())
}
