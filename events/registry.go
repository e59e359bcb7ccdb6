package events

import (
	"fmt"
	"reflect"
	"sort"
)

// Entry describes one event type.
type Entry struct {
	// Type is the event's name.
	Type string
	// Major is the schema's major version. It changes only together with the name.
	Major int
	// Doc says in one sentence what happened.
	Doc string
	// payload is the struct's type.
	payload reflect.Type
}

// New returns a pointer to a zero payload of this type, ready to be decoded into.
func (e Entry) New() Payload {
	return reflect.New(e.payload).Interface().(Payload)
}

// SchemaURI identifies the JSON Schema of the payload.
func (e Entry) SchemaURI() string {
	return fmt.Sprintf("urn:codex:event:%s:%d", e.Type, e.Major)
}

var registry = map[string]Entry{}

// register adds a type at start-up; every payload file calls it for its structs.
func register[T any, P interface {
	*T
	Payload
}](doc string,
) {
	var zero T
	name := P(&zero).EventType()
	if _, taken := registry[name]; taken {
		panic("events: " + name + " is registered twice")
	}
	registry[name] = Entry{
		Type:    name,
		Major:   1,
		Doc:     doc,
		payload: reflect.TypeOf(zero),
	}
}

// Lookup returns the entry of an event type.
func Lookup(eventType string) (Entry, bool) {
	e, ok := registry[eventType]
	return e, ok
}

// Registry returns every event type, sorted by name.
func Registry() []Entry {
	entries := make([]Entry, 0, len(registry))
	for _, e := range registry {
		entries = append(entries, e)
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Type < entries[j].Type })
	return entries
}
