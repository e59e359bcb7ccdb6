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
	if _, invited := payload.(*identity.Invite); invited {
		if err := u.mail(cmd, o, next, now); err != nil {
			return Outcome{}, err
		}
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

// mail tells the invited user. It is delivered only when the invitation is committed.
func (u *organizationUnit) mail(cmd events.Command, o identity.Organization, m identity.Membership, now time.Time) error {
	mail, err := identity.InvitationMail(cmd.ID, u.people[m.UserID], o, m, identity.InvitationLink(u.publicURL, o.ID), cmd.ID, now)
	if err != nil {
		return err
	}
	u.mails = append(u.mails, mail)
	return nil
}
