package purchase

import (
	"slices"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain/money"
)

// DisputeStatus is the state of one dispute.
type DisputeStatus string

// The states of a dispute. They are in the order in which one follows another, so of two
// reports the later state counts, whichever is delivered first: an inquiry may become a
// dispute, and a lost one may still be decided for the seller, whose money then returns.
const (
	// DisputeInquiry: the bank asks; no money was taken.
	DisputeInquiry DisputeStatus = "inquiry"
	// DisputeInquiryClosed: the bank asks no more.
	DisputeInquiryClosed DisputeStatus = "inquiry_closed"
	// DisputeOpen: the money was withdrawn, and nothing is decided.
	DisputeOpen DisputeStatus = "open"
	// DisputeLost: the buyer keeps the money.
	DisputeLost DisputeStatus = "lost"
	// DisputeWon: the money was reinstated, or never withdrawn.
	DisputeWon DisputeStatus = "won"
)

var disputeOrder = []DisputeStatus{DisputeInquiry, DisputeInquiryClosed, DisputeOpen, DisputeLost, DisputeWon}

func (s DisputeStatus) rank() int { return slices.Index(disputeOrder, s) }

// Valid reports whether s is one of the states.
func (s DisputeStatus) Valid() bool { return s.rank() >= 0 }

// disputed reports whether the dispute was ever more than an inquiry.
func (s DisputeStatus) disputed() bool { return s.rank() >= DisputeOpen.rank() }

// withdrawn reports whether the money is with the buyer or their bank.
func (s DisputeStatus) withdrawn() bool { return s == DisputeOpen || s == DisputeLost }

func (s DisputeStatus) decided() bool { return s == DisputeLost || s == DisputeWon }

// Dispute is one dispute of a payment.
type Dispute struct {
	ID, Reason string
	// Amount is what is disputed; 0 when it was not reported, which means all.
	Amount money.Cents
	Status DisputeStatus
	// OpenedAt is zero for an inquiry, ClosedAt until the dispute is decided.
	OpenedAt, ClosedAt time.Time
}

// reportedDispute returns a dispute as one report describes it.
func reportedDispute(f DisputeFact, at time.Time) Dispute {
	d := Dispute{
		ID:     f.ID,
		Reason: f.Reason,
		Amount: money.Cents(f.AmountCents),
		Status: f.status(),
	}
	if d.Status.disputed() {
		d.OpenedAt = at
	}
	if d.Status.decided() {
		d.ClosedAt = at
	}
	return d
}

// merge returns what two reports of one dispute say together, in either order.
func (d Dispute) merge(other Dispute) Dispute {
	d.Reason = max(d.Reason, other.Reason)
	d.Amount = max(d.Amount, other.Amount)
	d.OpenedAt = earlier(d.OpenedAt, other.OpenedAt)
	switch a, b := d.Status.rank(), other.Status.rank(); {
	case b > a:
		d.Status, d.ClosedAt = other.Status, other.ClosedAt
	case b == a:
		d.ClosedAt = earlier(d.ClosedAt, other.ClosedAt)
	}
	return d
}

// withDispute returns a set of disputes, in the order of their ids, with one more report.
func withDispute(set []Dispute, d Dispute) []Dispute {
	return withReport(set, d, func(d Dispute) string { return d.ID }, Dispute.merge)
}

// withReport returns a set, in the order of its ids, with one more report, which is merged
// with what the set has under its id.
func withReport[T comparable](set []T, report T, id func(T) string, merge func(a, b T) T) []T {
	byID := func(t T, wanted string) int { return strings.Compare(id(t), wanted) }
	i, found := slices.BinarySearchFunc(set, id(report), byID)
	if !found {
		return slices.Insert(slices.Clone(set), i, report)
	}
	merged := merge(set[i], report)
	if merged == set[i] {
		return set
	}
	set = slices.Clone(set)
	set[i] = merged
	return set
}

// dispute returns a dispute by its id; the zero value, whose status has the lowest rank,
// when there is none.
func (p Payment) dispute(id string) Dispute {
	for _, d := range p.Disputes {
		if d.ID == id {
			return d
		}
	}
	return Dispute{}
}

// hasDispute reports whether a dispute is in a state.
func (p Payment) hasDispute(s DisputeStatus) bool {
	return slices.ContainsFunc(p.Disputes, func(d Dispute) bool { return d.Status == s })
}

// MainDispute returns the dispute that decides about access: a lost one, else an open one,
// else one that was won; of several the newest. It is the zero value when there were
// inquiries at most.
func (p Payment) MainDispute() (main Dispute) {
	weight := func(d Dispute) int {
		return slices.Index([]DisputeStatus{DisputeWon, DisputeOpen, DisputeLost}, d.Status)
	}
	for _, d := range p.Disputes {
		if a, b := weight(d), weight(main); a > b || a == b && a >= 0 && !d.OpenedAt.Before(main.OpenedAt) {
			main = d
		}
	}
	return main
}

// withdrawnCents is what disputes have taken from the seller.
func (p Payment) withdrawnCents() (sum money.Cents) {
	for _, d := range p.Disputes {
		switch {
		case !d.Status.withdrawn():
		case d.Amount == 0:
			return p.Sale.Amount
		default:
			sum += d.Amount
		}
	}
	return p.atMostPaid(sum)
}
