package commands

import (
	"fmt"
	"net/http"
	"time"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// decideMember applies a command about one place in an organization. It counts as a
// change of the organization, whose lock it holds.
func (u *organizationUnit) decideMember(cmd events.Command, o organization.Organization, payload any, now time.Time) (Outcome, error) {
	var (
		next     organization.Membership
		happened []events.Payload
		err      error
		status   = http.StatusOK
	)
	facts := organization.MemberFacts{Organization: o, Actor: u.authority(cmd), Owners: u.owners(o.ID)}
	switch p := payload.(type) {
	case *organization.Invite:
		status = http.StatusCreated
		if _, alive := u.people[p.UserID]; !alive {
			p.UserID = ""
		}
		next, happened, err = u.member(o, p.UserID).Invite(*p, cmd.ID, facts, now)
	case *organization.AcceptInvitation:
		next, happened, err = u.member(o, cmd.ActorID).Accept(facts, now)
	case *organization.DeclineInvitation:
		status = http.StatusNoContent
		next, happened, err = u.member(o, cmd.ActorID).Decline(facts, now)
	case *organization.ChangeMember:
		next, happened, err = u.member(o, p.UserID).ChangeRole(p.Role, facts, now)
	case *organization.RemoveMember:
		status = http.StatusNoContent
		next, happened, err = u.member(o, p.UserID).Remove(facts, now)
	default:
		err = fmt.Errorf("unexpected payload %T", p)
	}
	if err != nil {
		return Outcome{}, err
	}
	if err := u.mail(cmd, o, next, happened, now); err != nil {
		return Outcome{}, err
	}
	outcome := Outcome{Status: status, Facts: u.keep(o, o, happened)}
	if len(happened) > 0 {
		u.place(next)
	}
	if status != http.StatusNoContent {
		person := u.people[next.UserID]
		outcome.Body = wire.Single{Data: wire.MemberOf(next, person, facts.Actor.Manages())}
	}
	return outcome, nil
}

func (u *organizationUnit) member(o organization.Organization, userID string) organization.Membership {
	return u.members[organization.MembershipKey{OrganizationID: o.ID, UserID: userID}]
}

// owners counts the active owners of an organization.
func (u *organizationUnit) owners(organizationID string) int {
	n := 0
	for at, m := range u.members {
		if at.OrganizationID == organizationID && m.Role == organization.Owner && m.Status == organization.Active {
			n++
		}
	}
	return n
}

// mail tells a user who was invited, has another role or was removed. It is delivered
// only when the change is committed.
func (u *organizationUnit) mail(cmd events.Command, o organization.Organization, m organization.Membership, happened []events.Payload, now time.Time) error {
	person, alive := u.people[m.UserID]
	if !alive || len(happened) == 0 {
		return nil
	}
	var mail mail.Mail
	var err error
	switch p := happened[0].(type) {
	case events.MemberInvited:
		mail, err = organization.InvitationMail(cmd.ID, person, o, m, organization.InvitationLink(u.publicURL, o.ID), cmd.ID, now)
	case events.MemberRoleChanged:
		mail, err = organization.RoleChangedMail(cmd.ID, person, o, p, cmd.ID, now)
	case events.MemberRemoved:
		if p.Reason != organization.ReasonRemoved {
			return nil
		}
		mail, err = organization.RemovedMail(cmd.ID, person, o, cmd.ID, now)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	u.mails = append(u.mails, mail)
	return nil
}
