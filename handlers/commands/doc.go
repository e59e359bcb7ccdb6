// Package commands applies commands: each exactly once, whatever crashes.
//
// # A table of handlers
//
// A bounded context declares its commands in a table: [NewContext] with one [Handle] row
// per command, which names the payload's type, notes what has to be loaded for it and
// applies it. The commands of a batch share a [Batch], the loaded state of the context.
// The name of a command is a constant beside its payload's type in the domain. See
// ExampleNewContext for a whole context.
//
// # One batch, one transaction
//
// A [Runner] fetches what waits in one (context, partition) of the command stream and
// applies it in a single transaction of two round trips. The first reads: the rows
// of the ledger for these ids, and what the context needs, locked in a fixed order.
// Then the context decides in memory, in the order of arrival, and each decision sees
// the ones before it. The second round trip writes: state rows, outbox rows, ledger
// rows, COMMIT. After the commit the waiting edges get their outcomes, one message per
// edge, and then the batch is acknowledged.
//
// A command that was applied before is recognised by its row in the ledger and gets the
// outcome that is stored there. A batch in which every command is delivered for the
// first time under a fresh id is spared the look-up; were such an id taken after all,
// the insert of its row would fail, and with it the batch (see below). A rejection is an
// outcome like any other: it is stored and replayed too.
//
// # The ledger
//
// The [Ledger] is the table commands, and this package is the only one with SQL on it.
// The edge accepts commands there before it responds with 202, replays the outcome of a
// request whose Idempotency-Key is used again, and records requests that carry
// credentials and therefore never travel on the bus. A [Sweeper] publishes accepted
// commands again until they have an outcome, and removes outcomes after 7 days. A response
// of 500 or more is never an outcome: its row only keeps the key for its payload.
//
// # What is kept of a response
//
// A response that shows a resource is not stored: the row has the id of the resource
// ([Outcome.Of]), and whenever the response is given again the edge has the module of the
// command read the resource (edge.Resource), for the user who asks. So the ledger holds no
// title, name or address, and a repeated request shows nothing that its sender may no longer
// see: it gets the error of the reader then. The first response is that of the decision, and
// costs no read. What is stored:
//
//	the response shows                             the row has           given again
//	a resource                                     its id                as it is now, or its 404 or 403
//	that something was begun, taken or ignored     the body              for seven days
//	what opens something (the address of a portal) the body              for minutes ([Outcome.For]), then 404
//	nothing (204)                                  the status            for seven days
//	a rejection                                    the body              for seven days
//
// Which command is which stands in the table of handlers/contract/responses_test.go, which is
// compared with the rows that all operations write.
//
// # When a batch fails
//
// It is rolled back and applied again one by one, each command in its own transaction, so
// that a bad one never delays its neighbours. The error decides what happens to a command
// that fails three times.
//
// Over its own fault (it cannot be decoded, the decision panics, the database rejects its
// data: SQLSTATE classes 21, 22, 23, 44, 54, P0) it is given up: it becomes a [DeadLetter]
// and a rejected command with status 500, so that its client gets a response. That is no
// outcome. The command is applied when it is sent again, by its client with the same
// Idempotency-Key or by the cause of it, and when an operator retries the letter.
//
// Over anything else (a missing column during a deploy, a missing right, a full disk, a
// conflict, a lock) it is never given up. While the database does not respond, the runner
// waits: nothing could be applied. While it does, the command is parked: it is accepted in
// the ledger, and the sweeper publishes it after a delay that grows from 0.5 s to 15 s. So a
// command that cannot be applied costs the others of its partition three short attempts, and
// a client that waits gets 202. Later commands of its aggregate are parked behind it.
//
// Unique indexes decide races between partitions. The loser's batch fails, is applied
// again, and now reads the winner's row: it is rejected with the reason that the domain
// gives for it.
//
// # Rights
//
// A command names its actor and never the actor's rights. Every context loads those
// inside the transaction (see [Actors]) and decides with them.
//
// # Commands that call the outside
//
// An [External] context writes its state first, calls with an idempotency key that
// follows from that state outside any transaction, and stores the result in a second
// transaction. Its commands are applied concurrently, one by one.
//
// The first transaction also leases the command's row, and writes it where there is none.
// Until the lease ends no other attempt calls: a second delivery, of another request with
// the same key or by the sweeper, waits for the outcome of the first. The lease lasts 10 s
// and is extended during the call, so that the command of a process that died is taken over
// within seconds, whatever the time limit of the call; an attempt that cannot extend it is
// cancelled.
//
// An outage of the outside (a domain.Error of class Upstream or Unavailable) is no outcome.
// A client that waits gets it once, and its next request with the same key is another
// attempt. A command that was accepted with 202, and one whose call ended with any other
// error, is postponed like a parked one until its outcome is known.
package commands
