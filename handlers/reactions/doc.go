// Package reactions is the event kit: what follows from events, such as access from
// purchases and transcoding jobs from uploads. Each reaction has a durable consumer of
// its own and lives on events alone. There are two kinds, because they fail and scale
// differently.
//
// # Projections
//
// A [Projection] only reads and writes Postgres. It is consumed as commands are: what is
// waiting, up to 256 events, is applied in one transaction that holds
//
//   - the inbox marks (projection, event id) of the batch, written with one statement
//     that returns the new ones; a second delivery finds its mark and is skipped,
//   - the effects of the new events, in the order of their arrival,
//   - the events that follow from them ([Event.Emit]), appended to the outbox.
//
// It costs two round trips besides the reads of the projection: the first begins it and
// writes the marks, the last sends what [Save] was given, the events and COMMIT.
//
// So a burst of paid webhooks costs a few transactions, not one per event; one event at a
// time with a confirmed acknowledgement made a burst of 200 per second wait ten seconds.
// After the commit the causes of the batch are reported in one message, for requests that
// wait for the effect (bus.Dispatcher.WaitHandled), and the batch is acknowledged.
//
// Projections of several processes share their consumer and may handle events of one
// aggregate at once. Each locks its rows in a fixed order, and none relies on the
// order of events across batches.
//
// # Genuine events only
//
// The bus hands over what the relay signed, or what the outbox has (see package bus): who has
// the credentials of the bus alone can publish an event and nothing follows from it. An event
// that is published again, by the relay or by somebody who recorded it, changes nothing: a
// projection finds its mark, which is kept for ever, and a process repeats a call that is
// repeatable.
//
// # Failure of a projection
//
// A failed batch is replayed one by one, each event in a transaction of its own, so that
// one event never hurts its neighbours. Events that fail again are tried three more times
// with a short back-off, after the others. Then they go back to the bus and are
// redelivered after a growing delay; an event that fails for a reason of its own becomes a
// dead letter after eight deliveries. A genuine event that this build cannot read becomes one
// at once.
//
// A failure that is not proven to come from the event is the database's, and is never a
// reason to give an event up: no connection, a missing column or right, a full disk. While
// the database does not answer at all, the batch is kept and tried again, and nothing is
// redelivered.
//
// # Processes
//
// A [Process] calls the outside: the object store, later mail and other people's
// webhooks. Processes run on a Watermill router, one message at a time per worker, with
// middleware for recovery and retries, in the trace of their event, measured like
// projections. No transaction is open while the outside is slow. Where a process has an
// effect in Postgres, it writes its inbox mark in that transaction ([Mark]). An event is
// given up only over its own fault (a panic, a domain.Error, data that the database
// rejects); over any other error, which may be the outside's, it is redelivered until it is
// handled, in the end every 15 s.
//
// # Dead letters
//
// A dead letter keeps headers and data of its event. When an operator requests a retry, the
// reaction that gave the event up handles it again, from the table and not from the bus, so
// that no other reaction sees it twice. A copy of the event that is delivered again is
// handled like any other, and resolves the letter.
//
// The router's subscriber is an adapter over the bus's own consumer loop. Watermill's
// JetStream subscriber (watermill-nats v2.1.3) can be given a durable consumer, a delay
// and an unmarshaler, but it closes its output channel while another goroutine may send
// on it, which the race detector reports at shutdown and which can panic there; and it
// does not notice when its consumer or the stream was deleted.
package reactions
