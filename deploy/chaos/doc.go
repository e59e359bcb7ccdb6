// Command chaos starts a whole installation of real processes, breaks it while clients use
// it, and shows by SQL that nothing was lost, doubled, reordered or left stuck.
//
//	make chaos                            every fault
//	make chaos CHAOS=short                the faults of the short form, which .ci/run runs
//	make chaos FAULTS=kill-relay,nats-deleted
//
// # What runs
//
// Two processes of each role (codex serve), three nodes of NATS (this program again, as a
// nats-server; streams have three copies), a private Postgres, and, in this process, the S3
// gateway, the payments sandbox and a balancer in front of the edges. Each relay reaches
// Postgres and NATS through TCP proxies of its own, so that its host can be cut off. Everything
// listens on loopback or a unix socket, in a temporary directory.
//
// # What a row of the table is
//
// The load runs; a fault is injected; the time until the platform works again is measured,
// from the heal, or from the injection where nothing heals: a killed process stays down until
// others work in its place. Which of two processes leads is no interface, so a fault of a role
// hits one process after the other, and the row has the longer time. Works means: for three
// seconds every new write is answered within two, and nothing older than two seconds waits in
// the outbox, among accepted commands, or for its grant. What the others bridge within two
// seconds therefore reads 0.0.
//
// Then the load pauses, everything has 30 s to come to rest, and the invariants of package
// invariants compare four records: what clients were answered, what the payment provider
// knows, the tables, and the event stream. A violation counts in the row in which it is seen
// first.
//
// Clients are good clients: every write has an Idempotency-Key, and is sent again with it
// after a refused connection, a time-out or a 5xx, until it has an answer; a 202 is followed
// to its outcome. Refused is the share of requests that had no answer or a 5xx.
//
// # What fails a run
//
// Any lost, doubled, reordered, stuck or wrong fact, a recovery or a payment without access
// for more than 15 s, an answer that an operation cannot have, a process that does not end
// after SIGTERM, and a client that got no answer at all. A fault that this machine cannot
// inject (a full disk needs root, to mount a file system of a limited size) is a row that
// says skipped.
package main
