package reactions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/codex-platform/codex/domain/postgres"
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

// letter is a message that is given up.
type letter struct {
	reaction, messageID, eventType string
	body                           []byte
	deliveries                     uint64
}

// deadLetter stores a message that cannot be handled, now or ever.
func (r *Runner) deadLetter(ctx context.Context, l letter, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handleTimeout)
	defer cancel()
	err := commands.DeadLetter{
		Consumer:  durable(l.reaction),
		MessageID: l.messageID,
		Type:      l.eventType,
		Body:      l.body,
		Cause:     cause,
		Attempts:  int(min(l.deliveries, 1<<30)),
	}.Write(ctx, r.cfg.Pool)
	if err != nil {
		return fmt.Errorf("%w (after %w)", err, cause)
	}
	deadLetters.Add(ctx, 1, metric.WithAttributes(attribute.String("reaction", l.reaction)))
	r.cfg.Log.ErrorContext(ctx, "event became a dead letter",
		"reaction", l.reaction, "event", l.messageID, "type", l.eventType, "error", cause)
	return nil
}
