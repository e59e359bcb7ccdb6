package purchase

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/events"
)

// Outcome is the result of the decision about a payment.
type Outcome string

// The outcomes. All but the first have to be refunded.
const (
	Purchased Outcome = "purchase"
	// Duplicate: the buyer owns the content through another payment.
	Duplicate Outcome = "duplicate"
	// AmountMismatch: amount, currency, buyer or content differ from the checkout.
	AmountMismatch Outcome = "amount_mismatch"
	// Unfulfillable: the content is withdrawn, or the buyer has no account any more.
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

// Access is what a purchase means for its buyer's access.
type Access string

// The access that a purchase gives. Each event of a purchase says which it is from then on.
const (
	AccessOpen Access = events.AccessOpen
	// AccessSuspended: a dispute is open.
	AccessSuspended Access = events.AccessSuspended
	// AccessEnded: the money went back, or is on its way.
	AccessEnded Access = events.AccessEnded
)

// Payment is everything that was reported of one payment intent.
type Payment struct {
	Intent string
	// PurchaseID is the id the purchase has, or will have.
	PurchaseID string
	// Sale is nil until the payment itself is reported, and for one that is not of this
	// installation.
	Sale *Sale
	// Foreign is set when the payment was reported and is not of this installation.
	Foreign *Foreign
	// Refunds and Disputes are in the order of their ids.
	Refunds     []Refund
	RefundTotal RefundTotal
	Disputes    []Dispute
	// Superseded says that a refund failed, or a dispute was decided late, after the buyer
	// had bought the item again: what remains was paid twice.
	Superseded bool
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

// NewPayment returns the payment of an intent before the first report.
func NewPayment(intent, purchaseID string) Payment {
	return Payment{Intent: intent, PurchaseID: purchaseID}
}

// With returns the payment with further reports of refunds and disputes, as they are stored.
func (p Payment) With(refunds []Refund, disputes []Dispute) Payment {
	for _, r := range refunds {
		p.Refunds = withRefund(p.Refunds, r)
	}
	for _, d := range disputes {
		p.Disputes = withDispute(p.Disputes, d)
	}
	return p
}

// IsPurchase reports whether the payment became a purchase.
func (p Payment) IsPurchase() bool { return p.Sale != nil && p.Sale.Outcome == Purchased }

// Access derives what the purchase means for its buyer; "" without a purchase.
func (p Payment) Access() Access {
	switch {
	case !p.IsPurchase():
		return ""
	case p.Superseded, p.hasDispute(DisputeLost), p.RefundedCents() >= p.Sale.Amount:
		return AccessEnded
	case p.hasDispute(DisputeOpen):
		return AccessSuspended
	default:
		return AccessOpen
	}
}

// Status derives the purchase's status. It is Pending until the payment is reported; a
// payment that has to be refunded never becomes a purchase and is Failed.
func (p Payment) Status() Status {
	switch {
	case p.Sale == nil:
		return Pending
	case !p.IsPurchase():
		return Failed
	case p.Access() == AccessEnded:
		return Refunded
	case p.RefundedCents() > 0:
		return PartiallyRefunded
	default:
		return Completed
	}
}

// EndedAt is the time of the last refund, partial ones included, else of a lost dispute.
// Zero without either.
func (p Payment) EndedAt() time.Time {
	if at := p.refundedAt(); !at.IsZero() {
		return at
	}
	if d := p.MainDispute(); d.Status == DisputeLost {
		return d.ClosedAt
	}
	return time.Time{}
}

// SuspendedAt is when the dispute was opened that took access; zero without one, and after
// it was won.
func (p Payment) SuspendedAt() time.Time {
	if d := p.MainDispute(); d.Status.withdrawn() {
		return d.OpenedAt
	}
	return time.Time{}
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

// owes reports whether the payment must not be kept: it is no purchase, or paid twice.
func (p Payment) owes() bool { return p.Sale != nil && (!p.IsPurchase() || p.Superseded) }

// Owed is what the buyer has to get back and does not have yet: what was paid, minus refunds
// that succeeded and what disputes took.
func (p Payment) Owed() money.Cents {
	if !p.owes() {
		return 0
	}
	succeeded := p.sumRefunds(func(s RefundStatus) bool { return s == RefundSucceeded }) + p.unlisted()
	return max(0, p.Sale.Amount-succeeded-p.withdrawnCents())
}

// RefundDue is the part of Owed for which no refund is pending.
func (p Payment) RefundDue() money.Cents {
	if !p.owes() {
		return 0
	}
	return max(0, p.Sale.Amount-p.RefundedCents()-p.withdrawnCents())
}

// Facts are what the outcome of a payment depends on.
type Facts struct {
	// Checkout is the one of the session; nil for a session that was opened elsewhere.
	Checkout *Checkout
	// Installation is the marker of this installation.
	Installation string
	// Content is nil when it does not exist.
	Content *Content
	// BuyerExists says that there is, or was, an account of the buyer; BuyerKnown, that it
	// is not deleted.
	BuyerExists, BuyerKnown bool
	// OwnedElsewhere says that the buyer has a live purchase of the content through
	// another payment.
	OwnedElsewhere bool
	// Rates are the configured ones, for sessions that were opened elsewhere.
	Rates money.Rates
}

// Pay records that the payment arrived. A second report changes nothing, but for one of a
// payment that was taken for foreign.
func (p Payment) Pay(s SessionFact, at time.Time, facts Facts) (Payment, []events.Payload, error) {
	if p.Sale != nil {
		return p, nil, nil
	}
	next := p
	if reason := s.foreign(facts); reason != "" {
		if p.Foreign == nil {
			next.Foreign = &Foreign{Reason: reason, At: at, Amount: s.AmountCents, Currency: s.Currency}
		}
		return next, nil, nil
	}
	sale, rates := newSale(s, at, facts)
	next.Sale, next.Foreign = &sale, nil
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
	currency := money.CurrencyOf(sale.Currency)
	if sale.Split, err = currency.Divide(sale.Amount, rates, sale.OrganizationID != ""); err != nil {
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
		Access:               string(next.Access()),
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
		Currency: s.currency(facts),
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
	if reason := facts.Content.withdrawn(); reason != "" {
		return Unfulfillable, reason
	}
	switch {
	case !facts.BuyerKnown:
		return Unfulfillable, "the buyer has no account"
	case s.AmountCents <= 0:
		return Unfulfillable, "nothing was paid"
	case facts.OwnedElsewhere:
		return Duplicate, "the buyer owns the content"
	default:
		return Purchased, ""
	}
}

// currency is the session's, or what was agreed when the report does not say it.
func (s SessionFact) currency(facts Facts) string {
	agreed := ""
	switch {
	case facts.Checkout != nil:
		agreed = facts.Checkout.Currency
	case facts.Content != nil:
		agreed = facts.Content.Currency
	}
	return cmp.Or(s.Currency, agreed, money.DefaultCurrency)
}

// ApplyRefunds records refunds. ownedElsewhere is as in [Facts].
func (p Payment) ApplyRefunds(f RefundFact, at time.Time, ownedElsewhere bool) (Payment, []events.Payload) {
	next := p
	for _, r := range f.refunds(at) {
		next.Refunds = withRefund(next.Refunds, r)
	}
	if f.TotalCents > 0 {
		next.RefundTotal = p.RefundTotal.merge(RefundTotal{Amount: money.Cents(f.TotalCents), At: at})
	}
	return p.moveTo(next, ownedElsewhere)
}

// ApplyDispute records the state of a dispute. ownedElsewhere is as in [Facts].
func (p Payment) ApplyDispute(f DisputeFact, at time.Time, ownedElsewhere bool) (Payment, []events.Payload) {
	next := p
	next.Disputes = withDispute(p.Disputes, reportedDispute(f, at))
	return p.moveTo(next, ownedElsewhere)
}

// Equal reports whether two states are the same.
func (p Payment) Equal(other Payment) bool {
	return p.Intent == other.Intent && p.PurchaseID == other.PurchaseID && p.Sale == other.Sale &&
		p.Foreign == other.Foreign && p.RefundTotal == other.RefundTotal && p.Superseded == other.Superseded &&
		p.Version == other.Version &&
		slices.Equal(p.Refunds, other.Refunds) && slices.Equal(p.Disputes, other.Disputes)
}

// moveTo returns the next state with the events of the change, if it is a purchase. One that
// ended does not count again while its buyer owns the item through another payment.
func (p Payment) moveTo(next Payment, ownedElsewhere bool) (Payment, []events.Payload) {
	if !next.IsPurchase() {
		return next, nil
	}
	if ownedElsewhere && p.Access() == AccessEnded && next.Access() != AccessEnded {
		next.Superseded = true
	}
	payloads := changes(p, next)
	next.Version += int64(len(payloads))
	return next, payloads
}

// changes returns the events of what changed between two states of a purchase: refunds, then
// disputes and their ends, by id. Each carries the access that the purchase gives after all
// of them.
func changes(before, after Payment) []events.Payload {
	var payloads []events.Payload
	sale, access := after.Sale, string(after.Access())
	switch total, was := after.RefundedCents(), before.RefundedCents(); {
	case total > was:
		payloads = append(payloads, events.PurchaseRefunded{
			PurchaseID:    after.PurchaseID,
			CustomerID:    sale.CustomerID,
			ContentID:     sale.ContentID,
			RefundedCents: int64(total),
			AmountCents:   int64(sale.Amount),
			Full:          total == sale.Amount,
			Access:        access,
		})
	case total < was:
		payloads = append(payloads, events.PurchaseRefundFailed{
			PurchaseID:    after.PurchaseID,
			CustomerID:    sale.CustomerID,
			ContentID:     sale.ContentID,
			RefundedCents: int64(total),
			AmountCents:   int64(sale.Amount),
			WasFull:       was == sale.Amount,
			Access:        access,
		})
	}
	for _, d := range after.Disputes {
		old := before.dispute(d.ID).Status
		if d.Status.disputed() && !old.disputed() {
			payloads = append(payloads, events.PurchaseDisputed{
				PurchaseID: after.PurchaseID,
				CustomerID: sale.CustomerID,
				ContentID:  sale.ContentID,
				DisputeID:  d.ID,
				Reason:     d.Reason,
				Access:     access,
			})
		}
		if d.Status.decided() && d.Status != old {
			payloads = append(payloads, events.PurchaseDisputeClosed{
				PurchaseID: after.PurchaseID,
				CustomerID: sale.CustomerID,
				ContentID:  sale.ContentID,
				DisputeID:  d.ID,
				Won:        d.Status == DisputeWon,
				Access:     access,
			})
		}
	}
	return payloads
}
