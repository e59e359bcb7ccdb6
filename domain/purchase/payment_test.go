package purchase_test

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
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

func sold() purchase.Facts { return soldAt(2999) }

// soldAt are the facts about an item of this price, sold by metadata.
func soldAt(price int64) purchase.Facts {
	return purchase.Facts{
		Content: &purchase.Content{
			ID:             item,
			CreatorID:      creator,
			OrganizationID: org,
			AccessType:     "paid",
			HasPrice:       true,
			Price:          money.Cents(price),
			Currency:       "gbp",
		},
		BuyerExists: true,
		BuyerKnown:  true,
		Rates:       money.DefaultRates(),
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

// charged is a charge.refunded event without a list of refunds.
func charged(total int64, at time.Time) step {
	return refunds(fmt.Sprintf("charge refunded %d", total), purchase.RefundFact{TotalCents: total}, at)
}

// refunded is an event about one refund.
func refunded(id string, amount int64, status purchase.RefundStatus, at time.Time) step {
	return refunds(fmt.Sprintf("%s %d %s", id, amount, status), purchase.RefundFact{
		Refunds: []purchase.ReportedRefund{{ID: id, AmountCents: amount, Status: status, Reason: "duplicate", CreatedAt: at}},
	}, at)
}

func refunds(name string, f purchase.RefundFact, at time.Time) step {
	return step{name, func(p purchase.Payment) (purchase.Payment, []events.Payload) {
		return p.ApplyRefunds(f, at, false)
	}}
}

func dispute(id string, status purchase.DisputeStatus, at time.Time) step {
	return step{fmt.Sprintf("%s %s", id, status), func(p purchase.Payment) (purchase.Payment, []events.Payload) {
		return p.ApplyDispute(purchase.DisputeFact{ID: id, Reason: "fraudulent", AmountCents: 100, Status: status}, at, false)
	}}
}

type failer interface{ Fatalf(string, ...any) }

// play applies facts in order and checks what every order promises.
func play(t failer, steps []step) (purchase.Payment, []events.Payload) {
	p := purchase.NewPayment("pi_1", "0190a000-0000-7000-8000-0000000000cc")
	var all []events.Payload
	for _, s := range steps {
		before := p
		before.Refunds, before.Disputes = slices.Clone(p.Refunds), slices.Clone(p.Disputes)
		next, payloads := s.apply(p)
		if !before.Equal(p) {
			t.Fatalf("%s changed the state before it from %+v to %+v", s.name, before, p)
		}
		if next.Version != p.Version+int64(len(payloads)) {
			t.Fatalf("%s: version %d after %d and %d events", s.name, next.Version, p.Version, len(payloads))
		}
		p, all = next, append(all, payloads...)
	}
	if p.IsPurchase() {
		checkEvents(t, p, all)
	}
	return p, all
}

// checkEvents checks that the events of a purchase tell its state: purchase.completed comes
// first; the newest event says which access it gives; the newest one about refunds says how
// much was refunded, and of each dispute how it ended.
func checkEvents(t failer, p purchase.Payment, all []events.Payload) {
	access, total := "", int64(0)
	open, won := map[string]bool{}, map[string]bool{}
	for i, e := range all {
		if (i == 0) != (e.EventType() == "purchase.completed") {
			t.Fatalf("event %d is %s", i, e.EventType())
		}
		switch e := e.(type) {
		case events.PurchaseCompleted:
			access = e.Access
		case events.PurchaseRefunded:
			if e.RefundedCents <= total || e.Full != (e.RefundedCents == e.AmountCents) {
				t.Fatalf("%+v after %d", e, total)
			}
			access, total = e.Access, e.RefundedCents
		case events.PurchaseRefundFailed:
			if e.RefundedCents >= total || e.WasFull != (total == e.AmountCents) {
				t.Fatalf("%+v after %d", e, total)
			}
			access, total = e.Access, e.RefundedCents
		case events.PurchaseDisputed:
			if _, twice := open[e.DisputeID]; twice {
				t.Fatalf("%s was opened twice", e.DisputeID)
			}
			access, open[e.DisputeID] = e.Access, true
		case events.PurchaseDisputeClosed:
			_, known := open[e.DisputeID]
			if was, closed := won[e.DisputeID]; !known || closed && (was || !e.Won) {
				t.Fatalf("%s ended before it began, or twice", e.DisputeID)
			}
			access, open[e.DisputeID], won[e.DisputeID] = e.Access, false, e.Won
		}
	}
	if access != string(p.Access()) || total != int64(p.RefundedCents()) {
		t.Fatalf("the events say %s and %d refunded, the state %s and %d", access, total, p.Access(), p.RefundedCents())
	}
	for _, d := range p.Disputes {
		_, decided := won[d.ID]
		if open[d.ID] != (d.Status == purchase.DisputeOpen) || won[d.ID] != (d.Status == purchase.DisputeWon) ||
			decided != (d.Status == purchase.DisputeWon || d.Status == purchase.DisputeLost) {
			t.Fatalf("%+v, the events say open %t, decided %t, won %t", d, open[d.ID], decided, won[d.ID])
		}
	}
}

func types(list []events.Payload) []string {
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.EventType()
	}
	return names
}

// sequences is how many random sequences of facts are played.
const sequences = 10_000

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("rapid.checks", strconv.Itoa(sequences)); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// expected is what a history of facts must lead to, derived apart from the code.
type expected struct {
	sent, succeeded, withdrawn int64 // pending and succeeded refunds; succeeded ones; disputed
	open, lost                 bool
}

// history draws what the provider reports of one payment, in the order of time: refunds and
// disputes by id, each through its states, and the charge's total after each refund.
func history(t *rapid.T, amount int64) (facts []step, want expected) {
	hour := 0
	at := func() time.Time { hour++; return noon.Add(time.Duration(hour) * time.Hour) }
	left := amount
	for i := range rapid.IntRange(0, 3).Draw(t, "refunds") {
		if left == 0 {
			break
		}
		id, part := fmt.Sprintf("re_%d", i), rapid.Int64Range(1, left).Draw(t, "part")
		created := at()
		total := amount - left + part
		states := rapid.SampledFrom([][]purchase.RefundStatus{
			{purchase.RefundPending},
			{purchase.RefundSucceeded},
			{purchase.RefundPending, purchase.RefundSucceeded},
			{purchase.RefundPending, purchase.RefundFailed},
			{purchase.RefundPending, purchase.RefundCancelled},
			{purchase.RefundSucceeded, purchase.RefundFailed},
			{purchase.RefundPending, purchase.RefundSucceeded, purchase.RefundFailed},
		}).Draw(t, "states")
		for _, status := range states {
			facts = append(facts, refunded(id, part, status, created))
		}
		if rapid.Bool().Draw(t, "with the total") {
			facts = append(facts, charged(total, at()))
		}
		switch states[len(states)-1] {
		case purchase.RefundPending:
			left, want.sent = left-part, want.sent+part
		case purchase.RefundSucceeded:
			left, want.sent, want.succeeded = left-part, want.sent+part, want.succeeded+part
		}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "disputes") {
		id := fmt.Sprintf("dp_%d", i)
		states := rapid.SampledFrom([][]purchase.DisputeStatus{
			{purchase.DisputeInquiry},
			{purchase.DisputeInquiry, purchase.DisputeInquiryClosed},
			{purchase.DisputeOpen},
			{purchase.DisputeInquiry, purchase.DisputeOpen, purchase.DisputeWon},
			{purchase.DisputeOpen, purchase.DisputeLost},
			{purchase.DisputeOpen, purchase.DisputeWon},
			{purchase.DisputeOpen, purchase.DisputeLost, purchase.DisputeWon},
		}).Draw(t, "states")
		for _, status := range states {
			facts = append(facts, dispute(id, status, at()))
		}
		switch states[len(states)-1] {
		case purchase.DisputeOpen:
			want.open, want.withdrawn = true, want.withdrawn+100
		case purchase.DisputeLost:
			want.lost, want.withdrawn = true, want.withdrawn+100
		}
	}
	return facts, want
}

// shuffled draws an order of facts with some copies of them.
func shuffled(t *rapid.T, facts []step) []step {
	list := slices.Clone(facts)
	for range rapid.IntRange(0, 4).Draw(t, "copies") {
		list = append(list, rapid.SampledFrom(facts).Draw(t, "copy"))
	}
	return rapid.Permutation(list).Draw(t, "order")
}

func TestPaymentFactsInAnyOrderAndMultiplicityEndInTheSamePayment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, 1000).Draw(t, "amount")
		reports, want := history(t, amount)
		facts := append([]step{pay(paid(amount), soldAt(amount), noon)}, reports...)
		inOrder, _ := play(t, facts)
		got, _ := play(t, shuffled(t, facts))

		inOrder.Version, got.Version = 0, 0
		if !reflect.DeepEqual(got, inOrder) {
			t.Fatalf("got  %+v %+v\nwant %+v %+v", got, got.Sale, inOrder, inOrder.Sale)
		}
		access, status := purchase.AccessOpen, purchase.Completed
		if want.sent > 0 {
			status = purchase.PartiallyRefunded
		}
		if want.open {
			access = purchase.AccessSuspended
		}
		if want.lost || want.sent == amount {
			access, status = purchase.AccessEnded, purchase.Refunded
		}
		if got.Access() != access || got.Status() != status || int64(got.RefundedCents()) != want.sent {
			t.Fatalf("%s, %s, refunded %d; want %s, %s, %d",
				got.Access(), got.Status(), got.RefundedCents(), access, status, want.sent)
		}
		if got.Owed() != 0 || got.RefundDue() != 0 {
			t.Fatalf("owed %d, due %d of a purchase", got.Owed(), got.RefundDue())
		}
		checkDuplicate(t, amount, reports, want)
	})
}

