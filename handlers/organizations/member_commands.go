package organizations

import (
	"time"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// A change of a membership counts as a change of its organization, whose lock it holds.

func (b *organizationBatch) wantInvite(cmd events.Command, p *organization.Invite) {
	wantOrganization(b, cmd, p)
	b.wanted.users = append(b.wanted.users, p.UserID)
}

func (b *organizationBatch) wantChangeMember(cmd events.Command, p *organization.ChangeMember) {
	wantOrganization(b, cmd, p)
	b.wanted.users = append(b.wanted.users, p.UserID)
}

func (b *organizationBatch) wantRemoveMember(cmd events.Command, p *organization.RemoveMember) {
	wantOrganization(b, cmd, p)
	b.wanted.users = append(b.wanted.users, p.UserID)
}

func (b *organizationBatch) invite(
	cmd events.Command, p *organization.Invite, now time.Time,
) (commands.Outcome, error) {
	invite := *p
	if _, exists := b.people[invite.UserID]; !exists {
		invite.UserID = ""
	}
	facts := b.memberFacts(cmd)
	next, payloads, err := b.member(cmd.AggregateID, invite.UserID).Invite(invite, cmd.ID, facts, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	changes, err := b.keepMember(cmd, facts, next, payloads, now)
	return commands.Created(b.memberView(facts, next), changes...).Of(memberID(next)), err
}

func (b *organizationBatch) accept(
	cmd events.Command, _ *organization.AcceptInvitation, now time.Time,
) (commands.Outcome, error) {
	facts := b.memberFacts(cmd)
	next, payloads, err := b.member(cmd.AggregateID, cmd.ActorID).Accept(facts, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	changes, err := b.keepMember(cmd, facts, next, payloads, now)
	return commands.OK(b.memberView(facts, next), changes...).Of(memberID(next)), err
}

func (b *organizationBatch) decline(
	cmd events.Command, _ *organization.DeclineInvitation, now time.Time,
) (commands.Outcome, error) {
	facts := b.memberFacts(cmd)
	next, payloads, err := b.member(cmd.AggregateID, cmd.ActorID).Decline(facts, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	changes, err := b.keepMember(cmd, facts, next, payloads, now)
	return commands.NoContent(changes...), err
}

func (b *organizationBatch) changeMember(
	cmd events.Command, p *organization.ChangeMember, now time.Time,
) (commands.Outcome, error) {
	facts := b.memberFacts(cmd)
	next, payloads, err := b.member(cmd.AggregateID, p.UserID).ChangeRole(p.Role, facts, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	changes, err := b.keepMember(cmd, facts, next, payloads, now)
	return commands.OK(b.memberView(facts, next), changes...).Of(memberID(next)), err
}

func (b *organizationBatch) removeMember(
	cmd events.Command, p *organization.RemoveMember, now time.Time,
) (commands.Outcome, error) {
	facts := b.memberFacts(cmd)
	next, payloads, err := b.member(cmd.AggregateID, p.UserID).Remove(facts, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	changes, err := b.keepMember(cmd, facts, next, payloads, now)
	return commands.NoContent(changes...), err
}

// memberFacts returns what the decision on a membership rests on.
func (b *organizationBatch) memberFacts(cmd events.Command) organization.MemberFacts {
	return organization.MemberFacts{
		Organization: b.organizations.Rows[cmd.AggregateID],
		Actor:        b.authority(cmd),
		Owners:       b.owners(cmd.AggregateID),
	}
}

func (b *organizationBatch) memberView(facts organization.MemberFacts, m organization.Membership) Member {
	return MemberOf(m, b.people[m.UserID], facts.Actor.Manages())
}

func (b *organizationBatch) member(organizationID, userID string) organization.Membership {
	return b.members.Rows[organization.MembershipKey{OrganizationID: organizationID, UserID: userID}]
}

func (b *organizationBatch) putMember(m organization.Membership) {
	b.members.Put(organization.MembershipKey{OrganizationID: m.OrganizationID, UserID: m.UserID}, m)
}

// owners counts the active owners of an organization.
func (b *organizationBatch) owners(organizationID string) int {
	n := 0
	for at, m := range b.members.Rows {
		if at.OrganizationID == organizationID && m.Role == organization.Owner && m.Status == organization.Active {
			n++
		}
	}
	return n
}

// keepMember keeps a changed membership and the mail about it, and returns the facts of
// its organization.
func (b *organizationBatch) keepMember(
	cmd events.Command, facts organization.MemberFacts, next organization.Membership,
	payloads []events.Payload, now time.Time,
) ([]events.Fact, error) {
	if len(payloads) == 0 {
		return nil, nil
	}
	o := facts.Organization
	if err := b.queueMail(cmd, o, next, payloads[0], now); err != nil {
		return nil, err
	}
	b.putMember(next)
	return b.keep(o, o, payloads), nil
}

// queueMail queues the mail to a user who was invited, has another role or was removed. It is
// delivered only when the change is committed.
func (b *organizationBatch) queueMail(
	cmd events.Command, o organization.Organization, m organization.Membership, payload events.Payload, now time.Time,
) error {
	person, exists := b.people[m.UserID]
	if !exists {
		return nil
	}
	var letter mail.Mail
	var err error
	switch p := payload.(type) {
	case events.MemberInvited:
		link := organization.InvitationLink(b.publicURL, o.ID)
		letter, err = organization.InvitationMail(cmd.ID, person, o, m, link, cmd.ID, now)
	case events.MemberRoleChanged:
		letter, err = organization.RoleChangedMail(cmd.ID, person, o, p, cmd.ID, now)
	case events.MemberRemoved:
		if p.Reason != organization.ReasonRemoved {
			return nil
		}
		letter, err = organization.RemovedMail(cmd.ID, person, o, cmd.ID, now)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	b.mails = append(b.mails, letter)
	return nil
}
