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
}

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
}

// PurchaseDisputed : access is suspended until the dispute is decided.
type PurchaseDisputed struct {
	PurchaseID string `json:"purchase_id"`
	CustomerID string `json:"customer_id"`
	ContentID  string `json:"content_id"`
	Reason     string `json:"reason"`
}

// PurchaseDisputeClosed : Won gives access back.
type PurchaseDisputeClosed struct {
	PurchaseID string `json:"purchase_id"`
	CustomerID string `json:"customer_id"`
	ContentID  string `json:"content_id"`
	Won        bool   `json:"won"`
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
func (PurchaseDisputed) EventType() string { return "purchase.disputed" }

// EventType implements Payload.
func (PurchaseDisputeClosed) EventType() string { return "purchase.dispute_closed" }
