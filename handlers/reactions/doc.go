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
// The router and its middleware are Watermill's. Its JetStream subscriber is used
// with everything it would otherwise choose badly: our durable consumer (its
// default is ephemeral), a delay for negative acknowledgements (its default is a
// hot loop), an unmarshaler that never fails (an error there is a nil dereference),
// its own connection (closing the subscriber drains it), and an acknowledgement
// wait above the handler's time limit. When a consumer or the stream vanishes, the
// subscriber does not notice; the error handler here does, and the router is built
// anew.
package reactions