// checkDuplicate checks what is owed of a payment for an item that its buyer owns, after the
// same reports.
func checkDuplicate(t *rapid.T, amount int64, reports []step, want expected) {
	owned := soldAt(amount)
	owned.OwnedElsewhere = true
	got, all := play(t, shuffled(t, append([]step{pay(paid(amount), owned, noon)}, reports...)))

	due := max(0, amount-want.sent-min(amount, want.withdrawn))
	owed := max(0, amount-want.succeeded-min(amount, want.withdrawn))
	if int64(got.RefundDue()) != due || int64(got.Owed()) != owed {
		t.Fatalf("due %d and owed %d, want %d and %d", got.RefundDue(), got.Owed(), due, owed)
	}
	if names := types(all); !slices.Equal(names, []string{"purchase.duplicate_detected"}) || got.Access() != "" {
		t.Fatalf("%v, access %q", names, got.Access())
	}
}

func TestRefundBeforeCompletionGrantsNothing(t *testing.T) {
	t.Parallel()
	p := purchase.NewPayment("pi_1", "id")
	p, payloads := charged(2999, noon.Add(time.Hour)).apply(p)
	if len(payloads) != 0 || p.Status() != purchase.Pending {
		t.Fatalf("an unknown payment emitted %v", types(payloads))
	}
	p, payloads = pay(paid(2999), sold(), noon).apply(p)
	if got := types(payloads); !slices.Equal(got, []string{"purchase.completed", "purchase.refunded"}) {
		t.Fatalf("announced %v", got)
	}
	if payloads[0].(events.PurchaseCompleted).Access != events.AccessEnded {
		t.Fatalf("it gives access first: %+v", payloads[0])
	}
	if !payloads[1].(events.PurchaseRefunded).Full || p.Status() != purchase.Refunded || p.Version != 2 {
		t.Fatalf("%+v", p)
	}
}

