package payments

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// eventIngester ingests what Stripe reports, from a webhook or from its list of events:
// the event as received and the command that follows from it are stored in one
// transaction, once per event id. The command is purchase.record_event; its id is derived
// from the event's, so an event that is delivered many times is applied once.
//
// The effect of an event depends on its type and not on the endpoint that received it.
// Stripe sends one event, under one id, to every endpoint that subscribes to its type: if
// the first endpoint ignored it, its copy at the right one would be a duplicate.
type eventIngester struct {
	cfg    Config
	writer *eventWriter
}

func newIngester(cfg Config) *eventIngester {
	return &eventIngester{cfg: cfg, writer: &eventWriter{pool: cfg.Pool}}
}

// eventSpace is the name space of command ids that are derived from Stripe's ids.
var eventSpace = uuid.MustParse("0d3c1a52-5f0b-5a4e-9d0e-7a1f8c6b2e90")

// stripeActor is the actor of the commands that record events.
const stripeActor = "stripe"

// webhookLetters is the consumer in the dead letters of events that cannot be read.
const webhookLetters = "webhooks"

// publishTimeout bounds the publishing of a command whose outcome is not waited for.
const publishTimeout = 2 * time.Second

// accept stores an event and its command. pending says that the command is not applied
// yet: send it, or leave it to the sweeper.
func (in *eventIngester) accept(
	ctx context.Context, event stripe.Event,
) (cmd events.Command, pending bool, err error) {
	if !visible.MatchString(event.ID) || !visible.MatchString(event.Type) {
		return cmd, false, fmt.Errorf("%w: id or type with invalid characters", stripe.ErrMalformed)
	}
	report, result, cause := in.report(event)
	s := &storing{event: in.row(event, result)}
	switch result {
	case "":
		if cmd, err = in.command(report); err != nil {
			return cmd, false, err
		}
		s.cmd = &cmd
	case unreadable:
		s.letter = &commands.DeadLetter{
			Consumer:  webhookLetters,
			MessageID: event.ID,
			Type:      event.Type,
			Body:      event.Raw,
			Cause:     cause,
			Attempts:  1,
		}
	}

	inserted, err := in.writer.store(ctx, s)
	if err != nil {
		return events.Command{}, false, fmt.Errorf("accept event %s: %w", event.ID, err)
	}
	if !inserted {
		cmd, p, err := in.resume(ctx, event.ID)
		return cmd, p != finished, err
	}
	if result == unreadable || result == wrongMode {
		in.cfg.Log.Error("event of the payment provider not applied",
			"event", event.ID, "type", event.Type, "result", result, "error", cause)
	}
	return cmd, s.cmd != nil, nil
}

// row returns an event as it is stored. One without a command has its result from the start.
func (in *eventIngester) row(event stripe.Event, result string) postgres.ReceivedEvent {
	now := in.cfg.Now().UTC()
	created := event.Created
	if created.IsZero() {
		created = now
	}
	return postgres.ReceivedEvent{
		ID:         event.ID,
		Type:       event.Type,
		APIVersion: visibleOrNone(event.APIVersion, 64),
		Created:    created,
		Payload:    event.Raw,
		ReceivedAt: now,
		Result:     result,
	}
}

// progress is how far the command of a stored event, or of a retrieved session, is.
type progress int

const (
	// finished: it has its outcome, or there is no command.
	finished progress = iota
	// waiting: it was accepted before, and the sweeper sends it.
	waiting
	// resumed: it was lost or given up, and is accepted again.
	resumed
)

// resume makes sure that the command of an event that was stored before will be applied,
// also when it was lost or given up. It is made from the stored payload: a later copy may
// be written differently.
func (in *eventIngester) resume(ctx context.Context, eventID string) (cmd events.Command, p progress, err error) {
	payload, processed, err := postgres.StoredEvent(ctx, in.cfg.Pool, eventID)
	if err != nil || processed {
		return cmd, finished, err
	}
	event, err := stripe.DecodeEvent(payload)
	if err != nil {
		return cmd, finished, fmt.Errorf("read stored event: %w", err)
	}
	report, result, _ := in.report(event)
	if result == "" {
		if cmd, err = in.command(report); err != nil {
			return cmd, finished, err
		}
		if p, err = in.ensureAccepted(ctx, cmd); err != nil || p != finished {
			return cmd, p, err
		}
		result = applied
	}
	return cmd, finished, postgres.Processed(ctx, in.cfg.Pool, eventID, result, in.cfg.Now().UTC())
}

// ensureAccepted accepts a command that has no row, and opens one again that was given up.
func (in *eventIngester) ensureAccepted(ctx context.Context, cmd events.Command) (progress, error) {
	ledger := commands.Ledger{DB: in.cfg.Pool}
	rec, found, err := ledger.Find(ctx, cmd.ID)
	switch {
	case err != nil:
		return finished, err
	case found && rec.Final():
		return finished, nil
	case found && !rec.Finished():
		return waiting, nil
	}

	pending := false
	err = pgx.BeginFunc(ctx, in.cfg.Pool, func(tx pgx.Tx) (err error) {
		pending, err = commands.Ledger{DB: tx}.Reopen(ctx, cmd)
		return err
	})
	if err == nil && !pending {
		err = fmt.Errorf("command %s was stored with another payload", cmd.ID)
	}
	return resumed, err
}

