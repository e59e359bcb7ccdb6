package purchase_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/events"
)

const (
	buyer   = "buyer0000000000000000000000000001"
	creator = "creator00000000000000000000000001"
	org     = "0190a000-0000-7000-8000-0000000000aa"
	item    = "0190a000-0000-7000-8000-0000000000bb"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func sold() purchase.Facts {
	return purchase.Facts{
		Content:    &purchase.Content{ID: item, CreatorID: creator, OrganizationID: org},
		BuyerKnown: true, Rates: money.DefaultRates(),
	}
}

func paid(amount int64) purchase.SessionFact {
	return purchase.SessionFact{
		ID:          "cs_1",
		Paid:        true,
		CustomerID:  buyer,
		ContentID:   item,
		AmountCents: amount,
		Currency:    "gbp",
	}
}

// step is one fact, ready to be applied.
type step struct {
	name  string
	apply func(purchase.Payment) (purchase.Payment, []events.Payload)
}

func pay(s purchase.SessionFact, facts purchase.Facts, at time.Time) step {
	return step{"paid", func(p purchase.Payment) (purchase.Payment, []events.Payload) {
		next, payloads, err := p.Pay(s, at, facts)
		if err != nil {
			panic(err)
		}
		return next, payloads
	}}
}

func refund(total int64, at time.Time) step {
	return step{fmt.Sprintf("refunded %d", total), func(p purchase.Payment) (purchase.Payment, []events.Payload) {
		return p.ApplyRefund(purchase.RefundFact{TotalCents: total, ID: fmt.Sprintf("re_%d", total)}, at)
	}}
}

func dispute(at time.Time) step {
	return step{"disputed", func(p purchase.Payment) (purchase.Payment, []events.Payload) {
		return p.ApplyDispute(purchase.DisputeFact{ID: "dp_1", Reason: "fraudulent"}, at)
	}}
}

func disputeClosed(lost bool, at time.Time) step {
	return step{
		fmt.Sprintf("dispute closed, lost %t", lost),
		func(p purchase.Payment) (purchase.Payment, []events.Payload) {
			return p.ApplyDispute(purchase.DisputeFact{
				ID:     "dp_1",
				Reason: "fraudulent",
				Closed: true,
				Lost:   lost,
			}, at)
		},
	}
}

// play applies facts in order and checks what every order promises: versions are
// dense, completed comes first, and at most one refund is full.
func play(t interface{ Fatalf(string, ...any) }, steps []step) (purchase.Payment, []events.Payload) {
	p := purchase.NewPayment("pi_1", "0190a000-0000-7000-8000-0000000000cc")
	var all []events.Payload
	for _, s := range steps {
		next, payloads := s.apply(p)
		if next.Version != p.Version+int64(len(payloads)) {
			t.Fatalf("%s: version %d after %d and %d events", s.name, next.Version, p.Version, len(payloads))
		}
		p, all = next, append(all, payloads...)
	}
	count := map[string]int{}
	for i, e := range all {
		key := e.EventType()
		if r, ok := e.(events.PurchaseRefunded); ok && !r.Full {
			key = "partly"
		}
		count[key]++
		if (i == 0) != (e.EventType() == "purchase.completed") {
			t.Fatalf("event %d is %s", i, e.EventType())
		}
		if key != "partly" && count[key] > 1 {
			t.Fatalf("%s was announced twice", key)
		}
		if e.EventType() == "purchase.dispute_closed" && count["purchase.disputed"] == 0 {
			t.Fatalf("a dispute ended before it began")
		}
	}
	return p, all
}

func types(list []events.Payload) []string {
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.EventType()
	}
	return names
}

func TestPaymentFactsInAnyOrderAndMultiplicityEndInTheSamePayment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, 100_000).Draw(t, "amount")
		facts := []step{pay(paid(amount), sold(), noon)}
		total := int64(0)
		for i := range rapid.IntRange(0, 3).Draw(t, "refunds") {
			total += rapid.Int64Range(1, amount).Draw(t, "refund")
			facts = append(facts, refund(min(total, amount), noon.Add(time.Duration(i+1)*time.Hour)))
		}
		if rapid.Bool().Draw(t, "disputed") {
			facts = append(facts, dispute(noon.Add(24*time.Hour)))
			if rapid.Bool().Draw(t, "closed") {
				facts = append(facts, disputeClosed(rapid.Bool().Draw(t, "lost"), noon.Add(48*time.Hour)))
			}
		}
		want, announced := play(t, facts)

		shuffled := slices.Clone(facts)
		for range rapid.IntRange(0, 4).Draw(t, "copies") {
			shuffled = append(shuffled, rapid.SampledFrom(facts).Draw(t, "copy"))
		}
		shuffled = rapid.Permutation(shuffled).Draw(t, "order")
		got, emitted := play(t, shuffled)

		got.Version, want.Version = 0, 0
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v %+v\nwant %+v %+v", got, got.Sale, want, want.Sale)
		}
		// Totals that were overtaken are not announced; otherwise the events are the same.
		if a, b := last(announced), last(emitted); !reflect.DeepEqual(a, b) {
			t.Fatalf("got  %+v\nwant %+v", b, a)
		}
	})
}

