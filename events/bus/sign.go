package bus

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// signatureHeader carries "t=<unix seconds>,v1=<hex>": the HMAC-SHA256 over purpose, time
// and body of a command. The body names the actor, the type, the id and the payload.
const signatureHeader = "Codex-Signature"

const (
	// signaturePurpose keeps a signature from being one of something else.
	signaturePurpose = "codex.command."
	// signatureAge is how old a signature may be: as long as the stream keeps a command, and
	// shorter than the seven days for which the commands table knows the id of one that was
	// applied, so a recorded message is never applied again. What waits for longer has a row
	// in that table; the sweeper sends it with a new signature.
	signatureAge = 24 * time.Hour
	// signatureSkew is how far the clock of an edge may be ahead.
	signatureSkew = 5 * time.Minute
	// minSecretLength is the least length of a secret, in bytes.
	minSecretLength = 32
)

// Why a command is refused.
var (
	errUnsigned      = errors.New("it has no signature of an edge")
	errWrongSigner   = errors.New("its signature is not by a known secret")
	errSignatureTime = errors.New("its signature is too old or from the future")
	errNoKeys        = errors.New("no secret to sign commands with")
)

// Keys sign commands, and verify their signatures. A client without the secret can read the bus,
// write to it, and still act for no one. A nil *Keys signs nothing and refuses everything.
type Keys struct{ macs []*sync.Pool }

// NewKeys returns keys from secrets of at least 32 bytes. The first signs, all verify: to
// replace a secret, first add the new one behind the old one everywhere, then put it first,
// then remove the old one.
func NewKeys(secrets ...string) (*Keys, error) {
	if len(secrets) == 0 {
		return nil, errNoKeys
	}
	k := &Keys{}
	for i, s := range secrets {
		if len(s) < minSecretLength {
			return nil, fmt.Errorf("secret %d for commands has %d bytes, want at least %d", i+1, len(s), minSecretLength)
		}
		key := []byte(s)
		k.macs = append(k.macs, &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }})
	}
	return k, nil
}

// Sign adds the signature to a message whose data is a command.
func (k *Keys) Sign(msg *nats.Msg) error {
	if k == nil {
		return errNoKeys
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	if msg.Header == nil {
		msg.Header = nats.Header{}
	}
	sum := k.sum(0, at, msg.Data)
	msg.Header[signatureHeader] = []string{"t=" + at + ",v1=" + hex.EncodeToString(sum[:])}
	return nil
}

// verify returns why a message is not a command of an edge, or nil when it is one.
func (k *Keys) verify(header nats.Header, body []byte) error {
	stamp, signature, ok := strings.Cut(header.Get(signatureHeader), ",v1=")
	at, isTime := strings.CutPrefix(stamp, "t=")
	if !ok || !isTime || k == nil {
		return errUnsigned
	}
	given, err := hex.DecodeString(signature)
	if err != nil {
		return errUnsigned
	}
	for i := range k.macs {
		if sum := k.sum(i, at, body); hmac.Equal(sum[:], given) {
			return fresh(at)
		}
	}
	return errWrongSigner
}

func fresh(at string) error {
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return errSignatureTime
	}
	if age := time.Since(time.Unix(seconds, 0)); age > signatureAge || age < -signatureSkew {
		return errSignatureTime
	}
	return nil
}

func (k *Keys) sum(i int, at string, body []byte) (sum [sha256.Size]byte) {
	mac := k.macs[i].Get().(hash.Hash)
	defer k.macs[i].Put(mac)
	mac.Reset()
	mac.Write([]byte(signaturePurpose + at + "."))
	mac.Write(body)
	mac.Sum(sum[:0])
	return sum
}
