package payments

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
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
type eventIngester struct{ cfg Config }

// eventSpace is the name space of command ids that are derived from Stripe's ids.
var eventSpace = uuid.MustParse("0d3c1a52-5f0b-5a4e-9d0e-7a1f8c6b2e90")

// stripeActor is the actor of the commands that record events.
const stripeActor = "stripe"

const (
	// acceptTimeout bounds the transaction that stores an event.
	acceptTimeout = 5 * time.Second
	// publishTimeout bounds the publishing of a command whose outcome is not waited for.
	publishTimeout = 2 * time.Second
)

// accept stores an event and its command. pending says that the command is not applied
// yet: send it, or leave it to the sweeper. After an error nothing is stored.
func (in *eventIngester) accept(
	ctx context.Context, event stripe.Event,
) (cmd events.Command, pending bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	if !visible.MatchString(event.ID) || !visible.MatchString(event.Type) {
		return cmd, false, fmt.Errorf("%w: id or type with invalid characters", stripe.ErrMalformed)
	}

	report, result, cause := in.report(event)
	err = pgx.BeginFunc(ctx, in.cfg.Pool, func(tx pgx.Tx) error {
		inserted, err := in.insert(ctx, tx, event, result)
		if err != nil {
			return err
		}
		if !inserted {
			cmd, pending, err = in.storedCommand(ctx, tx, event.ID)
			return err
		}

		switch result {
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
	if result == unreadable || result == wrongMode {
		in.cfg.Log.Error("event of the payment provider not applied",
			"event", event.ID, "type", event.Type, "result", result, "error", cause)
	}
	return cmd, pending, nil
}

// insert writes the event's row; inserted is false when there was one. An event without a
// command has its result from the start.
func (in *eventIngester) insert(
	ctx context.Context, tx pgx.Tx, event stripe.Event, result string,
) (inserted bool, err error) {
	now := in.cfg.Now().UTC()
	created := event.Created
	if created.IsZero() {
		created = now
	}
	var processed *time.Time
	if result != "" {
		processed = &now
	}
	tag, err := tx.Exec(ctx, `
INSERT INTO stripe_events (event_id, type, api_version, created, payload, received_at, processed_at, result)
VALUES ($1, $2, $3, $4, $5, $6, $7, NULLIF($8, '')) ON CONFLICT (event_id) DO NOTHING`,
		event.ID, event.Type, visibleOrNone(event.APIVersion, 64), created, []byte(event.Raw), now, processed, result)
	if err != nil {
		return false, fmt.Errorf("store: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// storedCommand returns the command of an event that was stored before, made from the
// stored payload: a later copy may be written differently.
func (in *eventIngester) storedCommand(
	ctx context.Context, tx pgx.Tx, eventID string,
) (cmd events.Command, pending bool, err error) {
	var processed bool
	var payload []byte
	err = tx.QueryRow(ctx, `SELECT processed_at IS NOT NULL, payload FROM stripe_events WHERE event_id = $1`, eventID).
		Scan(&processed, &payload)
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
	report, result, _ := in.report(event)
	if result != "" {
		return cmd, false, nil
	}
	cmd, err = in.command(report)
	return cmd, true, err
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

// recordSession records the state of a checkout's session that was retrieved because the
// event about it was lost: it was paid, or it ended unpaid. The zero session stands for a
// checkout of which the provider has no session.
func (in *eventIngester) recordSession(ctx context.Context, checkoutID string, session stripe.Session) error {
	paid := session.PaymentStatus == stripe.PaymentPaid
	// No time is given: the same state must be the same command.
	report := purchase.RecordEvent{
		EventID:       fmt.Sprintf("retrieved:%s:%s:%t", checkoutID, session.ID, paid),
		Type:          "session.retrieved",
		PaymentIntent: session.PaymentIntentID,
		Session:       sessionFact(session, paid),
	}
	report.Session.CheckoutID = checkoutID
	cmd, err := in.command(report)
	if err != nil {
		return err
	}
	if err := (commands.Ledger{DB: in.cfg.Pool}).Accept(ctx, cmd); err != nil {
		return err
	}
	in.publish(ctx, cmd)
	return nil
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
