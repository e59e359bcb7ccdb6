// Package stripe speaks to Stripe: it creates and reads checkout sessions, refunds
// payments, lists events, and turns signed webhooks into typed facts.
//
// # What it promises
//
//   - Every write carries the caller's idempotency key. The caller stores the key before
//     the call, so a call whose outcome is unknown is repeated with the same key and has
//     one effect. Stripe keeps a key's answer for at least 24 hours: stop repeating at 23.
//   - Every failed call answers an *Error of exactly one kind: ErrDeclined, ErrRejected,
//     ErrRateLimited or ErrUnknownOutcome. Only the first two are final. Whatever is not
//     a clear refusal (time-out, broken connection, 5xx, an answer that cannot be read,
//     a key that is still being executed) counts as unknown.
//   - It never repeats a call itself: repeating needs the stored key and a schedule, and
//     both belong to the caller. (The HTTP transport may resend a request once when a
//     pooled connection was closed before an answer began; it does so with the same key.)
//   - A webhook is believed because of its signature and nothing else. stripe-go pins API
//     version 2023-10-16 and refuses other events; this package reads the few fields it
//     needs from an event of any version.
//   - Nothing is global: two clients with different keys and addresses live side by side.
//
// # What it may not know
//
// Purchases, grants, tenants, storage, HTTP routes. It reports what Stripe says; what
// that means is decided by domain/purchase.
//
// In development and tests, package deploy/embedded/stripe stands in for Stripe.
package stripe
