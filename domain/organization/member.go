package organization

import (
	"slices"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// Role is what a member may do in an organization.
type Role string

// The organization roles. Owners and admins manage it; they and creators publish
// in it; subscribers and members see what is meant for members.
const (
	Owner      Role = "owner"
	Admin      Role = "admin"
	Creator    Role = "creator"
	Subscriber Role = "subscriber"
	Member     Role = "member"
)

// rank orders the roles by what they may do.
var rank = map[Role]int{Owner: 3, Admin: 2, Creator: 1}

// manages reports whether a role manages the organization. Only an owner gives, changes or
// takes such a role.
func (r Role) manages() bool { return r == Owner || r == Admin }

// PublishingRoles are the roles whose members publish content in the organization and see
// all of it.
var PublishingRoles = []Role{Owner, Admin, Creator}

// Publishes reports whether a role is one of [PublishingRoles].
func (r Role) Publishes() bool { return slices.Contains(PublishingRoles, r) }

// WherePublishes is Publishes in SQL, for the memberships of the table or alias m.
func WherePublishes(m string) string {
	condition := m + ".role IN ("
	for i, role := range PublishingRoles {
		if i > 0 {
			condition += ", "
		}
		condition += "'" + string(role) + "'"
	}
	return condition + ")"
}

// Status is the status of a membership. Only an active one gives rights.
type Status string

// The statuses. An invited one waits for the consent of the invited user; an inactive
// one has ended, and its role with it.
const (
	Active   Status = "active"
	Inactive Status = "inactive"
	Invited  Status = "invited"
)

// The reasons for the end of a membership, as the event member.removed has them.
const (
	ReasonRemoved   = "removed"
	ReasonLeft      = "left"
	ReasonWithdrawn = "withdrawn"
)

const (
	// InvitationLifetime is how long an invitation can be accepted.
	InvitationLifetime = 7 * 24 * time.Hour
	// InvitationsPerRecipient is how many invitations one address gets in InvitationWindow, from
	// all organizations together.
	InvitationsPerRecipient = 5
	// InvitationWindow is the time in which an address gets so many invitations.
	InvitationWindow = 24 * time.Hour
)

// Errors about members.
var (
	ErrNotMember  = domain.NewError(domain.Forbidden, "NOT_A_MEMBER", "You are not a member of this organization")
	ErrNotManager = domain.NewError(domain.Forbidden, "NOT_A_MANAGER",
		"Only owners and admins of the organization may do this")
	ErrNotOwner = domain.NewError(domain.Forbidden, "OWNER_REQUIRED",
		"Only an owner may make or change an owner or an admin")
	ErrOwnRole   = domain.NewError(domain.Forbidden, "OWN_ROLE", "Members cannot raise their own role")
	ErrLastOwner = domain.NewError(domain.Rule, "LAST_OWNER", "An organization keeps at least one owner")
	// ErrUserNotFound rejects the invitation of an address without an account.
	ErrUserNotFound       = domain.Missing("USER_NOT_FOUND", "User")
	ErrMemberNotFound     = domain.Missing("MEMBER_NOT_FOUND", "Member")
	ErrAlreadyMember      = domain.NewError(domain.Conflict, "ALREADY_MEMBER", "This user is a member already")
	ErrAlreadyInvited     = domain.NewError(domain.Conflict, "ALREADY_INVITED", "This user is invited already")
	ErrTooManyInvitations = domain.NewError(domain.Limited, "TOO_MANY_INVITATIONS",
		"This address was invited too often; try again tomorrow")
	ErrInvitationNotFound = domain.Missing("INVITATION_NOT_FOUND", "Invitation")
	ErrInvitationExpired  = domain.NewError(domain.Rule, "INVITATION_EXPIRED",
		"This invitation is too old; ask for another")
)

// MembershipKey identifies the membership of a user in an organization.
type MembershipKey struct {
	OrganizationID string
	UserID         string
}

// Membership says what a user is in an organization; the zero value stands for none.
type Membership struct {
	ID             string
	OrganizationID string
	UserID         string
	Role           Role
	Status         Status
	// InvitedBy, InvitedAt and ExpiresAt belong to the latest invitation; nil without
	// one. An invitation without ExpiresAt has expired.
	InvitedBy *string
	InvitedAt *time.Time
	ExpiresAt *time.Time
	// JoinedAt is when the current membership began; nil before the first.
	JoinedAt  *time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Unaccepted reports whether the membership is an invitation that was not accepted: it waits,
// was declined or withdrawn.
func (m Membership) Unaccepted() bool {
	return m.Status == Invited || m.Status == Inactive && m.JoinedAt == nil && m.InvitedAt != nil
}

// Key returns what identifies the membership.
func (m Membership) Key() MembershipKey {
	return MembershipKey{OrganizationID: m.OrganizationID, UserID: m.UserID}
}

// Authority is what a user may do in one organization.
type Authority struct {
	UserID   string
	Platform PlatformRole
	// Member is the role of an active membership, "" without one.
	Member Role
}

func (a Authority) owns() bool { return a.Platform == PlatformOwner || a.Member == Owner }

// Manages reports whether the user may see and change the settings of the organization.
func (a Authority) Manages() bool { return a.owns() || a.Member == Admin }

// Admit returns an error for a user who is no member of the organization or, with manage,
// does not manage it. The zero Organization is one that does not exist. To a user who is no member,
// a missing, a deleted and a foreign organization look the same.
func (a Authority) Admit(o Organization, manage bool) error {
	switch {
	case a.Platform != PlatformOwner && a.Member == "":
		return ErrNotMember
	case !o.Live():
		return ErrOrganizationNotFound
	case manage && !a.Manages():
		return ErrNotManager
	}
	return nil
}

// MemberFacts are the facts for a decision about a membership.
type MemberFacts struct {
	Organization Organization
	Actor        Authority
	// Owners is how many active owners the organization has.
	Owners int
}

// Invite invites a user. It gives no rights until it is accepted, and an earlier
// membership counts for nothing. cmd.UserID is "" when no account has the address; id
// becomes the id of a first membership.
func (m Membership) Invite(cmd Invite, id string, f MemberFacts, now time.Time) (Membership, []events.Payload, error) {
	if err := f.Actor.Admit(f.Organization, true); err != nil {
		return m, nil, err
	}
	switch {
	case cmd.Role.manages() && !f.Actor.owns():
		return m, nil, ErrNotOwner
	case cmd.UserID == "":
		return m, nil, ErrUserNotFound
	case m.Status == Active:
		return m, nil, ErrAlreadyMember
	case m.Status == Invited && !m.expired(now):
		return m, nil, ErrAlreadyInvited
	}
	if m.ID == "" {
		m = Membership{
			ID:             id,
			OrganizationID: f.Organization.ID,
			UserID:         cmd.UserID,
			CreatedAt:      now,
		}
	}
	end := now.Add(InvitationLifetime)
	m.Role = cmd.Role
	m.Status = Invited
	m.InvitedBy = &f.Actor.UserID
	m.InvitedAt = &now
	m.ExpiresAt = &end
	m.JoinedAt = nil
	m.UpdatedAt = now

	return m, []events.Payload{events.MemberInvited{
		OrganizationID: m.OrganizationID,
		UserID:         m.UserID,
		Role:           string(m.Role),
		ExpiresAt:      end,
	}}, nil
}

func (m Membership) expired(now time.Time) bool {
	return m.ExpiresAt == nil || !now.Before(*m.ExpiresAt)
}

// Accept makes the invited user, who must be the actor, a member. Accepting again
// changes nothing.
func (m Membership) Accept(f MemberFacts, now time.Time) (Membership, []events.Payload, error) {
	switch {
	case !f.Organization.Live() || m.UserID != f.Actor.UserID:
		return m, nil, ErrInvitationNotFound
	case m.Status == Active:
		return m, nil, nil
	case m.Status != Invited:
		return m, nil, ErrInvitationNotFound
	case m.expired(now):
		return m, nil, ErrInvitationExpired
	}

	m.Status = Active
	m.JoinedAt = &now
	m.UpdatedAt = now
	return m, []events.Payload{events.MemberJoined{
		OrganizationID: m.OrganizationID, UserID: m.UserID, Role: string(m.Role),
	}}, nil
}

// Decline ends the actor's invitation.
func (m Membership) Decline(f MemberFacts, now time.Time) (Membership, []events.Payload, error) {
	if !f.Organization.Live() || m.UserID != f.Actor.UserID || m.Status != Invited {
		return m, nil, ErrInvitationNotFound
	}

	m.Status, m.UpdatedAt = Inactive, now
	return m, []events.Payload{events.MemberDeclined{
		OrganizationID: m.OrganizationID, UserID: m.UserID, Role: string(m.Role),
	}}, nil
}

// ChangeRole gives an active member another role. Members never raise their own; only an
// owner makes, changes or unmakes an owner or an admin, but every member may step down.
func (m Membership) ChangeRole(role Role, f MemberFacts, now time.Time) (Membership, []events.Payload, error) {
	if err := f.Actor.Admit(f.Organization, true); err != nil {
		return m, nil, err
	}
	own, lower := m.UserID == f.Actor.UserID, rank[role] < rank[m.Role]
	switch {
	case m.Status != Active:
		return m, nil, ErrMemberNotFound
	case role == m.Role:
		return m, nil, nil
	case own && !lower:
		return m, nil, ErrOwnRole
	case (role.manages() || m.Role.manages()) && !f.Actor.owns() && !own:
		return m, nil, ErrNotOwner
	case m.Role == Owner && f.Owners <= 1:
		return m, nil, ErrLastOwner
	}
	changed := events.MemberRoleChanged{
		OrganizationID: m.OrganizationID,
		UserID:         m.UserID,
		OldRole:        string(m.Role),
		Role:           string(role),
	}
	m.Role, m.UpdatedAt = role, now
	return m, []events.Payload{changed}, nil
}

// Remove ends a membership or withdraws an invitation. Members may always remove
// themselves; only an owner removes an owner or an admin.
func (m Membership) Remove(f MemberFacts, now time.Time) (Membership, []events.Payload, error) {
	own := m.UserID != "" && m.UserID == f.Actor.UserID
	if err := f.Actor.Admit(f.Organization, !own); err != nil {
		return m, nil, err
	}
	switch {
	case m.Status != Active && m.Status != Invited:
		return m, nil, ErrMemberNotFound
	case m.Role.manages() && !f.Actor.owns() && !own:
		return m, nil, ErrNotOwner
	case m.Status == Active && m.Role == Owner && f.Owners <= 1:
		return m, nil, ErrLastOwner
	}
	m, payloads := m.end(own, now)
	return m, payloads, nil
}

// Leave ends the membership of a user whose account was deleted. It asks for no authority:
// an account is not deleted while it owns the organization.
func (m Membership) Leave(now time.Time) (Membership, []events.Payload) {
	if m.Status != Active && m.Status != Invited {
		return m, nil
	}
	return m.end(true, now)
}

// end ends a membership or an invitation; own says that the member asked for it.
func (m Membership) end(own bool, now time.Time) (Membership, []events.Payload) {
	reason := ReasonRemoved
	switch {
	case m.Status == Invited:
		reason = ReasonWithdrawn
	case own:
		reason = ReasonLeft
	}
	m.Status, m.UpdatedAt = Inactive, now
	return m, []events.Payload{events.MemberRemoved{
		OrganizationID: m.OrganizationID,
		UserID:         m.UserID,
		Role:           string(m.Role),
		Reason:         reason,
	}}
}
