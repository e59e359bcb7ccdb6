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
// [Payment] is a set of facts about one payment intent: that it was paid, its refunds by
// their ids, its disputes by their ids. Of two reports of one refund, or of one dispute, the
// later of its states counts, whichever is delivered first; times only tell when. Everything
// else is derived: what was refunded, what is owed, the status, the access. In any order,
// and with any repetition, the same reports lead to the same payment.
//
// The states of a refund, in their order: pending, succeeded, cancelled, failed. Those of a
// dispute: inquiry, inquiry_closed, open (the money is withdrawn), lost, won (it is
// reinstated). Refunds that are known by a total only, which the charge reports, count until
// they are known by their ids.
//
// Until the payment itself is reported, other facts are stored and emit no events. Then
// all events are emitted at once, purchase.completed first. A purchase that was refunded
// before is recorded and refunded in one step, and never grants access.
//
// # The states of a purchase
//
// The first row that fits counts.
//
//	facts                                             status              access
//	--------------------------------------------------------------------------------
//	the payment is not reported                       pending             -
//	the payment is no purchase (see Outcomes)         failed              -
//	it ended, and the item was bought again before    refunded            ended
//	  its refund failed or its dispute was won
//	a dispute is lost, of whatever part               refunded            ended
//	refunds that are pending or succeeded reach       refunded            ended
//	  what was paid
//	a dispute is open                                 as without it       suspended
//	refunds that are pending or succeeded are less    partially_refunded  open
//	anything else: nothing was refunded; every        completed           open
//	  refund failed or was cancelled; every dispute
//	  was won, or is an inquiry
//
// So a refund that fails gives access back, an inquiry takes none, and of several disputes
// each has to be won. Each event of a purchase says which access it gives from then on.
//
// # What is owed
//
// A payment that is no purchase, or that was paid twice, is owed: what was paid, minus
// refunds that succeeded, minus what open and lost disputes took ([Payment.Owed]). A refund
// is due for the part of it for which none is pending ([Payment.RefundDue]), again when it
// fails. A purchase owes nothing.
//
// # Outcomes
//
// A payment becomes a purchase when a purchase opens its content, it matches its checkout,
// and its buyer does not own the content already. Otherwise it has to be refunded. The
// price, the currency and the rates of the split are frozen in the [Checkout]; a later
// price does not count, and an open checkout stays payable at the price that its buyer saw.
//
// Content may be withdrawn while a buyer pays: unpublished, deleted, or given another access
// type. Its open checkouts are closed at the provider at once. Of one that was paid all the
// same:
//
//	the content is now                                the buyer
//	--------------------------------------------------------------------------------
//	unpublished                                       owns it, and keeps it like all
//	                                                  who bought it before
//	for members, followers or subscribers             owns it: a purchase opens it
//	for its team only, private, free, or deleted      gets the money back
//
// A buyer returns from the provider to the platform's own sites only, see [Returns].
//
// # Whose payments
//
// Other systems may sell through the same account: another shop, or another installation. A
// payment is ours when a checkout names it: by the id of its session, or by the checkout in
// its metadata, unless that carries the marker of another installation ([Marker]). A session
// that was not opened here is trusted because of its signature when it carries no such
// marker, names a buyer and a content item that exist here, deleted ones included, and has
// the item's price and currency. Every other payment is left alone ([Foreign]).
package purchase
