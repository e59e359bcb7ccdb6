package stripe

import (
	"context"
	"maps"
	"time"

	stripego "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/checkout/session"
)

// MaxDescription is the length, in characters, at which a line's description is cut.
const MaxDescription = 500

// The states of a checkout session and of its payment, as Stripe names them.
const (
	SessionOpen     = "open"
	SessionComplete = "complete"
	SessionExpired  = "expired"

	PaymentPaid = "paid"

	ModePayment = "payment"
)

// CheckoutParams describe one sale: one line, paid once, by card.
type CheckoutParams struct {
	// IdempotencyKey makes repeating harmless; at most 255 characters. Required. Repeat
	// with the same parameters, ExpiresAt included: others are rejected.
	IdempotencyKey string
	// ClientReferenceID is the caller's own id of the checkout (at most 200 characters).
	ClientReferenceID string
	// AmountCents is the price in the currency's smallest unit, above 0.
	AmountCents int64
	// Currency is a three-letter ISO code, lower case.
	Currency string
	// ProductName is shown to the buyer. Required.
	ProductName string
	// Description is shown below the name; cut after MaxDescription characters.
	Description string
	// CustomerID names an existing Stripe customer; CustomerEmail fills in the address
	// on the page. Stripe takes one of the two: the id wins.
	CustomerID, CustomerEmail string
	// SuccessURL may contain {CHECKOUT_SESSION_ID}, which Stripe replaces.
	SuccessURL, CancelURL string
	// ExpiresAt lies 30 minutes to 24 hours ahead; zero means 24 hours. Stripe compares
	// whole seconds with its own clock, so leave a minute of margin.
	ExpiresAt time.Time
	// Metadata is copied to the session and to the payment intent, at most 50 pairs, keys
	// to 40 and values to 500 characters.
	Metadata map[string]string
}

// Session is a checkout session, from a call or from a webhook.
type Session struct {
	ID string
	// URL is the hosted page; empty once the session is not open any more.
	URL string
	// Mode is payment, subscription or setup. Only payment is made here.
	Mode string
	// Status is open, complete or expired.
	Status string
	// PaymentStatus is paid, unpaid or no_payment_required. Grant on paid only: complete
	// alone says nothing about money.
	PaymentStatus string
	// PaymentIntentID is empty until the buyer has tried to pay.
	PaymentIntentID string
	CustomerID      string
	// AmountTotal and Currency are those of the price, also where the buyer paid in another
	// currency.
	AmountTotal       int64
	Currency          string
	ExpiresAt         time.Time
	Metadata          map[string]string
	ClientReferenceID string
}

// CreateCheckout opens a checkout session and returns it with the page to send the buyer to.
func (c *Client) CreateCheckout(ctx context.Context, p CheckoutParams) (Session, error) {
	const op = "create checkout"
	if err := requireKey(op, p.IdempotencyKey); err != nil {
		return Session{}, err
	}
	if p.AmountCents <= 0 {
		return Session{}, &Error{Kind: ErrRejected, Op: op, Param: "amount", Message: "amount is not positive"}
	}
	created, err := c.sessions().New(checkoutParams(ctx, p))
	if err != nil {
		return Session{}, classify(op, err)
	}
	return sessionOf(created), nil
}

func checkoutParams(ctx context.Context, p CheckoutParams) *stripego.CheckoutSessionParams {
	product := &stripego.CheckoutSessionLineItemPriceDataProductDataParams{Name: &p.ProductName}
	if text := truncate(p.Description, MaxDescription); text != "" {
		product.Description = &text
	}
	params := &stripego.CheckoutSessionParams{
		Mode:               stripego.String(ModePayment),
		PaymentMethodTypes: stripego.StringSlice([]string{"card"}),
		LineItems: []*stripego.CheckoutSessionLineItemParams{{
			Quantity: stripego.Int64(1),
			PriceData: &stripego.CheckoutSessionLineItemPriceDataParams{
				Currency:    &p.Currency,
				UnitAmount:  &p.AmountCents,
				ProductData: product,
			},
		}},
		SuccessURL: &p.SuccessURL,
		Metadata:   maps.Clone(p.Metadata),
		PaymentIntentData: &stripego.CheckoutSessionPaymentIntentDataParams{
			Metadata: maps.Clone(p.Metadata),
		},
	}
	params.Context = ctx
	params.IdempotencyKey = &p.IdempotencyKey
	params.CancelURL = optional(p.CancelURL)
	params.ClientReferenceID = optional(p.ClientReferenceID)
	if p.CustomerID != "" {
		params.Customer = &p.CustomerID
	} else {
		params.CustomerEmail = optional(p.CustomerEmail)
	}
	if !p.ExpiresAt.IsZero() {
		params.ExpiresAt = stripego.Int64(p.ExpiresAt.Unix())
	}
	return params
}

