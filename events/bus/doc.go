// Package bus carries commands and events over NATS JetStream.
//
// It is transport, never the authority. JetStream acknowledges before it syncs to
// disk, so whatever it holds may be lost; every promise made to a client or to a
// subscriber rests on Postgres instead:
//
//   - A command that is lost on its way is sent again by the sweeper, because the edge
//     wrote a row before it responded 202.
//   - An event that is lost from its stream is published again by the relay, because
//     the outbox is the journal.
//
// So nothing here is keyed on stream sequences, and nothing relies on the server's
// duplicate window. Streams and consumers are created again when they are missing.
//
// # One loop
//
// Everything that consumes runs the same loop (consume.go). It ensures the durable
// consumer and its stream, pulls continuously, passes on what has arrived without
// lingering for more, reports progress to the server while a batch is handled,
// acknowledges, checks that the consumer still exists when a pull fails, starts again when
// it does not, and on stop returns what it fetched and did not handle.
//
// It has two shapes:
//
//	                   in progress       acknowledgement            for
//	ConsumeCommands    one batch         one for all (AckAll)       commands
//	ConsumeEvents      one batch         one by one, in one flush   projections
//	ConsumeEach        workers × 1       one by one                 commands that call the outside
//	ConsumeEachEvent   workers × 1       one by one                 processes
//
// A batch puller keeps as many messages as the server delivers unacknowledged, and some
// more, so its buffer never drops one. (nats.go's iterator drops what exceeds
// PullMaxMessages, and it pulls again after a missed heartbeat while the first pull is
// still open; a pause of 1.5 s lost one message in ten until the acknowledgement wait
// was over. The callback interface used here has no such limit.) A puller of single
// messages requests the next one when it is free, so that none waits in a process while
// another is idle.
//
// # Why events are not acknowledged with AckAll
//
// AckAll acknowledges everything before the last message of a batch, also what never
// arrived: what was in flight when a connection broke, or what a killed process was
// handling when another took over. For commands that is safe, since the edge that waits for
// the outcome writes the row that the sweeper sends again, and with pinned-client priority
// groups one process consumes a partition at a time. For an event there is no row that
// shows that a projection has missed it. So events are acknowledged one by one: a
// batch of 256 costs 256 tiny messages in one flush and no round trip, and any number of
// processes may share a consumer without a pin.
//
// # Commands
//
// A [Dispatcher] publishes a command and waits for its outcome, which comes back over
// core NATS in one message per edge and batch, or directly when edge and consumer are
// one process. [ConsumeCommands] feeds one (context, partition) to a handler. Its pin
// moves when the holder has not pulled for two seconds, which is why these pulls are
// short, and the acknowledgement of a batch is sent once and not confirmed: a lost one
// costs a redelivery, which the commands table recognises.
//
// # Events
//
// [EventPublisher] publishes asynchronously with the event's id as message id, or batches of
// which the stream stores all or nothing.
//
// # Signatures
//
// A client with the credentials of the bus can read all of it and write to all of it. So
// commands, outcomes and events carry a signature ([Keys], header Codex-Signature), and what
// has none that is known is counted, logged and never handled. It is an HMAC-SHA256 over what
// kind of message it is, the time of signing, and
//
//   - all bytes of a command, so its actor, type, id and payload. After a day the signature is
//     void; until then, and for six days more, a recorded command finds its id in the commands
//     table. The sweeper signs anew what it sends, since rows in Postgres are trusted.
//   - the subject and all bytes of outcomes, with the secret of commands: no edge tells a client
//     an outcome that no consumer sent to it. It is void after five minutes.
//   - subject, envelope and data of an event, with a secret of its own that only the relay and
//     the reactions have. It is valid for ever: an event may be handled weeks after it was
//     published, or be published again, and each reaction handles an id once.
//
// A message among the events without a known signature is compared with the outbox
// (EventQueue.Recorded): one that stands there, word for word, is handled. So a relay of an
// earlier version, which signs nothing, and secrets that were replaced in the wrong order lose
// no event. Subscribers elsewhere may ignore the header.
//
// The signals below carry none: what a forged one does, a lost one does as well.
//
// # Signals
//
// Two kinds of message are mere hints on core NATS, lost or forged without harm: that the outbox
// has rows ([WakeRelay]; the relay polls anyway), and that a projection has handled the
// events of some commands ([ReportHandled]). With the latter, [Dispatcher.WatchHandled] and
// [Dispatcher.WaitHandled] delay a response until its effect can be read. A watch that begins
// before its command is sent misses no report, so a single event needs no query.
//
// # Deadlines
//
// Every call of the JetStream API ends after three seconds, so does the wait until a
// command is published, and one for an outcome when its context ends. An acknowledgement
// that does not come for ten seconds no longer counts as outstanding. A connection to a
// server that does not answer is left after six seconds, a write that blocks ends after
// five. Nothing here uses nats.go's ordered consumer: it recreates itself without a
// deadline while its stream has no leader, which held the relay for minutes. A message that
// is not acknowledged, and whose handler reports no progress, is redelivered after ten.
//
// A consumer whose pull request is gone, because the consumer was lost, has no leader or was
// on a server that shuts down, is started again at once: nats.go would pull again only after
// two missed heartbeats. One that does not answer is started again after six seconds; a
// server that only stalls keeps its consumers and who is pinned to them.
//
// # Storage
//
// The streams reserve what they may grow to. [StreamLimits.Storage] is the sum that each
// server with a replica needs; a server with less is reported as a [StorageError].
// [CheckStore] writes, because a server whose disk is full seems well and does not respond
// to publishers.
package bus
