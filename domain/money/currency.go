package money

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Currency is one that Stripe charges in, as its API counts it.
type Currency struct {
	// Code is the ISO 4217 code, lower case as in Stripe's API.
	Code string
	// Decimals are the digits behind the point: 0 for yen, 2 for pence, 3 for fils. An
	// amount of Cents is that many digits smaller.
	Decimals int
	// Step divides every amount that can be charged. It is 1 but for currencies whose last
	// digits Stripe demands to be 0.
	Step Cents
	// Minimum is the lowest amount that can be charged, and Maximum the highest.
	Minimum, Maximum Cents
}

// DefaultCurrency is the currency of installations that configure none, and of everything
// that was sold before there was a choice.
const DefaultCurrency = "gbp"

const (
	// noDecimals are the currencies whose smallest unit is the whole one.
	noDecimals = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
	// threeDecimals are those with a thousandth. Stripe wants the last digit to be 0.
	threeDecimals = "bhd jod kwd omr tnd"
	// wholeOnly have no fraction, but Stripe counts them with two decimals, which are 0.
	wholeOnly = "isk ugx"

	// minimums are the lowest charges, in Cents. The first paragraph is the table "Minimum and
	// maximum charge amounts" of https://docs.stripe.com/currencies. For others Stripe converts the
	// amount into the currency of the account's balance and applies the minimum of that one: the
	// second paragraph is half a US dollar, rounded up.
	minimums = `
aed 200 aud 50 bgn 100 brl 50 cad 50 chf 50 czk 1500 dkk 250 eur 50 gbp 30 hkd 400 huf 17500 inr 50 jpy 50
mxn 1000 myr 200 nok 300 nzd 50 pln 200 ron 200 sek 300 sgd 50 thb 1000 usd 50

afn 4000 all 5000 amd 20000 ang 100 aoa 50000 ars 80000 awg 100 azn 100 bam 100 bbd 100 bdt 6500 bhd 200
bif 1600 bmd 50 bnd 70 bob 400 bsd 50 bwp 800 byn 200 bzd 100 cdf 150000 clp 500 cny 400 cop 200000 crc 26000
cve 5500 djf 100 dop 3500 dzd 7000 egp 2800 etb 9000 fjd 120 fkp 40 gel 150 gip 40 gmd 4000 gnf 5000 gtq 400
gyd 11000 hnl 1400 htg 7000 idr 900000 ils 200 isk 7000 jmd 8500 jod 360 kes 7000 kgs 4500 khr 210000 kmf 220
krw 800 kwd 160 kyd 50 kzt 28000 lak 1200000 lbp 5000000 lkr 16000 lrd 10000 lsl 1000 mad 500 mdl 900 mga 2500
mkd 2800 mmk 110000 mnt 185000 mop 420 mur 2400 mvr 800 mwk 90000 mzn 3500 nad 1000 ngn 80000 nio 1900 npr 7500
omr 200 pab 50 pen 200 pgk 250 php 3000 pkr 15000 pyg 4000 qar 200 rsd 5300 rub 5000 rwf 750 sar 200 sbd 450
scr 800 shp 40 sle 1300 sos 30000 srd 2100 std 1200000 szl 1000 tjs 500 tnd 1500 top 130 try 2500 ttd 350
twd 1600 tzs 130000 uah 2300 ugx 200000 uyu 2100 uzs 650000 vnd 14000 vuv 65 wst 150 xaf 300 xcd 140 xof 300
xpf 55 yer 13000 zar 900 zmw 1300`
)

// The highest charges by the same page: eight digits, and more in some currencies. Amounts are
// kept in columns of 32 bits, which limits the latter. Prices in pounds have the limit of the
// HTTP contract.
const (
	eightDigits  Cents = 99_999_999
	nineDigits   Cents = 999_999_999
	widestColumn Cents = 2_000_000_000

	// MaxPrice is the highest price in any currency.
	MaxPrice = widestColumn
)

var maximums = map[string]Cents{
	"gbp": 10_000_000,
	"inr": nineDigits,
	"cop": widestColumn,
	"huf": widestColumn,
	"idr": widestColumn,
	"lbp": widestColumn,
}

// currencies are all, by code.
var currencies = readCurrencies()

