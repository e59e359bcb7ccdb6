package organization

import (
	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/mail"
)

// InviteMember invites the account that has an address.
type InviteMember struct {
	Email string `json:"email" jsonschema:"required,format=email,maxLength=254,example=grace@example.org"`
	Role  Role   `json:"role" jsonschema:"required,enum=admin,enum=creator,enum=member,example=creator"`
}

// Invite is the command that [InviteMember] becomes: it has the id of the account, "" when
// there is none with that address. An address would stay in the stream.
type Invite struct {
	UserID string `json:"userId"`
	Role   Role   `json:"role"`
}

// AcceptInvitation makes the invited caller a member.
type AcceptInvitation struct{}

// DeclineInvitation ends the caller's invitation.
type DeclineInvitation struct{}

// ChangeRole gives a member another role.
type ChangeRole struct {
	Role Role `json:"role" jsonschema:"required,enum=owner,enum=admin,enum=creator,enum=member,example=admin"`
}

// ChangeMember is the command that [ChangeRole] becomes: it has the id of the member.
type ChangeMember struct {
	UserID string `json:"userId"`
	Role   Role   `json:"role"`
}

// RemoveMember ends the membership, or the invitation, of a user.
type RemoveMember struct {
	UserID string `json:"userId"`
}

// Validate normalises the address.
func (i *InviteMember) Validate() []domain.Field {
	i.Email = mail.NormalAddress(i.Email)
	v := domain.Validate(i)
	if !mail.ValidAddress(i.Email) {
		v.Reject("email", "must be an e-mail address")
	}
	return v.Fields
}

// Validate returns the fields that break a limit.
func (c *ChangeRole) Validate() []domain.Field { return domain.Check(c) }
