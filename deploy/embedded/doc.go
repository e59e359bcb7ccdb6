// Package embedded owns the data directory of an installation that runs Postgres, NATS,
// object storage and the payments sandbox itself.
//
// Command codex up and the tests need these parts without configuration. A sub-package
// starts each:
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
// The package promises that every error is one sentence that says what to do, and that
// killing the program at any moment leaves a directory which opens again. It knows nothing
// about what the parts store.
package embedded
