package stripe

import (
	"encoding/json"
	"fmt"
	"time"
)

// RefundedCharge is the charge of a charge.refunded event.
type RefundedCharge struct {
	ChargeID        string
	PaymentIntentID string
	// AmountCents is what was paid; RefundedCents is the total of all refunds so far.
	AmountCents   int64
	RefundedCents int64
	Currency      string
	// Refunds are those that the event lists. It lists none since API version 2022-11-15,
	// and never more than ten: see Client.ListRefunds.
	Refunds  []Refund
	Metadata map[string]string
}

// DisputedCharge is the dispute of a charge.dispute.* event.
type DisputedCharge struct {
	ID              string
	PaymentIntentID string
	ChargeID        string
	// Status is for example needs_response, won or lost.
	Status      string
	Reason      string
	AmountCents int64
	Currency    string
}

// CheckoutSession reads the session of a checkout.session.* event. Mode payment is assumed
// when the event names none; everything else missing stays empty.
func CheckoutSession(e Event) (Session, error) {
	var in struct {
		kind
		ID                text    `json:"id"`
		URL               text    `json:"url"`
		Mode              text    `json:"mode"`
		Status            text    `json:"status"`
		PaymentStatus     text    `json:"payment_status"`
		PaymentIntent     ref     `json:"payment_intent"`
		Customer          ref     `json:"customer"`
		AmountTotal       integer `json:"amount_total"`
		Currency          text    `json:"currency"`
		ExpiresAt         integer `json:"expires_at"`
		Metadata          labels  `json:"metadata"`
		ClientReferenceID text    `json:"client_reference_id"`
		// Conversion is set where the buyer paid in another currency than that of the price and
		// the session counts in theirs. Since API version 2025-03-31 the session counts in that
		// of the price, and presentment_details has what the buyer paid.
		Conversion *struct {
			AmountTotal    integer `json:"amount_total"`
			SourceCurrency text    `json:"source_currency"`
		} `json:"currency_conversion"`
	}
	if err := e.read("checkout.session", &in, &in.kind); err != nil {
		return Session{}, err
	}
	if in.ID == "" {
		return Session{}, fmt.Errorf("%w: the session has no id", ErrMalformed)
	}
	out := Session{
		ID:                string(in.ID),
		URL:               string(in.URL),
		Mode:              string(in.Mode),
		Status:            string(in.Status),
		PaymentStatus:     string(in.PaymentStatus),
		PaymentIntentID:   string(in.PaymentIntent),
		CustomerID:        string(in.Customer),
		AmountTotal:       int64(in.AmountTotal),
		Currency:          string(in.Currency),
		Metadata:          in.Metadata,
		ClientReferenceID: string(in.ClientReferenceID),
	}
	if c := in.Conversion; c != nil && c.SourceCurrency != "" {
		out.AmountTotal, out.Currency = int64(c.AmountTotal), string(c.SourceCurrency)
	}
	if out.Mode == "" {
		out.Mode = ModePayment
	}
	if in.ExpiresAt > 0 {
		out.ExpiresAt = time.Unix(int64(in.ExpiresAt), 0).UTC()
	}
	return out, nil
}

// ChargeRefund reads the charge of a charge.refunded event.
func ChargeRefund(e Event) (RefundedCharge, error) {
	var in struct {
		kind
		ID             text    `json:"id"`
		PaymentIntent  ref     `json:"payment_intent"`
		Amount         integer `json:"amount"`
		AmountRefunded integer `json:"amount_refunded"`
		Currency       text    `json:"currency"`
		Metadata       labels  `json:"metadata"`
		Refunds        *struct {
			Data []refundObject `json:"data"`
		} `json:"refunds"`
	}
	if err := e.read("charge", &in, &in.kind); err != nil {
		return RefundedCharge{}, err
	}
	if in.Amount < 0 || in.AmountRefunded < 0 {
		return RefundedCharge{}, fmt.Errorf("%w: an amount is negative", ErrMalformed)
	}
	out := RefundedCharge{
		ChargeID:        string(in.ID),
		PaymentIntentID: string(in.PaymentIntent),
		AmountCents:     int64(in.Amount),
		RefundedCents:   int64(in.AmountRefunded),
		Currency:        string(in.Currency),
		Metadata:        in.Metadata,
	}
	if in.Refunds == nil {
		return out, nil
	}
	for _, r := range in.Refunds.Data {
		if r.ID == "" {
			continue // the total contains it
		}
		refund, err := r.refund()
		if err != nil {
			return RefundedCharge{}, err
		}
		if r.Status == "" {
			refund.Status = RefundSucceeded // before 2014 a refund had no status
		}
		out.Refunds = append(out.Refunds, refund)
	}
	return out, nil
}

