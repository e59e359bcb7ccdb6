// Package outbox is the durable journal of events: written by Postgres in the same
// transaction as the change that they report, kept until they are published, and for
// thirty days after that.
//
//	transaction ─▶ state rows
//	            └▶ outbox rows ─▶ Relay ─▶ EVENTS stream ─▶ projections, processes,
//	                  ▲             │                       other programs
//	                  └─ published ─┘
//
// # Appending
//
// [Append] appends events in a transaction and [Queue] adds the same statement to a
// pgx.Batch; both take any number of events. Versions come from the caller, who holds the
// aggregate's row lock: they are dense, 1, 2, 3 … The table rejects a second event of the
// same version within a day; across days the row lock and the aggregate's own version
// column guard it, because a unique index on a partitioned table must contain the
// partition key.
//
// # Publishing
//
// Any number of [Relay] may run; the one that holds the lease publishes. Rows are claimed
// by flag, published_at IS NULL, never by a cursor over position: a transaction that took a
// lower position may commit later, and a cursor would pass it by for ever. For the same
// reason each claim begins at the lowest unpublished position and excludes by name what is
// on its way. The claim is ordered by position, and within an aggregate position follows
// version, because the next version cannot be inserted before the previous one committed.
//
// Three steps overlap: a batch is claimed while the stream stores the one before, and while
// the one before that is marked. A batch is an atomic batch of the server (2.12 or later):
// the stream stores all of it, in its order, or nothing, and the next one is sent when this
// one is stored. So the events of one aggregate cost no round trip each, and the first
// appearances of an aggregate's events on the stream are in the order of their versions,
// whatever fails.
//
// The stream rejects a batch of which it has an event already. Then, on the first batch of
// every holder of the lease, in batches of fewer than 64 events (for an atomic batch the
// server opens a store on disk), and on servers without batches, events go out in waves:
// the first event of every aggregate in the batch, then the second of every aggregate, and
// so on, each wave confirmed before the next. An event that the stream rejected holds back
// the later ones of its aggregate, and no others.
//
// Two other ways were tried and left. With Nats-Expected-Last-Sequence on each event, a
// message of another publisher that takes the place of a rejected event lets the next one
// pass. Nats-Expected-Last-Msg-Id would hold, but a server (2.15.2) that was catching up
// does not keep the last id, so replicas could disagree.
//
// A relay that dies between publishing and marking publishes again. The event's id
// is the message id; the server drops the copy within its window, and every
// consumer of ours drops it after that.
//
// # The lease
//
// The lease is a row (relay_state) that its holder renews every second and that expires
// after five, by the database's clock. It is not a session lock: such a lock lives as long
// as the TCP connection of its holder, which a stopped or cut-off host keeps for hours.
// Another relay takes over when the lease has expired, and at once when its holder released
// it or has no session in the database any more (it was killed). A relay that cannot work,
// because the bus or the database does not answer it, releases it.
//
// No transaction is open while events are published and a claim locks no row, so a stopped
// relay blocks nothing; the next holder ends its sessions all the same. Marks carry the
// epoch of the lease: what a woken relay marks has no effect. What it publishes has been
// published already, or comes in the right order, since a relay sends an event only after,
// or in one batch with, those before it.
//
// # Marking
//
// A mark names rows by their tid, in one statement per day. It costs an entry of the
// primary key per event: published_at is in the predicate of the partial index that claims
// use, so no update is HOT. A table of pending rows beside the outbox would avoid that at
// the cost of a second insert per event where commands wait for it.
//
// # Days
//
// The outbox is partitioned by day. While it holds the lease a relay creates the coming
// seven days and drops those older than thirty, with two functions that run as the owner of
// the tables: its own role needs SELECT, INSERT, UPDATE on the tables, EXECUTE on the
// functions and TEMPORARY on the database, and nothing else. Maintenance has a connection of
// its own and may fail: a day without a partition is kept in the default one.
//
// # What the stream loses
//
// JetStream may lose what it acknowledged. The relay remembers, in relay_state,
// which stream it published to and how far; before it publishes on a new
// connection, after a rejected batch and every minute, it compares. When the stream is
// another one, ends earlier or has holes, it reads the ids that are left on it and
// marks every row that is missing as unpublished. Deleting the whole JetStream
// directory therefore loses nothing: the outbox keeps rows for thirty days.
package outbox
