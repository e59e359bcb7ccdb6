package events

func init() {
	register[UserRegistered]("An account was created; its e-mail address is not verified yet.")
	register[UserEmailVerified]("The owner of an account proved its e-mail address.")
	register[UserBecameCreator]("A customer became a creator.")
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
func (SessionStarted) EventType() string { return "session.started" }

// EventType implements Payload.
func (SessionRevoked) EventType() string { return "session.revoked" }

// EventType implements Payload.
func (OrganizationCreated) EventType() string { return "organization.created" }

// EventType implements Payload.
func (MemberJoined) EventType() string { return "member.joined" }
