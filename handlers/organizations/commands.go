package organizations

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/mail"
	mailstore "github.com/codex-platform/codex/domain/mail/postgres"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// organizationCommands applies the commands of context "organization": those about tenants
// and about their members.
func organizationCommands(publicURL string) commands.Context {
	return commands.NewContext(
		"organization",
		func() *organizationBatch { return open(publicURL) },
		commands.Handle(organization.CommandCreate, (*organizationBatch).wantCreate, (*organizationBatch).create),
		commands.Handle(organization.CommandUpdate, (*organizationBatch).wantUpdate, (*organizationBatch).update),
		commands.Handle(organization.CommandDelete, wantOrganization, (*organizationBatch).remove),
		commands.Handle(organization.CommandInvite, (*organizationBatch).wantInvite, (*organizationBatch).invite),
		commands.Handle(organization.CommandAcceptInvitation, wantOrganization, (*organizationBatch).accept),
		commands.Handle(organization.CommandDeclineInvitation, wantOrganization, (*organizationBatch).decline),
		commands.Handle(
			organization.CommandChangeMember,
			(*organizationBatch).wantChangeMember,
			(*organizationBatch).changeMember,
		),
		commands.Handle(
			organization.CommandRemoveMember,
			(*organizationBatch).wantRemoveMember,
			(*organizationBatch).removeMember,
		),
	)
}

// organizationBatch is what a batch of the context loads and changes.
type organizationBatch struct {
	publicURL string

	organizations *commands.State[string, organization.Organization]
	slugs         map[string]organization.SlugOwner
	members       *commands.State[organization.MembershipKey, organization.Membership]
	people        map[string]organization.Person // actors and members, by id
	mails         []mail.Mail

	wanted struct{ organizations, slugs, users []string }
}

func open(publicURL string) *organizationBatch {
	return &organizationBatch{
		publicURL:     publicURL,
		organizations: commands.NewState[string, organization.Organization](),
		slugs:         map[string]organization.SlugOwner{},
		members:       commands.NewState[organization.MembershipKey, organization.Membership](),
		people:        map[string]organization.Person{},
	}
}

func wantOrganization[P any](b *organizationBatch, cmd events.Command, _ *P) {
	b.wanted.users = append(b.wanted.users, cmd.ActorID)
	b.wanted.organizations = append(b.wanted.organizations, cmd.AggregateID)
}

func (b *organizationBatch) wantCreate(cmd events.Command, p *organization.CreateOrganization) {
	b.wanted.users = append(b.wanted.users, cmd.ActorID)
	b.wanted.slugs = append(b.wanted.slugs, p.Slug)
}

func (b *organizationBatch) wantUpdate(cmd events.Command, p *organization.UpdateOrganization) {
	wantOrganization(b, cmd, p)
	if p.Slug.Value != nil {
		b.wanted.slugs = append(b.wanted.slugs, *p.Slug.Value)
	}
}

// Load implements [commands.Batch]. People are locked before organizations, as for pictures. The
// lock on the organizations comes before their members: what is read after it holds until
// the commit.
func (b *organizationBatch) Load(load *pgx.Batch) {
	want := &b.wanted
	postgres.QueuePeople(load, want.users, b.people)
	if len(want.organizations) > 0 {
		postgres.QueueLockOrganizations(load, want.organizations, b.organizations.Rows)
		postgres.QueueMembers(load, want.organizations, want.users, b.members.Rows)
	}
	if len(want.slugs) > 0 {
		postgres.QueueSlugOwners(load, want.slugs, b.slugs)
	}
}

// Save implements [commands.Batch]. A slug that another transaction has taken in the meantime
// violates the unique index; the batch is then applied again, one command at a time.
func (b *organizationBatch) Save(save *pgx.Batch) error {
	if err := postgres.QueueSaveOrganizations(save, b.organizations.Changed()); err != nil {
		return err
	}
	if err := postgres.QueueSaveMembers(save, b.members.Changed()); err != nil {
		return err
	}
	mailstore.QueueInsert(save, b.mails)
	return nil
}

func (b *organizationBatch) create(
	cmd events.Command, p *organization.CreateOrganization, now time.Time,
) (commands.Outcome, error) {
	facts := organization.CreateFacts{ActorID: cmd.ActorID, ActorRole: b.people[cmd.ActorID].Role}
	facts.SlugTaken = b.slugs[p.Slug].Holds(now)
	o, owner, created, err := organization.Create(cmd.AggregateID, *p, facts, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	b.slugs[o.Slug] = organization.SlugOwner{ID: o.ID}
	b.organizations.Put(o.ID, o)
	b.putMember(owner)
	return commands.Created(OrganizationOf(o), created...).Of(o.ID), nil
}

func (b *organizationBatch) update(
	cmd events.Command, p *organization.UpdateOrganization, now time.Time,
) (commands.Outcome, error) {
	before := b.organizations.Rows[cmd.AggregateID]
	taken := false
	if p.Slug.Value != nil {
		owner := b.slugs[*p.Slug.Value]
		taken = owner.Holds(now) && owner.ID != before.ID
	}
	next, payloads, err := before.Update(*p, b.authority(cmd), taken, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.OK(OrganizationOf(next), b.keep(before, next, payloads)...).Of(next.ID), nil
}

func (b *organizationBatch) remove(
	cmd events.Command, _ *organization.DeleteOrganization, now time.Time,
) (commands.Outcome, error) {
	before := b.organizations.Rows[cmd.AggregateID]
	next, payloads, err := before.Delete(b.authority(cmd), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.NoContent(b.keep(before, next, payloads)...), nil
}

// authority is what the actor of a command may do in its organization.
func (b *organizationBatch) authority(cmd events.Command) organization.Authority {
	a := organization.Authority{UserID: cmd.ActorID, Platform: b.people[cmd.ActorID].Role}
	m := b.member(cmd.AggregateID, cmd.ActorID)
	if m.Status == organization.Active {
		a.Member = m.Role
	}
	return a
}

// keep makes the next state visible to the commands that follow in the batch, and
// returns the facts that led to it.
func (b *organizationBatch) keep(before, next organization.Organization, payloads []events.Payload) []events.Fact {
	if len(payloads) == 0 {
		return nil
	}
	delete(b.slugs, before.Slug)
	b.slugs[next.Slug] = organization.SlugOwner{ID: next.ID, DeletedAt: next.DeletedAt}
	next, facts := next.After(payloads)
	b.organizations.Put(next.ID, next)
	return facts
}