// last returns the last event of each type.
func last(list []events.Payload) map[string]events.Payload {
	m := map[string]events.Payload{}
	for _, e := range list {
		m[e.EventType()] = e
	}
	return m
}

func TestRefundBeforeCompletionGrantsNothing(t *testing.T) {
	t.Parallel()
	p := purchase.NewPayment("pi_1", "id")
	p, payloads := refund(2999, noon.Add(time.Hour)).apply(p)
	if len(payloads) != 0 || p.Status() != purchase.Pending {
		t.Fatalf("an unknown payment emitted %v", types(payloads))
	}
	p, payloads = pay(paid(2999), sold(), noon).apply(p)
	if got := types(payloads); !slices.Equal(got, []string{"purchase.completed", "purchase.refunded"}) {
		t.Fatalf("announced %v", got)
	}
	if !payloads[1].(events.PurchaseRefunded).Full || p.Status() != purchase.Refunded || p.Version != 2 {
		t.Fatalf("%+v", p)
	}
}

func TestStatusFollowsFromTheReports(t *testing.T) {
	t.Parallel()
	start := pay(paid(2000), sold(), noon)
	for _, c := range []struct {
		name   string
		steps  []step
		status purchase.Status
		events []string
	}{
		{"paid", []step{start}, purchase.Completed, []string{"purchase.completed"}},
		{
			"partly refunded",
			[]step{start, refund(500, noon)},
			purchase.PartiallyRefunded,
			[]string{"purchase.completed", "purchase.refunded"},
		},
		{
			"refunded in two parts",
			[]step{start, refund(500, noon), refund(2000, noon)},
			purchase.Refunded,
			[]string{"purchase.completed", "purchase.refunded", "purchase.refunded"},
		},
		{
			"an older total is delivered late",
			[]step{start, refund(2000, noon), refund(500, noon)},
			purchase.Refunded,
			[]string{"purchase.completed", "purchase.refunded"},
		},
		{
			"more came back than was paid",
			[]step{start, refund(5000, noon)},
			purchase.Refunded,
			[]string{"purchase.completed", "purchase.refunded"},
		},
		{"disputed", []step{start, dispute(noon)}, purchase.Completed, []string{"purchase.completed", "purchase.disputed"}},
		{
			"dispute won",
			[]step{start, dispute(noon), disputeClosed(false, noon)},
			purchase.Completed,
			[]string{"purchase.completed", "purchase.disputed", "purchase.dispute_closed"},
		},
		{
			"dispute lost",
			[]step{start, dispute(noon), disputeClosed(true, noon)},
			purchase.Refunded,
			[]string{"purchase.completed", "purchase.disputed", "purchase.dispute_closed"},
		},
		{
			"only the end of a dispute is reported",
			[]step{start, disputeClosed(true, noon)},
			purchase.Refunded,
			[]string{"purchase.completed", "purchase.disputed", "purchase.dispute_closed"},
		},
		{
			"refunded after a dispute was won",
			[]step{start, dispute(noon), disputeClosed(false, noon), refund(2000, noon)},
			purchase.Refunded,
			[]string{"purchase.completed", "purchase.disputed", "purchase.dispute_closed", "purchase.refunded"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, payloads := play(t, c.steps)
			if p.Status() != c.status || !slices.Equal(types(payloads), c.events) {
				t.Fatalf("%s, %v", p.Status(), types(payloads))
			}
			if p.RefundedCents() > p.Sale.Amount {
				t.Fatalf("refunded %d of %d", p.RefundedCents(), p.Sale.Amount)
			}
		})
	}
}

