package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Source is the CloudEvents source of every event this platform emits.
const Source = "codex"

// Event is one fact, in its CloudEvents 1.0 envelope.
type Event struct {
	// ID is a UUIDv7, unique for ever and the same on every delivery.
	ID string
	// Type is "<aggregate>.<past tense>", for example "purchase.completed".
	Type string
	// Time is when the fact was decided, UTC.
	Time time.Time
	// Tenant is the organization's id; for personal content its creator's, for an
	// account its own.
	Tenant string
	// AggregateID names the aggregate that changed; ce-subject on the wire.
	AggregateID string
	// Version is the aggregate's version after this fact: dense, from 1.
	Version int64
	// CausationID is the id of the command or event that caused this one.
	CausationID string
	// CorrelationID is shared by everything that one request set in motion.
	CorrelationID string
	// ActorID is the user who requested it, or the name of the machine that did
	// ("stripe", "transcoder", "system").
	ActorID string
	// TraceParent is the W3C trace context, empty when tracing is off.
	TraceParent string
	// Data is the JSON of the struct that the registry names for Type.
	Data json.RawMessage
}

// Payload is the data of one event type. The structs of this package implement it.
type Payload interface {
	// EventType returns the type name, for example "purchase.completed".
	EventType() string
}

// Decode unmarshals the event's data into the struct that is registered for its
// type. It fails for a type that the registry does not know. Fields that the
// struct does not know are ignored: events only gain fields.
func (e Event) Decode() (Payload, error) {
	entry, ok := Lookup(e.Type)
	if !ok {
		return nil, fmt.Errorf("decode event %s: unknown type %q", e.ID, e.Type)
	}
	payload := entry.New()
	if err := json.Unmarshal(e.Data, payload); err != nil {
		return nil, fmt.Errorf("decode event %s of type %s: %w", e.ID, e.Type, err)
	}
	return payload, nil
}

// Header names of the CloudEvents NATS binding, and the extension attributes we add.
const (
	HeaderSpecVersion   = "ce-specversion"
	HeaderID            = "ce-id"
	HeaderType          = "ce-type"
	HeaderSource        = "ce-source"
	HeaderTime          = "ce-time"
	HeaderSubject       = "ce-subject"
	HeaderDataSchema    = "ce-dataschema"
	HeaderTenant        = "ce-tenantid"
	HeaderVersion       = "ce-aggregateversion"
	HeaderCausationID   = "ce-causationid"
	HeaderCorrelationID = "ce-correlationid"
	HeaderActorID       = "ce-actorid"
	HeaderTraceParent   = "traceparent"
	HeaderContentType   = "content-type"
	// HeaderMsgID is JetStream's own header; within its window the server drops
	// a second copy.
	HeaderMsgID = "Nats-Msg-Id"
)

// Headers returns the envelope as NATS message headers.
func (e Event) Headers() map[string][]string {
	h := map[string][]string{
		HeaderMsgID:         {e.ID},
		HeaderSpecVersion:   {"1.0"},
		HeaderID:            {e.ID},
		HeaderType:          {e.Type},
		HeaderSource:        {Source},
		HeaderTime:          {e.Time.UTC().Format(time.RFC3339Nano)},
		HeaderSubject:       {e.AggregateID},
		HeaderTenant:        {e.Tenant},
		HeaderVersion:       {strconv.FormatInt(e.Version, 10)},
		HeaderCausationID:   {e.CausationID},
		HeaderCorrelationID: {e.CorrelationID},
		HeaderActorID:       {e.ActorID},
		HeaderContentType:   {"application/json"},
	}
	if entry, ok := Lookup(e.Type); ok {
		h[HeaderDataSchema] = []string{entry.SchemaURI()}
	}
	if e.TraceParent != "" {
		h[HeaderTraceParent] = []string{e.TraceParent}
	}
	return h
}

// FromMessage rebuilds an event from a message's headers and body. It fails when
// an attribute that every event carries is missing or malformed: such a message
// did not come from our relay.
func FromMessage(headers map[string][]string, body []byte) (Event, error) {
	get := func(name string) string {
		if v := headers[name]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	e := Event{
		ID:            get(HeaderID),
		Type:          get(HeaderType),
		Tenant:        get(HeaderTenant),
		AggregateID:   get(HeaderSubject),
		CausationID:   get(HeaderCausationID),
		CorrelationID: get(HeaderCorrelationID),
		ActorID:       get(HeaderActorID),
		TraceParent:   get(HeaderTraceParent),
		Data:          body,
	}
	if e.ID == "" || e.Type == "" || e.Tenant == "" || e.AggregateID == "" {
		return Event{}, errors.New("read event: id, type, subject or tenant is missing in the headers")
	}
	var err error
	if e.Version, err = strconv.ParseInt(get(HeaderVersion), 10, 64); err != nil {
		return Event{}, fmt.Errorf("read event %s: aggregate version: %w", e.ID, err)
	}
	if e.Time, err = time.Parse(time.RFC3339Nano, get(HeaderTime)); err != nil {
		return Event{}, fmt.Errorf("read event %s: time: %w", e.ID, err)
	}
	if !json.Valid(body) {
		return Event{}, fmt.Errorf("read event %s: the data is not JSON", e.ID)
	}
	return e, nil
}
