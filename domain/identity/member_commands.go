package identity

import "github.com/codex-platform/codex/domain"

// InviteMember invites the account that has an address.
type InviteMember struct {
	Email string     `json:"email" jsonschema:"required,format=email,maxLength=254,example=grace@example.org"`
	Role  MemberRole `json:"role" jsonschema:"required,enum=admin,enum=creator,enum=member,example=creator"`
}

// Invite is the command that [InviteMember] becomes: it names the account, "" when
// there is none with that address. An address would lie in the stream.
type Invite struct {
	UserID string     `json:"userId"`
	Role   MemberRole `json:"role"`
}

// AcceptInvitation makes the invited caller a member.
type AcceptInvitation struct{}

// DeclineInvitation ends the caller's invitation.
type DeclineInvitation struct{}

// ChangeRole gives a member another role.
type ChangeRole struct {
	Role MemberRole `json:"role" jsonschema:"required,enum=owner,enum=admin,enum=creator,enum=member,example=admin"`
}

// ChangeMember is the command that [ChangeRole] becomes: it names the member.
type ChangeMember struct {
	UserID string     `json:"userId"`
	Role   MemberRole `json:"role"`
}

// RemoveMember ends a membership, or an invitation, whose user is named.
type RemoveMember struct {
	UserID string `json:"userId"`
}

// Validate normalises the address.
func (i *InviteMember) Validate() []domain.Field {
	i.Email = NormalEmail(i.Email)
	v := limits(i)
	v.address(i.Email)
	return v.bad
}

// Validate returns the fields that break a limit.
func (c *ChangeRole) Validate() []domain.Field { return domain.Check(c) }
