package purchase

import (
	"fmt"
	"time"

	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/events"
)

// Currency is the one currency that anything is sold in.
const Currency = "gbp"

// Outcome is what a payment turned out to be.
type Outcome string

// The outcomes. All but the first are owed back.
const (
	Purchased Outcome = "purchase"
	// Duplicate: the buyer owns the content through another payment.
	Duplicate Outcome = "duplicate"
	// AmountMismatch: amount, currency, buyer or content are not what the checkout says.
	AmountMismatch Outcome = "amount_mismatch"
	// Unfulfillable: the content or the buyer is not there (any more), or the
	// currency is not ours.
	Unfulfillable Outcome = "unfulfillable"
)

// Status is the state of a purchase.
type Status string

// The statuses. Live ones are Completed and PartiallyRefunded.
const (
	Pending           Status = "pending"
	Completed         Status = "completed"
	PartiallyRefunded Status = "partially_refunded"
	Refunded          Status = "refunded"
	Failed            Status = "failed"
)

// Live reports whether the purchase stands. A disputed one stands until the dispute
// is lost.
func (s Status) Live() bool { return s == Completed || s == PartiallyRefunded }

// The states of a dispute.
const (
	DisputeOpen = "open"
	DisputeWon  = "won"
	DisputeLost = "lost"
)

// Payment is everything known of one payment intent.
type Payment struct {
	Intent string
	// PurchaseID is the id the purchase has, or will have.
	PurchaseID string
	// Sale is nil until the payment itself is known.
	Sale    *Sale
	Refund  Refund
	Dispute Dispute
	// Version counts the events.
	Version int64
}

// Sale is what was paid for.
type Sale struct {
	Outcome Outcome
	PaidAt  time.Time
	// CustomerID and ContentID are empty when they name nobody and nothing we know.
	CustomerID, ContentID string
	// CreatorID and OrganizationID are the seller's at the time of the sale.
	CreatorID, OrganizationID string
	// CheckoutID is empty for a session that was opened elsewhere.
	CheckoutID string
	Amount     money.Cents
	Currency   string
	// Split is zero unless the outcome is a purchase.
	Split money.Split
}

// Refund is what went back so far.
type Refund struct {
	Total money.Cents
	// At is when that total was reached.
	At         time.Time
	ID, Reason string
}

// Dispute is the newest dispute of a payment.
type Dispute struct {
	ID, Reason string
	// Status is empty when there was none.
	Status string
	// OpenedAt and ClosedAt are zero when that has not happened.
	OpenedAt, ClosedAt time.Time
}

// NewPayment returns what is known of an intent before the first fact: nothing.
func NewPayment(intent, purchaseID string) Payment {
	return Payment{Intent: intent, PurchaseID: purchaseID}
}

// IsPurchase reports whether the payment became a purchase.
func (p Payment) IsPurchase() bool { return p.Sale != nil && p.Sale.Outcome == Purchased }

// Status derives the purchase's status. Pending until the payment is known; a
// payment that is owed back never becomes a purchase and has status Failed.
func (p Payment) Status() Status {
	switch {
	case p.Sale == nil:
		return Pending
	case !p.IsPurchase():
		return Failed
	case p.Dispute.Status == DisputeLost, p.refunded() >= p.Sale.Amount:
		return Refunded
	case p.refunded() > 0:
		return PartiallyRefunded
	default:
		return Completed
	}
}

// refunded is what went back, never more than was paid.
func (p Payment) refunded() money.Cents {
	if p.Sale == nil {
		return p.Refund.Total
	}
	return min(p.Refund.Total, p.Sale.Amount)
}

// RefundedCents is what went back of a known payment, never more than was paid.
func (p Payment) RefundedCents() money.Cents { return p.refunded() }

// EndedAt is when the purchase lost its worth in whole or in part: the time of the
// last refund, else of the lost dispute. Zero while neither happened.
func (p Payment) EndedAt() time.Time {
	switch {
	case p.Refund.Total > 0:
		return p.Refund.At
	case p.Dispute.Status == DisputeLost:
		return p.Dispute.ClosedAt
	default:
		return time.Time{}
	}
}