// TestStatesFollowFromTheFacts has the rows of the table in the package comment.
func TestStatesFollowFromTheFacts(t *testing.T) {
	t.Parallel()
	const (
		completed = "purchase.completed"
		returned  = "purchase.refunded"
		failed    = "purchase.refund_failed"
		opened    = "purchase.disputed"
		closed    = "purchase.dispute_closed"
	)
	start := pay(paid(2999), sold(), noon)
	for _, c := range []struct {
		name   string
		steps  []step
		status purchase.Status
		access purchase.Access
		events []string
	}{
		{"paid", nil, purchase.Completed, purchase.AccessOpen, []string{completed}},
		{
			"refunded in part",
			[]step{refunded("re_1", 500, purchase.RefundSucceeded, noon)},
			purchase.PartiallyRefunded, purchase.AccessOpen,
			[]string{completed, returned},
		},
		{
			"refunded in two parts",
			[]step{refunded("re_1", 500, purchase.RefundSucceeded, noon), refunded("re_2", 2499, purchase.RefundPending, noon)},
			purchase.Refunded, purchase.AccessEnded,
			[]string{completed, returned, returned},
		},
		{
			"a pending refund failed",
			[]step{refunded("re_1", 2999, purchase.RefundPending, noon), refunded("re_1", 2999, purchase.RefundFailed, noon)},
			purchase.Completed, purchase.AccessOpen,
			[]string{completed, returned, failed},
		},
		{
			"its failure is reported first",
			[]step{refunded("re_1", 2999, purchase.RefundFailed, noon), refunded("re_1", 2999, purchase.RefundPending, noon)},
			purchase.Completed, purchase.AccessOpen,
			[]string{completed},
		},
		{
			"refunded again after a failure",
			[]step{
				charged(2999, noon), refunded("re_1", 2999, purchase.RefundFailed, noon),
				refunded("re_2", 2999, purchase.RefundSucceeded, noon), charged(2999, noon),
			},
			purchase.Refunded, purchase.AccessEnded,
			[]string{completed, returned, failed, returned},
		},
		{
			"only totals are reported, an older one late",
			[]step{charged(2999, noon), charged(500, noon)},
			purchase.Refunded, purchase.AccessEnded,
			[]string{completed, returned},
		},
		{
			"more came back than was paid",
			[]step{charged(5000, noon)},
			purchase.Refunded, purchase.AccessEnded,
			[]string{completed, returned},
		},
		{
			"an inquiry",
			[]step{dispute("dp_1", purchase.DisputeInquiry, noon), dispute("dp_1", purchase.DisputeInquiryClosed, noon)},
			purchase.Completed, purchase.AccessOpen,
			[]string{completed},
		},
		{
			"disputed",
			[]step{dispute("dp_1", purchase.DisputeOpen, noon)},
			purchase.Completed, purchase.AccessSuspended,
			[]string{completed, opened},
		},
		{
			"won",
			[]step{dispute("dp_1", purchase.DisputeOpen, noon), dispute("dp_1", purchase.DisputeWon, noon)},
			purchase.Completed, purchase.AccessOpen,
			[]string{completed, opened, closed},
		},
		{
			"lost",
			[]step{dispute("dp_1", purchase.DisputeOpen, noon), dispute("dp_1", purchase.DisputeLost, noon)},
			purchase.Refunded, purchase.AccessEnded,
			[]string{completed, opened, closed},
		},
		{
			"lost, and reinstated later",
			[]step{dispute("dp_1", purchase.DisputeLost, noon), dispute("dp_1", purchase.DisputeWon, noon)},
			purchase.Completed, purchase.AccessOpen,
			[]string{completed, opened, closed, closed},
		},
		{
			"an older dispute is reported again after a newer one was won",
			[]step{
				dispute("dp_1", purchase.DisputeOpen, noon), dispute("dp_1", purchase.DisputeWon, noon),
				dispute("dp_2", purchase.DisputeOpen, noon), dispute("dp_2", purchase.DisputeWon, noon),
				dispute("dp_1", purchase.DisputeOpen, noon),
			},
			purchase.Completed, purchase.AccessOpen,
			[]string{completed, opened, closed, opened, closed},
		},
		{
			"one of two disputes is won",
			[]step{
				dispute("dp_1", purchase.DisputeOpen, noon), dispute("dp_2", purchase.DisputeOpen, noon),
				dispute("dp_1", purchase.DisputeWon, noon),
			},
			purchase.Completed, purchase.AccessSuspended,
			[]string{completed, opened, opened, closed},
		},
		{
			"refunded after a dispute was won",
			[]step{
				dispute("dp_1", purchase.DisputeOpen, noon), dispute("dp_1", purchase.DisputeWon, noon),
				charged(2999, noon),
			},
			purchase.Refunded, purchase.AccessEnded,
			[]string{completed, opened, closed, returned},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, payloads := play(t, append([]step{start}, c.steps...))
			if p.Status() != c.status || p.Access() != c.access || !slices.Equal(types(payloads), c.events) {
				t.Fatalf("%s, %s, %v", p.Status(), p.Access(), types(payloads))
			}
			if p.RefundedCents() > p.Sale.Amount {
				t.Fatalf("refunded %d of %d", p.RefundedCents(), p.Sale.Amount)
			}
		})
	}
}

