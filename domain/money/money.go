// Package money holds amounts and the arithmetic of splitting them. Everything is
// integer: cents (the minor unit of a currency, as Stripe counts it) and basis points.
package money

import (
	"errors"
	"math/bits"
)

// Cents is an amount in the minor unit of its currency.
type Cents int64

// BasisPoints is a share: 10 000 is all of it.
type BasisPoints int64

// Whole is 100 % in basis points.
const Whole BasisPoints = 10_000

// Rates are the shares of the platform and the organization in a sale. The rest is the
// creator's.
type Rates struct {
	Platform     BasisPoints
	Organization BasisPoints
}

// DefaultRates are used unless configured otherwise: 10 % for the platform,
// nothing for the organization.
func DefaultRates() Rates { return Rates{Platform: 1000, Organization: 0} }

// Split is a sale's amount divided. The three shares sum to the amount.
type Split struct {
	Platform     Cents
	Organization Cents
	Creator      Cents
}

// ErrCalculation is returned for a negative amount or a rate outside 0 … 10 000.
var ErrCalculation = errors.New("money: amount or rate out of range")

// Divide splits gross: the platform's share first, rounded up; then the
// organization's share of what is left, rounded up, and nothing when the content
// belongs to no organization; the creator gets the remainder.
func Divide(gross Cents, rates Rates, hasOrganization bool) (Split, error) {
	if gross < 0 || !valid(rates.Platform) || !valid(rates.Organization) {
		return Split{}, ErrCalculation
	}
	split := Split{Platform: ceilShare(gross, rates.Platform)}
	if hasOrganization {
		split.Organization = ceilShare(gross-split.Platform, rates.Organization)
	}
	split.Creator = gross - split.Platform - split.Organization
	return split, nil
}

func valid(rate BasisPoints) bool { return rate >= 0 && rate <= Whole }

// ceilShare returns ⌈amount · rate / 10 000⌉ without overflow: the product is
// taken in 128 bits, so every int64 amount is safe.
func ceilShare(amount Cents, rate BasisPoints) Cents {
	hi, lo := bits.Mul64(uint64(amount), uint64(rate))
	lo, carry := bits.Add64(lo, uint64(Whole-1), 0)
	quotient, _ := bits.Div64(hi+carry, lo, uint64(Whole))
	return Cents(quotient)
}
