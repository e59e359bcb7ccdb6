package purchase

import (
	"time"
)

// CommandRecordEvent is the name of the command whose payload is [RecordEvent].
const CommandRecordEvent = "purchase.record_event"

// RecordEvent is the command purchase.record_event: one thing that the payment
// provider said. At most one of Session, Refund and Dispute is set.
type RecordEvent struct {
	// EventID is the provider's id of the event; "retrieved:" and a session's id
	// when we asked instead of being told.
	EventID string `json:"eventId"`
	// Type is the provider's name for what happened.
	Type string `json:"type"`
	// At is when it happened, UTC. Zero when the provider did not say.
	At time.Time `json:"at"`
	// PaymentIntent names the payment; empty for a session that ended unpaid.
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
	// CheckoutID is the checkout that the session says it belongs to; empty, or not
	// one of ours, when it was opened elsewhere.
	CheckoutID string `json:"checkoutId,omitempty"`
	// CustomerID and ContentID are what the session's metadata names.
	CustomerID string `json:"customerId,omitempty"`
	ContentID  string `json:"contentId,omitempty"`
	// AmountCents is what was paid, in the smallest unit of Currency.
	AmountCents int64 `json:"amountCents"`
	// Currency is a lower-case ISO code; empty when the session names none.
	Currency string `json:"currency,omitempty"`
}

// RefundFact says how much of a payment has been given back so far, in all.
type RefundFact struct {
	TotalCents int64 `json:"totalCents"`
	// ID and Reason describe the newest refund; empty when they are not known.
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// DisputeFact says that the buyer's bank disputes a payment, or how that ended.
type DisputeFact struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
	// Closed says that the dispute is decided; Lost, that the money is gone.
	Closed bool `json:"closed"`
	Lost   bool `json:"lost"`
}
