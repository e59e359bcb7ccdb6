package stripe

import (
	"cmp"
	"maps"
	"strings"
)

// apiVersion is the one that stripe-go v76 requires.
const apiVersion = "2023-10-16"

type obj = map[string]any

// expansion is the set of fields that are expanded: objects instead of ids.
type expansion map[string]bool

// under is the expansion inside a field.
func (x expansion) under(field string) expansion {
	out := expansion{}
	for path := range x {
		if rest, inside := strings.CutPrefix(path, field+"."); inside {
			out[rest] = true
		}
	}
	return out
}

// wants reports whether a field is to be expanded, itself or for something inside it.
func (x expansion) wants(field string) bool {
	return x[field] || len(x.under(field)) > 0
}

// named is an id, or null.
func named(id string) any {
	if id == "" {
		return nil
	}
	return id
}

func labelled(m map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, m)
	return out
}

func listOf(url string, more bool, data []any) obj {
	if data == nil {
		data = []any{}
	}
	return obj{"object": "list", "url": url, "has_more": more, "data": data}
}

func (t *tx) showCustomer(c customer) obj {
	return obj{
		"id": c.ID, "object": "customer", "address": nil, "balance": 0, "created": c.Created,
		"currency": nil, "default_source": nil, "delinquent": false, "description": nil,
		"discount": nil, "email": named(c.Email), "invoice_prefix": strings.ToUpper(c.ID[len(c.ID)-8:]),
		"invoice_settings": obj{"custom_fields": nil, "default_payment_method": nil, "footer": nil, "rendering_options": nil},
		"livemode":         false, "metadata": labelled(c.Metadata), "name": named(c.Name), "phone": nil,
		"preferred_locales": []any{}, "shipping": nil, "tax_exempt": "none", "test_clock": nil,
	}
}

