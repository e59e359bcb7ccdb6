package commands

import (
	"fmt"
	"net/http"
	"time"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// decideMember applies a command about one place in an organization. It counts as a
// change of the organization, whose lock it holds.
func (u *organizationUnit) decideMember(cmd events.Command, o identity.Organization, payload any, now time.Time) (Outcome, error) {
	var (
		next     identity.Membership
		happened []events.Payload
		err      error
		status   = http.StatusOK
	)
	facts := identity.MemberFacts{Organization: o, Actor: u.authority(cmd), Owners: u.owners(o.ID)}
	switch p := payload.(type) {
	case *identity.Invite:
		status = http.StatusCreated
		if _, alive := u.people[p.UserID]; !alive {
			p.UserID = ""
		}
		next, happened, err = u.member(o, p.UserID).Invite(*p, cmd.ID, facts, now)
	case *identity.AcceptInvitation:
		next, happened, err = u.member(o, cmd.ActorID).Accept(facts, now)
	case *identity.DeclineInvitation:
		status = http.StatusNoContent
		next, happened, err = u.member(o, cmd.ActorID).Decline(facts, now)
	case *identity.ChangeMember:
		next, happened, err = u.member(o, p.UserID).ChangeRole(p.Role, facts, now)
	case *identity.RemoveMember:
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

func (u *organizationUnit) member(o identity.Organization, userID string) identity.Membership {
	return u.members[postgres.Place{OrganizationID: o.ID, UserID: userID}]
}

// owners counts the active owners of an organization.
func (u *organizationUnit) owners(organizationID string) int {
	n := 0
	for at, m := range u.members {
		if at.OrganizationID == organizationID && m.Role == identity.OwnerMember && m.Status == identity.ActiveMember {
			n++
		}
	}
	return n
}

// mail tells a user who was invited, has another role or was removed. It is delivered
// only when the change is committed.
func (u *organizationUnit) mail(cmd events.Command, o identity.Organization, m identity.Membership, happened []events.Payload, now time.Time) error {
	person, alive := u.people[m.UserID]
	if !alive || len(happened) == 0 {
		return nil
	}
	var mail identity.Mail
	var err error
	switch p := happened[0].(type) {
	case events.MemberInvited:
		mail, err = identity.InvitationMail(cmd.ID, person, o, m, identity.InvitationLink(u.publicURL, o.ID), cmd.ID, now)
	case events.MemberRoleChanged:
		mail, err = identity.RoleChangedMail(cmd.ID, person, o, p, cmd.ID, now)
	case events.MemberRemoved:
		if p.Reason != identity.ReasonRemoved {
			return nil
		}
		mail, err = identity.RemovedMail(cmd.ID, person, o, cmd.ID, now)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	u.mails = append(u.mails, mail)
	return nil
}
