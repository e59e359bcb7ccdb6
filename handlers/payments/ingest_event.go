package payments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// EventIngester takes in what Stripe reports, from a webhook or from its list of
// events: the event as it came and the command it leads to are stored in one
// transaction, once per event id. The command is purchase.record_event; its id
// follows from the event's, so however often an event comes, it is applied once.
//
// What an event does depends on its type and not on the endpoint it came through.
// Stripe sends one event, under one id, to every endpoint that asks for its type:
// were it passed over at the first, its copy at the right one would be a duplicate.
type EventIngester struct{ cfg Config }

// NewEventIngester returns an ingester for the events of one installation.
func NewEventIngester(cfg Config) *EventIngester { return &EventIngester{cfg} }

// eventSpace is the name space of command ids that come from Stripe's ids.
var eventSpace = uuid.MustParse("0d3c1a52-5f0b-5a4e-9d0e-7a1f8c6b2e90")

// stripeActor is the machine on whose behalf reports are recorded.
const stripeActor = "stripe"

// What becomes of an event that leads to no command.
const (
	ignored    = "ignored"
	wrongMode  = "wrong_mode" // a test event at a live installation, or the reverse
	unreadable = "unreadable" // signed, but not what its type promises
)

// Accept stores an event and its command. pending says that the command is still
// to be applied: send it, or leave it to the sweeper. An error says that nothing is
// stored.
func (in *EventIngester) Accept(ctx context.Context, event stripe.Event) (cmd events.Command, pending bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if !visible.MatchString(event.ID) || !visible.MatchString(event.Type) {
		return cmd, false, fmt.Errorf("%w: id or type holds what it must not", stripe.ErrMalformed)
	}
	report, verdict, cause := in.report(event)
	err = pgx.BeginFunc(ctx, in.cfg.Pool, func(tx pgx.Tx) error {
		fresh, err := in.store(ctx, tx, event, verdict)
		if err != nil {
			return err
		}
		if !fresh {
			cmd, pending, err = in.storedBefore(ctx, tx, event.ID)
			return err
		}
		switch verdict {
		case "":
			if cmd, err = in.command(report); err != nil {
				return err
			}
			pending = true
			return commands.Ledger{DB: tx}.Accept(ctx, cmd)
		case unreadable:
			return commands.DeadLetter{
				Consumer:  "webhooks",
				MessageID: event.ID,
				Type:      event.Type,
				Body:      event.Raw,
				Cause:     cause,
				Attempts:  1,
			}.Write(ctx, tx)
		default:
			return nil
		}
	})
	if err != nil {
		return events.Command{}, false, fmt.Errorf("accept event %s: %w", event.ID, err)
	}
	if verdict == unreadable || verdict == wrongMode {
		in.cfg.Log.Error("event of the payment provider not applied", "event", event.ID, "type", event.Type, "result", verdict, "error", cause)
	}
	return cmd, pending, nil
}

