// Package commands applies commands: each exactly once, whatever crashes.
//
// # One batch, one transaction
//
// A [Runner] takes what waits in one (context, partition) of the command stream and
// applies it in a single transaction of two round trips. The first reads: the rows
// of the commands table for these ids, and whatever the context needs, locked in a
// fixed order. Then the context decides in memory, in the order of arrival, and
// each decision sees the ones before it. The second round trip writes: state rows,
// outbox rows, command rows, COMMIT. After the commit the waiting edges get their
// outcomes, one message per edge, and then the batch is acknowledged.
//
// A command that was applied before is recognised by its row and answered with the
// outcome that is stored there. A batch in which every command is delivered for the
// first time under a fresh id is spared the look-up; were such an id taken after
// all, the insert of its row would fail, and what follows is below. A rejection is an outcome like any other: it is
// stored and repeated too.
//
// # When a batch fails
//
// It is rolled back and applied again one by one, each command in its own
// transaction, so that a bad one never hurts its neighbours. What stands in the way
// of a single command decides what happens to it: while the database is away, or
// asks to try again, the runner waits and tries for ever, since giving up would
// lose the order; anything else (a panic, data the database refuses) is tried
// three times and then becomes a dead letter and a rejected command, so that its
// client learns of it.
//
// Unique indexes decide races between partitions. The loser's batch fails, is
// replayed, and now reads the winner's row: it is rejected with the reason that the
// domain gives for it.
//
// # Rights
//
// A command says who asks, never what they may do. Every context loads the actor's
// rights inside the transaction and decides with those.
//
// # Commands that call the outside
//
// An [External] context writes its state first, calls with an idempotency key that
// follows from that state outside any transaction, and stores the result in a second
// transaction. Its commands are applied concurrently, one by one.
package commands
