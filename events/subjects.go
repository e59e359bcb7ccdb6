package events

import (
	"hash/fnv"
	"strconv"
	"strings"
)

// Streams and the subjects they capture.
const (
	// CommandStream holds commands on their way to a consumer.
	CommandStream = "COMMANDS"
	// CommandSubjects is what CommandStream captures.
	CommandSubjects = "codex.commands.>"
	// EventStream holds published events.
	EventStream = "EVENTS"
	// EventSubjects is what EventStream captures.
	EventSubjects = "codex.events.>"
)

// Subject returns where an event is published:
// codex.events.<tenant>.<aggregate>.<event>.
func Subject(tenant, eventType string) string {
	aggregate, event, _ := strings.Cut(eventType, ".")
	return "codex.events." + Token(tenant) + "." + Token(aggregate) + "." + Token(event)
}

// SubjectFor returns the filter that selects one event type of every tenant.
func SubjectFor(eventType string) string {
	aggregate, event, _ := strings.Cut(eventType, ".")
	return "codex.events.*." + Token(aggregate) + "." + Token(event)
}

// CommandSubject returns where a command is published:
// codex.commands.<context>.<partition>.<action>.
func CommandSubject(commandType string, partition int) string {
	context, action, _ := strings.Cut(commandType, ".")
	return "codex.commands." + Token(context) + "." + strconv.Itoa(partition) + "." + Token(action)
}

// CommandFilter selects all commands of one context and partition.
func CommandFilter(context string, partition int) string {
	return "codex.commands." + Token(context) + "." + strconv.Itoa(partition) + ".>"
}

// Partition maps an aggregate to one of n partitions, the same on every machine.
func Partition(aggregateID string, n int) int {
	if n <= 1 {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(aggregateID))
	return int(h.Sum32() % uint32(n))
}

// Token makes a string safe as one token of a NATS subject. Our ids and names are
// safe already; whatever else arrives (a dot, a wildcard, white space, a control
// character) becomes "_", so that no id can widen a subject.
func Token(s string) string {
	if s == "" {
		return "_"
	}
	clean := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		default:
			return '_'
		}
	}
	return strings.Map(clean, s)
}
