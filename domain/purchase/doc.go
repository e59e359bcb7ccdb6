// Package purchase holds the rules of selling: who may buy what, what a payment
// is worth, and what follows when money goes back.
//
// It is pure. State goes in with a fact or a command and what the decision rests
// on; the next state and the events come out. Loading, locking and storing are
// the caller's.
//
// # Facts in any order
//
// A payment provider reports what happened at least once and in no promised order:
// a refund may be heard of before the payment it refunds. So nothing here is a
// sequence of steps. A [Payment] collects what is known of one payment intent, each
// fact in a place of its own (paid, refunded so far, disputed), and the status of
// the purchase is derived from them, never assigned. Whatever the order, and however
// often a fact is repeated, the same facts end in the same payment.
//
// Until the payment itself is known, facts are kept and nothing is announced. When
// it becomes known, everything is announced at once, purchase.completed first. A
// purchase that was refunded before is so recorded and refunded in one go, and
// never opens access.
//
// # What a payment is worth
//
// A payment becomes a purchase when its content can be delivered, it matches the
// checkout that we opened for it, and its buyer does not own the content already.
// Otherwise it is owed back, and [Payment.Owed] says how much and why. The price,
// the currency and the rates of the split were frozen in the [Checkout]; the price
// of today is of no interest.
//
// A buyer comes back from the provider to our own sites only; [Returns] says which.
//
// A session that was not opened here is believed because of its signature: its
// metadata names the buyer and the content. A session that names neither is
// somebody else's sale through the same account, and is left alone.
package purchase
