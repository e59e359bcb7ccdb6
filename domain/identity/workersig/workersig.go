// Package workersig signs and checks the requests of other programs of the same
// installation: they have no session, but prove that they know a secret.
//
// A request has three headers. [TimestampHeader] is the time in Unix seconds,
// [NonceHeader] is 16 to 64 letters, digits, hyphens or underscores that are never
// used again, and [SignatureHeader] is the base64 of HMAC-SHA-256 under the secret
// over these lines, joined by line feeds:
//
//	v2
//	{timestamp}
//	{nonce}
//	{METHOD}
//	{path, escaped as it is sent, with ?query when there is one}
//	{body}
//
// So a signature is good for one request to one address, and a receiver that remembers the
// nonces of the last few minutes (see [Remember]) accepts it once.
//
// Older programs sign "{timestamp}:{body}" and send no nonce. Such a signature is
// good for every address, so it is accepted for requests that change nothing (GET)
// and for no other.
//
// The secret is used for nothing else.
package workersig

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/signature"
)

// The headers of a signed request.
const (
	SignatureHeader = "X-Worker-Signature"
	TimestampHeader = "X-Worker-Timestamp"
	NonceHeader     = "X-Worker-Nonce"
)

const (
	// MaxAge is how old a signature may be.
	MaxAge = 300 * time.Second
	// MaxSkew is how far ahead of our clock it may be.
	MaxSkew = 60 * time.Second
	// Remember is how long a nonce must be remembered: after it, every request that
	// could carry it is too old.
	Remember = MaxAge + MaxSkew
	// MinSecret is the shortest secret, in bytes.
	MinSecret = 16
)

// The errors of a signature: 401, but 500 where the installation has no secret.
var (
	ErrNoSecret = &domain.Error{
		Class:   domain.Internal,
		Code:    "CONFIGURATION_ERROR",
		Message: "This platform has no secret for signed requests, so it takes none",
	}
	ErrUnsigned     = rejected("MISSING_SIGNATURE", "The request is not signed")
	ErrNoTimestamp  = rejected("MISSING_TIMESTAMP", "The request has no timestamp")
	ErrBadTimestamp = rejected("INVALID_TIMESTAMP", "The request's timestamp is not in whole seconds")
	ErrExpired      = rejected("TIMESTAMP_EXPIRED", "The request is too old")
	ErrFuture       = rejected("TIMESTAMP_FUTURE", "The request comes from the future")
	ErrNoNonce      = rejected(
		"MISSING_NONCE",
		"A request that changes something needs a nonce of 16 to 64 letters and digits",
	)
	ErrInvalidSignature = rejected("INVALID_SIGNATURE", "The request's signature is wrong")
	ErrReplayed         = rejected("SIGNATURE_REPLAYED", "The request was made before")
)

// Errors are all errors of a signature.
var Errors = []*domain.Error{
	ErrUnsigned,
	ErrNoTimestamp,
	ErrBadTimestamp,
	ErrExpired,
	ErrFuture,
	ErrNoNonce,
	ErrInvalidSignature,
	ErrReplayed,
	ErrNoSecret,
}

func rejected(reason, message string) *domain.Error {
	return domain.NewError(domain.Unauthorized, reason, message)
}

var noncePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// Request is what a signature covers.
type Request struct {
	Method string
	// Target is the path, escaped as it is sent, with ?query when there is one.
	Target string
	Body   []byte
	// Timestamp and Nonce are the values of their headers.
	Timestamp, Nonce string
}

// Writes reports whether the request may change something.
func (r Request) Writes() bool {
	return r.Method != "GET" && r.Method != "HEAD" //nolint:usestdlibvars // rules know no network
}

// Keys sign with the first secret and accept signatures under every one, so that a
// secret can be replaced while programs still use the old one.
type Keys struct{ secrets [][]byte }

// NewKeys returns keys for these secrets, the newest first.
func NewKeys(secrets ...[]byte) (*Keys, error) {
	if len(secrets) == 0 {
		return nil, errors.New("signed requests need a secret")
	}
	for _, secret := range secrets {
		if len(secret) < MinSecret {
			return nil, fmt.Errorf("a secret of signed requests needs at least %d bytes", MinSecret)
		}
	}
	return &Keys{secrets: secrets}, nil
}

// Sign returns the request's signature. Timestamp and Nonce must be set.
func (k *Keys) Sign(r Request) string {
	return base64.StdEncoding.EncodeToString(signature.Sum(k.secrets[0], r.message()))
}

// message is what is signed.
func (r Request) message() []byte {
	head := "v2\n" + r.Timestamp + "\n" + r.Nonce + "\n" + r.Method + "\n" + r.Target + "\n"
	return append([]byte(head), r.Body...)
}

// olderMessage is what older programs sign. A message of one form is never one of the
// other: this one begins with a digit.
func (r Request) olderMessage() []byte { return append([]byte(r.Timestamp+":"), r.Body...) }

// Verify checks a request's signature and age, and returns one of [Errors]. The caller has to
// check that the nonce of a request that [Request.Writes] is new.
func (k *Keys) Verify(r Request, given string, now time.Time) error {
	if given == "" {
		return ErrUnsigned
	}
	if err := checkAge(r.Timestamp, now); err != nil {
		return err
	}
	message := r.message()
	switch {
	case r.Nonce == "" && r.Writes():
		return ErrNoNonce
	case r.Nonce == "":
		message = r.olderMessage()
	case !noncePattern.MatchString(r.Nonce):
		return ErrNoNonce
	}
	mac, readable := signature.DecodeBase64(base64.StdEncoding, given)
	if !readable || !signature.Sums(k.secrets, message).Match(mac) {
		return ErrInvalidSignature
	}
	return nil
}

func checkAge(timestamp string, now time.Time) error {
	switch err := (signature.Tolerance{Age: MaxAge, Skew: MaxSkew}).Check(timestamp, now); {
	case err == nil:
		return nil
	case errors.Is(err, signature.ErrNoTimestamp):
		return ErrNoTimestamp
	case errors.Is(err, signature.ErrExpired):
		return ErrExpired
	case errors.Is(err, signature.ErrFuture):
		return ErrFuture
	default:
		return ErrBadTimestamp
	}
}
