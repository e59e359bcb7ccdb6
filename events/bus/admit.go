package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/codex-platform/codex/events"
)

var (
	refusedEvents, _ = meter.Int64Counter("codex.events.refused",
		metric.WithDescription("messages among the events that the relay did not sign and the outbox does not have"))
	recoveredEvents, _ = meter.Int64Counter("codex.events.recovered",
		metric.WithDescription("events without a known signature that are handled since the outbox has them"))
)

// errRefused says that a message is not an event of this installation: it is never delivered
// again.
var errRefused = errors.New("event refused")

// admit reads a batch. failed has an error for each message that must not be handled:
// errRefused, or why that could not be decided yet.
//
// The relay's signature decides. A message without a known one may still be an event of ours,
// published before the relay had the secret; the outbox decides about those, and so a secret
// that was replaced in the wrong order delays events and loses none.
func (q EventQueue) admit(ctx context.Context, batch []jetstream.Msg) (deliveries []EventDelivery, failed []error) {
	deliveries, failed = make([]EventDelivery, len(batch)), make([]error, len(batch))
	var unsigned []int
	for i, msg := range batch {
		deliveries[i] = readEvent(msg)
		if err := q.Keys.verifyEvent(msg.Subject(), msg.Headers(), msg.Data()); err != nil {
			failed[i] = fmt.Errorf("%w: %w", errRefused, err)
			unsigned = append(unsigned, i)
		}
	}
	if len(unsigned) == 0 {
		return deliveries, failed
	}

	recovered := q.recover(ctx, deliveries, failed, unsigned)
	if recovered > 0 {
		recoveredEvents.Add(ctx, int64(recovered), metric.WithAttributes(attribute.String("consumer", q.Durable)))
		q.Log.WarnContext(ctx, "events without a known signature are handled: the outbox has them",
			"consumer", q.Durable, "events", recovered)
	}
	q.recordRefused(ctx, batch, failed)
	return deliveries, failed
}

// recover clears the errors of the messages that the outbox has exactly as they are, and
// returns how many these are.
func (q EventQueue) recover(
	ctx context.Context, deliveries []EventDelivery, failed []error, unsigned []int,
) (recovered int) {
	var candidates []events.Event
	var indexes []int
	for _, i := range unsigned {
		d := &deliveries[i]
		if d.Err == nil && d.msg.Subject() == events.Subject(d.Event.Tenant, d.Event.Type) {
			candidates, indexes = append(candidates, d.Event), append(indexes, i)
		}
	}
	if len(candidates) == 0 || q.Recorded == nil {
		return 0
	}

	recorded, err := q.Recorded(ctx, candidates)
	for j, i := range indexes {
		switch {
		case err != nil:
			failed[i] = fmt.Errorf("look for an event without a known signature: %w", err)
		case recorded[j]:
			failed[i] = nil
			recovered++
		}
	}
	return recovered
}

// recordRefused counts what is refused, and logs it with one line per batch. The content is
// not logged: its sender chose it.
func (q EventQueue) recordRefused(ctx context.Context, batch []jetstream.Msg, failed []error) {
	count, first := 0, 0
	for i := len(failed) - 1; i >= 0; i-- {
		if errors.Is(failed[i], errRefused) {
			count, first = count+1, i
		}
	}
	if count == 0 {
		return
	}
	refusedEvents.Add(ctx, int64(count), metric.WithAttributes(attribute.String("consumer", q.Durable)))
	q.Log.WarnContext(ctx, "events refused",
		"consumer", q.Durable, "events", count, "first", messageID(batch[first]), "reason", failed[first])
}
