package payments

import (
	"errors"
	"math"
	"regexp"
	"strings"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/stripe"
)

// The results of events that lead to no command.
const (
	ignored    = "ignored"
	wrongMode  = "wrong_mode" // a test event at a live installation, or the reverse
	unreadable = "unreadable" // signed, but not what its type promises
	// applied is the result of a command whose own result was not stored with the event.
	applied = "applied"
)

// report translates an event of Stripe into the payload of the command that records it. A
// result says that no command follows, and cause why when that is an error.
func (in *eventIngester) report(event stripe.Event) (r purchase.RecordEvent, result string, cause error) {
	switch {
	case event.Livemode != in.cfg.Livemode:
		return r, wrongMode, errors.New("the event is of the other mode")
	case event.Account != "":
		return r, ignored, nil // it belongs to a connected account
	}
	r = purchase.RecordEvent{EventID: event.ID, Type: event.Type, At: event.Created}
	relevant, cause := readObject(&r, event)
	if cause == nil && relevant {
		cause = validate(r)
	}
	switch {
	case cause != nil:
		return r, unreadable, cause
	case !relevant:
		return r, ignored, nil
	default:
		return r, "", nil
	}
}

// readObject adds to a report what the object of an event says. It reports whether the
// event has any effect here.
func readObject(r *purchase.RecordEvent, event stripe.Event) (relevant bool, err error) {
	switch event.Type {
	case stripe.EventCheckoutCompleted, stripe.EventCheckoutAsyncPaid,
		stripe.EventCheckoutExpired, stripe.EventCheckoutAsyncFailed:
		return readSession(r, event)
	case stripe.EventChargeRefunded:
		refund, err := stripe.ChargeRefund(event)
		if err != nil {
			return false, err
		}
		r.PaymentIntent = refund.PaymentIntentID
		r.Refund = &purchase.RefundFact{
			TotalCents: refund.RefundedCents,
			ID:         visibleOrNone(refund.RefundID, 255),
			Reason:     visibleOrNone(refund.Reason, 64),
		}
	case stripe.EventDisputeCreated, stripe.EventDisputeClosed:
		dispute, err := stripe.Dispute(event)
		if err != nil {
			return false, err
		}
		r.PaymentIntent = dispute.PaymentIntentID
		r.Dispute = &purchase.DisputeFact{
			ID:     visibleOrNone(dispute.ID, 255),
			Reason: visibleOrNone(dispute.Reason, 64),
			Closed: event.Type == stripe.EventDisputeClosed,
			Lost:   dispute.Status == "lost",
		}
	default:
		return false, nil
	}
	return r.PaymentIntent != "", nil // this platform makes no charge without an intent
}

func readSession(r *purchase.RecordEvent, event stripe.Event) (relevant bool, err error) {
	session, err := stripe.CheckoutSession(event)
	if err != nil {
		return false, err
	}
	unpaid := event.Type == stripe.EventCheckoutExpired || event.Type == stripe.EventCheckoutAsyncFailed
	if session.Mode != stripe.ModePayment || (!unpaid && session.PaymentStatus != stripe.PaymentPaid) {
		return false, nil // a complete session is not always a paid one
	}
	r.PaymentIntent = session.PaymentIntentID
	r.Session = sessionFact(session, !unpaid)
	return true, nil
}

// sessionFact translates a session. An id that cannot be one of this platform's becomes
// "-", which is the id of nothing.
func sessionFact(s stripe.Session, paid bool) *purchase.SessionFact {
	checkout := s.Metadata["checkoutId"]
	if checkout == "" {
		checkout = purchase.KnownID(s.ClientReferenceID)
	}
	return &purchase.SessionFact{
		ID:          s.ID,
		Paid:        paid,
		CheckoutID:  strings.ToLower(idOf(checkout, recordID)),
		CustomerID:  idOf(s.Metadata["customerId"], userID),
		ContentID:   strings.ToLower(idOf(s.Metadata["contentId"], recordID)),
		AmountCents: s.AmountTotal,
		Currency:    currencyOf(s.Currency),
	}
}

var (
	recordID     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	userID       = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)
	visible      = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)
	currencyCode = regexp.MustCompile(`^[a-z]{3}$`)
)

func idOf(s string, form *regexp.Regexp) string {
	if s != "" && !form.MatchString(s) {
		return "-"
	}
	return s
}

// currencyOf returns a currency code in lower case, or "xxx", the ISO code for no
// currency, for what is not a code.
func currencyOf(s string) string {
	s = strings.ToLower(s)
	if s != "" && !currencyCode.MatchString(s) {
		return "xxx"
	}
	return s
}

// visibleOrNone returns a text of visible ASCII of at most limit bytes as it is, and
// anything else as "".
func visibleOrNone(s string, limit int) string {
	if len(s) > limit || !visible.MatchString(s) {
		return ""
	}
	return s
}

// validate returns why a report cannot be right: an id with other than visible ASCII, or
// an amount outside of 0 to 2147483647 cents.
func validate(r purchase.RecordEvent) error {
	var amount int64
	ids := []string{r.EventID, r.Type}
	if r.PaymentIntent != "" {
		ids = append(ids, r.PaymentIntent)
	}
	switch {
	case r.Session != nil:
		amount, ids = r.Session.AmountCents, append(ids, r.Session.ID)
	case r.Refund != nil:
		amount = r.Refund.TotalCents
	}
	for _, id := range ids {
		if !visible.MatchString(id) {
			return errors.New("an id is malformed")
		}
	}
	if amount < 0 || amount > math.MaxInt32 {
		return errors.New("an amount is out of range")
	}
	return nil
}
