package accounts

import (
	"time"

	"github.com/codex-platform/codex/domain/identity"
)

// User is an account as its owner sees it.
type User struct {
	ID            string        `json:"id" jsonschema:"example=0198f3a01c1d7a2b8f3e2f1d0c9b8a76"`
	Name          string        `json:"name" jsonschema:"example=Ada Lovelace"`
	Email         string        `json:"email" jsonschema:"format=email,example=ada@example.org"`
	EmailVerified bool          `json:"emailVerified"`
	Image         *string       `json:"image"`
	Role          identity.Role `json:"role" jsonschema:"enum=customer,enum=creator,enum=admin,enum=system,enum=platform_owner,example=customer"`
	CreatedAt     time.Time     `json:"createdAt"`
	UpdatedAt     time.Time     `json:"updatedAt"`
}

// UserOf returns an account's representation for its owner.
func UserOf(u identity.User) User {
	return User{
		ID:            u.ID,
		Name:          u.Name,
		Email:         u.Email,
		EmailVerified: u.EmailVerified,
		Image:         u.Picture(),
		Role:          u.Role,
		CreatedAt:     u.CreatedAt,
		UpdatedAt:     u.UpdatedAt,
	}
}

// Profile is an account with its public profile, as its owner sees it.
type Profile struct {
	User
	// DisplayName is Name, under the key with which it is updated.
	DisplayName string `json:"displayName" jsonschema:"example=Ada Lovelace"`
	// PendingEmail is the new address until it is verified.
	PendingEmail *string               `json:"pendingEmail"`
	AvatarURL    *string               `json:"avatarUrl"`
	Username     *string               `json:"username"`
	Bio          *string               `json:"bio"`
	SocialLinks  *identity.SocialLinks `json:"socialLinks"`
}

// ProfileOf returns an account's profile for its owner.
func ProfileOf(u identity.User) Profile {
	return Profile{
		User:         UserOf(u),
		DisplayName:  u.Name,
		PendingEmail: u.PendingEmail,
		AvatarURL:    u.Picture(),
		Username:     u.Username,
		Bio:          u.Bio,
		SocialLinks:  u.Links,
	}
}

// Session is a sign-in as its owner sees it; its token is in the cookie only.
type Session struct {
	ID        string    `json:"id"`
	UserID    string    `json:"userId"`
	ExpiresAt time.Time `json:"expiresAt"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	IPAddress string    `json:"ipAddress"`
	UserAgent string    `json:"userAgent"`
}

// SessionOf returns a session's representation for its owner.
func SessionOf(s identity.Session) Session {
	return Session{
		ID:        s.ID,
		UserID:    s.UserID,
		ExpiresAt: s.ExpiresAt,
		CreatedAt: s.CreatedAt,
		UpdatedAt: s.UpdatedAt,
		IPAddress: s.Address,
		UserAgent: s.UserAgent,
	}
}

// ListedSession is one of a user's sessions in the list of them.
type ListedSession struct {
	Session
	// Token identifies the session to revoke-session, as its id does. It is not the value of
	// a cookie.
	Token string `json:"token"`
	// Current says that it is the session of the request.
	Current bool `json:"current"`
}

// SessionsOf returns the list of a user's sessions; current is the request's.
func SessionsOf(sessions []identity.Session, current string) []ListedSession {
	list := make([]ListedSession, len(sessions))
	for i, s := range sessions {
		list[i] = ListedSession{Session: SessionOf(s), Token: s.ID, Current: s.ID == current}
	}
	return list
}

// SignedIn is the response to a sign-up and a sign-in. It has no envelope, as clients of the
// contract expect. Token is always null: the session is in its cookie, which scripts cannot
// read.
type SignedIn struct {
	Redirect bool    `json:"redirect"`
	Token    *string `json:"token"`
	User     User    `json:"user"`
}

// PasswordChanged is the response to a change of the password; Token is always null.
type PasswordChanged struct {
	Token *string `json:"token"`
	User  User    `json:"user"`
}

// CurrentSession is the session of the request with its user; null without a session.
type CurrentSession struct {
	User    User    `json:"user"`
	Session Session `json:"session"`
}

// Done is the response of requests that return no data.
type Done struct {
	Status bool `json:"status" jsonschema:"example=true"`
}

// SignedOut is the response to a sign-out.
type SignedOut struct {
	Success bool `json:"success" jsonschema:"example=true"`
}

// TestToken is the token that test clients get without a mail, in development only.
type TestToken struct {
	Token identity.Token `json:"token"`
}

// Preferences are the kinds of mail that a user has chosen.
type Preferences struct {
	EmailMarketing bool `json:"emailMarketing"`
	// EmailTransactional is always true.
	EmailTransactional bool `json:"emailTransactional"`
	EmailDigest        bool `json:"emailDigest"`
}

// PreferencesOf returns the preferences of a user.
func PreferencesOf(u identity.User) Preferences {
	return Preferences{
		EmailMarketing:     u.Preferences.Marketing,
		EmailTransactional: true,
		EmailDigest:        u.Preferences.Digest,
	}
}
