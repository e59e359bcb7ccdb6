// Package stripe calls Stripe: it creates and reads checkout sessions, refunds
// payments, lists events, and turns signed webhooks into typed facts.
//
// # What it promises
//
//   - Every write carries the caller's idempotency key. The caller stores the key before
//     the call, so a call whose outcome is unknown is repeated with the same key and has
//     one effect. Stripe keeps a key's response for at least 24 hours: stop repeating at 23.
//   - Every failed call returns an *Error of exactly one kind: ErrDeclined, ErrRejected,
//     ErrRateLimited or ErrUnknownOutcome. Only the first two are final. Everything that
//     is not a clear rejection (time-out, broken connection, 5xx, an unreadable response,
//     a key that is still being executed) counts as unknown.
//   - It never repeats a call itself: repeating needs the stored key and a schedule, and
//     both belong to the caller. (The HTTP transport may resend a request once when a
//     pooled connection was closed before a response began; it does so with the same key.)
//   - A webhook is trusted because of its signature only. stripe-go is bound to API version
//     2023-10-16 and rejects other events; this package reads the few fields it needs from
//     an event of any version.
//   - Nothing is global: two clients with different keys and addresses can be used at once.
//
// # What it may not know
//
// Purchases, grants, tenants, storage, HTTP routes. It returns what Stripe reports;
// domain/purchase decides about the effect.
//
// In development and tests, package deploy/embedded/stripe replaces Stripe.
package stripe