func TestOutcomesOfPayments(t *testing.T) {
	t.Parallel()
	checkout := purchase.Checkout{
		ID:             "0190a000-0000-7000-8000-0000000000dd",
		CustomerID:     buyer,
		ContentID:      item,
		CreatorID:      creator,
		OrganizationID: org,
		Amount:         2999,
		Currency:       "gbp",
		Rates:          money.Rates{Platform: 2000, Organization: 1000},
	}
	with := func(change func(*purchase.Facts)) purchase.Facts {
		f := sold()
		change(&f)
		return f
	}
	other := func(change func(*purchase.SessionFact)) purchase.SessionFact {
		s := paid(2999)
		change(&s)
		return s
	}
	ours := with(func(f *purchase.Facts) { f.Checkout = &checkout })
	withoutMetadata := other(func(s *purchase.SessionFact) { s.CustomerID, s.ContentID = "", "" })
	for _, c := range []struct {
		name    string
		session purchase.SessionFact
		facts   purchase.Facts
		want    purchase.Outcome
	}{
		{"a session from elsewhere", paid(2999), sold(), purchase.Purchased},
		{"without a currency", other(func(s *purchase.SessionFact) { s.Currency = "" }), sold(), purchase.Purchased},
		{"our checkout", paid(2999), ours, purchase.Purchased},
		{"our checkout, metadata lost", withoutMetadata, ours, purchase.Purchased},
		{"another amount", paid(2998), ours, purchase.AmountMismatch},
		{"another currency", other(func(s *purchase.SessionFact) { s.Currency = "usd" }), ours, purchase.AmountMismatch},
		{"another buyer", other(func(s *purchase.SessionFact) { s.CustomerID = "mallory" }), ours, purchase.AmountMismatch},
		{"another content item", other(func(s *purchase.SessionFact) { s.ContentID = org }), ours, purchase.AmountMismatch},
		{"a foreign currency", other(func(s *purchase.SessionFact) { s.Currency = "usd" }), sold(), purchase.Unfulfillable},
		{"unknown content", paid(2999), with(func(f *purchase.Facts) { f.Content = nil }), purchase.Unfulfillable},
		{"deleted content", paid(2999), with(func(f *purchase.Facts) { f.Content.Deleted = true }), purchase.Unfulfillable},
		{"unknown buyer", paid(2999), with(func(f *purchase.Facts) { f.BuyerKnown = false }), purchase.Unfulfillable},
		{"owned already", paid(2999), with(func(f *purchase.Facts) { f.OwnedElsewhere = true }), purchase.Duplicate},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, payloads, err := purchase.NewPayment("pi_1", "id").Pay(c.session, noon, c.facts)
			if err != nil || p.Sale.Outcome != c.want || len(payloads) != 1 || p.Version != 1 {
				t.Fatalf("%+v, %v, %v", p.Sale, types(payloads), err)
			}
			if c.want == purchase.Purchased {
				if p.RefundDue() != 0 || p.Status() != purchase.Completed {
					t.Fatalf("refund due %d, %s", p.RefundDue(), p.Status())
				}
				return
			}
			e, ok := payloads[0].(events.PurchaseDuplicateDetected)
			if !ok || e.Reason != string(c.want) || p.RefundDue() != money.Cents(c.session.AmountCents) || p.Status().Live() {
				t.Fatalf("%+v, refund due %d", payloads[0], p.RefundDue())
			}
			// Giving it back is not announced as the refund of a purchase.
			if _, more := p.ApplyRefund(purchase.RefundFact{TotalCents: 2999}, noon); len(more) != 0 {
				t.Fatalf("announced %v", types(more))
			}
		})
	}
}

func TestTheSplitUsesTheFrozenRatesAndThePaidAmount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount                          int64
		rates                           money.Rates
		organization                    string
		platform, organizationFee, rest money.Cents
	}{
		{2999, money.Rates{Platform: 1000, Organization: 1000}, org, 300, 270, 2429},
		{2999, money.DefaultRates(), org, 300, 0, 2699},
		{101, money.Rates{Platform: 1000, Organization: 1000}, "", 11, 0, 90},
		{1, money.DefaultRates(), "", 1, 0, 0},
	} {
		checkout := purchase.Checkout{
			ID:             "id",
			CustomerID:     buyer,
			ContentID:      item,
			CreatorID:      creator,
			OrganizationID: c.organization,
			Amount:         money.Cents(c.amount),
			Currency:       "gbp",
			Rates:          c.rates,
		}
		facts := sold()
		facts.Checkout, facts.Rates = &checkout, money.Rates{Platform: 9999}
		p, payloads, err := purchase.NewPayment("pi_1", "id").Pay(paid(c.amount), noon, facts)
		want := money.Split{Platform: c.platform, Organization: c.organizationFee, Creator: c.rest}
		if err != nil || p.Sale.Split != want {
			t.Errorf("%d: %+v, want %+v, %v", c.amount, p.Sale.Split, want, err)
		}
		e := payloads[0].(events.PurchaseCompleted)
		if e.PlatformFeeCents+e.OrganizationFeeCents+e.CreatorPayoutCents != e.AmountCents {
			t.Errorf("%+v does not add up", e)
		}
	}
}