func TestAReportedTotalAndItsRefundsAreOneAmount(t *testing.T) {
	t.Parallel()
	// The earlier version knew the newest refund's id and the total, and not its own amount.
	p := purchase.NewPayment("pi_1", "id").With([]purchase.Refund{{ID: "re_2", Status: purchase.RefundSucceeded}}, nil)
	p.RefundTotal = purchase.RefundTotal{Amount: 2000, At: noon}
	p, _ = pay(paid(2999), sold(), noon).apply(p)
	if p.RefundedCents() != 2000 || !p.LacksRefunds() {
		t.Fatalf("refunded %d, lacks refunds %t", p.RefundedCents(), p.LacksRefunds())
	}
	p, _ = refunded("re_1", 500, purchase.RefundSucceeded, noon).apply(p)
	p, _ = refunded("re_2", 1500, purchase.RefundSucceeded, noon).apply(p)
	if p.RefundedCents() != 2000 || p.LacksRefunds() {
		t.Fatalf("refunded %d, lacks refunds %t", p.RefundedCents(), p.LacksRefunds())
	}
	p, _ = refunded("re_2", 1500, purchase.RefundFailed, noon).apply(p)
	if p.RefundedCents() != 500 {
		t.Fatalf("refunded %d after one failed", p.RefundedCents())
	}
}