// Tenant is the tenant of the payment's events: the organization, else the
// creator. A payment for nothing that we know belongs to its buyer, if there is
// one, and otherwise to nobody ("unattributed").
func (p Payment) Tenant() string {
	s := p.Sale
	switch {
	case s == nil:
		return "unattributed"
	case s.OrganizationID != "":
		return s.OrganizationID
	case s.CreatorID != "":
		return s.CreatorID
	case s.CustomerID != "":
		return s.CustomerID
	default:
		return "unattributed"
	}
}

// Owed returns what must be given back, 0 when nothing.
func (p Payment) Owed() money.Cents {
	if p.Sale == nil || p.IsPurchase() {
		return 0
	}
	return p.Sale.Amount - p.refunded()
}

// Facts are what the worth of a payment depends on.
type Facts struct {
	// Checkout is the one that the session belongs to; nil when none of ours.
	Checkout *Checkout
	// Content is nil when it does not exist.
	Content *Content
	// BuyerKnown says that the buyer has an account.
	BuyerKnown bool
	// OwnedElsewhere says that the buyer has a live purchase of the content through
	// another payment.
	OwnedElsewhere bool
	// Rates are the configured ones, for sessions that were opened elsewhere.
	Rates money.Rates
}

// Content is what is sold, as far as selling is concerned.
type Content struct {
	ID, CreatorID, OrganizationID string
	Deleted                       bool
}

// Pay records that the payment arrived. A second report changes nothing.
func (p Payment) Pay(s SessionFact, at time.Time, facts Facts) (Payment, []events.Payload, error) {
	if p.Sale != nil {
		return p, nil, nil
	}
	sale := Sale{
		Outcome: worth(s, facts), PaidAt: at, Amount: money.Cents(s.AmountCents), Currency: s.currency(),
	}
	rates := facts.Rates
	if facts.Content != nil {
		sale.ContentID, sale.CreatorID, sale.OrganizationID = facts.Content.ID, facts.Content.CreatorID, facts.Content.OrganizationID
	}
	if facts.BuyerKnown {
		sale.CustomerID = s.CustomerID
	}
	if c := facts.Checkout; c != nil {
		sale.CheckoutID, sale.CustomerID, sale.CreatorID, sale.OrganizationID = c.ID, c.CustomerID, c.CreatorID, c.OrganizationID
		rates = c.Rates
	}
	next := p
	next.Sale = &sale
	if sale.Outcome != Purchased {
		next.Version++
		return next, []events.Payload{events.PurchaseDuplicateDetected{
			PurchaseID: p.PurchaseID, CustomerID: sale.CustomerID, ContentID: sale.ContentID, PaymentIntent: p.Intent,
			AmountCents: int64(sale.Amount), Currency: sale.Currency, Reason: string(sale.Outcome),
		}}, nil
	}
	var err error
	if sale.Split, err = money.Divide(sale.Amount, rates, sale.OrganizationID != ""); err != nil {
		return p, nil, fmt.Errorf("split payment %s: %w", p.Intent, err)
	}
	happened := []events.Payload{events.PurchaseCompleted{
		PurchaseID: p.PurchaseID, CustomerID: sale.CustomerID, ContentID: sale.ContentID, CreatorID: sale.CreatorID,
		OrganizationID: sale.OrganizationID, AmountCents: int64(sale.Amount), Currency: sale.Currency,
		PlatformFeeCents: int64(sale.Split.Platform), OrganizationFeeCents: int64(sale.Split.Organization),
		CreatorPayoutCents: int64(sale.Split.Creator), PurchasedAt: at,
	}}
	// What was heard of before now gets told.
	happened = append(happened, announce(Payment{Sale: &sale}, next)...)
	next.Version += int64(len(happened))
	return next, happened, nil
}

