package wire

import (
	"time"

	"github.com/codex-platform/codex/domain/identity"
)

// User is an account as its owner sees it.
type User struct {
	ID            string        `json:"id"`
	Name          string        `json:"name"`
	Email         string        `json:"email"`
	EmailVerified bool          `json:"emailVerified"`
	Image         *string       `json:"image"`
	Role          identity.Role `json:"role"`
	CreatedAt     time.Time     `json:"createdAt"`
	UpdatedAt     time.Time     `json:"updatedAt"`
}

// UserOf returns an account's representation for its owner.
func UserOf(u identity.User) User {
	return User{
		ID: u.ID, Name: u.Name, Email: u.Email, EmailVerified: u.EmailVerified, Image: u.Picture(), Role: u.Role,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

// Profile is an account with its public profile, as its owner sees it.
type Profile struct {
	User
	AvatarURL   *string               `json:"avatarUrl"`
	Username    *string               `json:"username"`
	Bio         *string               `json:"bio"`
	SocialLinks *identity.SocialLinks `json:"socialLinks"`
}

// ProfileOf returns an account's profile for its owner.
func ProfileOf(u identity.User) Profile {
	return Profile{User: UserOf(u), AvatarURL: u.Picture(), Username: u.Username, Bio: u.Bio, SocialLinks: u.Links}
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
		ID: s.ID, UserID: s.UserID, ExpiresAt: s.ExpiresAt, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
		IPAddress: s.Address, UserAgent: s.UserAgent,
	}
}

// SignedIn is the answer to whoever signs up or in. It has no envelope, as clients
// of the contract expect. Token is always null: the session travels in its cookie,
// where no script can read it.
type SignedIn struct {
	Redirect bool    `json:"redirect"`
	Token    *string `json:"token"`
	User     User    `json:"user"`
}

// CurrentSession is the answer to who is signed in; null stands for nobody.
type CurrentSession struct {
	User    User    `json:"user"`
	Session Session `json:"session"`
}

// Organization is a tenant as its members see it.
type Organization struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Slug        string    `json:"slug"`
	Description *string   `json:"description"`
	LogoURL     *string   `json:"logoUrl"`
	WebsiteURL  *string   `json:"websiteUrl"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
}

// OrganizationOf returns a tenant's representation for its members.
func OrganizationOf(o identity.Organization) Organization {
	return Organization{
		ID: o.ID, Name: o.Name, Slug: o.Slug, Description: o.Description, LogoURL: o.LogoURL, WebsiteURL: o.WebsiteURL,
		CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
}

// OwnOrganization is a tenant in the list of those that the caller belongs to.
type OwnOrganization struct {
	ID      string              `json:"id"`
	Name    string              `json:"name"`
	Slug    string              `json:"slug"`
	LogoURL *string             `json:"logoUrl"`
	Role    identity.MemberRole `json:"role"`
}
