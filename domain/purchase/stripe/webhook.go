package stripe

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain/signature"
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

// The errors of a webhook. Compare with errors.Is.
var (
	// ErrMissingSignature: there is no Stripe-Signature header. Respond with 400.
	ErrMissingSignature = errors.New("stripe: the signature header is missing")
	// ErrBadSignature: the header cannot be read, or no v1 signature matches. Respond with 401.
	ErrBadSignature = errors.New("stripe: no signature fits")
	// ErrStale: a valid signature from more than Tolerance ago or ahead. Respond with 401.
	ErrStale = errors.New("stripe: the signature is too far from now")
	// ErrNoSecret: no signing secret is configured for the endpoint. Respond with 501.
	ErrNoSecret = errors.New("stripe: no signing secret is configured")
	// ErrTooLarge: the body is larger than MaxPayload. Respond with 413.
	ErrTooLarge = errors.New("stripe: the payload is too large")
)

// VerifyWebhook checks a webhook's signature and reads its event. payload must be the body
// as received, byte for byte. secrets are the endpoint's signing secrets, two during a
// rotation; empty ones are ignored.
//
// The signature is verified before the body is parsed.
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
	if (signature.Tolerance{Age: Tolerance, Skew: Tolerance}).Check(signed.stamp, now) != nil {
		return Event{}, ErrStale
	}
	return DecodeEvent(payload)
}

// webhookSignature is a parsed Stripe-Signature header: "t=<unix seconds>,v1=<hex>[,v1=<hex>]…".
// Other schemes (v0 is Stripe's for test clocks) do not count.
type webhookSignature struct {
	stamp string // t as written, which is part of the signed text
	v1    [][]byte
}

func parseSignature(header string) (webhookSignature, error) {
	var out webhookSignature
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
			if _, err := signature.ParseTimestamp(value); err != nil {
				return out, fmt.Errorf("%w: the time is malformed", ErrBadSignature)
			}
			out.stamp = value
		case "v1":
			mac, err := hex.DecodeString(value)
			if err != nil || len(mac) != signature.Size {
				continue // one unreadable signature does not invalidate the others
			}
			out.v1 = append(out.v1, mac)
		}
	}
	if out.stamp == "" || len(out.v1) == 0 || len(out.v1) > maxSignatures {
		return out, fmt.Errorf("%w: no time or no v1 signature", ErrBadSignature)
	}
	return out, nil
}

// check compares every signature with that of each secret, and never stops early.
func (s webhookSignature) check(payload []byte, secrets []string) error {
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		keys[i] = []byte(secret)
	}
	macs := signature.Sums(keys, []byte(s.stamp), []byte{'.'}, payload)
	if len(macs) == 0 {
		return ErrNoSecret
	}

	match := false
	for _, given := range s.v1 {
		if macs.Match(given) {
			match = true
		}
	}
	if !match {
		return ErrBadSignature
	}
	return nil
}
