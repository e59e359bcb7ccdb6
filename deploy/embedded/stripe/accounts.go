package stripe

import (
	"net/http"
	"slices"
	"strings"
)

const accountLinkLife = 5 * 60 // seconds

func createAccount(t *tx, r *request) (any, error) {
	a := account{
		ID:       newID("acct_1", 15),
		Type:     r.text("type"),
		Country:  strings.ToUpper(r.text("country")),
		Email:    r.limited("email", 512),
		Created:  t.stamp,
		Metadata: r.metadata("metadata"),
	}
	if a.Type == "" {
		a.Type = "express"
	}
	if a.Country == "" {
		a.Country = "GB"
	}
	for _, name := range []string{"card_payments", "transfers"} {
		if r.text("capabilities["+name+"][requested]") == "true" {
			a.Capabilities = append(a.Capabilities, name)
		}
	}
	r.ignore("controller", "business_type", "business_profile", "default_currency", "settings",
		"tos_acceptance", "individual", "company")
	if err := r.done(); err != nil {
		return nil, err
	}
	if err := put(t, t.accounts, a.ID, a); err != nil {
		return nil, err
	}
	return t.showAccount(a), nil
}

func retrieveAccount(t *tx, r *request) (any, error) {
	if err := r.done(); err != nil {
		return nil, err
	}
	a, err := t.account(r.target())
	if err != nil {
		return nil, err
	}
	return t.showAccount(a), nil
}

// account returns a connected account; one that left counts as unknown (403 at Stripe).
func (t *tx) account(id string) (account, error) {
	a, known := t.accounts.get(id)
	if !known || a.Deauthorized {
		return a, &apiError{
			Status:  http.StatusForbidden,
			Type:    "invalid_request_error",
			Code:    "account_invalid",
			Message: "The provided key does not have access to account '" + id + "' (or that account does not exist).",
		}
	}
	return a, nil
}

func createAccountLink(t *tx, r *request) (any, error) {
	l := accountLink{
		ID:        newID("", 24),
		Account:   r.required("account"),
		ReturnURL: r.text("return_url"),
		Created:   t.stamp,
		ExpiresAt: t.stamp + accountLinkLife,
	}
	r.checkURL("return_url", l.ReturnURL)
	r.checkURL("refresh_url", r.text("refresh_url"))
	if kind := r.required("type"); kind != "" && kind != "account_onboarding" && kind != "account_update" {
		r.fail(invalid("type", "Invalid type: must be account_onboarding or account_update"))
	}
	r.ignore("collect", "collection_options")
	if err := r.done(); err != nil {
		return nil, err
	}
	if _, err := t.account(l.Account); err != nil {
		return nil, err
	}
	if err := put(t, t.links, l.ID, l); err != nil {
		return nil, err
	}
	return obj{
		"object":     "account_link",
		"created":    l.Created,
		"expires_at": l.ExpiresAt,
		"url":        t.server.PublicURL() + "/setup/" + l.ID,
	}, nil
}

func createLoginLink(t *tx, r *request) (any, error) {
	if err := r.done(); err != nil {
		return nil, err
	}
	a, err := t.account(r.target())
	if err != nil {
		return nil, err
	}
	if !a.Submitted {
		return nil, invalid("", "Cannot create a login link for an account that has not completed onboarding.")
	}
	return obj{"object": "login_link", "created": t.stamp, "url": t.server.PublicURL() + "/?account=" + a.ID}, nil
}

// The changes of an account outside the API.
const (
	stepActivate    = "activate"
	stepRestrict    = "restrict"
	stepDeauthorize = "deauthorize"
	stepPayOut      = "payout"
)

// stepAccount changes an account and emits Stripe's events.
func (t *tx) stepAccount(id, step string) (account, error) {
	a, err := t.account(id)
	if err != nil {
		return a, err
	}
	before := obj{"charges_enabled": a.Active, "payouts_enabled": a.Active, "details_submitted": a.Submitted}
	switch step {
	case stepActivate:
		a.Active, a.Submitted, a.Restricted = true, true, false
		if !slices.Contains(a.Capabilities, "transfers") {
			a.Capabilities = append(slices.Clone(a.Capabilities), "transfers")
		}
	case stepRestrict:
		a.Active, a.Restricted = false, true
	case stepDeauthorize:
		a.Active, a.Deauthorized = false, true
		if err := put(t, t.accounts, a.ID, a); err != nil {
			return a, err
		}
		application := obj{"id": "ca_sandbox", "object": "application", "name": "Codex"}
		return a, t.emit("account.application.deauthorized", application, nil, a.ID)
	case stepPayOut:
		for _, key := range t.balances.order {
			if strings.HasPrefix(key, a.ID+"/") {
				if err := put(t, t.balances, key, 0); err != nil {
					return a, err
				}
			}
		}
		return a, nil
	default:
		return a, invalid("step", "Unknown step.")
	}
	if err := put(t, t.accounts, a.ID, a); err != nil {
		return a, err
	}
	return a, t.emit("account.updated", t.showAccount(a), before, a.ID)
}

func insufficient(message string) *apiError { return rejected("balance_insufficient", "", message) }

