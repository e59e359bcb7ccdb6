package commands

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// Content applies the commands of context "content".
type Content struct {
	// PayoutsRequired says that paid content can be published only when its
	// creator's payout account can receive money.
	PayoutsRequired bool
}

// Name implements Context.
func (Content) Name() string { return "content" }

// Open implements Context.
func (c Content) Open(batch []events.Command) Unit {
	return &contentUnit{
		cmds: batch, payloads: decode(batch, contentPayload), payoutsRequired: c.PayoutsRequired,
		items: map[string]content.Content{}, media: map[string]content.Media{}, slugs: postgres.Slugs{},
		actors: newActors(), seats: map[postgres.Seat]string{}, created: map[string]bool{}, changed: map[string]bool{},
	}
}

// contentPayload returns the struct of a command, nil for one that is unknown.
func contentPayload(command string) any {
	switch command {
	case "content.create":
		return &content.Create{}
	case "content.update":
		return &content.Update{}
	case "content.publish":
		return &content.Publish{}
	case "content.unpublish":
		return &content.Unpublish{}
	case "content.delete":
		return &content.Delete{}
	default:
		return nil
	}
}

type contentUnit struct {
	cmds            []events.Command
	payloads        []any
	payoutsRequired bool

	items   map[string]content.Content
	media   map[string]content.Media
	slugs   postgres.Slugs
	actors  *actors
	seats   map[postgres.Seat]string
	order   []string
	created map[string]bool
	changed map[string]bool
}

// Load implements Unit.
func (u *contentUnit) Load(b *pgx.Batch) {
	ids, users, organizations := []string{}, []string{}, []string{}
	var media []string
	var slugs []postgres.SlugWish
	for i, cmd := range u.cmds {
		switch p := u.payloads[i].(type) {
		case *content.Create:
			organizations = appendSet(organizations, p.OrganizationID)
			slugs = append(slugs, postgres.SlugWish{Slug: &p.Slug, Scope: content.ScopeOf(cmd.ActorID, orEmpty(p.OrganizationID))})
			media = appendSet(media, p.MediaItemID)
		case *content.Update:
			organizations = appendSet(organizations, p.OrganizationID.Value)
			media = appendSet(media, p.MediaItemID.Value)
			ids = append(ids, cmd.AggregateID)
			if p.Slug.Value != nil || p.OrganizationID.Set {
				slugs = append(slugs, postgres.SlugWish{
					ContentID: cmd.AggregateID, Slug: p.Slug.Value,
					Moves: p.OrganizationID.Set, Scope: content.Scope{OrganizationID: orEmpty(p.OrganizationID.Value)},
				})
			}
		default:
			ids = append(ids, cmd.AggregateID)
		}
		u.actors.want(cmd.ActorID, "")
		users = append(users, cmd.ActorID)
	}
	u.actors.load(b)
	if len(ids) > 0 {
		postgres.QueueLock(b, ids, u.items)
	}
	postgres.QueueSeats(b, organizations, users, ids, u.seats) // behind the lock, which nothing can move meanwhile
	if len(media) > 0 || len(ids) > 0 {
		postgres.QueueMedia(b, media, ids, u.media)
	}
	postgres.QueueSlugs(b, slugs, u.slugs)
}

