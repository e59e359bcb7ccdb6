package stripe

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/codex-platform/codex/domain/money"
)

// How long a session may live, in seconds.
const (
	minSession = 30 * 60
	maxSession = 24 * 60 * 60
)

var hostAndPort = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`)

func createSession(t *tx, r *request) (any, error) {
	s := session{
		ID:                newID("cs_test_a1", 56),
		Created:           t.stamp,
		Status:            "open",
		PaymentStatus:     "unpaid",
		Customer:          r.text("customer"),
		Email:             r.limited("customer_email", 800),
		Reference:         r.limited("client_reference_id", 200),
		Metadata:          r.metadata("metadata"),
		SuccessURL:        r.required("success_url"),
		CancelURL:         r.text("cancel_url"),
		IntentMetadata:    r.metadata("payment_intent_data[metadata]"),
		IntentDescription: r.text("payment_intent_data[description]"),
		TransferGroup:     r.text("payment_intent_data[transfer_group]"),
		MethodTypes:       r.list("payment_method_types"),
		Locale:            r.text("locale"),
		SubmitType:        r.text("submit_type"),
		ExpiresAt:         r.integer("expires_at", t.stamp+maxSession),
	}
	if mode := r.required("mode"); mode != "" && mode != "payment" {
		r.fail(invalid("mode", "This sandbox knows mode payment only."))
	}
	if life := s.ExpiresAt - t.stamp; life < minSession {
		r.fail(invalid("expires_at",
			"The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."))
	} else if life > maxSession {
		r.fail(invalid("expires_at", "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."))
	}
	if len(s.MethodTypes) == 0 {
		s.MethodTypes = []string{"card"}
	}
	r.checkURL("success_url", s.SuccessURL)
	r.checkURL("cancel_url", s.CancelURL)
	if s.Customer != "" && s.Email != "" {
		r.fail(&apiError{
			Status:  400,
			Type:    "invalid_request_error",
			Code:    "parameters_exclusive",
			Param:   "customer",
			Message: "You may only specify one of these parameters: customer, customer_email.",
		})
	}
	if _, known := t.liveCustomer(s.Customer); s.Customer != "" && !known {
		r.fail(unknown(http.StatusBadRequest, "customer", s.Customer, "customer"))
	}
	t.readLines(r, &s)
	r.ignore("allow_promotion_codes", "automatic_tax", "billing_address_collection", "consent_collection",
		"custom_fields", "custom_text", "customer_creation", "customer_update", "invoice_creation",
		"payment_intent_data[receipt_email]", "payment_intent_data[setup_future_usage]",
		"payment_intent_data[statement_descriptor]", "payment_method_options", "phone_number_collection",
		"shipping_address_collection", "tax_id_collection", "ui_mode")
	if err := r.done(); err != nil {
		return nil, err
	}
	if err := put(t, t.sessions, s.ID, s); err != nil {
		return nil, err
	}
	return t.showSession(s, r.expanded), nil
}

// checkURL accepts absolute http(s) URLs with a plain host: the host becomes a part of the
// page's Content-Security-Policy.
func (r *request) checkURL(param, value string) {
	if value == "" {
		return
	}
	u, err := url.Parse(strings.ReplaceAll(value, sessionPlaceholder, "x"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !hostAndPort.MatchString(u.Host) {
		e := invalid(param, "Not a valid URL")
		e.Code = "url_invalid"
		r.fail(e)
	}
}

// readLines reads line_items[n] with a price or price_data and sums the session up.
func (t *tx) readLines(r *request, s *session) {
	for n := 0; ; n++ {
		at := fmt.Sprintf("line_items[%d]", n)
		if !r.has(at) {
			break
		}
		l := lineItem{ID: newID("li_", 24), Quantity: r.integer(at+"[quantity]", 0)}
		var currency string
		if id := r.text(at + "[price]"); id != "" {
			p, known := t.prices.get(id)
			if !known {
				r.fail(unknown(http.StatusBadRequest, "price", id, at+"[price]"))
			}
			l.Price, l.Product, l.Amount, currency = p.ID, p.Product, p.Amount, p.Currency
			l.Name, l.Description = t.products.rows[p.Product].Name, t.products.rows[p.Product].Description
		} else {
			data := at + "[price_data]"
			currency = strings.ToLower(r.required(data + "[currency]"))
			l.Amount = r.integer(data+"[unit_amount]", -1)
			l.Name = r.required(data + "[product_data][name]")
			l.Description = r.text(data + "[product_data][description]")
			l.Price, l.Product = newID("price_", 24), newID("prod_", 14)
			r.ignore(data+"[product_data][images]", data+"[product_data][metadata]",
				data+"[product_data][tax_code]", data+"[tax_behavior]")
		}
		switch {
		case !isCurrency(currency):
			r.fail(invalid(at, "Invalid currency: "+currency))
		case s.Currency != "" && s.Currency != currency:
			r.fail(invalid(at, "All line items must have the same currency."))
		case l.Quantity < 1 || l.Quantity > 999_999:
			r.fail(invalid(at+"[quantity]", "Quantity must be between 1 and 999999."))
		case l.Amount < 0 || l.Amount > highestAmount(currency):
			r.fail(invalid(at+"[price_data][unit_amount]", "Invalid amount: "+strconv.FormatInt(l.Amount, 10)))
		}
		s.Currency = currency
		s.Amount += l.Amount * l.Quantity
		s.Lines = append(s.Lines, l)
	}
	switch {
	case len(s.Lines) == 0:
		r.fail(missing("line_items"))
	case s.Amount < int64(money.CurrencyOf(s.Currency).Minimum):
		least := money.CurrencyOf(s.Currency)
		e := invalid("line_items", "The Checkout Session's total amount must convert to at least "+
			least.Format(least.Minimum)+".")
		e.Code = "amount_too_small"
		r.fail(e)
	case s.Amount%int64(money.CurrencyOf(s.Currency).Step) != 0:
		e := invalid("line_items", "The amount must be evenly divisible by "+
			strconv.FormatInt(int64(money.CurrencyOf(s.Currency).Step), 10)+" in "+s.Currency+".")
		e.Code = "parameter_invalid_integer"
		r.fail(e)
	case s.Amount > highestAmount(s.Currency):
		e := invalid("line_items", "The total amount is too large.")
		e.Code = "amount_too_large"
		r.fail(e)
	}
}

// highestAmount is the highest amount that can be charged: eight digits, or more.
func highestAmount(currency string) int64 {
	return max(99_999_999, int64(money.CurrencyOf(currency).Maximum))
}

func isCurrency(code string) bool {
	_, err := money.ParseCurrency(code)
	return err == nil
}

func retrieveSession(t *tx, r *request) (any, error) {
	return retrieve(r, t.sessions, "checkout.session", "session",
		func(row session) obj { return t.showSession(row, r.expanded) })
}

func listLines(t *tx, r *request) (any, error) {
	r.ignore("limit")
	if err := r.done(); err != nil {
		return nil, err
	}
	s, known := t.sessions.get(r.target())
	if !known {
		return nil, unknown(http.StatusNotFound, "checkout.session", r.target(), "session")
	}
	return t.showLines(s), nil
}

func listSessions(t *tx, r *request) (any, error) {
	within, status := r.created(), r.text("status")
	intent, customer := r.text("payment_intent"), r.text("customer")
	return page(r, t.sessions, func(s session) bool {
		return within.holds(s.Created) && matches(status, s.Status) &&
			matches(intent, s.Intent) && matches(customer, s.Customer)
	}, func(s session) any { return t.showSession(s, r.expanded.under("data")) })
}

func matches(want, got string) bool { return want == "" || want == got }

func expireSession(t *tx, r *request) (any, error) {
	if err := r.done(); err != nil {
		return nil, err
	}
	s, known := t.sessions.get(r.target())
	if !known {
		return nil, unknown(http.StatusNotFound, "checkout.session", r.target(), "session")
	}
	if s.Status != "open" {
		return nil, rejected("", "session", "Only Checkout Sessions with a status in [\"open\"] can be expired. "+
			"This Checkout Session has a status of "+s.Status+".")
	}
	s, err := t.expireSession(s)
	if err != nil {
		return nil, err
	}
	return t.showSession(s, r.expanded), nil
}

func (t *tx) expireSession(s session) (session, error) {
	s.Status, s.Declined = "expired", false
	if err := put(t, t.sessions, s.ID, s); err != nil {
		return s, err
	}
	return s, t.emit("checkout.session.expired", t.showSession(s, nil), nil, "")
}
