package identity

import (
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// Role is what a user may do on the whole platform.
type Role string

// The platform roles.
const (
	Customer      Role = "customer"
	Creator       Role = "creator"
	Admin         Role = "admin"
	System        Role = "system"
	PlatformOwner Role = "platform_owner"
)

// Errors with codes that clients may switch on.
var (
	ErrEmailInUse     = domain.NewError(domain.Rule, "EMAIL_IN_USE", "An account with this e-mail address exists already")
	ErrBadCredentials = domain.NewError(domain.Unauthorized,
		"INVALID_CREDENTIALS", "The e-mail address or the password is wrong")
	ErrNotVerified = domain.NewError(domain.Forbidden,
		"EMAIL_NOT_VERIFIED", "Confirm your e-mail address first; the link is in your mail")
	ErrBadToken = domain.NewError(domain.Unauthorized, "INVALID_TOKEN",
		"This link is wrong, was used, or is too old")
	ErrUsernameTaken  = domain.NewError(domain.Conflict, "USERNAME_TAKEN", "Another creator has this username")
	ErrAlreadyCreator = domain.NewError(domain.Rule, "ALREADY_CREATOR", "Only a customer can become a creator")
	ErrUserNotFound   = domain.Missing("USER_NOT_FOUND", "User")
	// ErrEmailTaken is for changes of the address, ErrEmailInUse for sign-ups.
	ErrEmailTaken     = domain.NewError(domain.Conflict, "EMAIL_IN_USE", "Another account has this e-mail address")
	ErrReauthenticate = domain.NewError(domain.Forbidden, "REAUTHENTICATION_REQUIRED",
		"This needs your password, or a sign-in of the last 10 minutes")
	ErrWrongPassword    = domain.NewError(domain.Invalid, "INVALID_PASSWORD", "The current password is wrong")
	ErrBadResetToken    = domain.NewError(domain.Invalid, "INVALID_TOKEN", "This link is wrong, was used, or is too old")
	ErrOwnsOrganization = domain.NewError(domain.Rule,
		"ACCOUNT_OWNS_ORGANIZATION", "Give your organizations to another owner, or delete them, first")
	ErrHasContent = domain.NewError(domain.Rule, "ACCOUNT_HAS_CONTENT", "Delete your content and media first")
)

// User is an account.
type User struct {
	ID            string
	Name          string
	Email         string
	EmailVerified bool
	// PendingEmail is the new address of the user until it is verified.
	PendingEmail *string
	// Image was given at sign-up, AvatarURL is a picture that was uploaded.
	Image, AvatarURL *string
	Role             Role
	// Username, Bio and Links are a creator's public profile.
	Username    *string
	Bio         *string
	Links       *SocialLinks
	Preferences Preferences
	Version     int64
	CreatedAt   time.Time
	UpdatedAt   time.Time
	DeletedAt   *time.Time
}

// Preferences are the kinds of mail that a user can switch off; both are on at first.
type Preferences struct{ Marketing, Digest bool }

// Picture returns the address of the user's picture: the uploaded one wins.
func (u User) Picture() *string {
	if u.AvatarURL != nil {
		return u.AvatarURL
	}
	return u.Image
}

// Facts returns the facts of an account: the last payload has the version of the user,
// those before it the versions before. An account is its own tenant.
func (u User) Facts(payloads []events.Payload) []events.Fact {
	facts := make([]events.Fact, len(payloads))
	for i, p := range payloads {
		facts[i] = events.Fact{
			Tenant:      u.ID,
			AggregateID: u.ID,
			Version:     u.Version - int64(len(payloads)-1-i),
			Payload:     p,
		}
	}
	return facts
}

// SignUpRole returns the role of a new account. The requested role counts only in
// development, where test clients need creators, and only if it is creator.
func SignUpRole(requested string, development bool) Role {
	if development && Role(requested) == Creator {
		return Creator
	}
	return Customer
}

// Register returns the account that a sign-up creates; its address is not verified.
func Register(id string, cmd SignUp, role Role, now time.Time) (User, []events.Payload) {
	u := User{
		ID:          id,
		Name:        cmd.Name,
		Email:       cmd.Email,
		Image:       cmd.Image,
		Role:        role,
		Preferences: Preferences{Marketing: true, Digest: true},
		Version:     1,
		CreatedAt:   now,
		UpdatedAt:   now,
	}
	return u, []events.Payload{events.UserRegistered{UserID: id, Role: string(role)}}
}

// VerifyEmail marks the address as verified. Verifying it again changes nothing.
func (u User) VerifyEmail(now time.Time) (User, []events.Payload) {
	if u.EmailVerified {
		return u, nil
	}
	u.EmailVerified, u.UpdatedAt, u.Version = true, now, u.Version+1
	return u, []events.Payload{events.UserEmailVerified{UserID: u.ID}}
}

// ChangePassword records that the account has another password; byMail says that its owner
// used a mailed token instead of the old password. A pending address is dropped: it may be
// an attacker's.
func (u User) ChangePassword(byMail bool, now time.Time) (User, []events.Payload) {
	u.PendingEmail, u.UpdatedAt, u.Version = nil, now, u.Version+1
	return u, []events.Payload{events.UserPasswordChanged{UserID: u.ID, ByMail: byMail}}
}
