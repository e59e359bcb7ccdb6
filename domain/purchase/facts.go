package purchase

import "time"

// CommandRecordEvent is the name of the command whose payload is [RecordEvent].
const CommandRecordEvent = "purchase.record_event"

// RecordEvent is the command purchase.record_event: one report of the payment provider. At
// most one of Session, Refund and Dispute is set.
type RecordEvent struct {
	// EventID is the provider's id of the event; for a session that was retrieved instead,
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
	// CustomerID and ContentID are those in the session's metadata.
	CustomerID string `json:"customerId,omitempty"`
	ContentID  string `json:"contentId,omitempty"`
	// AmountCents is the paid amount, in the smallest unit of Currency.
	AmountCents int64 `json:"amountCents"`
	// Currency is a lower-case ISO code, or empty.
	Currency string `json:"currency,omitempty"`
}

// RefundFact is the total that was refunded of a payment so far.
type RefundFact struct {
	TotalCents int64 `json:"totalCents"`
	// ID and Reason describe the newest refund; empty when they are not known.
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// DisputeFact is the state of a dispute about a payment.
type DisputeFact struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
	// Closed says that the dispute is decided; Lost, that the buyer got the money.
	Closed bool `json:"closed"`
	Lost   bool `json:"lost"`
}
