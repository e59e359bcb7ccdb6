package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// Fact is what a context decided, before it gets an envelope.
type Fact struct {
	// Tenant is the tenant of the aggregate; see [Event.Tenant].
	Tenant string
	// AggregateID names the aggregate that changed.
	AggregateID string
	// Version is the aggregate's version after the fact.
	Version int64
	// Payload says what happened.
	Payload Payload
}

// Facts returns the facts of one aggregate whose version is version after the last of them.
func Facts(tenant, aggregateID string, version int64, payloads ...Payload) []Fact {
	facts := make([]Fact, len(payloads))
	for i, p := range payloads {
		facts[i] = Fact{
			Tenant:      tenant,
			AggregateID: aggregateID,
			Version:     version - int64(len(payloads)-1-i),
			Payload:     p,
		}
	}
	return facts
}

// Cause says what a fact follows from.
type Cause struct {
	// ID is the command's or the event's id.
	ID string
	// CorrelationID, ActorID and TraceParent are handed on unchanged.
	CorrelationID string
	ActorID       string
	TraceParent   string
	// At is the time of the decision.
	At time.Time
}

// CauseOf returns the cause that a command is for the facts it leads to.
func CauseOf(cmd Command, at time.Time) Cause {
	correlation := cmd.CorrelationID
	if correlation == "" {
		correlation = cmd.ID
	}
	return Cause{
		ID:            cmd.ID,
		CorrelationID: correlation,
		ActorID:       cmd.ActorID,
		TraceParent:   cmd.TraceParent,
		At:            at,
	}
}

// Event puts a fact into its envelope. id must be a fresh UUIDv7.
func (f Fact) Event(id string, cause Cause) (Event, error) {
	data, err := json.Marshal(f.Payload)
	if err != nil {
		return Event{}, fmt.Errorf("event %s: marshal: %w", f.Payload.EventType(), err)
	}
	return Event{
		ID:            id,
		Type:          f.Payload.EventType(),
		Time:          cause.At.UTC(),
		Tenant:        f.Tenant,
		AggregateID:   f.AggregateID,
		Version:       f.Version,
		CausationID:   cause.ID,
		CorrelationID: cause.CorrelationID,
		ActorID:       cause.ActorID,
		TraceParent:   cause.TraceParent,
		Data:          data,
	}, nil
}
