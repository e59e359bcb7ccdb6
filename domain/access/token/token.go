// Package token signs and verifies stream tokens, with which a player fetches playlists and
// files.
//
// A token contains who plays what until when, and in which session. It is
// base64url(JSON) + "." + base64url(HMAC-SHA-256), both without padding. It is a
// bearer credential for one user and one item, and no verdict: its receiver decides
// about access again.
//
// The key is derived from the configured secret for this one purpose, so a signature
// that was made elsewhere with the same secret is not valid here.
package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain/signature"
)

var (
	// ErrInvalid says that a token was not signed with one of the keys.
	ErrInvalid = errors.New("invalid stream token")
	// ErrExpired says that a token has expired.
	ErrExpired = errors.New("expired stream token")
)

const (
	// MinSecret is the shortest secret, in bytes.
	MinSecret = 16
	// maxLength is the longest token that is read, in bytes.
	maxLength = 1024
	purpose   = "codex stream token 1"
)

var encoding = base64.RawURLEncoding

// Claims are the content of a token.
type Claims struct {
	UserID    string `json:"user"`
	ContentID string `json:"content"`
	// SessionID is the session that got the token; the token ends with it.
	SessionID string `json:"session"`
	// CreatorID and MediaID bind the token to the media of the content.
	CreatorID string `json:"creator"`
	MediaID   string `json:"media"`
	// DownloadID is set in the token of a download, which plays nothing.
	DownloadID string `json:"download,omitempty"`
	// Begin is until when playing may begin, and Expires until when what was begun may go
	// on, in Unix seconds.
	Begin   int64 `json:"begin"`
	Expires int64 `json:"exp"`
}

// MayBegin reports whether playing may begin.
func (c Claims) MayBegin(now time.Time) bool { return now.Before(time.Unix(c.Begin, 0)) }

// Keys sign tokens with the first key and accept those of every key, so that a
// secret can be replaced while tokens of the old one are in use.
type Keys struct{ keys [][]byte }

// NewKeys derives the keys from secrets, the newest first.
func NewKeys(secrets ...[]byte) (*Keys, error) {
	if len(secrets) == 0 {
		return nil, errors.New("stream tokens need a secret")
	}
	k := &Keys{}
	for _, secret := range secrets {
		if len(secret) < MinSecret {
			return nil, fmt.Errorf("a secret of stream tokens needs at least %d bytes", MinSecret)
		}
		k.keys = append(k.keys, signature.Sum(secret, []byte(purpose)))
	}
	return k, nil
}

// Sign returns the token of claims.
func (k *Keys) Sign(c Claims) (string, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("sign stream token: %w", err)
	}
	payload := encoding.EncodeToString(body)
	return payload + "." + encoding.EncodeToString(signature.Sum(k.keys[0], []byte(payload))), nil
}

// Open returns the claims of a token, or [ErrInvalid], or [ErrExpired]. The signature is
// verified before anything else is read.
func (k *Keys) Open(token string, now time.Time) (Claims, error) {
	if len(token) > maxLength {
		return Claims{}, ErrInvalid
	}
	payload, given, _ := strings.Cut(token, ".")
	mac, readable := signature.DecodeBase64(encoding, given)
	if !readable || !signature.Sums(k.keys, []byte(payload)).Match(mac) {
		return Claims{}, ErrInvalid
	}
	body, err := encoding.DecodeString(payload)
	if err != nil {
		return Claims{}, ErrInvalid
	}
	var c Claims
	if err := json.Unmarshal(body, &c); err != nil {
		return Claims{}, ErrInvalid
	}
	if c.Begin == 0 {
		c.Begin = c.Expires // signed before the two were told apart
	}
	if !now.Before(time.Unix(c.Expires, 0)) {
		return Claims{}, ErrExpired
	}
	return c, nil
}
