package payments

import "time"

// CheckoutSession is the provider's page on which a buyer pays.
type CheckoutSession struct {
	SessionURL string `json:"sessionUrl"`
	SessionID  string `json:"sessionId"`
}

// Portal is the provider's page with a buyer's receipts and cards.
type Portal struct {
	URL string `json:"url"`
}

// recorded is the outcome of purchase.record_event. No client receives it.
type recorded struct {
	// Result is the effect of the report: purchase, duplicate, refunded, unchanged,
	// ignored and others.
	Result string `json:"result"`
}

// StripeEvent is the part of an event of Stripe that is read. Events of any API version
// are accepted.
type StripeEvent struct {
	ID       string `json:"id" jsonschema:"required,minLength=1,maxLength=255,example=evt_1PqR2s"`
	Type     string `json:"type" jsonschema:"required,minLength=1,maxLength=255,example=checkout.session.completed"`
	Created  int64  `json:"created,omitempty" jsonschema:"example=1767225600"`
	Livemode bool   `json:"livemode,omitempty"`
	Data     struct {
		Object map[string]any `json:"object"`
	} `json:"data"`
}

// Received acknowledges a webhook. It has no envelope.
type Received struct {
	Received bool `json:"received"`
}

// Purchase is a row of a buyer's history. AmountCents repeats AmountPaidCents, and
// ContentTitle the title of Content, for older clients.
type Purchase struct {
	ID              string            `json:"id"`
	CustomerID      string            `json:"customerId"`
	ContentID       string            `json:"contentId"`
	OrganizationID  *string           `json:"organizationId"`
	AmountPaidCents int64             `json:"amountPaidCents"`
	AmountCents     int64             `json:"amountCents"`
	Currency        string            `json:"currency"`
	Status          string            `json:"status"`
	CreatedAt       time.Time         `json:"createdAt"`
	PurchasedAt     *time.Time        `json:"purchasedAt"`
	ContentTitle    string            `json:"contentTitle"`
	Content         *PurchasedContent `json:"content"`
}

// PurchasedContent is a summary of the content item that was bought.
type PurchasedContent struct {
	ID           string  `json:"id"`
	Title        string  `json:"title"`
	Slug         string  `json:"slug"`
	ContentType  string  `json:"contentType"`
	ThumbnailURL *string `json:"thumbnailUrl"`
}

// PurchaseDetail is a purchase as its buyer sees it, with the split and with refunds and
// disputes.
type PurchaseDetail struct {
	Purchase
	PlatformFeeCents      int64      `json:"platformFeeCents"`
	OrganizationFeeCents  int64      `json:"organizationFeeCents"`
	CreatorPayoutCents    int64      `json:"creatorPayoutCents"`
	StripePaymentIntentID string     `json:"stripePaymentIntentId"`
	RefundedAt            *time.Time `json:"refundedAt"`
	RefundAmountCents     *int64     `json:"refundAmountCents"`
	RefundReason          *string    `json:"refundReason"`
	StripeRefundID        *string    `json:"stripeRefundId"`
	DisputedAt            *time.Time `json:"disputedAt"`
	DisputeReason         *string    `json:"disputeReason"`
	UpdatedAt             time.Time  `json:"updatedAt"`
}

// CheckoutState is what a success page polls. Purchase and Content are absent until the
// payment is recorded.
type CheckoutState struct {
	// SessionStatus is open, complete or expired.
	SessionStatus string            `json:"sessionStatus" jsonschema:"enum=open,enum=complete,enum=expired"`
	Purchase      *VerifiedPurchase `json:"purchase,omitempty"`
	Content       *PurchasedContent `json:"content,omitempty"`
}

// VerifiedPurchase is the purchase that a checkout became.
type VerifiedPurchase struct {
	ID              string     `json:"id"`
	ContentID       string     `json:"contentId"`
	Status          string     `json:"status"`
	AmountPaidCents int64      `json:"amountPaidCents"`
	PurchasedAt     *time.Time `json:"purchasedAt"`
}