// RetrieveCheckout reads a session; ErrNotFound when there is none.
func (c *Client) RetrieveCheckout(ctx context.Context, id string) (Session, error) {
	const op = "retrieve checkout"
	if id == "" {
		return Session{}, &Error{Kind: ErrRejected, Op: op, Message: "session id is empty"}
	}
	params := &stripego.CheckoutSessionParams{}
	params.Context = ctx
	found, err := c.sessions().Get(id, params)
	if err != nil {
		return Session{}, classify(op, err)
	}
	return sessionOf(found), nil
}

// ExpireCheckout closes an open session so that it cannot be paid any more. A session that
// is complete or expired already is rejected: retrieve it to learn which. The key is
// derived from the id, because expiring is one thing that happens once.
func (c *Client) ExpireCheckout(ctx context.Context, id string) (Session, error) {
	const op = "expire checkout"
	if id == "" {
		return Session{}, &Error{Kind: ErrRejected, Op: op, Message: "session id is empty"}
	}
	params := &stripego.CheckoutSessionExpireParams{}
	params.Context = ctx
	params.IdempotencyKey = stripego.String("expire:" + id)
	expired, err := c.sessions().Expire(id, params)
	if err != nil {
		return Session{}, classify(op, err)
	}
	return sessionOf(expired), nil
}

// FindCheckouts lists the sessions created in [from, to] whose ClientReferenceID is
// reference, newest first: for a creation with an unknown outcome whose key cannot be used
// any more.
func (c *Client) FindCheckouts(ctx context.Context, reference string, from, to time.Time) ([]Session, error) {
	params := &stripego.CheckoutSessionListParams{}
	params.Context = ctx
	params.Limit = stripego.Int64(pageSize)
	params.Filters.AddFilter("created", "gte", unixText(from))
	params.Filters.AddFilter("created", "lte", unixText(to))
	var found []Session
	list := c.sessions().List(params)
	for list.Next() {
		if s := list.CheckoutSession(); s.ClientReferenceID == reference {
			found = append(found, sessionOf(s))
		}
	}
	if err := list.Err(); err != nil {
		return nil, classify("find checkouts", err)
	}
	return found, nil
}

// PaidCheckouts lists the sessions created at or after from that are complete and paid,
// newest first.
func (c *Client) PaidCheckouts(ctx context.Context, from time.Time) ([]Session, error) {
	params := &stripego.CheckoutSessionListParams{Status: stripego.String(SessionComplete)}
	params.Context = ctx
	params.Limit = stripego.Int64(pageSize)
	params.Filters.AddFilter("created", "gte", unixText(from))
	var paid []Session
	list := c.sessions().List(params)
	for list.Next() {
		if s := sessionOf(list.CheckoutSession()); s.PaymentStatus == PaymentPaid {
			paid = append(paid, s)
		}
	}
	if err := list.Err(); err != nil {
		return nil, classify("list paid checkouts", err)
	}
	return paid, nil
}

func (c *Client) sessions() session.Client { return session.Client{B: c.backend, Key: c.key} }

func sessionOf(s *stripego.CheckoutSession) Session {
	out := Session{
		ID:                s.ID,
		URL:               s.URL,
		Mode:              string(s.Mode),
		Status:            string(s.Status),
		PaymentStatus:     string(s.PaymentStatus),
		AmountTotal:       s.AmountTotal,
		Currency:          string(s.Currency),
		ExpiresAt:         time.Unix(s.ExpiresAt, 0).UTC(),
		Metadata:          s.Metadata,
		ClientReferenceID: s.ClientReferenceID,
	}
	if c := s.CurrencyConversion; c != nil && c.SourceCurrency != "" {
		out.AmountTotal, out.Currency = c.AmountTotal, string(c.SourceCurrency)
	}
	if s.PaymentIntent != nil {
		out.PaymentIntentID = s.PaymentIntent.ID
	}
	if s.Customer != nil {
		out.CustomerID = s.Customer.ID
	}
	return out
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// truncate cuts s after limit characters, never inside one.
func truncate(s string, limit int) string {
	count := 0
	for at := range s {
		if count == limit {
			return s[:at]
		}
		count++
	}
	return s
}
