package reactions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
)

var (
	tracer  = otel.Tracer("github.com/codex-platform/codex/handlers/reactions")
	meter   = otel.Meter("github.com/codex-platform/codex/handlers/reactions")
	handled = must(meter.Float64Histogram("codex.reaction.duration", metric.WithUnit("s"),
		metric.WithDescription("time of one attempt: a projection's transaction, or one event in a process")))
	batchSizes = must(meter.Int64Histogram("codex.reaction.batch_size",
		metric.WithDescription("events in one transaction of a projection")))
	deadLetters = must(meter.Int64Counter("codex.reaction.dead_letters",
		metric.WithDescription("events that became dead letters")))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// observe records how long an attempt took.
func observe(ctx context.Context, reaction string, start time.Time, err error) {
	handled.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(
		attribute.String("reaction", reaction), attribute.Bool("failed", err != nil)))
}

// transient reports whether an error is not proven to come from the event: the database
// did not answer in time, broke the connection, or reported a conflict.
func transient(err error) bool {
	var database *databaseError
	return errors.As(err, &database) || postgres.IsTemporary(err)
}

// databaseError says that a transaction could not be begun or committed, that its
// connection broke, or that its time was over.
type databaseError struct{ cause error }

func (e *databaseError) Error() string { return e.cause.Error() }
func (e *databaseError) Unwrap() error { return e.cause }

// panicError is a panic of a reaction.
type panicError struct{ value any }

// Error implements error.
func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// ownFault reports whether a process failed over the event itself: over what it says, a
// rule, or data that the database rejects. Any other error may come from the outside, and
// the event is never given up over it.
func ownFault(err error) bool {
	var panicked *panicError
	if errors.Is(err, errUnreadable) || errors.As(err, &panicked) {
		return true
	}
	if rejection, ok := domain.AsError(err); ok {
		switch rejection.Class {
		case domain.Upstream, domain.Unavailable, domain.Internal, domain.Limited, domain.NotConfigured:
			return false
		default:
			return true
		}
	}
	return postgres.Classify(err) == postgres.Input
}

// deadLetter stores a message that cannot be handled, now or ever.
func (r *Runner) deadLetter(ctx context.Context, reaction string, d *bus.EventDelivery, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handleTimeout)
	defer cancel()
	err := commands.DeadLetter{
		Consumer:  durable(reaction),
		MessageID: d.MessageID(),
		Kind:      commands.LetterEvent,
		Type:      d.Type(),
		Headers:   d.Headers(),
		Body:      d.Raw,
		Cause:     cause,
		Attempts:  int(min(d.Deliveries(), 1<<30)),
	}.Write(ctx, r.cfg.Pool)
	if err != nil {
		return fmt.Errorf("%w (after %w)", err, cause)
	}
	deadLetters.Add(ctx, 1, metric.WithAttributes(attribute.String("reaction", reaction)))
	r.cfg.Log.ErrorContext(ctx, "event became a dead letter",
		"reaction", reaction, "event", d.MessageID(), "type", d.Type(), "error", cause)
	return nil
}
