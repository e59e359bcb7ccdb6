package stripe

import (
	"net/http"
	"slices"
	"strconv"
)

// pay is the buyer's payment. A second one changes nothing.
func (t *tx) pay(id string) (session, error) {
	s, err := t.payable(id)
	if err != nil || s.Status == "complete" {
		return s, err
	}
	i, err := t.attempt(&s)
	if err != nil {
		return s, err
	}
	return t.succeed(s, i, t.newCharge(s, i), "checkout.session.completed")
}

// succeed records that the amount has arrived.
func (t *tx) succeed(s session, i intent, c charge, sessionEvent string) (session, error) {
	c.Paid, c.Pending, c.Transaction = true, false, newID("txn_3", 23)
	i.Status, i.LatestCharge, i.Declined = "succeeded", c.ID, false
	s.Status, s.PaymentStatus, s.Declined, s.Settling = "complete", "paid", false, false
	if err := t.putPayment(s, i, c); err != nil {
		return s, err
	}
	if err := t.book(c.Currency, c.Amount); err != nil {
		return s, err
	}
	if err := t.emit("charge.succeeded", t.showCharge(c, nil), nil, ""); err != nil {
		return s, err
	}
	if err := t.emit("payment_intent.succeeded", t.showIntent(i, nil), nil, ""); err != nil {
		return s, err
	}
	return s, t.emit(sessionEvent, t.showSession(s, nil), nil, "")
}

// putPayment stores a session with its intent and charge.
func (t *tx) putPayment(s session, i intent, c charge) error {
	for _, err := range []error{put(t, t.charges, c.ID, c), put(t, t.intents, i.ID, i), put(t, t.sessions, s.ID, s)} {
		if err != nil {
			return err
		}
	}
	return nil
}

// bankDebits are the payment methods that need days, by currency.
var bankDebits = map[string]string{
	"aud": "au_becs_debit", "cad": "acss_debit", "eur": "sepa_debit", "gbp": "bacs_debit", "usd": "us_bank_account",
}

// bankDebit is the method of a currency; those without one have a transfer.
func bankDebit(currency string) string {
	if method := bankDebits[currency]; method != "" {
		return method
	}
	return "customer_balance"
}

// payLater is a payment by a method whose result comes later: the session is complete, and
// unpaid until settle.
func (t *tx) payLater(id string) (session, error) {
	s, err := t.payable(id)
	if err != nil || s.Status == "complete" {
		return s, err
	}
	i, err := t.attempt(&s)
	if err != nil {
		return s, err
	}
	c := t.newCharge(s, i)
	c.Pending, c.Method = true, bankDebit(s.Currency)
	i.Status, i.LatestCharge, i.Declined = "processing", c.ID, false
	s.Status, s.Declined, s.Settling = "complete", false, true
	if err := t.putPayment(s, i, c); err != nil {
		return s, err
	}
	if err := t.emit("charge.pending", t.showCharge(c, nil), nil, ""); err != nil {
		return s, err
	}
	if err := t.emit("payment_intent.processing", t.showIntent(i, nil), nil, ""); err != nil {
		return s, err
	}
	return s, t.emit("checkout.session.completed", t.showSession(s, nil), nil, "")
}

// settle ends a payment of payLater as succeeded or failed.
func (t *tx) settle(id, status string) (session, error) {
	s, known := t.sessions.get(id)
	switch {
	case !known:
		return s, unknown(http.StatusNotFound, "checkout.session", id, "session")
	case status != "succeeded" && status != "failed":
		return s, invalid("status", "A payment settles as succeeded or failed.")
	case !s.Settling:
		return s, invalid("session", "This Checkout Session waits for no bank.")
	}
	i := t.intents.rows[s.Intent]
	c := t.charges.rows[i.LatestCharge]
	if status == "succeeded" {
		return t.succeed(s, i, c, "checkout.session.async_payment_succeeded")
	}
	c.Pending, c.FailureCode, c.DeclineCode = false, "insufficient_funds", "insufficient_funds"
	i.Status, i.Declined = "requires_payment_method", true
	s.Settling = false
	if err := t.putPayment(s, i, c); err != nil {
		return s, err
	}
	if err := t.emit("charge.failed", t.showCharge(c, nil), nil, ""); err != nil {
		return s, err
	}
	if err := t.emit("payment_intent.payment_failed", t.showIntent(i, nil), nil, ""); err != nil {
		return s, err
	}
	return s, t.emit("checkout.session.async_payment_failed", t.showSession(s, nil), nil, "")
}

