package stripe

import "crypto/rand"

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// newID makes an id of Stripe's look: a prefix and random letters and digits.
func newID(prefix string, length int) string {
	out := make([]byte, 0, len(prefix)+length)
	out = append(out, prefix...)
	buf := make([]byte, length)
	for len(out) < cap(out) {
		rand.Read(buf) // never fails, by its documentation
		for _, b := range buf {
			// 248 is the largest multiple of 62 in a byte; above it the choice would be uneven.
			if b < 248 && len(out) < cap(out) {
				out = append(out, alphabet[b%62])
			}
		}
	}
	return string(out)
}
