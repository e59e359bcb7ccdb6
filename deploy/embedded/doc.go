// Package embedded owns the data directory of a Codex that runs its outside
// parts itself.
//
// `codex up` and the integration tests need Postgres, NATS, an object store and a
// payment provider without anything installed or configured. The sub-packages
// start them, one folder per part:
//
//	deploy/embedded/postgres   a private cluster, own process, unix socket only
//	deploy/embedded/nats       nats-server with JetStream inside this process
//	deploy/embedded/s3         an S3 gateway inside this process
//	deploy/embedded/stripe     a sandbox in place of Stripe, inside this process
//
// What they share lives here: the directory itself, the lock that keeps a second
// instance out of it, the layout version that keeps an older program from
// touching newer data, and the secrets that are generated once.
//
// The package promises that every refusal is one sentence a person can act on,
// and that killing the program at any moment leaves a directory which opens
// again. It knows nothing about what the parts store.
package embedded