// decline is a declined card. The session stays open for another attempt.
func (t *tx) decline(id string) (session, error) {
	s, err := t.payable(id)
	if err != nil || s.Status == "complete" {
		return s, err
	}
	i, err := t.attempt(&s)
	if err != nil {
		return s, err
	}
	c := t.newCharge(s, i)
	c.FailureCode, c.DeclineCode = "card_declined", "generic_decline"
	i.Status, i.LatestCharge, i.Declined = "requires_payment_method", c.ID, true
	s.Declined = true
	if err := t.putPayment(s, i, c); err != nil {
		return s, err
	}
	if err := t.emit("charge.failed", t.showCharge(c, nil), nil, ""); err != nil {
		return s, err
	}
	return s, t.emit("payment_intent.payment_failed", t.showIntent(i, nil), nil, "")
}

func (t *tx) payable(id string) (session, error) {
	s, known := t.sessions.get(id)
	if !known {
		return s, unknown(http.StatusNotFound, "checkout.session", id, "session")
	}
	if s.Status == "expired" || (s.Status == "open" && s.ExpiresAt <= t.stamp) {
		return s, invalid("session", "This Checkout Session has expired.")
	}
	return s, nil
}

// attempt finds or creates the payment intent. Since API version 2022-08-01 it exists only
// from the first attempt to pay on.
func (t *tx) attempt(s *session) (intent, error) {
	if i, known := t.intents.get(s.Intent); known {
		return i, nil
	}
	i := intent{
		ID:            newID("pi_3", 23),
		Created:       t.stamp,
		Amount:        s.Amount,
		Currency:      s.Currency,
		Status:        "requires_payment_method",
		Customer:      s.Customer,
		Description:   s.IntentDescription,
		Metadata:      s.IntentMetadata,
		TransferGroup: s.TransferGroup,
		Session:       s.ID,
	}
	i.Secret = i.ID + "_secret_" + newID("", 25)
	s.Intent = i.ID
	if err := put(t, t.intents, i.ID, i); err != nil {
		return i, err
	}
	return i, t.emit("payment_intent.created", t.showIntent(i, nil), nil, "")
}

func (t *tx) newCharge(s session, i intent) charge {
	return charge{
		ID:            newID("ch_3", 23),
		Intent:        i.ID,
		Customer:      i.Customer,
		Created:       t.stamp,
		Amount:        i.Amount,
		Currency:      i.Currency,
		Email:         t.emailOf(s),
		Description:   i.Description,
		Metadata:      i.Metadata,
		TransferGroup: i.TransferGroup,
	}
}

// book adds to a balance: "<currency>" is the platform's, "<account>/<currency>" an account's.
func (t *tx) book(balance string, amount int64) error {
	return put(t, t.balances, balance, t.balances.rows[balance]+amount)
}

func retrieveIntent(t *tx, r *request) (any, error) {
	r.ignore("client_secret")
	return retrieve(r, t.intents, "payment_intent", "intent",
		func(row intent) obj { return t.showIntent(row, r.expanded) })
}

func retrieveCharge(t *tx, r *request) (any, error) {
	return retrieve(r, t.charges, "charge", "id", func(row charge) obj { return t.showCharge(row, r.expanded) })
}

func listCharges(t *tx, r *request) (any, error) {
	within, intent, customer, group := r.created(), r.text("payment_intent"), r.text("customer"), r.text("transfer_group")
	return page(r, t.charges, func(c charge) bool {
		return within.holds(c.Created) && matches(intent, c.Intent) &&
			matches(customer, c.Customer) && matches(group, c.TransferGroup)
	}, func(c charge) any { return t.showCharge(c, r.expanded.under("data")) })
}

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
