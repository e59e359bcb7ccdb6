// Package ratelimit counts uses of things in fixed windows, for any number of
// processes together. It is the only owner of the tables rate_leases and rate_limits,
// and counts in two ways:
//
// A [Limiter] counts requests, of which there are many: exactly, in that no more than
// the limit are let through in one window, whatever fails. The count stands in
// rate_leases, an unlogged table, which is empty after a crash of the database. A
// process does not go there for every use: one statement leases a share of what is
// left of the window's allowance, and the process spends that share from memory.
// Shares get smaller towards the limit, and a small limit has shares of one, so that
// no use is refused while another process holds much of the allowance. That an
// allowance is used up is remembered until the window ends, and costs no statement
// either. A window's end is decided by the database's clock alone. A process learns
// how long the window still lasts and counts from the moment before it asked; so its
// lease is over before the window is, and clocks that disagree let nothing through
// twice. It fails closed: without the database there are no new leases.
//
// [Hit], [Hits] and [Clear] count what guards secrets, such as wrong passwords: one
// statement each, in the caller's transaction where there is one. The count stands in
// rate_limits, a logged table: a crash gives a guesser no new attempts. It can be
// read without a use, locked, and cleared, none of which a lease held in the memory
// of another process allows; that is why the two ways are not one. [Attempt] counts there,
// too: it admits attempts at a secret before they are made, and blocks them for growing
// times.
package ratelimit

import "crypto/sha256"

// Key names what is limited, and for whom, without telling either.
type Key [16]byte

// KeyOf returns the key of the uses of something by a user or an address.
func KeyOf(what, whom string) Key {
	sum := sha256.Sum256([]byte(what + "\x00" + whom))
	return Key(sum[:16])
}
