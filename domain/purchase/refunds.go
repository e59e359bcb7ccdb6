package purchase

import (
	"slices"
	"time"

	"github.com/codex-platform/codex/domain/money"
)

// RefundStatus is the state of one refund.
type RefundStatus string

// The states of a refund. They are in the order in which one follows another, so of two
// reports the later state counts, whichever is delivered first: a refund that succeeded may
// still fail, when the bank returns the money, and one that failed or was cancelled is over.
const (
	RefundPending   RefundStatus = "pending"
	RefundSucceeded RefundStatus = "succeeded"
	RefundCancelled RefundStatus = "cancelled"
	RefundFailed    RefundStatus = "failed"
)

var refundOrder = []RefundStatus{RefundPending, RefundSucceeded, RefundCancelled, RefundFailed}

func (s RefundStatus) rank() int { return slices.Index(refundOrder, s) }

// Counts reports whether the money went back or is on its way.
func (s RefundStatus) Counts() bool { return s == RefundPending || s == RefundSucceeded }

// Refund is one refund of a payment.
type Refund struct {
	ID string
	// Amount is 0 while only a total was reported that contains it.
	Amount money.Cents
	Status RefundStatus
	// Reason is the provider's word, or empty.
	Reason string
	// CreatedAt is when it was made, as far as it is known: else when it was first reported.
	CreatedAt time.Time
}

// merge returns what two reports of one refund say together, in either order.
func (r Refund) merge(other Refund) Refund {
	r.Amount = max(r.Amount, other.Amount)
	if other.Status.rank() > r.Status.rank() {
		r.Status = other.Status
	}
	r.Reason = max(r.Reason, other.Reason)
	r.CreatedAt = earlier(r.CreatedAt, other.CreatedAt)
	return r
}

// earlier returns the earlier of two times, of which the zero one counts for nothing.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// RefundTotal is the highest total of refunds that the charge itself reported.
type RefundTotal struct {
	Amount money.Cents
	// At is when it was first reported.
	At time.Time
}

func (t RefundTotal) merge(other RefundTotal) RefundTotal {
	switch {
	case other.Amount > t.Amount:
		return other
	case other.Amount == t.Amount && t.Amount > 0:
		t.At = earlier(t.At, other.At)
	}
	return t
}

// withRefund returns a set of refunds, in the order of their ids, with one more report.
func withRefund(set []Refund, r Refund) []Refund {
	return withReport(set, r, func(r Refund) string { return r.ID }, Refund.merge)
}

// sumRefunds sums the refunds whose states are selected.
func (p Payment) sumRefunds(selected func(RefundStatus) bool) (sum money.Cents) {
	for _, r := range p.Refunds {
		if selected(r.Status) {
			sum += r.Amount
		}
	}
	return sum
}

// unlisted is what the charge reported beyond all refunds that are known by their ids,
// failed ones included: their total was reported while they were pending.
func (p Payment) unlisted() money.Cents {
	return max(0, p.RefundTotal.Amount-p.sumRefunds(func(RefundStatus) bool { return true }))
}

// RefundedCents is what was refunded so far, pending refunds included, and never more than
// was paid.
func (p Payment) RefundedCents() money.Cents {
	return p.atMostPaid(p.sumRefunds(RefundStatus.Counts) + p.unlisted())
}

func (p Payment) atMostPaid(sum money.Cents) money.Cents {
	if p.Sale == nil {
		return sum
	}
	return min(sum, p.Sale.Amount)
}

// NewestRefund returns the newest refund that counts; the zero value without any.
func (p Payment) NewestRefund() (newest Refund) {
	for _, r := range p.Refunds {
		if r.Status.Counts() && !r.CreatedAt.Before(newest.CreatedAt) {
			newest = r
		}
	}
	return newest
}

// refundedAt is when the newest refund that counts was made; zero without any.
func (p Payment) refundedAt() time.Time {
	at := p.NewestRefund().CreatedAt
	if p.unlisted() > 0 && p.RefundTotal.At.After(at) {
		at = p.RefundTotal.At
	}
	return at
}

// LacksRefunds reports whether refunds are known by their total only: their ids, reasons and
// states are to be read from the provider.
func (p Payment) LacksRefunds() bool { return p.Sale != nil && p.unlisted() > 0 }
