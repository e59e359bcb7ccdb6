package identity

import (
	"fmt"
	"strings"
	"time"
)

// InvitationMailTemplate is the mail that tells a user of an invitation.
const InvitationMailTemplate Template = "org-member-invitation"

// InvitationLink returns the address of the page that shows an invitation. base is
// the platform's own address.
func InvitationLink(base, organizationID string) string {
	return base + "/invitations/" + organizationID
}

// InvitationMail returns the mail that tells a user of an invitation. It names the
// organization by its slug: a name is free text, and whoever invites could make us
// deliver their words to anybody. The link says no secret; only the invited user,
// signed in, can accept. sourceID names the invitation: there is one mail of each.
func InvitationMail(id string, u User, o Organization, m Membership, link, sourceID string, now time.Time) (Mail, error) {
	days := int(InvitationLifetime.Hours() / 24)
	said := fmt.Sprintf("You are invited to join the organization “%s” with the role %s. The invitation is good for %d days.", o.Slug, m.Role, days)
	const foot = "If you do not want to join, decline the invitation there, or do nothing."
	text := fmt.Sprintf("%s\n\nSign in and answer it here:\n\n%s\n\n%s\n", said, link, foot)
	var body strings.Builder
	err := mailPage.Execute(&body, mailContent{
		Title: "An invitation", Text: said, Action: "See the invitation", Link: link, Foot: foot,
	})
	if err != nil {
		return Mail{}, fmt.Errorf("write the invitation mail: %w", err)
	}
	return Mail{
		ID: id, Template: InvitationMailTemplate, Recipient: u.Email, UserID: u.ID, SourceID: sourceID,
		Subject: "You are invited to " + o.Slug, Text: text, HTML: body.String(), Created: now,
	}, nil
}