func (t *tx) showSession(s session, x expansion) obj {
	out := obj{
		"id": s.ID, "object": "checkout.session", "after_expiration": nil, "allow_promotion_codes": nil,
		"amount_subtotal": s.Amount, "amount_total": s.Amount,
		"automatic_tax":              obj{"enabled": false, "liability": nil, "status": nil},
		"billing_address_collection": nil, "cancel_url": named(s.CancelURL),
		"client_reference_id": named(s.Reference), "client_secret": nil, "consent": nil,
		"consent_collection": nil, "created": s.Created, "currency": s.Currency,
		"currency_conversion": nil, "custom_fields": []any{},
		"custom_text": obj{
			"after_submit":                nil,
			"shipping_address":            nil,
			"submit":                      nil,
			"terms_of_service_acceptance": nil,
		},
		"customer":          named(s.Customer),
		"customer_creation": "if_required", "customer_details": nil, "customer_email": named(s.Email),
		"expires_at": s.ExpiresAt, "invoice": nil, "invoice_creation": obj{"enabled": false},
		"livemode": false, "locale": named(s.Locale), "metadata": labelled(s.Metadata), "mode": "payment",
		"payment_intent": named(s.Intent), "payment_link": nil, "payment_method_collection": "if_required",
		"payment_method_options": obj{}, "payment_method_types": s.MethodTypes,
		"payment_status": s.PaymentStatus, "phone_number_collection": obj{"enabled": false},
		"recovered_from": nil, "setup_intent": nil, "shipping_address_collection": nil,
		"shipping_cost": nil, "shipping_details": nil, "shipping_options": []any{},
		"status": s.Status, "submit_type": named(s.SubmitType), "subscription": nil,
		"success_url":   s.SuccessURL,
		"total_details": obj{"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
		"ui_mode":       "hosted", "url": nil,
	}
	if s.Customer != "" {
		out["customer_creation"] = nil
	}
	if email := t.emailOf(s); email != "" {
		out["customer_details"] = obj{
			"address":    nil,
			"email":      email,
			"name":       nil,
			"phone":      nil,
			"tax_exempt": "none",
			"tax_ids":    []any{},
		}
	}
	if s.Status == "open" {
		out["url"] = t.server.PublicURL() + "/c/pay/" + s.ID
	}
	if in, ok := t.intents.get(s.Intent); ok && x.wants("payment_intent") {
		out["payment_intent"] = t.showIntent(in, x.under("payment_intent"))
	}
	if c, ok := t.customers.get(s.Customer); ok && x.wants("customer") {
		out["customer"] = t.showCustomer(c)
	}
	if x.wants("line_items") {
		out["line_items"] = t.showLines(s)
	}
	return out
}

func (t *tx) emailOf(s session) string {
	if c, ok := t.customers.get(s.Customer); ok && c.Email != "" {
		return c.Email
	}
	return s.Email
}

func (t *tx) showLines(s session) obj {
	lines := make([]any, 0, len(s.Lines))
	for _, l := range s.Lines {
		total := l.Amount * l.Quantity
		lines = append(lines, obj{
			"id": l.ID, "object": "item", "amount_discount": 0, "amount_subtotal": total, "amount_tax": 0,
			"amount_total": total, "currency": s.Currency, "description": l.Name, "quantity": l.Quantity,
			"price": obj{
				"id": l.Price, "object": "price", "active": false, "billing_scheme": "per_unit",
				"created": s.Created, "currency": s.Currency, "livemode": false, "metadata": obj{},
				"product": l.Product, "recurring": nil, "type": "one_time", "unit_amount": l.Amount,
			},
		})
	}
	return listOf("/v1/checkout/sessions/"+s.ID+"/line_items", false, lines)
}

func (t *tx) showIntent(i intent, x expansion) obj {
	received := int64(0)
	if i.Status == "succeeded" {
		received = i.Amount
	}
	out := obj{
		"id": i.ID, "object": "payment_intent", "amount": i.Amount, "amount_capturable": 0,
		"amount_details": obj{"tip": obj{}}, "amount_received": received, "application": nil,
		"application_fee_amount": nil, "automatic_payment_methods": nil, "canceled_at": nil,
		"cancellation_reason": nil, "capture_method": "automatic", "client_secret": i.Secret,
		"confirmation_method": "automatic", "created": i.Created, "currency": i.Currency,
		"customer": named(i.Customer), "description": named(i.Description), "invoice": nil,
		"last_payment_error": nil, "latest_charge": named(i.LatestCharge), "livemode": false,
		"metadata": labelled(i.Metadata), "next_action": nil, "on_behalf_of": nil, "payment_method": nil,
		"payment_method_options": obj{"card": obj{"request_three_d_secure": "automatic"}},
		"payment_method_types":   []string{"card"}, "processing": nil, "receipt_email": nil, "review": nil,
		"setup_future_usage": nil, "shipping": nil, "source": nil, "statement_descriptor": nil,
		"statement_descriptor_suffix": nil, "status": i.Status, "transfer_data": nil,
		"transfer_group": named(i.TransferGroup),
	}
	c, known := t.charges.get(i.LatestCharge)
	if known && i.Declined {
		out["last_payment_error"] = obj{
			"charge": c.ID, "code": c.FailureCode, "decline_code": c.DeclineCode, "type": "card_error",
			"doc_url": "https://stripe.com/docs/error-codes/card-declined", "message": "Your card was declined.",
		}
	}
	if known && x.wants("latest_charge") {
		out["latest_charge"] = t.showCharge(c, x.under("latest_charge"))
	}
	return out
}

func (t *tx) showCharge(c charge, x expansion) obj {
	status, outcome := "succeeded", obj{
		"network_status": "approved_by_network", "reason": nil, "risk_level": "normal",
		"seller_message": "Payment complete.", "type": "authorized",
	}
	captured := c.Amount
	method := cmp.Or(c.Method, "card")
	details := obj{"type": method, method: obj{}}
	if method == "card" {
		details["card"] = obj{
			"brand": "visa", "country": "GB", "exp_month": 12, "exp_year": 2034, "funding": "credit",
			"last4": "4242", "network": "visa",
		}
	}
	switch {
	case c.Pending:
		status = "pending"
	case !c.Paid:
		status, captured = "failed", 0
		outcome = obj{
			"network_status": "declined_by_network", "reason": c.DeclineCode, "risk_level": "normal",
			"seller_message": "The bank did not return any further details with this decline.", "type": "issuer_declined",
		}
	}
	out := obj{
		"id": c.ID, "object": "charge", "amount": c.Amount, "amount_captured": captured,
		"amount_refunded": c.RefundedAmount, "application": nil, "application_fee": nil,
		"application_fee_amount": nil, "balance_transaction": named(c.Transaction),
		"billing_details":                 obj{"address": nil, "email": named(c.Email), "name": nil, "phone": nil},
		"calculated_statement_descriptor": "CODEX SANDBOX", "captured": c.Paid || c.Pending, "created": c.Created,
		"currency": c.Currency, "customer": named(c.Customer), "description": named(c.Description),
		"destination": nil, "dispute": named(c.Dispute), "disputed": c.Disputed,
		"failure_balance_transaction": nil, "failure_code": named(c.FailureCode), "failure_message": nil,
		"fraud_details": obj{}, "invoice": nil, "livemode": false, "metadata": labelled(c.Metadata),
		"on_behalf_of": nil, "order": nil, "outcome": outcome, "paid": c.Paid,
		"payment_intent": named(c.Intent), "payment_method": "pm_" + c.ID[3:],
		"payment_method_details": details,
		"radar_options":          obj{}, "receipt_email": nil, "receipt_number": nil, "receipt_url": nil,
		"refunded": c.Paid && c.RefundedAmount == c.Amount, "review": nil, "shipping": nil, "source": nil,
		"source_transfer": nil, "statement_descriptor": nil, "statement_descriptor_suffix": nil,
		"status": status, "transfer_data": nil, "transfer_group": named(c.TransferGroup),
	}
	if !c.Paid && !c.Pending {
		out["failure_message"] = "Your card was declined."
	}
	if i, ok := t.intents.get(c.Intent); ok && x.wants("payment_intent") {
		out["payment_intent"] = t.showIntent(i, x.under("payment_intent"))
	}
	// Only when expanded, since API version 2022-11-15.
	if x.wants("refunds") {
		var data []any
		for i := len(c.Refunds) - 1; i >= 0; i-- {
			data = append(data, t.showRefund(t.refunds.rows[c.Refunds[i]], nil))
		}
		out["refunds"] = listOf("/v1/charges/"+c.ID+"/refunds", false, data)
	}
	return out
}

func (t *tx) showRefund(r refund, x expansion) obj {
	out := obj{
		"id": r.ID, "object": "refund", "amount": r.Amount, "balance_transaction": named(r.Transaction),
		"charge": r.Charge, "created": r.Created, "currency": r.Currency,
		"destination_details": obj{
			"card": obj{
				"reference_status": "pending",
				"reference_type":   "acquirer_reference_number",
				"type":             "refund",
			},
			"type": "card",
		},
		"metadata": labelled(r.Metadata), "payment_intent": named(r.Intent), "reason": named(r.Reason),
		"receipt_number": nil, "source_transfer_reversal": nil, "status": r.Status, "transfer_reversal": nil,
	}
	if c, ok := t.charges.get(r.Charge); ok && x.wants("charge") {
		out["charge"] = t.showCharge(c, x.under("charge"))
	}
	if i, ok := t.intents.get(r.Intent); ok && x.wants("payment_intent") {
		out["payment_intent"] = t.showIntent(i, x.under("payment_intent"))
	}
	return out
}

func (t *tx) showDispute(d dispute, x expansion) obj {
	out := obj{
		"id": d.ID, "object": "dispute", "amount": d.Amount, "balance_transactions": []any{},
		"charge": d.Charge, "created": d.Created, "currency": d.Currency, "evidence": obj{},
		"evidence_details": obj{
			"due_by": d.Created + 7*24*60*60, "has_evidence": false, "past_due": false, "submission_count": 0,
		},
		"is_charge_refundable": false, "livemode": false, "metadata": obj{},
		"payment_intent":         named(d.Intent),
		"payment_method_details": obj{"card": obj{"brand": "visa", "network_reason_code": "10"}, "type": "card"},
		"reason":                 d.Reason, "status": d.Status,
	}
	if c, ok := t.charges.get(d.Charge); ok && x.wants("charge") {
		out["charge"] = t.showCharge(c, x.under("charge"))
	}
	if i, ok := t.intents.get(d.Intent); ok && x.wants("payment_intent") {
		out["payment_intent"] = t.showIntent(i, x.under("payment_intent"))
	}
	return out
}

func (t *tx) showAccount(a account) obj {
	state, due := "inactive", []string{"external_account", "tos_acceptance.date"}
	var reason any = "requirements.past_due"
	if a.Active {
		state, due, reason = "active", []string{}, nil
	}
	if a.Restricted {
		due, reason = []string{"individual.verification.document"}, "requirements.past_due"
	}
	capabilities := obj{}
	for _, c := range a.Capabilities {
		capabilities[c] = state
	}
	return obj{
		"id": a.ID, "object": "account", "business_profile": obj{}, "business_type": nil,
		"capabilities": capabilities, "charges_enabled": a.Active,
		"controller": obj{"is_controller": true, "type": "application"},
		"country":    a.Country, "created": a.Created, "default_currency": "gbp",
		"details_submitted": a.Submitted, "email": named(a.Email),
		"external_accounts": listOf("/v1/accounts/"+a.ID+"/external_accounts", false, nil),
		"metadata":          labelled(a.Metadata), "payouts_enabled": a.Active,
		"requirements": obj{
			"alternatives": []any{}, "current_deadline": nil, "currently_due": due, "disabled_reason": reason,
			"errors": []any{}, "eventually_due": due, "past_due": due, "pending_verification": []any{},
		},
		"settings": obj{}, "tos_acceptance": obj{"date": nil}, "type": a.Type,
	}
}

func (t *tx) showTransfer(tr transfer) obj {
	data := make([]any, 0, len(tr.Reversals))
	for i := len(tr.Reversals) - 1; i >= 0; i-- {
		data = append(data, t.showReversal(t.reversals.rows[tr.Reversals[i]]))
	}
	return obj{
		"id": tr.ID, "object": "transfer", "amount": tr.Amount, "amount_reversed": tr.Reversed,
		"balance_transaction": tr.Transaction, "created": tr.Created, "currency": tr.Currency,
		"description": named(tr.Description), "destination": tr.Destination,
		"destination_payment": tr.Payment, "livemode": false, "metadata": labelled(tr.Metadata),
		"reversals": listOf("/v1/transfers/"+tr.ID+"/reversals", false, data),
		"reversed":  tr.Reversed == tr.Amount, "source_transaction": named(tr.Source), "source_type": "card",
		"transfer_group": named(tr.Group),
	}
}

func (t *tx) showReversal(r reversal) obj {
	return obj{
		"id": r.ID, "object": "transfer_reversal", "amount": r.Amount, "balance_transaction": r.Transaction,
		"created": r.Created, "currency": r.Currency, "destination_payment_refund": nil,
		"metadata": labelled(r.Metadata), "source_refund": nil, "transfer": r.Transfer,
	}
}

// showEvent is the event in the list, in retrievals and deliveries.
func (t *tx) showEvent(e event, version string) obj {
	pending := 0
	for _, name := range e.Endpoints {
		if d := t.deliveries.rows[deliveryID(e.ID, name)]; d.Status != statusDelivered {
			pending++
		}
	}
	data := obj{"object": e.Object}
	if len(e.Previous) > 0 {
		data["previous_attributes"] = e.Previous
	}
	out := obj{
		"id": e.ID, "object": "event", "api_version": version, "created": e.Created, "data": data,
		"livemode": false, "pending_webhooks": pending, "type": e.Type,
		"request": obj{"id": named(e.RequestID), "idempotency_key": named(e.Key)},
	}
	if e.Account != "" {
		out["account"] = e.Account
	}
	return out
}
