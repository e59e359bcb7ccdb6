package purchase

import (
	"fmt"
	"time"

	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/events"
)

// Currency is the one currency that anything is sold in.
const Currency = "gbp"

// Outcome is the result of the decision about a payment.
type Outcome string

// The outcomes. All but the first have to be refunded.
const (
	Purchased Outcome = "purchase"
	// Duplicate: the buyer owns the content through another payment.
	Duplicate Outcome = "duplicate"
	// AmountMismatch: amount, currency, buyer or content differ from the checkout.
	AmountMismatch Outcome = "amount_mismatch"
	// Unfulfillable: the content or the buyer does not exist (any more), or the currency
	// is not [Currency].
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

// Live reports whether the purchase counts. A disputed one does until the dispute is lost.
func (s Status) Live() bool { return s == Completed || s == PartiallyRefunded }

// The states of a dispute.
const (
	DisputeOpen = "open"
	DisputeWon  = "won"
	DisputeLost = "lost"
)

// Payment is everything that was reported of one payment intent.
type Payment struct {
	Intent string
	// PurchaseID is the id the purchase has, or will have.
	PurchaseID string
	// Sale is nil until the payment itself is reported.
	Sale    *Sale
	Refund  Refund
	Dispute Dispute
	// Version counts the events.
	Version int64
}

// Sale is what was paid for.
type Sale struct {
	Outcome Outcome
	// Reason says, when the sale is decided, why the outcome is not a purchase. It is not
	// read back.
	Reason string
	PaidAt time.Time
	// CustomerID and ContentID are empty when there is no such user or item.
	CustomerID string
	ContentID  string
	// CreatorID and OrganizationID are the seller's at the time of the sale.
	CreatorID      string
	OrganizationID string
	// CheckoutID is empty for a session that was opened elsewhere.
	CheckoutID string
	Amount     money.Cents
	Currency   string
	// Split is zero unless the outcome is a purchase.
	Split money.Split
}

// Refund is what was refunded so far.
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
	// OpenedAt and ClosedAt are zero before.
	OpenedAt, ClosedAt time.Time
}

// NewPayment returns the payment of an intent before the first report.
func NewPayment(intent, purchaseID string) Payment {
	return Payment{Intent: intent, PurchaseID: purchaseID}
}

// IsPurchase reports whether the payment became a purchase.
func (p Payment) IsPurchase() bool { return p.Sale != nil && p.Sale.Outcome == Purchased }

// Status derives the purchase's status. It is Pending until the payment is reported; a
// payment that has to be refunded never becomes a purchase and is Failed.
func (p Payment) Status() Status {
	switch {
	case p.Sale == nil:
		return Pending
	case !p.IsPurchase():
		return Failed
	case p.Dispute.Status == DisputeLost, p.RefundedCents() >= p.Sale.Amount:
		return Refunded
	case p.RefundedCents() > 0:
		return PartiallyRefunded
	default:
		return Completed
	}
}

// RefundedCents is what was refunded so far, never more than was paid.
func (p Payment) RefundedCents() money.Cents {
	if p.Sale == nil {
		return p.Refund.Total
	}
	return min(p.Refund.Total, p.Sale.Amount)
}

// EndedAt is the time of the last refund, partial ones included, else of the lost dispute.
// Zero without either.
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

// Tenant is the tenant of the payment's events: the organization, else the creator, else
// the buyer. Without any of them it is "unattributed".
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

// RefundDue returns what has to be refunded.
func (p Payment) RefundDue() money.Cents {
	if p.Sale == nil || p.IsPurchase() {
		return 0
	}
	return p.Sale.Amount - p.RefundedCents()
}

// Facts are what the outcome of a payment depends on.
type Facts struct {
	// Checkout is the one of the session; nil for a session that was opened elsewhere.
	Checkout *Checkout
	// Content is nil when it does not exist.
	Content *Content
	// BuyerKnown says that the buyer has an account here.
	BuyerKnown bool
	// OwnedElsewhere says that the buyer has a live purchase of the content through
	// another payment.
	OwnedElsewhere bool
	// Rates are the configured ones, for sessions that were opened elsewhere.
	Rates money.Rates
}

// Content is what a sale needs of a content item.
type Content struct {
	ID             string
	CreatorID      string
	OrganizationID string
	Deleted        bool
}

// Pay records that the payment arrived. A second report changes nothing.
func (p Payment) Pay(s SessionFact, at time.Time, facts Facts) (Payment, []events.Payload, error) {
	if p.Sale != nil {
		return p, nil, nil
	}
	sale, rates := newSale(s, at, facts)
	next := p
	next.Sale = &sale
	if sale.Outcome != Purchased {
		next.Version++
		return next, []events.Payload{events.PurchaseDuplicateDetected{
			PurchaseID:    p.PurchaseID,
			CustomerID:    sale.CustomerID,
			ContentID:     sale.ContentID,
			PaymentIntent: p.Intent,
			AmountCents:   int64(sale.Amount),
			Currency:      sale.Currency,
			Reason:        string(sale.Outcome),
		}}, nil
	}

	var err error
	if sale.Split, err = money.Divide(sale.Amount, rates, sale.OrganizationID != ""); err != nil {
		return p, nil, fmt.Errorf("split payment %s: %w", p.Intent, err)
	}
	payloads := []events.Payload{events.PurchaseCompleted{
		PurchaseID:           p.PurchaseID,
		CustomerID:           sale.CustomerID,
		ContentID:            sale.ContentID,
		CreatorID:            sale.CreatorID,
		OrganizationID:       sale.OrganizationID,
		AmountCents:          int64(sale.Amount),
		Currency:             sale.Currency,
		PlatformFeeCents:     int64(sale.Split.Platform),
		OrganizationFeeCents: int64(sale.Split.Organization),
		CreatorPayoutCents:   int64(sale.Split.Creator),
		PurchasedAt:          at,
	}}
	// Refunds and disputes that were reported before the payment.
	payloads = append(payloads, changes(Payment{Sale: &sale}, next)...)
	next.Version += int64(len(payloads))
	return next, payloads, nil
}

