package token

import (
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/signature"
)

// podcastPurpose separates the tokens of podcast feeds from those of streams.
const podcastPurpose = "codex podcast feed 1"

// podcastBytes are the id and the serial of a feed.
const podcastBytes = 16 + 4

// SignPodcast returns the token of a podcast feed's address: base64url without padding of id, serial
// and HMAC-SHA-256. It has no end; the feed is read and its serial compared at every request.
func (k *Keys) SignPodcast(feedID string, serial int) string {
	id := uuid.MustParse(feedID)
	claim := binary.BigEndian.AppendUint32(id[:], uint32(serial))
	return encoding.EncodeToString(append(claim, signature.Sum(k.keys[0], []byte(podcastPurpose), claim)...))
}

// OpenPodcast returns the feed and the serial of a token, or [ErrInvalid].
func (k *Keys) OpenPodcast(token string) (feedID string, serial int, err error) {
	if len(token) > maxLength {
		return "", 0, ErrInvalid
	}
	raw, readable := signature.DecodeBase64(encoding, token)
	if !readable || len(raw) <= podcastBytes {
		return "", 0, ErrInvalid
	}
	claim, mac := raw[:podcastBytes], raw[podcastBytes:]
	if !signature.Sums(k.keys, []byte(podcastPurpose), claim).Match(mac) {
		return "", 0, ErrInvalid
	}
	return uuid.UUID(claim[:16]).String(), int(binary.BigEndian.Uint32(claim[16:])), nil
}
