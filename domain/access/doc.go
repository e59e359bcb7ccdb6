// Package access decides who may see content and for what reason, and records playback.
//
// It is pure. State goes in with a fact or a command, the next state and the events
// come out; loading, locking and storing are the caller's.
//
// # One decision
//
// [Decide] is the only place that allows or denies. Streams, every playlist, the saving
// of progress and the explanation of access all call it, and it returns the reason as
// well. The library cannot call it per row without reading every row; it has the same
// rules in SQL, and a test compares the two for random data.
//
// The tests have a second implementation of the rules, with which Decide agrees for
// random scenarios.
//
// The management of an item ([Content.ManagedBy]) may read the decision about another
// user, with the grants and the events behind them. That is fewer users than see
// everything of an organization, because it reveals purchases.
//
// # Grants
//
// A [Grant] is one source of access of one user to one item: a purchase, a gift, later a
// subscription. Access is the union of the live grants. The end of one source does not
// affect the others; a second purchase after a refund is a new source.
//
// A grant from a purchase follows the purchase's events. They may come late, twice
// or out of order, so the grant is not the result of the last event that arrived:
// [Grant.Follow] keeps the highest version that had an effect and whether the end is
// final. In any order, the same events lead to the same grant.
//
// # Playback
//
// A [Playback] only moves forward, in any order of the devices' reports: the furthest
// position is kept, and completed is never unset.
package access
