package payments

import (
	"errors"
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
	case event.Thin:
		return r, ignored, nil
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
		charge, err := stripe.ChargeRefund(event)
		if err != nil {
			return false, err
		}
		r.PaymentIntent = charge.PaymentIntentID
		r.Refund = refundFact(charge.Refunds)
		r.Refund.TotalCents = charge.RefundedCents
	case stripe.EventRefundCreated, stripe.EventRefundUpdated, stripe.EventRefundFailed, stripe.EventChargeRefundUpdated:
		refund, err := stripe.SingleRefund(event)
		if err != nil {
			return false, err
		}
		r.PaymentIntent = refund.PaymentIntentID
		r.Refund = refundFact([]stripe.Refund{refund})
		if event.Type == stripe.EventRefundFailed && len(r.Refund.Refunds) > 0 {
			r.Refund.Refunds[0].Status = purchase.RefundFailed
		}
	case stripe.EventDisputeCreated, stripe.EventDisputeUpdated, stripe.EventDisputeClosed,
		stripe.EventFundsWithdrawn, stripe.EventFundsReinstated:
		dispute, err := stripe.Dispute(event)
		if err != nil {
			return false, err
		}
		r.PaymentIntent = dispute.PaymentIntentID
		r.Dispute = &purchase.DisputeFact{
			ID:          visibleOrNone(dispute.ID, 255),
			Reason:      visibleOrNone(dispute.Reason, 64),
			AmountCents: dispute.AmountCents,
			Status:      disputeStatus(event.Type, dispute.Status),
		}
	default:
		return false, nil
	}
	return r.PaymentIntent != "", nil // this platform makes no charge without an intent
}

// refundFact translates refunds. A refund in a state that is not known here is on its way.
func refundFact(list []stripe.Refund) *purchase.RefundFact {
	fact := &purchase.RefundFact{}
	for _, r := range list {
		id := visibleOrNone(r.ID, 255)
		if id == "" {
			continue // its amount is in the total of its charge
		}
		status := purchase.RefundPending
		switch r.Status {
		case stripe.RefundSucceeded:
			status = purchase.RefundSucceeded
		case stripe.RefundFailed:
			status = purchase.RefundFailed
		case stripe.RefundCanceled:
			status = purchase.RefundCancelled
		}
		fact.Refunds = append(fact.Refunds, purchase.ReportedRefund{
			ID:          id,
			AmountCents: r.AmountCents,
			Status:      status,
			Reason:      visibleOrNone(r.Reason, 64),
			CreatedAt:   r.Created,
		})
	}
	return fact
}

// disputeStatus translates the state of a dispute. The type of the event says more than the
// state where money moved: funds may be withdrawn during an inquiry.
func disputeStatus(eventType, status string) purchase.DisputeStatus {
	var state purchase.DisputeStatus
	switch status {
	case "warning_needs_response", "warning_under_review":
		state = purchase.DisputeInquiry
	case "warning_closed", "prevented":
		state = purchase.DisputeInquiryClosed
	case "won", "charge_refunded":
		state = purchase.DisputeWon
	case "lost":
		state = purchase.DisputeLost
	default: // needs_response and under_review
		state = purchase.DisputeOpen
	}

	switch inquiry := state == purchase.DisputeInquiry || state == purchase.DisputeInquiryClosed; {
	case eventType == stripe.EventFundsReinstated:
		return purchase.DisputeWon
	case eventType == stripe.EventFundsWithdrawn && inquiry:
		return purchase.DisputeOpen
	case eventType == stripe.EventDisputeClosed && inquiry:
		return purchase.DisputeInquiryClosed
	case eventType == stripe.EventDisputeClosed && state == purchase.DisputeOpen:
		return purchase.DisputeWon
	default:
		return state
	}
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
		ID:           s.ID,
		Paid:         paid,
		CheckoutID:   strings.ToLower(idOf(checkout, recordID)),
		Installation: idOf(s.Metadata[purchase.MarkerKey], marker),
		CustomerID:   idOf(s.Metadata["customerId"], userID),
		ContentID:    strings.ToLower(idOf(s.Metadata["contentId"], recordID)),
		AmountCents:  s.AmountTotal,
		Currency:     currencyOf(s.Currency),
	}
}

var (
	recordID     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	userID       = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)
	marker       = regexp.MustCompile(`^[0-9a-f]{32}$`)
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
// an amount outside of 0 to maxAmount.
func validate(r purchase.RecordEvent) error {
	var amounts []int64
	ids := []string{r.EventID, r.Type}
	if r.PaymentIntent != "" {
		ids = append(ids, r.PaymentIntent)
	}
	switch {
	case r.Session != nil:
		amounts, ids = append(amounts, r.Session.AmountCents), append(ids, r.Session.ID)
	case r.Refund != nil:
		amounts = append(amounts, r.Refund.TotalCents)
		for _, refund := range r.Refund.Refunds {
			amounts = append(amounts, refund.AmountCents)
		}
	case r.Dispute != nil:
		amounts = append(amounts, r.Dispute.AmountCents)
	}
	for _, id := range ids {
		if !visible.MatchString(id) {
			return errors.New("an id is malformed")
		}
	}
	for _, amount := range amounts {
		if amount < 0 || amount > maxAmount {
			return errors.New("an amount is out of range")
		}
	}
	return nil
}

// maxAmount is the largest amount that is read: those of other sales in the account, in any
// currency, must not make their events unreadable.
const maxAmount = 1 << 53
