package reactions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/outbox"
)

// errUnreadable says that a message is no event that this build knows.
var errUnreadable = errors.New("unreadable event")

var (
	tracer   = otel.Tracer("github.com/codex-platform/codex/handlers/reactions")
	meter    = otel.Meter("github.com/codex-platform/codex/handlers/reactions")
	handled  = must(meter.Float64Histogram("codex.reaction.duration", metric.WithUnit("s"), metric.WithDescription("time to handle one event")))
	givenUps = must(meter.Int64Counter("codex.reaction.dead_letters", metric.WithDescription("events that were given up")))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// handle handles one delivery of an event.
func (r *Router) handle(reaction Reaction, msg *message.Message) error {
	event, payload, err := readEvent(msg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(bus.WithTraceParent(context.WithoutCancel(msg.Context()), event.TraceParent), handleTimeout)
	defer cancel()
	ctx, span := tracer.Start(ctx, "react "+reaction.Name, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("event.type", event.Type), attribute.String("event.id", event.ID)))
	defer span.End()
	emitted, err := r.apply(ctx, reaction, event, payload)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		return err
	}
	// Hints, both of them; see package bus.
	_ = bus.ReportHandled(r.cfg.Conn, reaction.Name, event.CausationID)
	if emitted {
		_ = bus.WakeRelay(r.cfg.Conn)
	}
	return nil
}

func readEvent(msg *message.Message) (events.Event, events.Payload, error) {
	headers := make(map[string][]string, len(msg.Metadata))
	for name, value := range msg.Metadata {
		headers[name] = []string{value}
	}
	event, err := events.FromMessage(headers, msg.Payload)
	if err != nil {
		return events.Event{}, nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	payload, err := event.Decode()
	if err != nil {
		return events.Event{}, nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return event, payload, nil
}

// apply marks the event as handled, lets the reaction handle it and appends what
// follows, in one transaction.
func (r *Router) apply(ctx context.Context, reaction Reaction, event events.Event, payload events.Payload) (emitted bool, err error) {
	err = pgx.BeginFunc(ctx, r.cfg.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
INSERT INTO reaction_inbox (reaction, event_id, causation_id, handled_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			reaction.Name, event.ID, event.CausationID, r.cfg.Now().UTC())
		if err != nil {
			return fmt.Errorf("mark: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil // handled before
		}
		facts, err := reaction.Handle(ctx, tx, event, payload)
		if err != nil {
			return fmt.Errorf("reaction %s on %s: %w", reaction.Name, event.Type, err)
		}
		emitted = len(facts) > 0
		return r.append(ctx, tx, event, facts)
	})
	return emitted && err == nil, err
}

// append appends the facts that an event led to.
func (r *Router) append(ctx context.Context, tx pgx.Tx, cause events.Event, facts []events.Fact) error {
	publisher := outbox.NewPublisher(tx)
	for _, fact := range facts {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("new event id: %w", err)
		}
		event, err := fact.Event(id.String(), events.Cause{
			ID: cause.ID, CorrelationID: cause.CorrelationID, ActorID: cause.ActorID,
			TraceParent: bus.TraceParent(ctx), At: r.cfg.Now(),
		})
		if err != nil {
			return err
		}
		if err := publisher.Publish("", outbox.Message(ctx, event)); err != nil {
			return err
		}
	}
	return nil
}

// giveUp is the outermost middleware: an event that cannot be handled, now or
// ever, becomes a dead letter and is acknowledged.
func (r *Router) giveUp(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		produced, err := next(msg)
		if err == nil || (!errors.Is(err, errUnreadable) && (transient(err) || deliveries(msg) < r.cfg.MaxDeliveries)) {
			return produced, err
		}
		reaction := message.HandlerNameFromCtx(msg.Context())
		ctx, cancel := context.WithTimeout(context.WithoutCancel(msg.Context()), handleTimeout)
		defer cancel()
		letter := commands.DeadLetter{
			Consumer: "reaction-" + reaction, MessageID: msg.UUID, Type: msg.Metadata.Get(events.HeaderType),
			Body: msg.Payload, Cause: err, Attempts: deliveries(msg),
		}
		if failed := letter.Write(ctx, r.cfg.Pool); failed != nil {
			return nil, fmt.Errorf("%w (after %w)", failed, err)
		}
		givenUps.Add(ctx, 1, metric.WithAttributes(attribute.String("reaction", reaction)))
		r.cfg.Log.Error("event given up", "reaction", reaction, "event", msg.UUID, "error", err)
		return nil, nil
	}
}

func deliveries(msg *message.Message) int {
	n := 0
	_, _ = fmt.Sscan(msg.Metadata.Get(deliveredKey), &n)
	return n
}

// transient reports whether an error says nothing about the event itself: the
// database did not answer, or asked to try again.
func transient(err error) bool { return postgres.IsTemporary(err) }

// observe measures every attempt.
func observe(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		start := time.Now()
		produced, err := next(msg)
		handled.Record(msg.Context(), time.Since(start).Seconds(), metric.WithAttributes(
			attribute.String("reaction", message.HandlerNameFromCtx(msg.Context())), attribute.Bool("failed", err != nil)))
		return produced, err
	}
}
