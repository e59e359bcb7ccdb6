package reactions

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// errUnreadable says that a message is no event that this build knows.
var errUnreadable = errors.New("unreadable event")

// Event is an event in a projection's batch.
type Event struct {
	events.Event
	// Payload is the event's decoded data.
	Payload events.Payload

	emitted *[]events.Fact
}

// decode reads a delivery; it fails with errUnreadable.
func decode(d bus.EventDelivery) (Event, error) {
	if d.Err != nil {
		return Event{}, fmt.Errorf("%w: %w", errUnreadable, d.Err)
	}
	return NewEvent(d.Event)
}

// NewEvent decodes an event's data. It fails for a type that this build does not know.
func NewEvent(e events.Event) (Event, error) {
	payload, err := e.Decode()
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return Event{Event: e, Payload: payload, emitted: new([]events.Fact)}, nil
}

// Emit adds facts that follow from this event. They are appended to the outbox in the
// transaction of the batch, with this event as their cause.
func (e Event) Emit(facts ...events.Fact) { *e.emitted = append(*e.emitted, facts...) }

// Emitted returns the facts that were added.
func (e Event) Emitted() []events.Fact { return *e.emitted }

// journalOf returns what a batch emitted, in the order of the batch. traceParents are the
// trace contexts of the events' handling.
func journalOf(batch []Event, traceParents map[string]string, at time.Time) (journal []events.Event, err error) {
	for _, e := range batch {
		cause := events.Cause{
			ID:            e.ID,
			CorrelationID: e.CorrelationID,
			ActorID:       e.ActorID,
			TraceParent:   traceParents[e.ID],
			At:            at,
		}
		for _, fact := range e.Emitted() {
			id, err := uuid.NewV7()
			if err != nil {
				return nil, fmt.Errorf("new event id: %w", err)
			}
			event, err := fact.Event(id.String(), cause)
			if err != nil {
				return nil, err
			}
			journal = append(journal, event)
		}
	}
	return journal, nil
}