// createTransfer pays a connected account. With a source charge the sum of its transfers
// may not exceed it; without one the platform's balance must cover the amount.
func createTransfer(t *tx, r *request) (any, error) {
	tr := transfer{
		ID:          newID("tr_1", 23),
		Destination: r.required("destination"),
		Source:      r.text("source_transaction"),
		Created:     t.stamp,
		Amount:      r.integer("amount", 0),
		Currency:    strings.ToLower(r.required("currency")),
		Group:       r.text("transfer_group"),
		Description: r.text("description"),
		Metadata:    r.metadata("metadata"),
		Payment:     newID("py_1", 23),
		Transaction: newID("txn_1", 23),
	}
	r.ignore("source_type")
	if tr.Amount <= 0 {
		r.fail(invalid("amount", "Invalid positive integer"))
	}
	source, known := t.charges.get(tr.Source)
	if tr.Source != "" && (!known || !source.Paid) {
		r.fail(unknown(http.StatusBadRequest, "charge", tr.Source, "source_transaction"))
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	a, known := t.accounts.get(tr.Destination)
	switch {
	case !known || a.Deauthorized:
		return nil, unknown(http.StatusBadRequest, "destination", tr.Destination, "destination")
	case !a.Active || !slices.Contains(a.Capabilities, "transfers"):
		return nil, rejected("insufficient_capabilities_for_transfer", "",
			"Your destination account needs to have at least one of the following capabilities enabled: "+
				"transfers, crypto_transfers, legacy_payments")
	case t.server.faults.take(func(f *Faults) *int { return &f.TransferErrors }):
		return nil, insufficient("You have insufficient available funds in your Stripe account.")
	case tr.Source != "" && tr.Currency != source.Currency:
		return nil, rejected("", "currency",
			"The currency of source_transaction's balance transaction is different from the transfer's.")
	case tr.Source != "" && source.Transferred+tr.Amount > source.Amount:
		return nil, rejected("", "amount", "Transfers using this transaction as a source must not exceed the source amount.")
	case tr.Source == "" && t.balances.rows[tr.Currency] < tr.Amount:
		return nil, insufficient("You have insufficient available funds in your Stripe account.")
	}
	if tr.Source != "" {
		source.Transferred += tr.Amount
		if tr.Group == "" {
			tr.Group = "group_" + source.Intent
		}
		if err := put(t, t.charges, source.ID, source); err != nil {
			return nil, err
		}
	}
	if err := t.move(tr, tr.Amount); err != nil {
		return nil, err
	}
	if err := put(t, t.transfers, tr.ID, tr); err != nil {
		return nil, err
	}
	return t.showTransfer(tr), t.emit("transfer.created", t.showTransfer(tr), nil, "")
}

// move books amount from the platform to the transfer's account, or back when it is
// negative.
func (t *tx) move(tr transfer, amount int64) error {
	if err := t.book(tr.Currency, -amount); err != nil {
		return err
	}
	return t.book(tr.Destination+"/"+tr.Currency, amount)
}

// createReversal reverses a transfer, all that is left of it without an amount. The balance
// of the connected account must cover it.
func createReversal(t *tx, r *request) (any, error) {
	tr, known := t.transfers.get(r.target())
	if !known {
		return nil, unknown(http.StatusNotFound, "transfer", r.target(), "id")
	}
	left := tr.Amount - tr.Reversed
	re := reversal{
		ID:          newID("trr_1", 23),
		Transfer:    tr.ID,
		Created:     t.stamp,
		Amount:      r.integer("amount", left),
		Currency:    tr.Currency,
		Metadata:    r.metadata("metadata"),
		Transaction: newID("txn_1", 23),
	}
	r.ignore("description", "refund_application_fee")
	if r.has("amount") && re.Amount <= 0 {
		r.fail(invalid("amount", "Invalid positive integer"))
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	switch {
	case left == 0:
		return nil, rejected("", "id", "Transfer "+tr.ID+" is already fully reversed.")
	case re.Amount > left:
		return nil, rejected("", "amount", "Reversal amount is greater than unreversed amount on transfer.")
	case t.balances.rows[tr.Destination+"/"+tr.Currency] < re.Amount:
		return nil, insufficient("The connected account has insufficient funds to reverse this transfer.")
	}
	before := obj{"amount_reversed": tr.Reversed}
	tr.Reversed += re.Amount
	tr.Reversals = append(slices.Clone(tr.Reversals), re.ID)
	if source, ok := t.charges.get(tr.Source); ok {
		source.Transferred -= re.Amount
		if err := put(t, t.charges, source.ID, source); err != nil {
			return nil, err
		}
	}
	for _, err := range []error{put(t, t.reversals, re.ID, re), put(t, t.transfers, tr.ID, tr), t.move(tr, -re.Amount)} {
		if err != nil {
			return nil, err
		}
	}
	return t.showReversal(re), t.emit("transfer.reversed", t.showTransfer(tr), before, "")
}

func retrieveTransfer(t *tx, r *request) (any, error) {
	return retrieve(r, t.transfers, "transfer", "id", t.showTransfer)
}

func listTransfers(t *tx, r *request) (any, error) {
	within, destination, group := r.created(), r.text("destination"), r.text("transfer_group")
	return page(r, t.transfers, func(tr transfer) bool {
		return within.holds(tr.Created) && matches(destination, tr.Destination) && matches(group, tr.Group)
	}, func(tr transfer) any { return t.showTransfer(tr) })
}
