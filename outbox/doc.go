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
// The [Relay] is the only one that publishes, in whichever process holds an
// advisory lock; the claims run on the very connection that holds it, so a relay
// that lost the lock cannot claim. Rows are claimed by flag, published_at IS NULL,
// never by a cursor over position: a transaction that took a lower position may
// commit later, and a cursor would pass it by for ever. The claim is ordered by
// position, and within an aggregate position follows version, because the next
// version cannot be inserted before the previous one committed.
//
// A batch is published in waves: the first event of every aggregate in it, then
// the second of every aggregate, and so on, each wave confirmed before the next.
// An event that the stream rejected holds back the later ones of its aggregate, and
// no others. So the first appearances of an aggregate's events on the stream
// are in the order of their versions, whatever fails.
//
// A relay that dies between publishing and marking publishes again. The event's id
// is the message id; the server drops the copy within its window, and every
// consumer of ours drops it after that.
//
// # What the stream loses
//
// JetStream may lose what it acknowledged. The relay remembers, in relay_state,
// which stream it published to and how far; before it publishes on a new
// connection, and every minute, it compares. When the stream is another one, ends
// earlier or has holes, [Relay.Reconcile] reads the ids that are left on it and
// marks every row that is missing as unpublished. Deleting the whole JetStream
// directory therefore loses nothing: the outbox keeps rows for thirty days.
package outbox
