package stripe

import (
	"net/http"
	"slices"
)

// disputeReasons are those Stripe documents for cards.
var disputeReasons = []string{
	"bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated",
	"debit_not_authorized", "duplicate", "fraudulent", "general", "incorrect_account_details",
	"insufficient_funds", "product_not_received", "product_unacceptable", "subscription_canceled", "unrecognized",
}

// openDispute is the buyer's bank taking a payment back. The amount leaves our balance at once.
func (t *tx) openDispute(intentID, reason string) (dispute, error) {
	i, known := t.intents.get(intentID)
	if !known {
		return dispute{}, unknown(http.StatusNotFound, "payment_intent", intentID, "intent")
	}
	if reason == "" {
		reason = "fraudulent"
	}
	if !slices.Contains(disputeReasons, reason) {
		return dispute{}, invalid("reason", "Unknown dispute reason.")
	}
	c := t.charges.rows[i.LatestCharge]
	left := c.Amount - c.RefundedAmount
	switch {
	case !c.Paid:
		return dispute{}, invalid("payment_intent", "The payment has not succeeded.")
	case c.Dispute != "":
		return dispute{}, invalid("payment_intent", "The payment has been disputed already.")
	case left == 0:
		return dispute{}, invalid("payment_intent", "The payment has been refunded.")
	}
	d := dispute{
		ID:       newID("dp_1", 23),
		Charge:   c.ID,
		Intent:   i.ID,
		Created:  t.stamp,
		Amount:   left,
		Currency: c.Currency,
		Reason:   reason,
		Status:   "needs_response",
	}
	c.Disputed, c.Dispute = true, d.ID
	for _, err := range []error{put(t, t.disputes, d.ID, d), put(t, t.charges, c.ID, c), t.book(c.Currency, -d.Amount)} {
		if err != nil {
			return d, err
		}
	}
	if err := t.emit("charge.dispute.created", t.showDispute(d, nil), nil, ""); err != nil {
		return d, err
	}
	return d, t.emit("charge.dispute.funds_withdrawn", t.showDispute(d, nil), nil, "")
}

// closeDispute is the bank's verdict, won or lost. A won dispute brings the amount back;
// the charge stays marked as disputed, as at Stripe.
func (t *tx) closeDispute(id, verdict string) (dispute, error) {
	d, known := t.disputes.get(id)
	switch {
	case !known:
		return d, unknown(http.StatusNotFound, "dispute", id, "dispute")
	case verdict != "won" && verdict != "lost":
		return d, invalid("status", "A dispute is closed as won or lost.")
	case d.Status == verdict:
		return d, nil
	case d.Status != "needs_response":
		return d, invalid("dispute", "The dispute is closed already.")
	}
	before := obj{"status": d.Status}
	d.Status = verdict
	if err := put(t, t.disputes, d.ID, d); err != nil {
		return d, err
	}
	if verdict == "won" {
		if err := t.book(d.Currency, d.Amount); err != nil {
			return d, err
		}
		if err := t.emit("charge.dispute.funds_reinstated", t.showDispute(d, nil), nil, ""); err != nil {
			return d, err
		}
	}
	return d, t.emit("charge.dispute.closed", t.showDispute(d, nil), before, "")
}

func retrieveDispute(t *tx, r *request) (any, error) {
	if err := r.done(); err != nil {
		return nil, err
	}
	d, known := t.disputes.get(r.target())
	if !known {
		return nil, unknown(http.StatusNotFound, "dispute", r.target(), "dispute")
	}
	return t.showDispute(d, r.expanded), nil
}

func listDisputes(t *tx, r *request) (any, error) {
	within, chargeID, intentID := r.created(), r.text("charge"), r.text("payment_intent")
	return page(r, t.disputes, func(d dispute) bool {
		return within.holds(d.Created) && matches(chargeID, d.Charge) && matches(intentID, d.Intent)
	}, func(d dispute) any { return t.showDispute(d, r.expanded.under("data")) })
}
