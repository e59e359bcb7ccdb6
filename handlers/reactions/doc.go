// Package reactions holds what follows from events: access from purchases,
// transcoding from uploads, and so on. Each [Reaction] has a durable consumer of its
// own and lives on events alone.
//
// # Exactly once in effect
//
// An event is handled in one transaction, together with its inbox mark (reaction,
// event id) and the events it leads to. A second delivery finds the mark and is
// acknowledged. Two deliveries at once meet at the mark's primary key: the second
// waits for the first and then finds it.
//
// # Failure
//
// A failed attempt is repeated at once, three times with a short back-off, which
// keeps the order of events through the usual hiccups. Then the event goes back to
// the bus and returns after a growing delay, so others go on; from here on events
// of one aggregate may pass each other, and every reaction must tolerate that. While the database is away this goes on for ever. An
// event that fails for a reason of its own becomes a dead letter after eight
// deliveries. A message that is no event of ours becomes one at once.
//
// # Watermill over JetStream
//
// The router and its middleware (retry, recovery) are Watermill's; the subscriber is
// ours, a hundred lines over nats.go. Watermill's own JetStream subscriber (v2.1.3)
// can be given a durable consumer, a delay and an unmarshaler, but it closes its
// output channel while another goroutine may send on it, which the race detector
// caught at shutdown and which can panic there; it also does not notice when its
// consumer or the stream vanishes. Here one goroutine owns the channel, and a lost
// consumer is made anew.
package reactions