// refundObject is a refund in an event, alone or in the list of its charge.
type refundObject struct {
	ID            text    `json:"id"`
	PaymentIntent ref     `json:"payment_intent"`
	Charge        ref     `json:"charge"`
	Amount        integer `json:"amount"`
	Currency      text    `json:"currency"`
	Status        text    `json:"status"`
	Reason        text    `json:"reason"`
	Created       integer `json:"created"`
}

func (r refundObject) refund() (Refund, error) {
	if r.ID == "" {
		return Refund{}, fmt.Errorf("%w: a refund has no id", ErrMalformed)
	}
	if r.Amount < 0 {
		return Refund{}, fmt.Errorf("%w: an amount is negative", ErrMalformed)
	}
	out := Refund{
		ID:              string(r.ID),
		PaymentIntentID: string(r.PaymentIntent),
		ChargeID:        string(r.Charge),
		AmountCents:     int64(r.Amount),
		Currency:        string(r.Currency),
		Status:          string(r.Status),
		Reason:          string(r.Reason),
	}
	if r.Created > 0 {
		out.Created = time.Unix(int64(r.Created), 0).UTC()
	}
	return out, nil
}

// SingleRefund reads the refund of a refund.* or charge.refund.updated event.
func SingleRefund(e Event) (Refund, error) {
	var in struct {
		kind
		refundObject
	}
	if err := e.read("refund", &in, &in.kind); err != nil {
		return Refund{}, err
	}
	return in.refund()
}

// Dispute reads the dispute of a charge.dispute.* event.
func Dispute(e Event) (DisputedCharge, error) {
	var in struct {
		kind
		ID            text    `json:"id"`
		PaymentIntent ref     `json:"payment_intent"`
		Charge        ref     `json:"charge"`
		Status        text    `json:"status"`
		Reason        text    `json:"reason"`
		Amount        integer `json:"amount"`
		Currency      text    `json:"currency"`
	}
	if err := e.read("dispute", &in, &in.kind); err != nil {
		return DisputedCharge{}, err
	}
	if in.ID == "" {
		return DisputedCharge{}, fmt.Errorf("%w: the dispute has no id", ErrMalformed)
	}
	if in.Amount < 0 {
		return DisputedCharge{}, fmt.Errorf("%w: an amount is negative", ErrMalformed)
	}
	return DisputedCharge{
		ID:              string(in.ID),
		PaymentIntentID: string(in.PaymentIntent),
		ChargeID:        string(in.Charge),
		Status:          string(in.Status),
		Reason:          string(in.Reason),
		AmountCents:     int64(in.Amount),
		Currency:        string(in.Currency),
	}, nil
}

// kind is the field with the type of Stripe's objects.
type kind struct {
	Object text `json:"object"`
}

// read decodes the event's object, which must be of the wanted type. An object without its
// type is accepted.
func (e Event) read(want string, into any, is *kind) error {
	if len(e.object) == 0 || e.object[0] != '{' {
		return fmt.Errorf("%w: it has no object", ErrMalformed)
	}
	if err := json.Unmarshal(e.object, into); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMalformed, want, err)
	}
	if is.Object != "" && is.Object != text(want) {
		return fmt.Errorf("%w: want %s, got %q", ErrOtherObject, want, string(is.Object))
	}
	return nil
}
