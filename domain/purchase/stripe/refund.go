package stripe

import (
	"context"
	"time"

	stripego "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/refund"
)

// The reasons of a refund, as Stripe names them.
const (
	ReasonDuplicate = "duplicate"
	ReasonByRequest = "requested_by_customer"
)

// The states of a refund, as Stripe names them.
const (
	RefundPending        = "pending"
	RefundRequiresAction = "requires_action"
	RefundSucceeded      = "succeeded"
	RefundFailed         = "failed"
	RefundCanceled       = "canceled"
)

// CodeAlreadyRefunded is the Code of a refund of a payment that is refunded in full.
const CodeAlreadyRefunded = "charge_already_refunded"

const pageSize = 100 // the most Stripe returns at once

// Refund is a refund, completed or in progress.
type Refund struct {
	ID              string
	PaymentIntentID string
	ChargeID        string
	// AmountCents of this refund alone, not of all refunds of the payment.
	AmountCents int64
	Currency    string
	// Status is pending, requires_action, succeeded, failed or canceled.
	Status  string
	Reason  string
	Created time.Time
}

// Refund refunds amountCents of a payment; 0 means all that is left. reason is one of
// the Reason constants or empty. Stripe rejects a refund beyond what is left, or of a
// payment under dispute.
func (c *Client) Refund(
	ctx context.Context, paymentIntent string, amountCents int64, reason, idempotencyKey string,
) (Refund, error) {
	const op = "refund"
	if err := requireKey(op, idempotencyKey); err != nil {
		return Refund{}, err
	}
	if paymentIntent == "" {
		return Refund{}, &Error{Kind: ErrRejected, Op: op, Param: "payment_intent", Message: "payment intent is empty"}
	}
	if amountCents < 0 {
		return Refund{}, &Error{Kind: ErrRejected, Op: op, Param: "amount", Message: "amount is negative"}
	}
	params := &stripego.RefundParams{PaymentIntent: &paymentIntent, Reason: optional(reason)}
	if amountCents > 0 {
		params.Amount = &amountCents
	}
	params.Context = ctx
	params.IdempotencyKey = &idempotencyKey
	created, err := c.refunds().New(params)
	if err != nil {
		return Refund{}, classify(op, err)
	}
	return refundOf(created), nil
}

// ListRefunds returns all refunds of a payment, newest first. Since API version 2022-11-15
// a charge.refunded event does not contain them, with their ids and reasons.
func (c *Client) ListRefunds(ctx context.Context, paymentIntent string) ([]Refund, error) {
	params := &stripego.RefundListParams{PaymentIntent: &paymentIntent}
	params.Context = ctx
	params.Limit = stripego.Int64(pageSize)
	var all []Refund
	list := c.refunds().List(params)
	for list.Next() {
		all = append(all, refundOf(list.Refund()))
	}
	if err := list.Err(); err != nil {
		return nil, classify("list refunds", err)
	}
	return all, nil
}

func (c *Client) refunds() refund.Client { return refund.Client{B: c.backend, Key: c.key} }

func refundOf(r *stripego.Refund) Refund {
	out := Refund{
		ID:          r.ID,
		AmountCents: r.Amount,
		Currency:    string(r.Currency),
		Status:      string(r.Status),
		Reason:      string(r.Reason),
		Created:     time.Unix(r.Created, 0).UTC(),
	}
	if r.PaymentIntent != nil {
		out.PaymentIntentID = r.PaymentIntent.ID
	}
	if r.Charge != nil {
		out.ChargeID = r.Charge.ID
	}
	return out
}