// store writes the event's row; fresh is false when it was there.
func (in *EventIngester) store(ctx context.Context, tx pgx.Tx, event stripe.Event, verdict string) (fresh bool, err error) {
	now := in.cfg.Now().UTC()
	created := event.Created
	if created.IsZero() {
		created = now
	}
	var processed *time.Time
	var result *string
	if verdict != "" {
		processed, result = &now, &verdict
	}
	tag, err := tx.Exec(ctx, `
INSERT INTO stripe_events (event_id, type, api_version, created, payload, received_at, processed_at, result)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (event_id) DO NOTHING`,
		event.ID, event.Type, plain(event.APIVersion, 64), created, []byte(event.Raw), now, processed, result)
	if err != nil {
		return false, fmt.Errorf("store: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// storedBefore returns the command of an event that was stored before, made from
// the payload that was stored: a later copy may be written in other words.
func (in *EventIngester) storedBefore(ctx context.Context, tx pgx.Tx, eventID string) (cmd events.Command, pending bool, err error) {
	var processed bool
	var payload []byte
	err = tx.QueryRow(ctx, `SELECT processed_at IS NOT NULL, payload FROM stripe_events WHERE event_id = $1`, eventID).Scan(&processed, &payload)
	if err != nil {
		return cmd, false, fmt.Errorf("read stored event: %w", err)
	}
	if processed {
		return cmd, false, nil
	}
	event, err := stripe.DecodeEvent(payload)
	if err != nil {
		return cmd, false, fmt.Errorf("read stored event: %w", err)
	}
	report, verdict, _ := in.report(event)
	if verdict != "" {
		return cmd, false, nil
	}
	cmd, err = in.command(report)
	return cmd, true, err
}

// Ingest accepts an event and sends its command without waiting. It reports whether
// the command was still to be applied.
func (in *EventIngester) Ingest(ctx context.Context, event stripe.Event) (pending bool, err error) {
	cmd, pending, err := in.Accept(ctx, event)
	if err != nil || !pending {
		return false, err
	}
	in.send(ctx, cmd)
	return true, nil
}

// RecordSession records the state of a checkout's session that was retrieved because the
// event about it was lost: it was paid, or it ended unpaid. A checkout that the provider
// knows no session of is recorded with the zero session.
func (in *EventIngester) RecordSession(ctx context.Context, checkoutID string, session stripe.Session) error {
	paid := session.PaymentStatus == stripe.PaymentPaid
	// No time is given: the same finding must be the same command.
	report := purchase.RecordEvent{
		EventID: fmt.Sprintf("retrieved:%s:%s:%t", checkoutID, session.ID, paid), Type: "session.retrieved",
		PaymentIntent: session.PaymentIntentID, Session: sessionFact(session, paid),
	}
	report.Session.CheckoutID = checkoutID
	cmd, err := in.command(report)
	if err != nil {
		return err
	}
	if err := (commands.Ledger{DB: in.cfg.Pool}).Accept(ctx, cmd); err != nil {
		return err
	}
	in.send(ctx, cmd)
	return nil
}

func (in *EventIngester) send(ctx context.Context, cmd events.Command) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := in.cfg.Dispatcher.Publish(ctx, cmd); err != nil {
		in.cfg.Log.WarnContext(ctx, "report waits for the sweeper", "command", cmd.ID, "error", err)
	}
}

// command returns the command that records a report. All reports of one payment go
// to one partition.
func (in *EventIngester) command(report purchase.RecordEvent) (events.Command, error) {
	payload, err := json.Marshal(report)
	if err != nil {
		return events.Command{}, fmt.Errorf("marshal report: %w", err)
	}
	aggregate := report.PaymentIntent
	if aggregate == "" && report.Session != nil {
		aggregate = report.Session.ID
	}
	if aggregate == "" && report.Session != nil {
		aggregate = report.Session.CheckoutID
	}
	id := uuid.NewSHA1(eventSpace, []byte(report.EventID)).String()
	return events.Command{
		ID: id, Type: purchase.CommandRecordEvent, ActorID: stripeActor, AggregateID: aggregate, Payload: payload,
		IssuedAt: in.cfg.Now().UTC(), CorrelationID: id,
	}, nil
}

// report reads what an event says, in our words. A verdict says that nothing
// follows from it.
func (in *EventIngester) report(event stripe.Event) (r purchase.RecordEvent, verdict string, cause error) {
	switch {
	case event.Livemode != in.cfg.Livemode:
		return r, wrongMode, errors.New("the event is of the other mode")
	case event.Account != "":
		return r, ignored, nil // a connected account's own business
	}
	r = purchase.RecordEvent{EventID: event.ID, Type: event.Type, At: event.Created}
	verdict, cause = readInto(&r, event)
	if cause == nil && verdict == "" {
		cause = implausible(r)
	}
	if cause != nil {
		return r, unreadable, cause
	}
	return r, verdict, nil
}

func readInto(r *purchase.RecordEvent, event stripe.Event) (verdict string, err error) {
	switch event.Type {
	case stripe.EventCheckoutCompleted, stripe.EventCheckoutAsyncPaid, stripe.EventCheckoutExpired, stripe.EventCheckoutAsyncFailed:
		session, err := stripe.CheckoutSession(event)
		if err != nil {
			return "", err
		}
		ended := event.Type == stripe.EventCheckoutExpired || event.Type == stripe.EventCheckoutAsyncFailed
		if session.Mode != stripe.ModePayment || (!ended && session.PaymentStatus != stripe.PaymentPaid) {
			return ignored, nil // complete alone says nothing about money
		}
		r.PaymentIntent, r.Session = session.PaymentIntentID, sessionFact(session, !ended)
	case stripe.EventChargeRefunded:
		refund, err := stripe.ChargeRefund(event)
		if err != nil {
			return "", err
		}
		r.PaymentIntent = refund.PaymentIntentID
		r.Refund = &purchase.RefundFact{TotalCents: refund.RefundedCents, ID: plain(refund.RefundID, 255), Reason: plain(refund.Reason, 64)}
	case stripe.EventDisputeCreated, stripe.EventDisputeClosed:
		dispute, err := stripe.Dispute(event)
		if err != nil {
			return "", err
		}
		r.PaymentIntent = dispute.PaymentIntentID
		r.Dispute = &purchase.DisputeFact{
			ID: plain(dispute.ID, 255), Reason: plain(dispute.Reason, 64),
			Closed: event.Type == stripe.EventDisputeClosed, Lost: dispute.Status == "lost",
		}
	default:
		return ignored, nil
	}
	if r.PaymentIntent == "" && r.Session == nil {
		return ignored, nil // a charge without a payment intent is not of our making
	}
	return "", nil
}

// sessionFact reads a session. Names that cannot be ones of ours become "-", which
// nobody and nothing is called.
func sessionFact(s stripe.Session, paid bool) *purchase.SessionFact {
	checkout := s.Metadata["checkoutId"]
	if checkout == "" {
		checkout = purchase.KnownID(s.ClientReferenceID)
	}
	return &purchase.SessionFact{
		ID: s.ID, Paid: paid, CheckoutID: nameOf(checkout, recordID), CustomerID: nameOf(s.Metadata["customerId"], userID),
		ContentID: nameOf(s.Metadata["contentId"], recordID), AmountCents: s.AmountTotal, Currency: currencyOf(s.Currency),
	}
}

var (
	recordID  = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	userID    = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)
	visible   = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)
	threeABCs = regexp.MustCompile(`^[a-z]{3}$`)
)

func nameOf(s string, form *regexp.Regexp) string {
	switch {
	case s == "":
		return ""
	case !form.MatchString(s):
		return "-"
	case form == recordID:
		return strings.ToLower(s)
	default:
		return s
	}
}

// currencyOf returns a currency code in lower case; what is none becomes "xxx", the
// ISO code for no currency.
func currencyOf(s string) string {
	s = strings.ToLower(s)
	if s != "" && !threeABCs.MatchString(s) {
		return "xxx"
	}
	return s
}

// plain returns a short word as it is, and anything else as "".
func plain(s string, limit int) string {
	if len(s) > limit || !visible.MatchString(s) {
		return ""
	}
	return s
}

// implausible says why a report cannot be right.
func implausible(r purchase.RecordEvent) error {
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
