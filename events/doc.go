// Package events is the platform's second public interface: the types of all events,
// and the envelope of the commands that lead to them.
//
// Any program may import it. It holds types and names only and knows no driver: the
// JetStream side lives in events/bus, the durable journal in outbox.
//
// # Events
//
// An [Event] is a fact about one aggregate, in the past tense ("content.published").
// Its data is one of the structs of this package, found through [Registry] by its
// type name. The envelope follows CloudEvents 1.0; on NATS its attributes travel
// in the message's headers (see [Event.Headers]) and the data, as JSON, in the body.
//
// Three promises let a subscriber live from events alone:
//
//   - Delivery is at least once. [Event.ID] never changes, so it is what to
//     remember in order to count a fact once.
//   - [Event.Version] is dense within one aggregate: 1, 2, 3 … without a gap. A
//     subscriber that sees 5 after 3 knows that 4 is still on its way.
//   - Within one major version a type only gains fields. What would break a
//     reader gets a new name.
//
// An event carries ids, states and amounts, never an e-mail address, a name or
// free text of a person: those must stay erasable.
//
// # Subjects
//
// Events are published on
//
//	codex.events.<tenant>.<aggregate>.<event>
//
// The tenant is the organization's id, or the creator's (for personal content) or
// the user's own id. NATS permissions on such a subject confine a subscriber to
// one tenant, one kind of aggregate or one event.
//
// # Commands
//
// A [Command] requests a change of one aggregate. Its id is the idempotency key of the
// whole pipeline: a command with the same id is applied once, however often it is
// sent. The edge that waits gets the outcome as a [Reply].
package events
