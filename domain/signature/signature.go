// Package signature is the core of every signed message of the platform: signed
// requests of programs, callbacks of a transcoder, webhooks of Stripe, stream tokens.
// It computes and compares HMAC-SHA-256 and checks the age of a signature. The encoding of
// a signature, its header and the response to a bad one belong to the packages that use
// it.
//
// Several secrets are valid while one replaces another. All of them are compared, in
// constant time, so that the duration reveals nothing about which was close.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"time"
)

// Size is the length of a signature in bytes.
const Size = sha256.Size

// The errors of a timestamp. Compare with errors.Is.
var (
	// ErrNoTimestamp says that the timestamp is empty.
	ErrNoTimestamp = errors.New("the timestamp is missing")
	// ErrBadTimestamp says that it is not a decimal number of Unix seconds.
	ErrBadTimestamp = errors.New("the timestamp is not in whole seconds")
	// ErrExpired says that it is longer ago than tolerated.
	ErrExpired = errors.New("the timestamp is too old")
	// ErrFuture says that it is further ahead than tolerated.
	ErrFuture = errors.New("the timestamp is in the future")
)

// Sum returns the HMAC-SHA-256 under a secret over the parts, joined as they are. The
// caller separates them so that no two messages join to the same bytes.
func Sum(secret []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, secret)
	for _, part := range parts {
		_, _ = h.Write(part)
	}
	return h.Sum(nil)
}

// MACs are the signatures of one message under each secret that is valid.
type MACs [][]byte

// Sums returns the signatures of a message under all secrets. An empty secret is left
// out: anyone could sign with it.
func Sums(secrets [][]byte, parts ...[]byte) MACs {
	var macs MACs
	for _, secret := range secrets {
		if len(secret) > 0 {
			macs = append(macs, Sum(secret, parts...))
		}
	}
	return macs
}

// Match reports whether given is one of the signatures.
func (m MACs) Match(given []byte) bool {
	match := false
	for _, mac := range m {
		if hmac.Equal(given, mac) {
			match = true
		}
	}
	return match
}

// DecodeBase64 reads a signature written in base64. It reports false for every other
// spelling of the same bytes: package base64 skips line breaks and stray bits at the
// end, and a signature must have one form only.
func DecodeBase64(encoding *base64.Encoding, text string) (mac []byte, ok bool) {
	mac, err := encoding.DecodeString(text)
	if err != nil || encoding.EncodeToString(mac) != text {
		return nil, false
	}
	return mac, true
}

// Tolerance is how far the time of a signature may be from now.
type Tolerance struct {
	// Age is how long ago it may be, in whole seconds.
	Age time.Duration
	// Skew is how far ahead of our clock it may be, in whole seconds.
	Skew time.Duration
}

// ParseTimestamp reads a timestamp in Unix seconds, from 0, in decimal without sign
// and leading zeros. It returns ErrNoTimestamp or ErrBadTimestamp.
func ParseTimestamp(timestamp string) (seconds int64, err error) {
	if timestamp == "" {
		return 0, ErrNoTimestamp
	}
	seconds, err = strconv.ParseInt(timestamp, 10, 64)
	if err != nil || seconds < 0 || strconv.FormatInt(seconds, 10) != timestamp {
		return 0, ErrBadTimestamp
	}
	return seconds, nil
}

// Check returns nil for a timestamp within the tolerance, otherwise one of the errors of
// the package.
func (t Tolerance) Check(timestamp string, now time.Time) error {
	at, err := ParseTimestamp(timestamp)
	if err != nil {
		return err
	}
	// In seconds: a difference of durations could overflow.
	switch age := now.Unix() - at; {
	case age > int64(t.Age/time.Second):
		return ErrExpired
	case age < -int64(t.Skew/time.Second):
		return ErrFuture
	default:
		return nil
	}
}
