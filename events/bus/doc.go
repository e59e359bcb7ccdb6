// Package bus carries commands and events over NATS JetStream.
//
// It is transport, never the authority. JetStream acknowledges before it syncs to
// disk, so whatever it holds may be lost; every promise made to a client or to a
// subscriber rests on Postgres instead:
//
//   - A command lost on its way is sent again by the sweeper, because the edge
//     wrote a row before it said 202.
//   - An event lost from its stream is published again by the relay, because the
//     outbox is the journal.
//
// So nothing here is keyed on stream sequences, and nothing relies on the server's
// duplicate window. Everything is created again when it is missing.
//
// # Commands
//
// A [Dispatcher] publishes a command and waits for its outcome, which comes back
// over core NATS in one message per edge and batch, or directly when edge and
// consumer are one process. [ConsumeCommands] feeds one
// (context, partition) to a handler in batches: it takes what is waiting, without
// lingering for more. Only one process consumes a partition at a time; JetStream's
// pinned-client priority groups see to that and move the pin when its holder is
// silent for two seconds.
//
// One acknowledgement covers a whole batch (AckAll). It is sent once and not
// confirmed: a lost one costs a redelivery, which the commands table answers.
//
// # Events
//
// [EventPublisher] publishes asynchronously with the event's id as message id.
//
// # Signals
//
// Two kinds of message are mere hints on core NATS, lost without harm: that the
// outbox has rows (the relay polls anyway), and that a reaction has handled what a
// cause led to (the edge that waits checks the inbox as well).
package bus
