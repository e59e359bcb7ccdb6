package events

import "time"

func init() {
	register[OrganizationUpdated]("An organization's description changed.")
	register[OrganizationDeleted]("An organization was deleted; its memberships ended.")
	register[MemberInvited]("A user was invited into an organization; they are no member until they accept.")
	register[MemberDeclined]("A user declined an invitation.")
	register[MemberRoleChanged]("A member of an organization has another role.")
	register[MemberRemoved]("A membership ended, or an invitation was withdrawn.")
}

// OrganizationUpdated : name, slug, description or addresses changed. Fields names
// what changed; Slug is the present one.
type OrganizationUpdated struct {
	OrganizationID string   `json:"organization_id"`
	Slug           string   `json:"slug"`
	Fields         []string `json:"fields"`
}

// OrganizationDeleted : a tenant ended. Its slug may be taken by another.
type OrganizationDeleted struct {
	OrganizationID string `json:"organization_id"`
}

// MemberInvited : an offer of a role, good until ExpiresAt.
type MemberInvited struct {
	OrganizationID string    `json:"organization_id"`
	UserID         string    `json:"user_id"`
	Role           string    `json:"role"`
	ExpiresAt      time.Time `json:"expires_at"`
}

// MemberDeclined : the user who was invited does not want to join.
type MemberDeclined struct {
	OrganizationID string `json:"organization_id"`
	UserID         string `json:"user_id"`
	Role           string `json:"role"`
}

// MemberRoleChanged : an active member may do more, or less, than before.
type MemberRoleChanged struct {
	OrganizationID string `json:"organization_id"`
	UserID         string `json:"user_id"`
	OldRole        string `json:"old_role"`
	Role           string `json:"role"`
}

// MemberRemoved : the user has no place in the organization any more. Reason is
// removed, left (by the member) or withdrawn (it was an invitation).
type MemberRemoved struct {
	OrganizationID string `json:"organization_id"`
	UserID         string `json:"user_id"`
	Role           string `json:"role"`
	Reason         string `json:"reason"`
}

// EventType implements Payload.
func (OrganizationUpdated) EventType() string { return "organization.updated" }

// EventType implements Payload.
func (OrganizationDeleted) EventType() string { return "organization.deleted" }

// EventType implements Payload.
func (MemberInvited) EventType() string { return "member.invited" }

// EventType implements Payload.
func (MemberDeclined) EventType() string { return "member.declined" }

// EventType implements Payload.
func (MemberRoleChanged) EventType() string { return "member.role_changed" }

// EventType implements Payload.
func (MemberRemoved) EventType() string { return "member.removed" }
