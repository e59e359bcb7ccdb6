package identity

import (
	"fmt"
	"time"

	"github.com/codex-platform/codex/events"
)

// The mails about places in organizations. They are transactional: no preference keeps
// them back. None says an organization's name, which is free text: whoever manages one
// could make us deliver their words to anybody. The slug names it.
const (
	// InvitationMailTemplate tells a user of an invitation.
	InvitationMailTemplate Template = "org-member-invitation"
	// MemberRoleChanged tells a member of another role.
	MemberRoleChanged Template = "member-role-changed"
	// MemberRemoved tells a user who is no member any more.
	MemberRemoved Template = "member-removed"
)

// InvitationLink returns the address of the page that shows an invitation. base is
// the platform's own address.
func InvitationLink(base, organizationID string) string {
	return base + "/invitations/" + organizationID
}

// InvitationMail returns the mail that tells a user of an invitation. The link says no
// secret; only the invited user, signed in, can accept. sourceID names the invitation:
// there is one mail of each.
func InvitationMail(id string, u User, o Organization, m Membership, link, sourceID string, now time.Time) (Mail, error) {
	return letter{
		template: InvitationMailTemplate, title: "You are invited to " + o.Slug,
		text: fmt.Sprintf("You are invited to join the organization “%s” with the role %s. Sign in and answer the invitation; it is good for %d days.",
			o.Slug, m.Role, int(InvitationLifetime.Hours()/24)),
		action: "See the invitation", link: link,
		foot: "If you do not want to join, decline the invitation there, or do nothing.",
	}.to(id, u.Email, u.ID, sourceID, now)
}

// RoleChangedMail returns the mail that tells a member of another role. sourceID names
// the change: there is one mail of each.
func RoleChangedMail(id string, u User, o Organization, changed events.MemberRoleChanged, sourceID string, now time.Time) (Mail, error) {
	return letter{
		template: MemberRoleChanged, title: "Your role in " + o.Slug + " changed",
		text: fmt.Sprintf("Your role in the organization “%s” was %s and is %s now. It takes effect at once.", o.Slug, changed.OldRole, changed.Role),
		foot: "If you did not expect this, ask the owners of the organization.",
	}.to(id, u.Email, u.ID, sourceID, now)
}

// RemovedMail returns the mail that tells a user who is no member any more. sourceID
// names the removal: there is one mail of each.
func RemovedMail(id string, u User, o Organization, sourceID string, now time.Time) (Mail, error) {
	return letter{
		template: MemberRemoved, title: "You are no member of " + o.Slug + " any more",
		text: fmt.Sprintf("You were removed from the organization “%s”. What it publishes for its members is closed to you; what you bought stays yours.", o.Slug),
		foot: "If you did not expect this, ask the owners of the organization.",
	}.to(id, u.Email, u.ID, sourceID, now)
}
