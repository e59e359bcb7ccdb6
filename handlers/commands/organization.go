package commands

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// Organization applies the commands of context "organization".
type Organization struct{}

// Name implements Context.
func (Organization) Name() string { return "organization" }

// Open implements Context.
func (Organization) Open(batch []events.Command) Unit {
	u := &organizationUnit{cmds: batch, payloads: make([]any, len(batch)), slugs: map[string]string{}, actors: newActors()}
	for i, cmd := range batch {
		u.payloads[i] = decodeOrganization(cmd)
	}
	return u
}

// decodeOrganization returns the command's struct, or the error to refuse it with.
func decodeOrganization(cmd events.Command) any {
	switch cmd.Type {
	case "organization.create":
		payload := &identity.CreateOrganization{}
		if err := json.Unmarshal(cmd.Payload, payload); err != nil {
			return fmt.Errorf("decode %s: %w", cmd.Type, err)
		}
		return payload
	default:
		return fmt.Errorf("unknown command %q", cmd.Type)
	}
}

type organizationUnit struct {
	cmds     []events.Command
	payloads []any
	slugs    map[string]string // of live organizations → organization
	actors   *actors

	founded []identity.Organization
	owners  []identity.Membership
}

// Load implements Unit.
func (u *organizationUnit) Load(b *pgx.Batch) {
	var slugs []string
	for i, cmd := range u.cmds {
		u.actors.want(cmd.ActorID, "")
		if p, ok := u.payloads[i].(*identity.CreateOrganization); ok {
			slugs = append(slugs, p.Slug)
		}
	}
	u.actors.load(b)
	postgres.QueueOrganizationSlugs(b, slugs, u.slugs)
}

// Decide implements Unit. A slug that another transaction takes meanwhile is
// refused by the unique index; the batch is then applied again, one by one.
func (u *organizationUnit) Decide(i int, now time.Time) (Outcome, error) {
	cmd := u.cmds[i]
	switch p := u.payloads[i].(type) {
	case *identity.CreateOrganization:
		facts := identity.FoundingFacts{ActorID: cmd.ActorID, ActorRole: identity.Role(u.actors.roles[cmd.ActorID])}
		_, facts.SlugTaken = u.slugs[p.Slug]
		organization, owner, happened, err := identity.Found(cmd.AggregateID, *p, facts, now)
		if err != nil {
			return Outcome{}, err
		}
		u.slugs[p.Slug] = organization.ID
		u.founded, u.owners = append(u.founded, organization), append(u.owners, owner)
		return Created(wire.OrganizationOf(organization), happened...), nil
	case error:
		return Outcome{}, p
	default:
		return Outcome{}, fmt.Errorf("unexpected payload %T", p)
	}
}

// Save implements Unit.
func (u *organizationUnit) Save(b *pgx.Batch) error {
	return postgres.QueueFound(b, u.founded, u.owners)
}