// newSale returns the sale of a paid session, without its split, and the rates of the
// split.
func newSale(s SessionFact, at time.Time, facts Facts) (Sale, money.Rates) {
	result, reason := outcome(s, facts)
	sale := Sale{
		Outcome:  result,
		Reason:   reason,
		PaidAt:   at,
		Amount:   money.Cents(s.AmountCents),
		Currency: s.currency(),
	}
	if c := facts.Content; c != nil {
		sale.ContentID = c.ID
		sale.CreatorID = c.CreatorID
		sale.OrganizationID = c.OrganizationID
	}
	if facts.BuyerKnown {
		sale.CustomerID = s.CustomerID
	}
	c := facts.Checkout
	if c == nil {
		return sale, facts.Rates
	}
	sale.CheckoutID = c.ID
	sale.CustomerID = c.CustomerID
	sale.CreatorID = c.CreatorID
	sale.OrganizationID = c.OrganizationID
	return sale, c.Rates
}

// outcome decides about a payment, and says why it does not become a purchase.
func outcome(s SessionFact, facts Facts) (_ Outcome, reason string) {
	if c := facts.Checkout; c != nil {
		if mismatch := c.Mismatch(s); mismatch != "" {
			return AmountMismatch, mismatch
		}
	}
	switch {
	case facts.Content == nil:
		return Unfulfillable, "the content does not exist"
	case facts.Content.Deleted:
		return Unfulfillable, "the content is deleted"
	case !facts.BuyerKnown:
		return Unfulfillable, "the buyer has no account"
	case s.currency() != Currency:
		return Unfulfillable, fmt.Sprintf("expected %s, paid %d %s", Currency, s.AmountCents, s.currency())
	case s.AmountCents <= 0:
		return Unfulfillable, "nothing was paid"
	case facts.OwnedElsewhere:
		return Duplicate, "the buyer owns the content"
	default:
		return Purchased, ""
	}
}

func (s SessionFact) currency() string {
	if s.Currency == "" {
		return Currency
	}
	return s.Currency
}

// ApplyRefund records the total that was refunded. A total that is not above the recorded
// one adds missing details only.
func (p Payment) ApplyRefund(f RefundFact, at time.Time) (Payment, []events.Payload) {
	next, total := p, money.Cents(f.TotalCents)
	switch {
	case total <= 0 || total < p.Refund.Total:
		return p, nil
	case total > p.Refund.Total:
		next.Refund = Refund{Total: total, At: at, ID: f.ID, Reason: f.Reason}
	default: // reported again, perhaps with other details
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

// ApplyDispute records that a dispute was opened or decided. The decision may be reported
// first; it then implies the opening.
func (p Payment) ApplyDispute(f DisputeFact, at time.Time) (Payment, []events.Payload) {
	next := p
	d := &next.Dispute
	switch {
	case d.Status == "", d.ID != f.ID && d.Status == DisputeWon:
		*d = Dispute{ID: f.ID, Reason: f.Reason, Status: DisputeOpen, OpenedAt: at}
	case d.ID != f.ID:
		return p, nil // one at a time: the recorded one counts
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

// moveTo returns the next state with the events of the change, if it is a purchase.
func (p Payment) moveTo(next Payment) (Payment, []events.Payload) {
	if !next.IsPurchase() {
		return next, nil
	}
	payloads := changes(p, next)
	next.Version += int64(len(payloads))
	return next, payloads
}

// changes returns the events of what changed between two states of a purchase: refund,
// dispute, its end, in this order. The refunded total only grows, so at most one event of
// a refund is full.
func changes(before, after Payment) []events.Payload {
	var payloads []events.Payload
	sale := after.Sale
	if total := after.RefundedCents(); total > before.RefundedCents() {
		payloads = append(payloads, events.PurchaseRefunded{
			PurchaseID:    after.PurchaseID,
			CustomerID:    sale.CustomerID,
			ContentID:     sale.ContentID,
			RefundedCents: int64(total),
			AmountCents:   int64(sale.Amount),
			Full:          total == sale.Amount,
		})
	}

	opened := after.Dispute.Status != "" && after.Dispute.ID != before.Dispute.ID
	if opened {
		payloads = append(payloads, events.PurchaseDisputed{
			PurchaseID: after.PurchaseID,
			CustomerID: sale.CustomerID,
			ContentID:  sale.ContentID,
			Reason:     after.Dispute.Reason,
		})
	}
	closed := after.Dispute.Status == DisputeWon || after.Dispute.Status == DisputeLost
	if closed && (opened || before.Dispute.Status == DisputeOpen) {
		payloads = append(payloads, events.PurchaseDisputeClosed{
			PurchaseID: after.PurchaseID,
			CustomerID: sale.CustomerID,
			ContentID:  sale.ContentID,
			Won:        after.Dispute.Status == DisputeWon,
		})
	}
	return payloads
}
