package organization

import (
	"fmt"
	"time"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/events"
)

// The mails about memberships are transactional: no preference suppresses them. None
// contains an organization's name, which is free text: its managers could make the
// platform send their words to any address. The slug identifies the organization.

// InvitationLink returns the address of the page that shows an invitation. base is
// the platform's own address.
func InvitationLink(base, organizationID string) string {
	return base + "/invitations/" + organizationID
}

// InvitationMail returns the mail about an invitation. The link holds no secret: only the
// invited user, signed in, can accept. sourceID identifies the invitation: there is one
// mail of each.
func InvitationMail(
	id string, p Person, o Organization, m Membership, link, sourceID string, now time.Time,
) (mail.Mail, error) {
	return mail.Compose(p.envelope(id, sourceID, now), mail.Content{
		Template: mail.Invitation,
		Title:    "You are invited to " + o.Slug,
		Text: fmt.Sprintf("You are invited to join the organization “%s” with the role %s. "+
			"Sign in and answer the invitation; it is good for %d days.",
			o.Slug, m.Role, int(InvitationLifetime.Hours()/24)),
		Action: "See the invitation",
		Link:   link,
		Footer: "If you do not want to join, decline the invitation there, or do nothing.",
	})
}

// RoleChangedMail returns the mail about another role. sourceID identifies the change:
// there is one mail of each.
func RoleChangedMail(
	id string, p Person, o Organization, changed events.MemberRoleChanged, sourceID string, now time.Time,
) (mail.Mail, error) {
	return mail.Compose(p.envelope(id, sourceID, now), mail.Content{
		Template: mail.RoleChanged,
		Title:    "Your role in " + o.Slug + " changed",
		Text: fmt.Sprintf("Your role in the organization “%s” was %s and is %s now. It takes effect at once.",
			o.Slug, changed.OldRole, changed.Role),
		Footer: "If you did not expect this, ask the owners of the organization.",
	})
}

// RemovedMail returns the mail about the end of a membership. sourceID identifies the
// removal: there is one mail of each.
func RemovedMail(id string, p Person, o Organization, sourceID string, now time.Time) (mail.Mail, error) {
	return mail.Compose(p.envelope(id, sourceID, now), mail.Content{
		Template: mail.MemberRemoved,
		Title:    "You are no member of " + o.Slug + " any more",
		Text: fmt.Sprintf("You were removed from the organization “%s”. "+
			"What it publishes for its members is closed to you; what you bought stays yours.", o.Slug),
		Footer: "If you did not expect this, ask the owners of the organization.",
	})
}

// envelope addresses a mail to the person.
func (p Person) envelope(id, sourceID string, now time.Time) mail.Envelope {
	return mail.Envelope{
		ID:        id,
		Recipient: p.Email,
		UserID:    p.ID,
		SourceID:  sourceID,
		Created:   now,
	}
}
