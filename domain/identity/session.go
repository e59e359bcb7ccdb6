package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/codex-platform/codex/events"
)

const (
	// SessionLifetime is how long an unused session lives.
	SessionLifetime = 24 * time.Hour
	// SessionLimit is how long a session lives at most, however much it is used.
	SessionLimit = 30 * 24 * time.Hour
	// RecentFor is how long a sign-in replaces the password for changes that need it.
	RecentFor = 10 * time.Minute
	// UndoLifetime is how long the link that undoes a change of address works.
	UndoLifetime = 7 * 24 * time.Hour
	// VerificationLifetime is how long the link in a verification mail works.
	VerificationLifetime = 24 * time.Hour
	// ResetLifetime is how long the link in a reset mail works.
	ResetLifetime = time.Hour
)

// Token is a secret of 32 random bytes in base64url: of a session, or of a mail. Only its
// hash is stored.
type Token string

// NewToken returns the token of these random bytes.
func NewToken(random [32]byte) Token {
	return Token(base64.RawURLEncoding.EncodeToString(random[:]))
}

// ParseToken returns s as a token when it has the form of one.
func ParseToken(s string) (Token, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != 32 || len(s) != base64.RawURLEncoding.EncodedLen(32) {
		return "", false
	}
	return Token(s), true
}

// maxCookie limits the length of tokens, in bytes.
const maxCookie = 256

// CookieToken returns the token in the value of a session cookie: the part before the first
// dot, because some clients append a signature. It reports false when that is no token.
func CookieToken(value string) (Token, bool) {
	token, _, _ := strings.Cut(value, ".")
	return Token(token), token != "" && len(token) <= maxCookie
}

// Hash is what is stored: the SHA-256 of the token's text. A token has 256 bits of
// randomness, so a slow hash would add nothing.
func (t Token) Hash() [32]byte { return sha256.Sum256([]byte(t)) }

// Session is one sign-in.
type Session struct {
	ID     string
	UserID string
	// Address and UserAgent are those of the sign-in, for the owner to recognise it.
	Address, UserAgent string
	// Persistent says that the browser keeps the cookie when it closes.
	Persistent           bool
	ExpiresAt            time.Time
	CreatedAt, UpdatedAt time.Time
	// AuthenticatedAt is when the user last proved the password in it: at first the sign-in.
	AuthenticatedAt time.Time
}

// maxUserAgent limits the length of a stored user agent, in characters.
const maxUserAgent = 255

// Start returns a new session of an authenticated user.
func Start(id string, user User, address, userAgent string, persistent bool, now time.Time) (Session, []events.Fact) {
	if runes := []rune(userAgent); len(runes) > maxUserAgent {
		userAgent = string(runes[:maxUserAgent])
	}
	s := Session{
		ID:         id,
		UserID:     user.ID,
		Address:    address,
		UserAgent:  userAgent,
		Persistent: persistent,
		ExpiresAt:  now.Add(SessionLifetime),
		CreatedAt:  now,
		UpdatedAt:  now,

		AuthenticatedAt: now,
	}
	return s, []events.Fact{s.fact(1, events.SessionStarted{UserID: s.UserID, SessionID: s.ID})}
}

// Revoked returns the fact that the session ended before its time.
func (s Session) Revoked() events.Fact {
	return s.fact(2, events.SessionRevoked{UserID: s.UserID, SessionID: s.ID})
}

func (s Session) fact(version int64, payload events.Payload) events.Fact {
	return events.Fact{
		Tenant:      s.UserID,
		AggregateID: s.ID,
		Version:     version,
		Payload:     payload,
	}
}

// Extended returns the end of a session that is used now, and whether to write it: a session
// is extended only in the second half of its life, so a busy one costs two writes a day.
func (s Session) Extended(now time.Time) (time.Time, bool) {
	if s.ExpiresAt.Sub(now) > SessionLifetime/2 {
		return s.ExpiresAt, false
	}
	end, last := now.Add(SessionLifetime), s.CreatedAt.Add(SessionLimit)
	if end.After(last) {
		end = last
	}
	return end, end.After(s.ExpiresAt)
}

// Recent reports whether the user has proved the password in the session a moment ago, which a
// change requires that a stolen session must not make.
func (s Session) Recent(now time.Time) bool {
	return s.ID != "" && now.Before(s.ExpiresAt) && now.Sub(s.AuthenticatedAt) <= RecentFor
}

// Purpose is what a token in a mail can be used for.
type Purpose string

// The purposes.
const (
	// ProveEmail verifies the address of an account and signs its owner in.
	ProveEmail Purpose = "email"
	// ResetForgotten lets its holder choose another password.
	ResetForgotten Purpose = "password-reset"
	// MoveEmail verifies the pending address of an account.
	MoveEmail Purpose = "email-change"
	// UndoEmail gives an account back the address that a change replaces.
	UndoEmail Purpose = "email-undo"
)

// Lifetime is how long a token works.
func (p Purpose) Lifetime() time.Duration {
	switch p {
	case ResetForgotten:
		return ResetLifetime
	case UndoEmail:
		return UndoLifetime
	default:
		return VerificationLifetime
	}
}

// Verification is a token sent by mail: returning it proves access to the mailbox of that
// address.
type Verification struct {
	ID      string
	Purpose Purpose
	// UserID is the account it was made for.
	UserID    string
	Email     string
	Hash      [32]byte
	ExpiresAt time.Time
	CreatedAt time.Time
}

// NewVerification returns the verification of an address by a token, for a user.
func NewVerification(id string, purpose Purpose, userID, email string, token Token, now time.Time) Verification {
	return Verification{
		ID:        id,
		Purpose:   purpose,
		UserID:    userID,
		Email:     email,
		Hash:      token.Hash(),
		ExpiresAt: now.Add(purpose.Lifetime()),
		CreatedAt: now,
	}
}
