package purchase

import (
	"time"

	"github.com/codex-platform/codex/domain/money"
)

// CommandRecordEvent is the name of the command whose payload is [RecordEvent].
const CommandRecordEvent = "purchase.record_event"

// RecordEvent is the command purchase.record_event: one report of the payment provider. At
// most one of Session, Refund and Dispute is set.
type RecordEvent struct {
	// EventID is the provider's id of the event; for an object that was retrieved instead,
	// an id that starts with "retrieved:".
	EventID string `json:"eventId"`
	// Type is the provider's event type.
	Type string `json:"type"`
	// At is the time of the event, UTC. Zero when it is not known.
	At time.Time `json:"at"`
	// PaymentIntent is the id of the payment; empty for a session that ended unpaid.
	PaymentIntent string       `json:"paymentIntent,omitempty"`
	Session       *SessionFact `json:"session,omitempty"`
	Refund        *RefundFact  `json:"refund,omitempty"`
	Dispute       *DisputeFact `json:"dispute,omitempty"`
}

// SessionFact says that a checkout session was paid, or ended unpaid.
type SessionFact struct {
	ID string `json:"id"`
	// Paid is false when it ended unpaid.
	Paid bool `json:"paid"`
	// CheckoutID is the checkout in the session's metadata; empty or unknown when the
	// session was opened elsewhere.
	CheckoutID string `json:"checkoutId,omitempty"`
	// Installation is the marker in the session's metadata, see [Marker]; empty when the
	// session was opened elsewhere.
	Installation string `json:"installation,omitempty"`
	// CustomerID and ContentID are those in the session's metadata.
	CustomerID string `json:"customerId,omitempty"`
	ContentID  string `json:"contentId,omitempty"`
	// AmountCents is the paid amount, in the smallest unit of Currency.
	AmountCents int64 `json:"amountCents"`
	// Currency is a lower-case ISO code, or empty.
	Currency string `json:"currency,omitempty"`
}

// RefundFact is what was reported of the refunds of a payment: their total, single ones, or
// both.
type RefundFact struct {
	// TotalCents is what the charge says was refunded so far; 0 when it was not reported.
	TotalCents int64 `json:"totalCents"`
	// ID and Reason describe a refund of unknown amount; in reports of earlier versions.
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Refunds are single refunds.
	Refunds []ReportedRefund `json:"refunds,omitempty"`
}

// ReportedRefund is one refund.
type ReportedRefund struct {
	ID string `json:"id"`
	// AmountCents is of this refund alone; 0 when it was not reported.
	AmountCents int64        `json:"amountCents"`
	Status      RefundStatus `json:"status"`
	Reason      string       `json:"reason,omitempty"`
	// CreatedAt is zero when it was not reported.
	CreatedAt time.Time `json:"createdAt,omitzero"`
}

// Differs reports whether the total of a report is another than that of the refunds which are
// known: some of them may not be.
func (f *RefundFact) Differs(p Payment) bool {
	return f != nil && f.TotalCents > 0 && money.Cents(f.TotalCents) != p.RefundedCents()
}

// refunds returns the single refunds of a report that was made at a time.
func (f RefundFact) refunds(at time.Time) []Refund {
	var list []Refund
	if f.ID != "" {
		list = append(list, Refund{ID: f.ID, Reason: f.Reason, Status: RefundSucceeded, CreatedAt: at})
	}
	for _, r := range f.Refunds {
		created := r.CreatedAt
		if created.IsZero() {
			created = at
		}
		list = append(list, Refund{
			ID:        r.ID,
			Amount:    money.Cents(r.AmountCents),
			Status:    r.Status,
			Reason:    r.Reason,
			CreatedAt: created,
		})
	}
	return list
}

// DisputeFact is the state of a dispute about a payment.
type DisputeFact struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
	// AmountCents is what is disputed; 0 when it was not reported.
	AmountCents int64         `json:"amountCents,omitempty"`
	Status      DisputeStatus `json:"status,omitempty"`
	// Closed and Lost stand for the status in reports of earlier versions.
	Closed bool `json:"closed,omitempty"`
	Lost   bool `json:"lost,omitempty"`
}

func (f DisputeFact) status() DisputeStatus {
	switch {
	case f.Status != "":
		return f.Status
	case f.Closed && f.Lost:
		return DisputeLost
	case f.Closed:
		return DisputeWon
	default:
		return DisputeOpen
	}
}
