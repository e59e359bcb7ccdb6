package bus

import (
	"context"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
)

// EventDelivery is one message of the event stream. Err is set when it could not be read
// as an event; Raw is then all there is.
type EventDelivery struct {
	Event events.Event
	Raw   []byte
	Err   error
	msg   jetstream.Msg
	retry error
}

// MessageID is the event's id; for a message that is no event, an id that names it.
func (d *EventDelivery) MessageID() string {
	if id := d.msg.Headers().Get(events.HeaderID); id != "" {
		return id
	}
	return messageID(d.msg)
}

// Type is the event type that the message's headers name.
func (d *EventDelivery) Type() string { return d.msg.Headers().Get(events.HeaderType) }

// Headers are the message's headers.
func (d *EventDelivery) Headers() map[string][]string { return d.msg.Headers() }

// Deliveries returns how often the message has been delivered, this time included.
func (d *EventDelivery) Deliveries() uint64 { return deliveries(d.msg) }

// Retry excludes the message from its batch's acknowledgement: it is redelivered after a
// growing delay (0.5 s, doubled up to 15 s). cause is logged.
func (d *EventDelivery) Retry(cause error) { d.retry = cause }

// EventQueue names the events of a durable consumer.
type EventQueue struct {
	// Durable names the consumer; processes that use the same name share the events.
	Durable string
	// Types are the event types to consume.
	Types []string
	// BatchSize is the most that [ConsumeEvents] hands over at once.
	BatchSize int
	// Workers is how many [ConsumeEachEvent] handles at once in this process.
	Workers int
	// Keys verify that the relay signed an event.
	Keys *Keys
	// Recorded reports for each event whether the outbox has it exactly as it is. It decides
	// about events without a known signature; without Recorded they are refused.
	Recorded func(context.Context, []events.Event) ([]bool, error)
	// Limits are used when the stream must be created anew.
	Limits StreamLimits
	Log    *slog.Logger
}

// ConsumeEvents feeds events to handle, in batches of what is waiting, until ctx is done.
// When handle returns nil the batch is acknowledged, except for the events that it marked
// with [EventDelivery.Retry]. handle returns an error only to stop; the batch is then
// returned.
//
// What the relay did not sign and the outbox does not have is never handled nor delivered
// again. It is counted and logged.
func ConsumeEvents(
	ctx context.Context, conn *nats.Conn, queue EventQueue, handle func(context.Context, []EventDelivery) error,
) error {
	l := batches(events.EventStream, queue.consumer(), queue.BatchSize, queue.Limits, queue.Log)
	return l.run(ctx, conn, func(ctx context.Context, batch []jetstream.Msg) ([]error, error) {
		deliveries, failed := queue.admit(ctx, batch)
		admitted, indexes := make([]EventDelivery, 0, len(batch)), make([]int, 0, len(batch))
		for i, d := range deliveries {
			if failed[i] == nil {
				admitted, indexes = append(admitted, d), append(indexes, i)
			}
		}
		if len(admitted) == 0 {
			return failed, nil
		}
		if err := handle(ctx, admitted); err != nil {
			return nil, err
		}

		for j, i := range indexes {
			failed[i] = admitted[j].retry
		}
		return failed, nil
	})
}

// ConsumeEachEvent feeds events to handle one by one, up to Workers at once, until ctx is
// done: for work that takes long or calls the outside. A nil error acknowledges the event;
// with an error it is redelivered after a growing delay (0.5 s, doubled up to 15 s). An
// event whose process died is delivered to another one within ten seconds. handle's
// context is cancelled when ctx is. Of what the relay did not sign it is the same as for
// [ConsumeEvents].
func ConsumeEachEvent(
	ctx context.Context, conn *nats.Conn, queue EventQueue, handle func(context.Context, EventDelivery) error,
) error {
	l := singles(events.EventStream, queue.consumer(), queue.Workers, queue.Limits, queue.Log)
	return l.run(ctx, conn, func(ctx context.Context, batch []jetstream.Msg) ([]error, error) {
		deliveries, failed := queue.admit(ctx, batch)
		if d := deliveries[0]; failed[0] == nil {
			failed[0] = handle(WithTraceParent(ctx, d.Event.TraceParent), d)
		}
		return failed, nil
	})
}

func (q EventQueue) consumer() jetstream.ConsumerConfig {
	filters := make([]string, len(q.Types))
	for i, t := range q.Types {
		filters[i] = events.SubjectFor(t)
	}
	return jetstream.ConsumerConfig{
		Durable:        q.Durable,
		FilterSubjects: filters,
		AckPolicy:      jetstream.AckExplicitPolicy,
	}
}

func readEvent(msg jetstream.Msg) EventDelivery {
	event, err := events.FromMessage(msg.Headers(), msg.Data())
	return EventDelivery{
		Event: event,
		Raw:   msg.Data(),
		Err:   err,
		msg:   msg,
	}
}
