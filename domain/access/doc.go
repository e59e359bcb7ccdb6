// Package access decides who may see content and on what ground, and records how far
// they got.
//
// It is pure. State goes in with a fact or a command, the next state and the events
// come out; loading, locking and storing are the caller's.
//
// # One decision
//
// [Decide] is the only place that allows or denies. The stream address, every
// playlist, the saving of progress and the answer to "may I see this" all ask it,
// and it returns the ground as well, so that a refusal can be explained. The
// library cannot call it per row without reading every row; it says the same in
// SQL, and a test compares the two over random worlds.
//
// A second reading of the rules, the reference of the tests, agrees with it in random
// worlds.
//
// Who manages an item ([Content.ManagedBy]) may ask for the decision about another
// user, with the grants and the events behind them. That is fewer people than see
// everything of an organization: it reveals purchases.
//
// # Grants
//
// A [Grant] is one ground for one user to see one item: a purchase, a gift, later a
// subscription. Each has a source, and access is the union of the live ones. What
// ends one source leaves the others alone; buying again after a refund is a new
// source.
//
// A grant from a purchase follows the purchase's events. They may come late, twice
// or out of order, so the grant is not the result of the last event that arrived:
// [Grant.Follow] keeps the highest version that had an effect and remembers an end
// that nothing can take back. Whatever the order, the same events end in the same
// grant.
//
// # Playback
//
// A [Playback] only moves forward, whatever the order of the devices' reports: the
// furthest position stands, and completed is never unset.
package access
