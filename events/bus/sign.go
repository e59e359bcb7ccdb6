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

	"github.com/codex-platform/codex/events"
)

// signatureHeader carries "t=<unix seconds>,v1=<hex>": the HMAC-SHA256 over the purpose, the
// time, the signed fields and the body of a message.
const signatureHeader = "Codex-Signature"

// purpose keeps a signature of one kind of message from being one of another kind.
type purpose string

const (
	// forCommand signs nothing but the body, which names actor, type, id and payload.
	forCommand purpose = "codex.command."
	// forReplies signs outcomes for one edge.
	forReplies purpose = "codex.replies."
	// forEvent signs the subject and the envelope of an event, besides its data.
	forEvent purpose = "codex.event."
)

const (
	// commandAge is how old the signature of a command may be: as long as the stream keeps a
	// command, and shorter than the seven days for which the commands table knows the id of
	// one that was applied, so a recorded message is never applied again. What waits for
	// longer has a row in that table; the sweeper sends it with a new signature.
	commandAge = 24 * time.Hour
	// replyAge is how old the signature of outcomes may be: longer than any edge waits.
	replyAge = 5 * time.Minute
	// signatureSkew is how far the clock of a signer may be ahead.
	signatureSkew = 5 * time.Minute
	// minSecretLength is the least length of a secret, in bytes.
	minSecretLength = 32
)

// Why a message is refused.
var (
	errUnsigned      = errors.New("it has no signature")
	errWrongSigner   = errors.New("its signature is not by a known secret")
	errSignatureTime = errors.New("its signature is too old or from the future")
	errNoKeys        = errors.New("no secret to sign with")
)

// Keys sign messages and verify their signatures. A client without the secret can read the
// bus, write to it, and still act for no one. A nil *Keys signs nothing and refuses everything.
//
// Who can verify can also sign, so commands and events have secrets of their own: edges and
// consumers of commands share one, the relay and the reactions the other.
type Keys struct{ macs []*sync.Pool }

// mac is the state of one computation, reused by the next.
type mac struct {
	hash   hash.Hash
	prefix []byte
	sum    []byte
}

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
			return nil, fmt.Errorf("secret %d has %d bytes, want at least %d", i+1, len(s), minSecretLength)
		}
		key := []byte(s)
		k.macs = append(k.macs, &sync.Pool{New: func() any { return &mac{hash: hmac.New(sha256.New, key)} }})
	}
	return k, nil
}

// Sign adds the signature to a message whose data is a command.
func (k *Keys) Sign(msg *nats.Msg) error { return k.sign(msg, forCommand) }

// SignEvent adds the signature to a message that is an event.
func (k *Keys) SignEvent(msg *nats.Msg) error {
	var fields [eventFields]string
	return k.sign(msg, forEvent, envelope(fields[:0], msg.Subject, msg.Header)...)
}

// verifyEvent returns why the relay did not sign a message, or nil. There is no limit of age:
// an event may be handled weeks later, and its id is handled once however often it comes.
func (k *Keys) verifyEvent(subject string, header nats.Header, body []byte) error {
	var fields [eventFields]string
	_, err := k.verify(header, body, forEvent, envelope(fields[:0], subject, header)...)
	return err
}

// eventHeaders are all that is read of an event besides its data.
var eventHeaders = [...]string{
	events.HeaderID,
	events.HeaderType,
	events.HeaderTime,
	events.HeaderSubject,
	events.HeaderTenant,
	events.HeaderVersion,
	events.HeaderCausationID,
	events.HeaderCorrelationID,
	events.HeaderActorID,
	events.HeaderTraceParent,
}

// eventFields is how many fields the signature of an event covers: its subject, so that no
// consumer of another type gets it, and its envelope.
const eventFields = 1 + len(eventHeaders)

func envelope(fields []string, subject string, header nats.Header) []string {
	fields = append(fields, subject)
	for _, name := range eventHeaders {
		fields = append(fields, header.Get(name))
	}
	return fields
}

// sign adds a signature over a purpose, fields and the data of a message. The number of
// fields belongs to the purpose.
func (k *Keys) sign(msg *nats.Msg, p purpose, fields ...string) error {
	if k == nil {
		return errNoKeys
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	if msg.Header == nil {
		msg.Header = nats.Header{}
	}
	sum := k.sum(0, p, at, fields, msg.Data)
	text := make([]byte, 0, 96)
	text = append(append(append(text, "t="...), at...), ",v1="...)
	msg.Header[signatureHeader] = []string{string(hex.AppendEncode(text, sum[:]))}
	return nil
}

// verify returns why a message is not signed for a purpose, or nil and the time of signing.
func (k *Keys) verify(header nats.Header, body []byte, p purpose, fields ...string) (time.Time, error) {
	stamp, signature, ok := strings.Cut(header.Get(signatureHeader), ",v1=")
	at, isTime := strings.CutPrefix(stamp, "t=")
	if !ok || !isTime || k == nil {
		return time.Time{}, errUnsigned
	}
	given, err := hex.DecodeString(signature)
	if err != nil {
		return time.Time{}, errUnsigned
	}
	genuine := false
	for i := range k.macs {
		sum := k.sum(i, p, at, fields, body)
		if genuine = hmac.Equal(sum[:], given); genuine {
			break
		}
	}
	if !genuine {
		return time.Time{}, errWrongSigner
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return time.Time{}, errSignatureTime
	}
	return time.Unix(seconds, 0), nil
}

// verifyFresh is verify for a message that must not be older than age.
func (k *Keys) verifyFresh(age time.Duration, header nats.Header, body []byte, p purpose, fields ...string) error {
	at, err := k.verify(header, body, p, fields...)
	if err != nil {
		return err
	}
	if since := time.Since(at); since > age || since < -signatureSkew {
		return errSignatureTime
	}
	return nil
}

// sum computes the code of secret i. Each field has its length before it, so that none can
// take a part of its neighbour.
func (k *Keys) sum(i int, p purpose, at string, fields []string, body []byte) [sha256.Size]byte {
	m, _ := k.macs[i].Get().(*mac)
	defer k.macs[i].Put(m)
	m.prefix = append(append(append(m.prefix[:0], p...), at...), '.')
	for _, f := range fields {
		m.prefix = append(append(strconv.AppendInt(m.prefix, int64(len(f)), 10), ':'), f...)
	}

	m.hash.Reset()
	m.hash.Write(m.prefix)
	m.hash.Write(body)
	m.sum = m.hash.Sum(m.sum[:0])
	return [sha256.Size]byte(m.sum)
}