// ingest accepts an event and publishes its command without waiting for the outcome. It
// reports whether the command was not applied yet.
func (in *eventIngester) ingest(ctx context.Context, event stripe.Event) (pending bool, err error) {
	cmd, pending, err := in.accept(ctx, event)
	if err != nil || !pending {
		return false, err
	}
	in.publish(ctx, cmd)
	return true, nil
}

// keepUnreadable keeps an entry of the provider's list of events that is no event, for the
// operator. One with an id is stored as well, so that the next listing passes over it.
func (in *eventIngester) keepUnreadable(ctx context.Context, entry stripe.UnreadableEvent) error {
	letter := &commands.DeadLetter{
		Consumer:  webhookLetters,
		MessageID: entry.ID,
		Body:      entry.Raw,
		Cause:     entry.Cause,
		Attempts:  1,
	}
	if !visible.MatchString(entry.ID) {
		letter.MessageID = fmt.Sprintf("sha256:%x", sha256.Sum256(entry.Raw))
		return letter.Write(ctx, in.cfg.Pool)
	}
	in.cfg.Log.ErrorContext(ctx, "event of the payment provider cannot be read", "event", entry.ID, "error", entry.Cause)
	row := in.row(stripe.Event{ID: entry.ID, Raw: entry.Raw}, unreadable)
	_, err := in.writer.store(ctx, &storing{event: row, letter: letter})
	return err
}

// recordSession records the state of a checkout's session that was retrieved because the
// event about it was lost: it was paid, or it ended unpaid. The zero session stands for a
// checkout of which the provider has no session. pending says that the command is not
// applied yet: send it, or leave it to the sweeper.
func (in *eventIngester) recordSession(
	ctx context.Context, checkoutID string, session stripe.Session,
) (cmd events.Command, pending bool, err error) {
	paid := session.PaymentStatus == stripe.PaymentPaid
	// No time is given: the same state must be the same command.
	report := purchase.RecordEvent{
		EventID:       fmt.Sprintf("retrieved:%s:%s:%t", checkoutID, session.ID, paid),
		Type:          "session.retrieved",
		PaymentIntent: session.PaymentIntentID,
		Session:       sessionFact(session, paid),
	}
	if checkoutID != "" {
		report.Session.CheckoutID = checkoutID
	}
	if paid { // of an expired checkout there may be no session
		if err := validate(report); err != nil {
			return cmd, false, fmt.Errorf("session of checkout %s: %w", checkoutID, err)
		}
	}
	if cmd, err = in.command(report); err != nil {
		return cmd, false, err
	}
	p, err := in.ensureAccepted(ctx, cmd)
	return cmd, p != finished, err
}

// recordRefunds records refunds of a payment as the provider shows them now, and publishes
// the command. The same refunds in the same states are the same command.
func (in *eventIngester) recordRefunds(ctx context.Context, intent string, refunds []stripe.Refund) error {
	report := purchase.RecordEvent{
		Type:          "refund.retrieved",
		PaymentIntent: intent,
		Refund:        refundFact(refunds),
	}
	if len(report.Refund.Refunds) == 0 {
		return nil
	}
	digest := sha256.New()
	for _, r := range report.Refund.Refunds {
		fmt.Fprintln(digest, r.ID, r.Status)
	}
	report.EventID = fmt.Sprintf("retrieved:%s:%x", intent, digest.Sum(nil)[:16])
	if err := validate(report); err != nil {
		return fmt.Errorf("refunds of payment %s: %w", intent, err)
	}
	cmd, err := in.command(report)
	if err != nil {
		return err
	}
	p, err := in.ensureAccepted(ctx, cmd)
	if err == nil && p != finished {
		in.publish(ctx, cmd)
	}
	return err
}

func (in *eventIngester) publish(ctx context.Context, cmd events.Command) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := in.cfg.Dispatcher.Publish(ctx, cmd); err != nil {
		in.cfg.Log.WarnContext(ctx, "report waits for the sweeper", "command", cmd.ID, "error", err)
	}
}

// command returns the command that records a report. All reports of one payment go
// to one partition.
func (in *eventIngester) command(report purchase.RecordEvent) (events.Command, error) {
	payload, err := json.Marshal(report)
	if err != nil {
		return events.Command{}, fmt.Errorf("marshal report: %w", err)
	}
	aggregate := report.PaymentIntent
	if s := report.Session; s != nil {
		aggregate = cmp.Or(aggregate, s.ID, s.CheckoutID)
	}
	id := uuid.NewSHA1(eventSpace, []byte(report.EventID)).String()
	return events.Command{
		ID:            id,
		Type:          purchase.CommandRecordEvent,
		ActorID:       stripeActor,
		AggregateID:   aggregate,
		Payload:       payload,
		IssuedAt:      in.cfg.Now().UTC(),
		CorrelationID: id,
	}, nil
}
