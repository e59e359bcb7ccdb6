package events

import "time"

func init() {
	register[CheckoutStarted]("A buyer opened a checkout session at the payment provider.")
	register[CheckoutExpired]("A checkout session ended unpaid.")
	register[PurchaseCompleted]("A payment arrived and is a purchase.")
	register[PurchaseDuplicateDetected](
		"A payment arrived that must be refunded: the buyer owns the content already, or it does not match its checkout.",
	)
	register[PurchaseRefunded]("Money went back to the buyer, in part or in full.")
	register[PurchaseRefundFailed]("A refund failed or was cancelled: the money did not reach the buyer.")
	register[PurchaseDisputed]("The buyer's bank disputes a payment; access is suspended.")
	register[PurchaseDisputeClosed]("A dispute was decided.")
}

// CheckoutStarted : the session is open.
type CheckoutStarted struct {
	CheckoutID     string `json:"checkout_id"`
	CustomerID     string `json:"customer_id"`
	ContentID      string `json:"content_id"`
	OrganizationID string `json:"organization_id,omitempty"`
	AmountCents    int64  `json:"amount_cents"`
	Currency       string `json:"currency"`
}

// CheckoutExpired : it ended unpaid.
type CheckoutExpired struct {
	CheckoutID string `json:"checkout_id"`
	CustomerID string `json:"customer_id"`
	ContentID  string `json:"content_id"`
}

// PurchaseCompleted : paid. The three shares sum to AmountCents.
type PurchaseCompleted struct {
	PurchaseID           string    `json:"purchase_id"`
	CustomerID           string    `json:"customer_id"`
	ContentID            string    `json:"content_id"`
	CreatorID            string    `json:"creator_id"`
	OrganizationID       string    `json:"organization_id,omitempty"`
	AmountCents          int64     `json:"amount_cents"`
	Currency             string    `json:"currency"`
	PlatformFeeCents     int64     `json:"platform_fee_cents"`
	OrganizationFeeCents int64     `json:"organization_fee_cents"`
	CreatorPayoutCents   int64     `json:"creator_payout_cents"`
	PurchasedAt          time.Time `json:"purchased_at"`
	// Access is what the purchase gives from now on: one of the Access constants. It is
	// AccessOpen when it is empty.
	Access string `json:"access,omitempty" jsonschema:"enum=open,enum=suspended,enum=ended"`
}

// The access that a purchase gives, as its events say. Of two events the one with the higher
// version counts.
const (
	AccessOpen = "open"
	// AccessSuspended: until a dispute is decided.
	AccessSuspended = "suspended"
	// AccessEnded: the money went back, or is on its way. A refund that fails opens access
	// again.
	AccessEnded = "ended"
)

// PurchaseDuplicateDetected : this payment grants nothing and is owed back.
type PurchaseDuplicateDetected struct {
	PurchaseID    string `json:"purchase_id"`
	CustomerID    string `json:"customer_id"`
	ContentID     string `json:"content_id"`
	PaymentIntent string `json:"payment_intent"`
	AmountCents   int64  `json:"amount_cents"`
	Currency      string `json:"currency"`
	// Reason is "duplicate", "amount_mismatch" or "unfulfillable".
	Reason string `json:"reason"`
}

// PurchaseRefunded : RefundedCents is the total refunded so far.
type PurchaseRefunded struct {
	PurchaseID    string `json:"purchase_id"`
	CustomerID    string `json:"customer_id"`
	ContentID     string `json:"content_id"`
	RefundedCents int64  `json:"refunded_cents"`
	AmountCents   int64  `json:"amount_cents"`
	// Full is true when nothing of the payment is left; only then access ends.
	Full bool `json:"full"`
	// Access is what the purchase gives from now on; empty in events of earlier versions.
	Access string `json:"access,omitempty" jsonschema:"enum=open,enum=suspended,enum=ended"`
}

// PurchaseRefundFailed : RefundedCents is the total that remains refunded.
type PurchaseRefundFailed struct {
	PurchaseID    string `json:"purchase_id"`
	CustomerID    string `json:"customer_id"`
	ContentID     string `json:"content_id"`
	RefundedCents int64  `json:"refunded_cents"`
	AmountCents   int64  `json:"amount_cents"`
	// WasFull is true when nothing of the payment was left before.
	WasFull bool `json:"was_full"`
	// Access is what the purchase gives from now on.
	Access string `json:"access" jsonschema:"enum=open,enum=suspended,enum=ended"`
}

// PurchaseDisputed : access is suspended until the dispute is decided. A payment may have
// several disputes.
type PurchaseDisputed struct {
	PurchaseID string `json:"purchase_id"`
	CustomerID string `json:"customer_id"`
	ContentID  string `json:"content_id"`
	DisputeID  string `json:"dispute_id,omitempty"`
	Reason     string `json:"reason"`
	// Access is what the purchase gives from now on; empty in events of earlier versions.
	Access string `json:"access,omitempty" jsonschema:"enum=open,enum=suspended,enum=ended"`
}

// PurchaseDisputeClosed : Won gives access back, unless something else takes it.
type PurchaseDisputeClosed struct {
	PurchaseID string `json:"purchase_id"`
	CustomerID string `json:"customer_id"`
	ContentID  string `json:"content_id"`
	DisputeID  string `json:"dispute_id,omitempty"`
	Won        bool   `json:"won"`
	// Access is what the purchase gives from now on; empty in events of earlier versions.
	Access string `json:"access,omitempty" jsonschema:"enum=open,enum=suspended,enum=ended"`
}

// EventType implements Payload.
func (CheckoutStarted) EventType() string { return "checkout.started" }

// EventType implements Payload.
func (CheckoutExpired) EventType() string { return "checkout.expired" }

// EventType implements Payload.
func (PurchaseCompleted) EventType() string { return "purchase.completed" }

// EventType implements Payload.
func (PurchaseDuplicateDetected) EventType() string { return "purchase.duplicate_detected" }

// EventType implements Payload.
func (PurchaseRefunded) EventType() string { return "purchase.refunded" }

// EventType implements Payload.
func (PurchaseRefundFailed) EventType() string { return "purchase.refund_failed" }

// EventType implements Payload.
func (PurchaseDisputed) EventType() string { return "purchase.disputed" }

// EventType implements Payload.
func (PurchaseDisputeClosed) EventType() string { return "purchase.dispute_closed" }
