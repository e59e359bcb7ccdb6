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

// The states of a dispute. An inquiry begins with warning.
const (
	disputeOpen    = "needs_response"
	disputeWon     = "won"
	disputeLost    = "lost"
	inquiryOpen    = "warning_needs_response"
	inquiryClosed  = "warning_closed"
	fundsWithdrawn = "charge.dispute.funds_withdrawn"
	fundsReturned  = "charge.dispute.funds_reinstated"
)

// openDispute opens a dispute of amount, 0 for all that is left, or an inquiry. The amount
// of a dispute leaves the platform's balance at once. A payment may have several.
func (t *tx) openDispute(intentID, reason string, amount int64, inquiry bool) (dispute, error) {
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
	left := c.Amount - c.RefundedAmount - t.disputedAmount(c)
	switch {
	case !c.Paid:
		return dispute{}, invalid("payment_intent", "The payment has not succeeded.")
	case left <= 0:
		return dispute{}, invalid("payment_intent", "Nothing is left of the payment.")
	case amount > left:
		return dispute{}, invalid("amount", "More than is left of the payment.")
	case amount == 0:
		amount = left
	}
	d := dispute{
		ID:       newID("dp_1", 23),
		Charge:   c.ID,
		Intent:   i.ID,
		Created:  t.stamp,
		Amount:   amount,
		Currency: c.Currency,
		Reason:   reason,
		Status:   disputeOpen,
	}
	if inquiry {
		d.Status = inquiryOpen
	}
	c.Dispute = d.ID
	c.Disputed = c.Disputed || !inquiry
	for _, err := range []error{put(t, t.disputes, d.ID, d), put(t, t.charges, c.ID, c)} {
		if err != nil {
			return d, err
		}
	}
	if err := t.emit("charge.dispute.created", t.showDispute(d, nil), nil, ""); err != nil || inquiry {
		return d, err
	}
	return d, t.withdraw(d)
}

// disputedAmount is what disputes of a charge have taken.
func (t *tx) disputedAmount(c charge) (sum int64) {
	for _, id := range t.disputes.order {
		if d := t.disputes.rows[id]; d.Charge == c.ID && (d.Status == disputeOpen || d.Status == disputeLost) {
			sum += d.Amount
		}
	}
	return sum
}

// withdraw takes the amount of a dispute.
func (t *tx) withdraw(d dispute) error {
	if err := t.book(d.Currency, -d.Amount); err != nil {
		return err
	}
	return t.emit(fundsWithdrawn, t.showDispute(d, nil), nil, "")
}

// escalateDispute makes an inquiry a dispute.
func (t *tx) escalateDispute(id string) (dispute, error) {
	d, known := t.disputes.get(id)
	switch {
	case !known:
		return d, unknown(http.StatusNotFound, "dispute", id, "dispute")
	case d.Status == disputeOpen:
		return d, nil
	case d.Status != inquiryOpen:
		return d, invalid("dispute", "Only an open inquiry becomes a dispute.")
	}
	before := obj{"status": d.Status}
	d.Status = disputeOpen
	c := t.charges.rows[d.Charge]
	c.Disputed = true
	for _, err := range []error{put(t, t.disputes, d.ID, d), put(t, t.charges, c.ID, c)} {
		if err != nil {
			return d, err
		}
	}
	if err := t.emit("charge.dispute.updated", t.showDispute(d, nil), before, ""); err != nil {
		return d, err
	}
	return d, t.withdraw(d)
}

// closeDispute decides a dispute, won or lost, or ends an inquiry. A won dispute returns the
// amount, also one that was lost before; the charge stays marked as disputed, as at Stripe.
func (t *tx) closeDispute(id, verdict string) (dispute, error) {
	d, known := t.disputes.get(id)
	inquiry := d.Status == inquiryOpen
	switch {
	case !known:
		return d, unknown(http.StatusNotFound, "dispute", id, "dispute")
	case d.Status == verdict:
		return d, nil
	case inquiry && verdict != inquiryClosed:
		return d, invalid("status", "An inquiry is closed as warning_closed.")
	case !inquiry && verdict != disputeWon && verdict != disputeLost:
		return d, invalid("status", "A dispute is closed as won or lost.")
	case !inquiry && d.Status != disputeOpen && (d.Status != disputeLost || verdict != disputeWon):
		return d, invalid("dispute", "The dispute is closed already.")
	}
	closed := obj{"status": d.Status}
	late := d.Status == disputeLost
	d.Status = verdict
	if err := put(t, t.disputes, d.ID, d); err != nil {
		return d, err
	}
	if verdict == disputeWon {
		if err := t.book(d.Currency, d.Amount); err != nil {
			return d, err
		}
		if err := t.emit(fundsReturned, t.showDispute(d, nil), nil, ""); err != nil {
			return d, err
		}
	}
	eventType := "charge.dispute.closed"
	if late {
		eventType = "charge.dispute.updated"
	}
	return d, t.emit(eventType, t.showDispute(d, nil), closed, "")
}

func retrieveDispute(t *tx, r *request) (any, error) {
	return retrieve(r, t.disputes, "dispute", "dispute", func(row dispute) obj { return t.showDispute(row, r.expanded) })
}

func listDisputes(t *tx, r *request) (any, error) {
	within, chargeID, intentID := r.created(), r.text("charge"), r.text("payment_intent")
	return page(r, t.disputes, func(d dispute) bool {
		return within.holds(d.Created) && matches(chargeID, d.Charge) && matches(intentID, d.Intent)
	}, func(d dispute) any { return t.showDispute(d, r.expanded.under("data")) })
}