func readCurrencies() map[string]Currency {
	known := map[string]Currency{}
	words := strings.Fields(minimums)
	for i := 0; i < len(words); i += 2 {
		minimum, err := strconv.ParseInt(words[i+1], 10, 64)
		if err != nil {
			panic(err) // compiled in: cannot happen
		}
		known[words[i]] = Currency{
			Code:     words[i],
			Decimals: 2,
			Step:     1,
			Minimum:  Cents(minimum),
			Maximum:  cmp.Or(maximums[words[i]], eightDigits),
		}
	}
	adapt := func(codes string, decimals int, step Cents) {
		for code := range strings.FieldsSeq(codes) {
			c := known[code]
			c.Decimals, c.Step = decimals, step
			c.Maximum -= c.Maximum % step
			known[code] = c
		}
	}
	adapt(noDecimals, 0, 1)
	adapt(threeDecimals, 3, 10)
	adapt(wholeOnly, 2, 100)
	return known
}

// ParseCurrency returns the currency of a code in any case. It fails for one that Stripe does
// not charge in.
func ParseCurrency(code string) (Currency, error) {
	c, known := currencies[strings.ToLower(code)]
	if !known {
		return c, fmt.Errorf("money: %q is no currency that Stripe charges in", code)
	}
	return c, nil
}

// CurrencyOf returns the currency of a code that was stored. One that is not known any more
// is taken for one of two decimals with the usual maximum and without a minimum.
func CurrencyOf(code string) Currency {
	c, err := ParseCurrency(code)
	if err != nil {
		return Currency{Code: strings.ToLower(code), Decimals: 2, Step: 1, Minimum: 1, Maximum: eightDigits}
	}
	return c
}

// Fault says why an amount cannot be charged; it is "" for one that can.
func (c Currency) Fault(amount Cents) string {
	switch {
	case amount < c.Minimum:
		return fmt.Sprintf("must be at least %d (%s), the lowest amount that can be charged", c.Minimum, c.Format(c.Minimum))
	case amount > c.Maximum:
		return fmt.Sprintf("must be at most %d (%s), the highest amount that can be charged", c.Maximum, c.Format(c.Maximum))
	case amount%c.Step != 0:
		return fmt.Sprintf("must be a multiple of %d (%s)", c.Step, c.Format(c.Step))
	default:
		return ""
	}
}

// signs are written before an amount; the other currencies are written as codes behind it.
var signs = map[string]string{
	"aud": "A$", "brl": "R$", "cad": "CA$", "cny": "CN¥", "eur": "€", "gbp": "£", "hkd": "HK$", "ils": "₪",
	"inr": "₹", "jpy": "¥", "krw": "₩", "mxn": "MX$", "nzd": "NZ$", "twd": "NT$", "usd": "$", "vnd": "₫",
}

// Format writes an amount for people: £29.99, ¥2999, 2.999 KWD.
func (c Currency) Format(amount Cents) string {
	minus := ""
	if amount < 0 {
		minus, amount = "-", -amount
	}
	digits := strconv.FormatInt(int64(amount), 10)
	if c.Decimals > 0 {
		if short := c.Decimals + 1 - len(digits); short > 0 {
			digits = strings.Repeat("0", short) + digits
		}
		point := len(digits) - c.Decimals
		digits = digits[:point] + "." + digits[point:]
	}
	if sign := signs[c.Code]; sign != "" {
		return minus + sign + digits
	}
	return minus + digits + " " + strings.ToUpper(c.Code)
}

// Divide splits gross as [Divide] does, with shares that are multiples of the step, so that
// each can be transferred; the creator gets the remainder.
func (c Currency) Divide(gross Cents, rates Rates, hasOrganization bool) (Split, error) {
	split, err := Divide(gross, rates, hasOrganization)
	if err != nil || c.Step <= 1 {
		return split, err
	}
	split.Platform = c.ceil(split.Platform, gross)
	left := gross - split.Platform
	split.Organization = 0
	if hasOrganization {
		split.Organization = c.ceil(ceilShare(left, rates.Organization), left)
	}
	split.Creator = left - split.Organization
	return split, nil
}

// ceil rounds up to the step, to most at most.
func (c Currency) ceil(amount, most Cents) Cents {
	if rest := amount % c.Step; rest != 0 {
		if amount > most-(c.Step-rest) {
			return most
		}
		amount += c.Step - rest
	}
	return amount
}
