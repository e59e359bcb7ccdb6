package stripe

import "net/http"

// pay is the buyer's payment. A second one changes nothing.
func (t *tx) pay(id string) (session, error) {
	s, i, err := t.attempt(id)
	if err != nil || s.Status == "complete" {
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
	return s, t.emitPayment(s, i, c, "charge.succeeded", "payment_intent.succeeded", sessionEvent)
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

// emitPayment emits the events of a payment's charge, intent and session. An empty
// sessionEvent is none.
func (t *tx) emitPayment(s session, i intent, c charge, chargeEvent, intentEvent, sessionEvent string) error {
	if err := t.emit(chargeEvent, t.showCharge(c, nil), nil, ""); err != nil {
		return err
	}
	if err := t.emit(intentEvent, t.showIntent(i, nil), nil, ""); err != nil || sessionEvent == "" {
		return err
	}
	return t.emit(sessionEvent, t.showSession(s, nil), nil, "")
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
	s, i, err := t.attempt(id)
	if err != nil || s.Status == "complete" {
		return s, err
	}
	c := t.newCharge(s, i)
	c.Pending, c.Method = true, bankDebit(s.Currency)
	i.Status, i.LatestCharge, i.Declined = "processing", c.ID, false
	s.Status, s.Declined, s.Settling = "complete", false, true
	if err := t.putPayment(s, i, c); err != nil {
		return s, err
	}
	return s, t.emitPayment(s, i, c, "charge.pending", "payment_intent.processing", "checkout.session.completed")
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
	return s, t.emitPayment(s, i, c,
		"charge.failed", "payment_intent.payment_failed", "checkout.session.async_payment_failed")
}

// decline is a declined card. The session stays open for another attempt.
func (t *tx) decline(id string) (session, error) {
	s, i, err := t.attempt(id)
	if err != nil || s.Status == "complete" {
		return s, err
	}
	c := t.newCharge(s, i)
	c.FailureCode, c.DeclineCode = "card_declined", "generic_decline"
	i.Status, i.LatestCharge, i.Declined = "requires_payment_method", c.ID, true
	s.Declined = true
	if err := t.putPayment(s, i, c); err != nil {
		return s, err
	}
	return s, t.emitPayment(s, i, c, "charge.failed", "payment_intent.payment_failed", "")
}

// attempt begins an attempt to pay a session, unless it is complete.
func (t *tx) attempt(id string) (session, intent, error) {
	s, known := t.sessions.get(id)
	switch {
	case !known:
		return s, intent{}, unknown(http.StatusNotFound, "checkout.session", id, "session")
	case s.Status == "expired" || s.Status == "open" && s.ExpiresAt <= t.stamp:
		return s, intent{}, invalid("session", "This Checkout Session has expired.")
	case s.Status == "complete":
		return s, intent{}, nil
	}
	i, err := t.intentOf(&s)
	return s, i, err
}

// intentOf finds or creates the payment intent of a session. Since API version 2022-08-01 it
// exists only from the first attempt to pay on.
func (t *tx) intentOf(s *session) (intent, error) {
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