// worth decides what a payment turns out to be.
func worth(s SessionFact, facts Facts) Outcome {
	c := facts.Checkout
	switch {
	case c != nil && !c.Matches(s):
		return AmountMismatch
	case facts.Content == nil, facts.Content.Deleted, !facts.BuyerKnown, s.currency() != Currency, s.AmountCents <= 0:
		return Unfulfillable
	case facts.OwnedElsewhere:
		return Duplicate
	default:
		return Purchased
	}
}

func (s SessionFact) currency() string {
	if s.Currency == "" {
		return Currency
	}
	return s.Currency
}

// TakeRefund records how much has been given back in all. A total that is not
// above the known one changes nothing but details that were missing.
func (p Payment) TakeRefund(f RefundFact, at time.Time) (Payment, []events.Payload) {
	next, total := p, money.Cents(f.TotalCents)
	switch {
	case total <= 0 || total < p.Refund.Total:
		return p, nil
	case total > p.Refund.Total:
		next.Refund = Refund{Total: total, At: at, ID: f.ID, Reason: f.Reason}
	default: // told again, perhaps in other words
		if at.Before(p.Refund.At) {
			next.Refund.At = at
		}
		if p.Refund.ID == "" {
			next.Refund.ID = f.ID
		}
		if p.Refund.Reason == "" {
			next.Refund.Reason = f.Reason
		}
	}
	return p.moveTo(next)
}

// TakeDispute records that a dispute was opened or decided. The decision may be
// heard of first; it then stands for both.
func (p Payment) TakeDispute(f DisputeFact, at time.Time) (Payment, []events.Payload) {
	next := p
	d := &next.Dispute
	switch {
	case d.Status == "", d.ID != f.ID && d.Status == DisputeWon:
		*d = Dispute{ID: f.ID, Reason: f.Reason, Status: DisputeOpen, OpenedAt: at}
	case d.ID != f.ID:
		return p, nil // one at a time; the standing one decides
	case at.Before(d.OpenedAt):
		d.OpenedAt = at
	}
	if d.Reason == "" {
		d.Reason = f.Reason
	}
	if f.Closed && d.Status == DisputeOpen {
		d.Status, d.ClosedAt = DisputeWon, at
		if f.Lost {
			d.Status = DisputeLost
		}
	}
	return p.moveTo(next)
}

// moveTo announces the difference between two states of a known purchase.
func (p Payment) moveTo(next Payment) (Payment, []events.Payload) {
	if !next.IsPurchase() {
		return next, nil
	}
	happened := announce(p, next)
	next.Version += int64(len(happened))
	return next, happened
}

// announce returns the events of what changed between two states of a purchase:
// refund, dispute, its end, in this order. The total given back only ever grows, so
// at most one of its events is full.
func announce(before, after Payment) []events.Payload {
	var happened []events.Payload
	sale := after.Sale
	if total := after.refunded(); total > before.refunded() {
		happened = append(happened, events.PurchaseRefunded{
			PurchaseID: after.PurchaseID, CustomerID: sale.CustomerID, ContentID: sale.ContentID,
			RefundedCents: int64(total), AmountCents: int64(sale.Amount), Full: total == sale.Amount,
		})
	}
	opened := after.Dispute.Status != "" && after.Dispute.ID != before.Dispute.ID
	if opened {
		happened = append(happened, events.PurchaseDisputed{
			PurchaseID: after.PurchaseID, CustomerID: sale.CustomerID, ContentID: sale.ContentID, Reason: after.Dispute.Reason,
		})
	}
	closed := after.Dispute.Status == DisputeWon || after.Dispute.Status == DisputeLost
	if closed && (opened || before.Dispute.Status == DisputeOpen) {
		happened = append(happened, events.PurchaseDisputeClosed{
			PurchaseID: after.PurchaseID, CustomerID: sale.CustomerID, ContentID: sale.ContentID,
			Won: after.Dispute.Status == DisputeWon,
		})
	}
	return happened
}
