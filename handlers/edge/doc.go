// Package edge is the HTTP kit: it serves the routes that activities declare.
//
// A [Route] declares an operation once: its address, who may use it, its limit, its
// parameters and bodies. The router, the checks before the handler, /openapi.json and
// /docs are made from it. A handler gets a [Request], with which it reads the actor, the
// parameters and the body, sends a command or reads from Postgres, and responds. The edge
// decides nothing about the business: the consumer of a command applies the same rules to
// every sender.
//
// # Commands over HTTP
//
// A command's id is the UUIDv5 of actor and Idempotency-Key when the client sends that
// header, so that a repeated request is the same command; without it, a fresh UUIDv7. The
// edge publishes the command and waits ten seconds for the outcome, which the consumer
// sends after its commit. When the wait runs out, when the bus does not accept the
// command, or when the client asked for it (Prefer: respond-async), the edge first writes
// a row to the commands table and then responds 202 with the operation's address. So
// every 2xx rests on Postgres.
//
// Credentials never travel on the bus: routes that carry them write through their domain's
// adapter directly, and declare Idempotent instead of a command.
//
// # Shared reads
//
// The response of a [Route] that is Shared is the same for everyone. Requests for one address
// that arrive while it is read get the same response: a page that many open at once costs one
// read at a time. Nothing is kept when the read has ended, so who asks later sees what was
// written meanwhile; clients and proxies keep it for a minute.
//
// # Middleware
//
// Every request passes, in this order: request id, trace, log, recovery from panics, CORS,
// security headers, protection against cross-site writes; then, for its route, the limit
// by address, authentication, the limit by user, and the parameters. Spans and metrics are
// made only when they are exported; otherwise the trace context is passed on and no more.
package edge
