package events

func init() {
	register[UserRegistered]("An account was created; its e-mail address is not verified yet.")
	register[UserEmailVerified]("The owner of an account proved its e-mail address.")
	register[UserBecameCreator]("A customer became a creator.")
	register[UserProfileUpdated]("The owner of an account changed what it says about them.")
	register[UserEmailChanged]("An account has another e-mail address; its owner proved it.")
	register[UserPasswordChanged]("An account has another password.")
	register[UserPreferencesChanged]("A user chose which mails to get.")
	register[UserDeleted]("An account was deleted and everything personal with it.")
	register[SessionStarted]("A user signed in.")
	register[SessionRevoked]("A session ended before its time.")
	register[OrganizationCreated]("An organization was created.")
	register[MemberJoined]("A user became an active member of an organization.")
}

// UserRegistered : a new account.
type UserRegistered struct {
	UserID string `json:"user_id"`
	Role   string `json:"role"`
}

// UserEmailVerified : the address is proven.
type UserEmailVerified struct {
	UserID string `json:"user_id"`
}

// UserBecameCreator : role customer became creator.
type UserBecameCreator struct {
	UserID string `json:"user_id"`
}

// UserProfileUpdated : the profile says something else. Fields names what changed;
// the new values are personal data, which no event has.
type UserProfileUpdated struct {
	UserID string   `json:"user_id"`
	Fields []string `json:"fields"`
}

// UserEmailChanged : the new address is proven and is the account's from now on.
type UserEmailChanged struct {
	UserID string `json:"user_id"`
}

// UserPasswordChanged : another password. ByMail says that its owner had forgotten
// the old one and proved the address instead.
type UserPasswordChanged struct {
	UserID string `json:"user_id"`
	ByMail bool   `json:"by_mail"`
}

// UserPreferencesChanged : which mails a user wants, beside those that a purchase or
// an account cannot do without.
type UserPreferencesChanged struct {
	UserID         string `json:"user_id"`
	EmailMarketing bool   `json:"email_marketing"`
	EmailDigest    bool   `json:"email_digest"`
}

// UserDeleted : subscribers erase what they store about this user.
type UserDeleted struct {
	UserID string `json:"user_id"`
}

// SessionStarted : a sign-in.
type SessionStarted struct {
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id"`
}

// SessionRevoked : a sign-out, or a revocation.
type SessionRevoked struct {
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id"`
}

// OrganizationCreated : a new tenant.
type OrganizationCreated struct {
	OrganizationID string `json:"organization_id"`
	OwnerID        string `json:"owner_id"`
	Slug           string `json:"slug"`
}

// MemberJoined : an active membership began.
type MemberJoined struct {
	OrganizationID string `json:"organization_id"`
	UserID         string `json:"user_id"`
	Role           string `json:"role"`
}

// EventType implements Payload.
func (UserRegistered) EventType() string { return "user.registered" }

// EventType implements Payload.
func (UserEmailVerified) EventType() string { return "user.email_verified" }

// EventType implements Payload.
func (UserBecameCreator) EventType() string { return "user.became_creator" }

// EventType implements Payload.
func (UserProfileUpdated) EventType() string { return "user.profile_updated" }

// EventType implements Payload.
func (UserEmailChanged) EventType() string { return "user.email_changed" }

// EventType implements Payload.
func (UserPasswordChanged) EventType() string { return "user.password_changed" }

// EventType implements Payload.
func (UserPreferencesChanged) EventType() string { return "user.preferences_changed" }

// EventType implements Payload.
func (UserDeleted) EventType() string { return "user.deleted" }

// EventType implements Payload.
func (SessionStarted) EventType() string { return "session.started" }

// EventType implements Payload.
func (SessionRevoked) EventType() string { return "session.revoked" }

// EventType implements Payload.
func (OrganizationCreated) EventType() string { return "organization.created" }

// EventType implements Payload.
func (MemberJoined) EventType() string { return "member.joined" }
