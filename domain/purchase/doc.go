// Package purchase has the rules of selling: who may buy what, whether a payment becomes a
// purchase, and the effects of refunds and disputes.
//
// It is pure. The inputs are the state, a report or a command, and the facts that the
// decision depends on; the results are the next state and the events. Loading, locking
// and storing belong to the caller.
//
// # Reports in any order
//
// A payment provider delivers its events at least once and in no guaranteed order: a
// refund may be reported before its payment. So nothing here is a sequence of steps. A
// [Payment] has a field for each fact about one payment intent (paid, refunded so far,
// disputed), and the status of the purchase is derived from them, never assigned. In any
// order, and with any repetition, the same reports lead to the same payment.
//
// Until the payment itself is reported, other facts are stored and emit no events. Then
// all events are emitted at once, purchase.completed first. A purchase that was refunded
// before is recorded and refunded in one step, and never grants access.
//
// # Outcomes
//
// A payment becomes a purchase when its content can be delivered, it matches its
// checkout, and its buyer does not own the content already. Otherwise it has to be
// refunded, see [Payment.RefundDue]. The price, the currency and the rates of the split
// are frozen in the [Checkout]; later prices do not count.
//
// A buyer returns from the provider to the platform's own sites only, see [Returns].
//
// A session that was not opened here is trusted because of its signature: its metadata
// contains the buyer and the content. A session with neither is a sale of another system
// through the same account, and is ignored.
package purchase
