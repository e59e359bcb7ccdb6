package stripe

import (
	"net/http"
	"slices"
	"strconv"
)

var refundReasons = []string{"", "duplicate", "fraudulent", "requested_by_customer"}

func createRefund(t *tx, r *request) (any, error) {
	chargeID, intentID := r.text("charge"), r.text("payment_intent")
	amount, reason := r.integer("amount", 0), r.text("reason")
	metadata := r.metadata("metadata")
	r.ignore("refund_application_fee", "reverse_transfer", "instructions_email", "origin")
	if r.has("amount") && amount <= 0 {
		r.fail(invalid("amount", "Invalid positive integer"))
	}
	if !slices.Contains(refundReasons, reason) {
		r.fail(invalid("reason", "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer"))
	}
	if intentID != "" {
		i, known := t.intents.get(intentID)
		switch {
		case !known:
			r.fail(unknown(http.StatusBadRequest, "payment_intent", intentID, "payment_intent"))
		case i.Status != "succeeded":
			r.fail(invalid("payment_intent", "This PaymentIntent does not have a successful charge to refund."))
		}
		chargeID = i.LatestCharge
	}
	if chargeID == "" {
		r.fail(missing("payment_intent"))
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	re, err := t.refund(chargeID, amount, reason, refundSucceeded, metadata)
	if err != nil {
		return nil, err
	}
	return t.showRefund(re, r.expanded), nil
}

// The states of a refund.
const (
	refundPending   = "pending"
	refundSucceeded = "succeeded"
	refundFailed    = "failed"
	refundCanceled  = "canceled"
)

// refund refunds amount of a charge; 0 means all that is left. status is pending or succeeded.
func (t *tx) refund(
	chargeID string, amount int64, reason, status string, metadata map[string]string,
) (refund, error) {
	c, known := t.charges.get(chargeID)
	if !known {
		return refund{}, unknown(http.StatusBadRequest, "charge", chargeID, "charge")
	}
	left := c.Amount - c.RefundedAmount
	switch {
	case !c.Paid:
		return refund{}, rejected("charge_not_refundable", "charge", "Charge "+c.ID+" was not paid and cannot be refunded.")
	case c.Disputed:
		return refund{}, rejected("charge_disputed", "", "Charge "+c.ID+" has been charged back; cannot issue a refund.")
	case left == 0:
		return refund{}, rejected("charge_already_refunded", "", "Charge "+c.ID+" has already been refunded.")
	case amount > left:
		return refund{}, rejected("", "amount", "Refund amount ("+strconv.FormatInt(amount, 10)+
			") is greater than unrefunded amount on charge ("+strconv.FormatInt(left, 10)+")")
	case amount == 0:
		amount = left
	}
	re := refund{
		ID:          newID("re_3", 23),
		Charge:      c.ID,
		Intent:      c.Intent,
		Created:     t.stamp,
		Amount:      amount,
		Currency:    c.Currency,
		Reason:      reason,
		Status:      status,
		Transaction: newID("txn_3", 23),
		Metadata:    metadata,
	}
	before := obj{"amount_refunded": c.RefundedAmount}
	if amount == left {
		before["refunded"] = false
	}
	c.RefundedAmount += amount
	c.Refunds = append(slices.Clone(c.Refunds), re.ID)
	for _, err := range []error{put(t, t.refunds, re.ID, re), put(t, t.charges, c.ID, c), t.book(c.Currency, -amount)} {
		if err != nil {
			return re, err
		}
	}
	if err := t.emit("refund.created", t.showRefund(re, nil), nil, ""); err != nil {
		return re, err
	}
	return re, t.emit("charge.refunded", t.showCharge(c, nil), before, "")
}

// settleRefund ends a refund as succeeded, failed or canceled. One that succeeded may still
// fail: the bank returns the money. The amount of one that does not arrive is the platform's
// again.
func (t *tx) settleRefund(id, status string) (refund, error) {
	re, known := t.refunds.get(id)
	switch {
	case !known:
		return re, unknown(http.StatusNotFound, "refund", id, "refund")
	case !slices.Contains([]string{refundSucceeded, refundFailed, refundCanceled}, status):
		return re, invalid("status", "A refund ends as succeeded, failed or canceled.")
	case re.Status == status:
		return re, nil
	case re.Status != refundPending && (re.Status != refundSucceeded || status != refundFailed):
		return re, invalid("refund", "The refund is "+re.Status+" already.")
	}
	before := obj{"status": re.Status}
	re.Status = status
	if err := put(t, t.refunds, re.ID, re); err != nil {
		return re, err
	}
	types := []string{"refund.updated", "charge.refund.updated"}
	if status != refundSucceeded {
		c := t.charges.rows[re.Charge]
		c.RefundedAmount -= re.Amount
		if err := put(t, t.charges, c.ID, c); err != nil {
			return re, err
		}
		if err := t.book(re.Currency, re.Amount); err != nil {
			return re, err
		}
	}
	if status == refundFailed {
		types = append(types, "refund.failed")
	}
	for _, eventType := range types {
		if err := t.emit(eventType, t.showRefund(re, nil), before, ""); err != nil {
			return re, err
		}
	}
	return re, nil
}

func retrieveRefund(t *tx, r *request) (any, error) {
	return retrieve(r, t.refunds, "refund", "id", func(row refund) obj { return t.showRefund(row, r.expanded) })
}

func listRefunds(t *tx, r *request) (any, error) {
	within, chargeID, intentID := r.created(), r.text("charge"), r.text("payment_intent")
	return page(r, t.refunds, func(re refund) bool {
		return within.holds(re.Created) && matches(chargeID, re.Charge) && matches(intentID, re.Intent)
	}, func(re refund) any { return t.showRefund(re, r.expanded.under("data")) })
}
