// Package edge is the HTTP side of the platform.
//
// It authenticates, authorises coarsely, parses strictly, turns a request into a
// command, waits for its outcome and answers; or it reads from Postgres and
// answers. It decides nothing about the business: the same rules hold for whoever
// sends a command.
//
// One file per resource holds its routes and its queries. What they share is in
// edge.go (wiring and middleware order), session.go (who asks), decode.go (strict
// JSON), command.go (the way of a change) and refuse.go (the way of an error).
//
// # The way of a change
//
// A command's id is the UUIDv5 of actor and Idempotency-Key when the client sends
// that header, so that a repeated request is the same command; without it, a fresh
// UUIDv7. The edge publishes the command and waits ten seconds for the outcome,
// which the consumer sends after its commit. When the wait runs out, when the bus
// does not take the command, or when the client asked for it (Prefer:
// respond-async), the edge first writes a row to the commands table and then says
// 202 with the operation's address. So every 2xx rests on Postgres.
//
// The credentials of people never travel on the bus: sign-up, sign-in, sign-out
// and their kin write through domain/identity directly.
package edge
