package stripe

import "net/http"

// pay is the buyer's click. Paying what is paid changes nothing.
func (t *tx) pay(id string) (session, error) {
	s, err := t.payable(id)
	if err != nil || s.Status == "complete" {
		return s, err
	}
	i, err := t.attempt(&s)
	if err != nil {
		return s, err
	}
	c := t.newCharge(s, i)
	c.Paid, c.Transaction = true, newID("txn_3", 23)
	i.Status, i.LatestCharge, i.Declined = "succeeded", c.ID, false
	s.Status, s.PaymentStatus, s.Declined = "complete", "paid", false
	for _, err := range []error{
		put(t, t.charges, c.ID, c), put(t, t.intents, i.ID, i), put(t, t.sessions, s.ID, s),
		t.book(c.Currency, c.Amount),
	} {
		if err != nil {
			return s, err
		}
	}
	if err := t.emit("charge.succeeded", t.showCharge(c, nil), nil, ""); err != nil {
		return s, err
	}
	if err := t.emit("payment_intent.succeeded", t.showIntent(i, nil), nil, ""); err != nil {
		return s, err
	}
	return s, t.emit("checkout.session.completed", t.showSession(s, nil), nil, "")
}

// decline is the buyer's bank saying no. The session stays open for another try.
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
	for _, err := range []error{put(t, t.charges, c.ID, c), put(t, t.intents, i.ID, i), put(t, t.sessions, s.ID, s)} {
		if err != nil {
			return s, err
		}
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

// attempt finds or makes the payment intent. Since API version 2022-08-01 it exists only
// from the first try to pay on.
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

// book adds to a balance: a currency is ours, "<account>/<currency>" an account's.
func (t *tx) book(balance string, amount int64) error {
	return put(t, t.balances, balance, t.balances.rows[balance]+amount)
}

func retrieveIntent(t *tx, r *request) (any, error) {
	r.ignore("client_secret")
	if err := r.done(); err != nil {
		return nil, err
	}
	i, known := t.intents.get(r.target())
	if !known {
		return nil, unknown(http.StatusNotFound, "payment_intent", r.target(), "intent")
	}
	return t.showIntent(i, r.expanded), nil
}

func retrieveCharge(t *tx, r *request) (any, error) {
	if err := r.done(); err != nil {
		return nil, err
	}
	c, known := t.charges.get(r.target())
	if !known {
		return nil, unknown(http.StatusNotFound, "charge", r.target(), "id")
	}
	return t.showCharge(c, r.expanded), nil
}

func listCharges(t *tx, r *request) (any, error) {
	within, intent, customer, group := r.created(), r.text("payment_intent"), r.text("customer"), r.text("transfer_group")
	return page(r, t.charges, func(c charge) bool {
		return within.holds(c.Created) && matches(intent, c.Intent) &&
			matches(customer, c.Customer) && matches(group, c.TransferGroup)
	}, func(c charge) any { return t.showCharge(c, r.expanded.under("data")) })
}
