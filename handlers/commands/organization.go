package commands

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/mail"
	mailstore "github.com/codex-platform/codex/domain/mail/postgres"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// Organization applies the commands of context "organization": those about tenants
// and about their members.
type Organization struct {
	// PublicURL is how people reach the platform, without a trailing slash; links in
	// mails begin with it.
	PublicURL string
}

// Name implements Context.
func (Organization) Name() string { return "organization" }

// Open implements Context.
func (o Organization) Open(batch []events.Command) Unit {
	return &organizationUnit{
		cmds: batch, payloads: decode(batch, organizationPayload), publicURL: o.PublicURL,
		organizations: map[string]organization.Organization{}, slugs: map[string]string{}, members: map[organization.MembershipKey]organization.Membership{},
		people:  map[string]organization.Person{},
		changed: map[string]bool{}, moved: map[organization.MembershipKey]bool{},
	}
}

// organizationPayload returns the struct of a command, nil for one that is unknown.
func organizationPayload(command string) any {
	switch command {
	case "organization.create":
		return &organization.CreateOrganization{}
	case "organization.update":
		return &organization.UpdateOrganization{}
	case "organization.delete":
		return &organization.DeleteOrganization{}
	case "organization.invite":
		return &organization.Invite{}
	case "organization.accept":
		return &organization.AcceptInvitation{}
	case "organization.decline":
		return &organization.DeclineInvitation{}
	case "organization.change_role":
		return &organization.ChangeMember{}
	case "organization.remove_member":
		return &organization.RemoveMember{}
	default:
		return nil
	}
}

type organizationUnit struct {
	cmds      []events.Command
	payloads  []any
	publicURL string

	organizations map[string]organization.Organization
	slugs         map[string]string // of live organizations → organization
	members       map[organization.MembershipKey]organization.Membership
	people        map[string]organization.Person // who asks and who is asked about, by id

	order   []string // changed organizations
	changed map[string]bool
	places  []organization.MembershipKey // changed memberships
	moved   map[organization.MembershipKey]bool
	mails   []mail.Mail
}

// Load implements Unit. People are locked before organizations, as for pictures. The lock
// on the organizations comes before their members: what is read after it holds until the
// commit.
func (u *organizationUnit) Load(b *pgx.Batch) {
	var ids, slugs, users []string
	for i, cmd := range u.cmds {
		users = append(users, cmd.ActorID)
		switch p := u.payloads[i].(type) {
		case *organization.CreateOrganization:
			slugs = append(slugs, p.Slug)
			continue
		case *organization.UpdateOrganization:
			slugs = appendSet(slugs, p.Slug.Value)
		case *organization.Invite:
			users = append(users, p.UserID)
		case *organization.ChangeMember:
			users = append(users, p.UserID)
		case *organization.RemoveMember:
			users = append(users, p.UserID)
		}
		ids = append(ids, cmd.AggregateID)
	}
	postgres.QueuePeople(b, users, u.people)
	if len(ids) > 0 {
		postgres.QueueLockOrganizations(b, ids, u.organizations)
		postgres.QueueMembers(b, ids, users, u.members)
	}
	if len(slugs) > 0 {
		postgres.QueueOrganizationSlugs(b, slugs, u.slugs)
	}
}

// Decide implements Unit. A slug that another transaction takes meanwhile is
// refused by the unique index; the batch is then applied again, one by one.
func (u *organizationUnit) Decide(i int, now time.Time) (Outcome, error) {
	cmd := u.cmds[i]
	before := u.organizations[cmd.AggregateID]
	switch p := u.payloads[i].(type) {
	case *organization.CreateOrganization:
		return u.found(cmd, *p, now)
	case *organization.UpdateOrganization:
		taken := false
		if p.Slug.Value != nil {
			owner, found := u.slugs[*p.Slug.Value]
			taken = found && owner != before.ID
		}
		next, happened, err := before.Update(*p, u.authority(cmd), taken, now)
		if err != nil {
			return Outcome{}, err
		}
		facts := u.keep(before, next, happened)
		return Changed(wire.OrganizationOf(next), facts...), nil
	case *organization.DeleteOrganization:
		next, happened, err := before.Delete(u.authority(cmd), now)
		if err != nil {
			return Outcome{}, err
		}
		return Done(u.keep(before, next, happened)...), nil
	case error:
		return Outcome{}, p
	default:
		return u.decideMember(cmd, before, p, now)
	}
}

func (u *organizationUnit) found(cmd events.Command, p organization.CreateOrganization, now time.Time) (Outcome, error) {
	facts := organization.CreateFacts{ActorID: cmd.ActorID, ActorRole: u.people[cmd.ActorID].Role}
	_, facts.SlugTaken = u.slugs[p.Slug]
	o, owner, happened, err := organization.Create(cmd.AggregateID, p, facts, now)
	if err != nil {
		return Outcome{}, err
	}
	u.slugs[o.Slug] = o.ID
	u.write(o)
	u.place(owner)
	return Created(wire.OrganizationOf(o), happened...), nil
}

// authority is what the actor of a command may do in its organization.
func (u *organizationUnit) authority(cmd events.Command) organization.Authority {
	a := organization.Authority{UserID: cmd.ActorID, Platform: u.people[cmd.ActorID].Role}
	m := u.members[organization.MembershipKey{OrganizationID: cmd.AggregateID, UserID: cmd.ActorID}]
	if m.Status == organization.Active {
		a.Member = m.Role
	}
	return a
}

// keep makes the next state visible to the commands that follow in the batch, and
// returns the facts of what happened.
func (u *organizationUnit) keep(before, next organization.Organization, happened []events.Payload) []events.Fact {
	if len(happened) == 0 {
		return nil
	}
	delete(u.slugs, before.Slug)
	if next.Live() {
		u.slugs[next.Slug] = next.ID
	}
	next, facts := next.After(happened)
	u.write(next)
	return facts
}

func (u *organizationUnit) write(o organization.Organization) {
	u.organizations[o.ID] = o
	if !u.changed[o.ID] {
		u.changed[o.ID] = true
		u.order = append(u.order, o.ID)
	}
}

func (u *organizationUnit) place(m organization.Membership) {
	at := organization.MembershipKey{OrganizationID: m.OrganizationID, UserID: m.UserID}
	u.members[at] = m
	if !u.moved[at] {
		u.moved[at] = true
		u.places = append(u.places, at)
	}
}

// Save implements Unit.
func (u *organizationUnit) Save(b *pgx.Batch) error {
	organizations := make([]organization.Organization, len(u.order))
	for i, id := range u.order {
		organizations[i] = u.organizations[id]
	}
	members := make([]organization.Membership, len(u.places))
	for i, at := range u.places {
		members[i] = u.members[at]
	}
	if err := postgres.QueueSaveOrganizations(b, organizations); err != nil {
		return err
	}
	if err := postgres.QueueSaveMembers(b, members); err != nil {
		return err
	}
	mailstore.QueueMails(b, u.mails)
	return nil
}