func TestARefundThatFailsAfterTheItemWasBoughtAgainIsOwed(t *testing.T) {
	t.Parallel()
	p, _ := play(t, []step{pay(paid(2999), sold(), noon), refunded("re_1", 2999, purchase.RefundPending, noon)})
	fact := purchase.RefundFact{
		Refunds: []purchase.ReportedRefund{{ID: "re_1", AmountCents: 2999, Status: purchase.RefundFailed}},
	}
	p, payloads := p.ApplyRefunds(fact, noon, true)
	if p.Status() != purchase.Refunded || p.Access() != purchase.AccessEnded || p.RefundDue() != 2999 {
		t.Fatalf("%s, %s, due %d", p.Status(), p.Access(), p.RefundDue())
	}
	if e := payloads[0].(events.PurchaseRefundFailed); e.Access != events.AccessEnded {
		t.Fatalf("%+v", e)
	}
	p, _ = refunded("re_2", 2999, purchase.RefundSucceeded, noon).apply(p)
	if p.RefundDue() != 0 || p.Owed() != 0 {
		t.Fatalf("due %d, owed %d", p.RefundDue(), p.Owed())
	}
}

func TestPaymentsThatAreNotOursAreLeftAlone(t *testing.T) {
	t.Parallel()
	const marker = "0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		name    string
		session func(*purchase.SessionFact)
		facts   func(*purchase.Facts)
	}{
		{"of another installation", func(s *purchase.SessionFact) { s.Installation = "other" }, nil},
		{"without metadata", func(s *purchase.SessionFact) { s.CustomerID, s.ContentID = "", "" }, nil},
		{"without a buyer", func(s *purchase.SessionFact) { s.CustomerID = "" }, nil},
		{"unknown content", nil, func(f *purchase.Facts) { f.Content = nil }},
		{"unknown buyer", nil, func(f *purchase.Facts) { f.BuyerExists, f.BuyerKnown = false, false }},
		{"another amount", func(s *purchase.SessionFact) { s.AmountCents = 2998 }, nil},
		{"another currency", func(s *purchase.SessionFact) { s.Currency = "usd" }, nil},
		{"an item without a price", nil, func(f *purchase.Facts) { f.Content.HasPrice, f.Content.Price = false, 0 }},
	} {
		s, facts := paid(2999), sold()
		facts.Installation = marker
		if c.session != nil {
			c.session(&s)
		}
		if c.facts != nil {
			c.facts(&facts)
		}
		p, payloads, err := purchase.NewPayment("pi_1", "id").Pay(s, noon, facts)
		if err != nil || len(payloads) != 0 || p.Sale != nil || p.Foreign == nil || p.RefundDue() != 0 || p.Version != 0 {
			t.Errorf("%s: %+v, %v, %v", c.name, p, types(payloads), err)
			continue
		}
		// It is ours after all when a checkout names it, or the item it names appears.
		facts = sold()
		facts.Checkout = &purchase.Checkout{
			CustomerID: buyer,
			ContentID:  item,
			CreatorID:  creator,
			Amount:     2999,
			Currency:   "gbp",
		}
		p, _, err = p.Pay(paid(2999), noon, facts)
		if err != nil || !p.IsPurchase() || p.Foreign != nil {
			t.Errorf("%s, then named by a checkout: %+v, %v", c.name, p, err)
		}
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
	changed := func(change func(*purchase.Content)) purchase.Facts {
		return with(func(f *purchase.Facts) {
			f.Checkout = &checkout
			change(f.Content)
		})
	}
	cheaper := changed(func(c *purchase.Content) { c.Price = 1 })
	deleted := changed(func(c *purchase.Content) { c.Deleted = true })
	now := func(accessType string) purchase.Facts {
		return changed(func(c *purchase.Content) {
			c.AccessType, c.HasPrice, c.Price = accessType, false, 0
		})
	}
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
		{"our checkout, another price now", paid(2999), cheaper, purchase.Purchased},
		{"our checkout, members only now", paid(2999), now("members"), purchase.Purchased},
		{"our checkout, private now", paid(2999), now("private"), purchase.Unfulfillable},
		{"our checkout, for the team now", paid(2999), now("team"), purchase.Unfulfillable},
		{"our checkout, free now", paid(2999), now("free"), purchase.Unfulfillable},
		{"our checkout, deleted now", paid(2999), deleted, purchase.Unfulfillable},
		{"another amount", paid(2998), ours, purchase.AmountMismatch},
		{"another currency", other(func(s *purchase.SessionFact) { s.Currency = "usd" }), ours, purchase.AmountMismatch},
		{"another buyer", other(func(s *purchase.SessionFact) { s.CustomerID = "mallory" }), ours, purchase.AmountMismatch},
		{"another content item", other(func(s *purchase.SessionFact) { s.ContentID = org }), ours, purchase.AmountMismatch},
		{"deleted content", paid(2999), with(func(f *purchase.Facts) { f.Content.Deleted = true }), purchase.Unfulfillable},
		{"deleted buyer", paid(2999), with(func(f *purchase.Facts) { f.BuyerKnown = false }), purchase.Unfulfillable},
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
			if _, more := charged(2999, noon).apply(p); len(more) != 0 {
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
