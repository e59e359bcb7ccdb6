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

// account is a connected account; one that left is as good as unknown (403 at Stripe).
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

// The steps an account takes outside the API.
const (
	stepActivate    = "activate"
	stepRestrict    = "restrict"
	stepDeauthorize = "deauthorize"
	stepPayOut      = "payout"
)

// stepAccount moves an account and emits what Stripe would.
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