func appendSet(list []string, s *string) []string {
	if s != nil {
		return append(list, *s)
	}
	return list
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Decide implements Unit.
func (u *contentUnit) Decide(i int, now time.Time) (Outcome, error) {
	cmd := u.cmds[i]
	before := u.items[cmd.AggregateID]
	var (
		next     content.Content
		happened []events.Payload
		err      error
	)
	switch p := u.payloads[i].(type) {
	case error:
		return Outcome{}, p
	case *content.Create:
		facts := u.facts(cmd, p.MediaItemID, orEmpty(p.OrganizationID))
		facts.SlugTaken = u.slugTaken("", content.ScopeOf(cmd.ActorID, orEmpty(p.OrganizationID)), p.Slug)
		next, happened, err = content.New(cmd.AggregateID, *p, facts, now)
	case *content.Update:
		next, happened, err = u.update(cmd, before, *p, now)
	case *content.Publish:
		next, happened, err = before.Publish(u.facts(cmd, &before.MediaItemID, before.OrganizationID), now)
	case *content.Unpublish:
		next, happened, err = before.Unpublish(u.facts(cmd, nil, ""), now)
	case *content.Delete:
		next, happened, err = before.Delete(u.facts(cmd, nil, ""), now)
	}
	if err != nil {
		return Outcome{}, err
	}
	u.apply(before, next, len(happened) > 0)
	facts := numbered(next.Tenant(), next.ID, next.Version, happened)
	switch u.payloads[i].(type) {
	case *content.Create:
		return Created(wire.ContentOf(next), facts...), nil
	case *content.Delete:
		return Done(facts...), nil
	default:
		return Changed(wire.ContentOf(next), facts...), nil
	}
}

func (u *contentUnit) update(cmd events.Command, before content.Content, p content.Update, now time.Time) (content.Content, []events.Payload, error) {
	media, organization, slug := before.MediaItemID, before.OrganizationID, before.Slug
	if p.MediaItemID.Set {
		media = orEmpty(p.MediaItemID.Value)
	}
	if p.OrganizationID.Set {
		organization = orEmpty(p.OrganizationID.Value)
	}
	if p.Slug.Value != nil {
		slug = *p.Slug.Value
	}
	facts := u.facts(cmd, &media, organization)
	facts.SlugTaken = u.slugTaken(before.ID, content.ScopeOf(before.CreatorID, organization), slug)
	return before.Update(p, facts, now)
}

// facts returns what the decision on one command rests on.
func (u *contentUnit) facts(cmd events.Command, mediaID *string, organization string) content.Facts {
	f := content.Facts{
		ActorID: cmd.ActorID, ActorRole: u.actors.roles[cmd.ActorID],
		OrganizationRole: u.seats[postgres.Seat{OrganizationID: organization, UserID: cmd.ActorID}],
		PayoutsReady:     u.actors.payouts[cmd.ActorID], PayoutsRequired: u.payoutsRequired,
	}
	if mediaID != nil {
		if m, ok := u.media[*mediaID]; ok {
			f.Media = &m
		}
	}
	return f
}

// slugTaken looks at the database's slugs and at those of this batch. What another
// transaction takes meanwhile, the unique index refuses.
func (u *contentUnit) slugTaken(id string, scope content.Scope, slug string) bool {
	owner, taken := u.slugs[postgres.SlugKey{Scope: scope, Slug: slug}]
	return taken && owner != id
}

// apply makes the next state visible to the commands that follow in the batch.
func (u *contentUnit) apply(before, next content.Content, changed bool) {
	if !changed {
		return
	}
	if before.ID == "" {
		u.created[next.ID] = true
	} else {
		delete(u.slugs, postgres.SlugKey{Scope: content.ScopeOf(before.CreatorID, before.OrganizationID), Slug: before.Slug})
	}
	if next.DeletedAt == nil {
		u.slugs[postgres.SlugKey{Scope: content.ScopeOf(next.CreatorID, next.OrganizationID), Slug: next.Slug}] = next.ID
	}
	u.items[next.ID] = next
	if !u.changed[next.ID] {
		u.changed[next.ID] = true
		u.order = append(u.order, next.ID)
	}
}

// Save implements Unit.
func (u *contentUnit) Save(b *pgx.Batch) error {
	var created, changed []content.Content
	for _, id := range u.order {
		if u.created[id] {
			created = append(created, u.items[id])
		} else {
			changed = append(changed, u.items[id])
		}
	}
	return postgres.QueueSave(b, created, changed)
}

// numbered gives the last of the payloads the version last, and those before it
// the ones before.
func numbered(tenant, id string, last int64, payloads []events.Payload) []events.Fact {
	facts := make([]events.Fact, len(payloads))
	for i, p := range payloads {
		facts[i] = events.Fact{Tenant: tenant, AggregateID: id, Version: last - int64(len(payloads)-1-i), Payload: p}
	}
	return facts
}
