package stripe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// Tolerance is how far a signature's time may lie from now, in both directions.
	// stripe-go checks only the past; a time in the future would extend a replay.
	Tolerance = 300 * time.Second
	// MaxPayload is the largest webhook body that is read, in bytes.
	MaxPayload = 512 << 10

	maxSignatureHeader = 4 << 10
	maxSignatures      = 16 // a rotation needs two
)

// The reasons to refuse a webhook. Compare with errors.Is.
var (
	// ErrMissingSignature: there is no Stripe-Signature header. Answer 400.
	ErrMissingSignature = errors.New("stripe: the signature header is missing")
	// ErrBadSignature: the header cannot be read, or no v1 signature fits. Answer 401.
	ErrBadSignature = errors.New("stripe: no signature fits")
	// ErrStale: a right signature from more than Tolerance ago or ahead. Answer 401.
	ErrStale = errors.New("stripe: the signature is too far from now")
	// ErrNoSecret: no signing secret is configured for the endpoint. Answer 501.
	ErrNoSecret = errors.New("stripe: no signing secret is configured")
	// ErrTooLarge: the body is larger than MaxPayload. Answer 413.
	ErrTooLarge = errors.New("stripe: the payload is too large")
)

// VerifyWebhook checks a webhook's signature and reads its event. payload must be the body
// as received, byte for byte. secrets are the endpoint's signing secrets, two during a
// rotation; empty ones are ignored.
//
// The body is not parsed before the signature has been found right.
func VerifyWebhook(payload []byte, header string, secrets []string, now time.Time) (Event, error) {
	if len(payload) > MaxPayload {
		return Event{}, ErrTooLarge
	}
	if strings.TrimSpace(header) == "" {
		return Event{}, ErrMissingSignature
	}
	signed, err := parseSignature(header)
	if err != nil {
		return Event{}, err
	}
	if err := signed.check(payload, secrets); err != nil {
		return Event{}, err
	}
	if age := now.Sub(time.Unix(signed.seconds, 0)); age > Tolerance || age < -Tolerance {
		return Event{}, ErrStale
	}
	return DecodeEvent(payload)
}

// signature is a parsed Stripe-Signature header: "t=<unix seconds>,v1=<hex>[,v1=<hex>]…".
// Other schemes (v0 is Stripe's for test clocks) do not count.
type signature struct {
	stamp   string // t as written, for it is part of what was signed
	seconds int64
	v1      [][]byte
}

func parseSignature(header string) (signature, error) {
	var out signature
	if len(header) > maxSignatureHeader {
		return out, fmt.Errorf("%w: the header is too long", ErrBadSignature)
	}
	for part := range strings.SplitSeq(header, ",") {
		scheme, value, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found {
			return out, fmt.Errorf("%w: the header is malformed", ErrBadSignature)
		}
		switch scheme {
		case "t":
			if out.stamp != "" {
				return out, fmt.Errorf("%w: two times", ErrBadSignature)
			}
			seconds, err := strconv.ParseUint(value, 10, 40) // 40 bits of seconds last 34 000 years
			if err != nil {
				return out, fmt.Errorf("%w: the time is malformed", ErrBadSignature)
			}
			out.stamp, out.seconds = value, int64(seconds)
		case "v1":
			mac, err := hex.DecodeString(value)
			if err != nil || len(mac) != sha256.Size {
				continue // one unreadable signature does not spoil its neighbour
			}
			out.v1 = append(out.v1, mac)
		}
	}
	if out.stamp == "" || len(out.v1) == 0 || len(out.v1) > maxSignatures {
		return out, fmt.Errorf("%w: no time or no v1 signature", ErrBadSignature)
	}
	return out, nil
}

// check tries every secret against every signature and never stops early, so that the time
// it takes tells nothing about which of them was close.
func (s signature) check(payload []byte, secrets []string) error {
	usable, fits := 0, false
	for _, secret := range secrets {
		if secret == "" {
			continue // an HMAC under an empty key could be made by anyone
		}
		usable++
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(s.stamp))
		mac.Write([]byte{'.'})
		mac.Write(payload)
		want := mac.Sum(nil)
		for _, got := range s.v1 {
			if hmac.Equal(got, want) {
				fits = true
			}
		}
	}
	switch {
	case usable == 0:
		return ErrNoSecret
	case !fits:
		return ErrBadSignature
	default:
		return nil
	}
}
