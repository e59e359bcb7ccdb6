// Package stripe is a sandbox in place of Stripe, which cannot run on a laptop. It is an
// HTTP server with its own state: stripe-go v76 talks to it through its backend URL, buyers
// pay on its hosted pages, and it delivers signed webhooks. The program uses it in
// development; tests use it to provoke Stripe's failures on purpose.
//
// # What it promises
//
//   - Answers have the shapes of API version 2023-10-16, which stripe-go v76 pins, including
//     its surprises: a session has no payment intent before the first try to pay, a charge
//     lists no refunds unless they are expanded, unknown parameters are refused.
//   - Idempotency keys work as Stripe's do: the answer of a request that began to execute is
//     kept for 24 hours, 500s included; other parameters under the same key are 400
//     (idempotency_error); a second request meanwhile is 409 (idempotency_key_in_use).
//   - With a state file, an answer is on disk before it is sent, in the same transaction as
//     its events and their deliveries. kill -9 at any moment loses nothing that was answered;
//     pending webhooks are sent after the restart.
//   - Webhooks arrive at least once, in no promised order, each endpoint on its own, with
//     exponential back-off. The buyer's redirect does not wait for them.
//
// # What it leaves out
//
// Subscriptions, invoices, taxes, fees, Stripe's minimum amounts (30 pence, for example),
// currencies other than the session's, payment methods other than an always-valid card.
// Transfers settle at once.
//
// # Pages
//
//	GET  /                      payments, accounts, late webhooks, with buttons (guarded)
//	GET  /c/pay/{session}       the hosted checkout page: Pay, Decline, Cancel
//	GET  /setup/{link}          Connect onboarding
//	GET  /p/session/{portal}    the billing portal
//
// # Control
//
// These exist only here, for development and tests. They accept calls from a loopback
// address, or with the secret key as bearer token. Arguments are JSON or a form; answers
// are the changed object as the API shows it.
//
//	POST   /sandbox/sessions/{id}/pay                 the buyer pays
//	POST   /sandbox/sessions/{id}/decline             the buyer's card is declined
//	POST   /sandbox/payment_intents/{id}/refund       {"amount": 500, "reason": "duplicate"}; no amount: all
//	POST   /sandbox/payment_intents/{id}/dispute      {"reason": "fraudulent"}
//	POST   /sandbox/disputes/{id}/close               {"status": "won"} or "lost"
//	POST   /sandbox/accounts/{id}/activate            also restrict, deauthorize, and payout,
//	                                                  which empties the account's balance
//	POST   /sandbox/events/{id}/resend                deliver once more
//	GET    /sandbox/deliveries?event=&status=&type=&endpoint=&limit=
//	GET    /sandbox/faults
//	PUT    /sandbox/faults                            a Faults object; replaces all
//	DELETE /sandbox/faults                            heals
package stripe
