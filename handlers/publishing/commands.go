package publishing

import (
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// contentCommands applies the commands of context "content".
func contentCommands(cfg Config) commands.Context {
	return commands.NewContext("content", func() *contentBatch { return newBatch(cfg) },
		commands.Handle(content.CommandCreate, (*contentBatch).wantCreate, (*contentBatch).create),
		commands.Handle(content.CommandUpdate, (*contentBatch).wantUpdate, (*contentBatch).update),
		commands.Handle(content.CommandPublish, wantContent[content.Publish], (*contentBatch).publish),
		commands.Handle(content.CommandUnpublish, wantContent[content.Unpublish], (*contentBatch).unpublish),
		commands.Handle(content.CommandDelete, wantContent[content.Delete], (*contentBatch).remove),
	)
}

// contentBatch is what a batch of the context loads and changes.
type contentBatch struct {
	cfg Config

	items   *commands.State[string, content.Content]
	created map[string]bool // items that have no row yet
	media   map[string]content.Media
	slugs   postgres.Slugs
	actors  *commands.Actors
	roles   postgres.Roles
	// categories are those that the commands name; recategorized are the items whose
	// categories have changed.
	categories    map[string]content.Category
	recategorized map[string]bool

	wanted struct {
		items         []string
		media         []string
		organizations []string
		users         []string
		slugs         []postgres.SlugWish
		categories    []string
		creators      []string
	}
	owned   map[string]int64 // how many items those have who create some
	counted map[string]bool  // those whose items this batch has counted
}

func newBatch(cfg Config) *contentBatch {
	b := &contentBatch{
		cfg:           cfg,
		items:         commands.NewState[string, content.Content](),
		created:       map[string]bool{},
		media:         map[string]content.Media{},
		slugs:         postgres.Slugs{},
		actors:        commands.NewActors(),
		roles:         postgres.Roles{},
		categories:    map[string]content.Category{},
		recategorized: map[string]bool{},
		owned:         map[string]int64{},
		counted:       map[string]bool{},
	}
	b.wanted.items = []string{} // an empty array, not NULL
	return b
}

func (b *contentBatch) wantActor(cmd events.Command) {
	b.actors.Want(cmd.ActorID, "")
	b.wanted.users = append(b.wanted.users, cmd.ActorID)
}

func wantContent[P any](b *contentBatch, cmd events.Command, _ *P) {
	b.wantActor(cmd)
	b.wanted.items = append(b.wanted.items, cmd.AggregateID)
}

func (b *contentBatch) wantCreate(cmd events.Command, p *content.Create) {
	b.wantActor(cmd)
	b.wanted.creators = append(b.wanted.creators, cmd.ActorID)
	b.wanted.organizations = appendSet(b.wanted.organizations, p.OrganizationID)
	b.wanted.media = appendSet(b.wanted.media, p.MediaItemID)
	b.wanted.categories = append(b.wanted.categories, p.CategoryIDs...)
	b.wanted.slugs = append(b.wanted.slugs, postgres.SlugWish{
		Slug:  &p.Slug,
		Scope: content.ScopeOf(cmd.ActorID, domain.OrZero(p.OrganizationID)),
	})
}

func (b *contentBatch) wantUpdate(cmd events.Command, p *content.Update) {
	wantContent(b, cmd, p)
	b.wanted.organizations = appendSet(b.wanted.organizations, p.OrganizationID.Value)
	b.wanted.media = appendSet(b.wanted.media, p.MediaItemID.Value)
	b.wanted.categories = append(b.wanted.categories, domain.OrZero(p.CategoryIDs.Value)...)
	if p.Slug.Value != nil || p.OrganizationID.Set {
		b.wanted.slugs = append(b.wanted.slugs, postgres.SlugWish{
			ContentID: cmd.AggregateID,
			Slug:      p.Slug.Value,
			Moves:     p.OrganizationID.Set,
			Scope:     content.Scope{OrganizationID: domain.OrZero(p.OrganizationID.Value)},
		})
	}
}

func appendSet(list []string, s *string) []string {
	if s != nil {
		return append(list, *s)
	}
	return list
}

// Load implements [commands.Batch].
func (b *contentBatch) Load(load *pgx.Batch) {
	want := &b.wanted
	b.actors.Load(load)
	b.loadUsage(load)
	if len(want.items) > 0 {
		postgres.QueueLock(load, want.items, b.items.Rows)
	}
	// Memberships are read behind the lock, under which no item changes its organization.
	postgres.QueueRoles(load, want.organizations, want.users, want.items, b.roles)
	if len(want.media) > 0 || len(want.items) > 0 {
		postgres.QueueMedia(load, want.media, want.items, b.media)
	}
	if len(want.categories) > 0 {
		postgres.QueueCategories(load, want.categories, b.categories)
	}
	postgres.QueueSlugs(load, want.slugs, b.slugs)
}

// Save implements [commands.Batch].
func (b *contentBatch) Save(save *pgx.Batch) error {
	var created, changed, recategorized []content.Content
	for _, item := range b.items.Changed() {
		if b.recategorized[item.ID] {
			recategorized = append(recategorized, item)
		}
		if b.created[item.ID] {
			created = append(created, item)
		} else {
			changed = append(changed, item)
		}
	}
	if err := postgres.QueueSave(save, created, changed); err != nil {
		return err
	}
	return postgres.QueueCategorize(save, recategorized)
}

// loadUsage queues the count of the items of creators, unless it is known well enough.
func (b *contentBatch) loadUsage(load *pgx.Batch) {
	var unknown []string
	for _, creator := range b.wanted.creators {
		if items, far := b.cfg.usage.recall(creator); far {
			b.owned[creator] = items
			continue
		}
		unknown = append(unknown, creator)
		b.counted[creator] = true
	}
	if len(unknown) > 0 {
		postgres.QueueUsage(load, unknown, b.owned)
	}
}

func (b *contentBatch) create(cmd events.Command, p *content.Create, now time.Time) (commands.Outcome, error) {
	organization := domain.OrZero(p.OrganizationID)
	scope := content.ScopeOf(cmd.ActorID, organization)
	facts := b.facts(cmd, p.MediaItemID, organization)
	facts.Categories = b.categoriesOf(scope, p.CategoryIDs)
	facts.SlugTaken = b.slugTaken("", scope, p.Slug)
	if b.counted[cmd.ActorID] {
		b.cfg.usage.note(cmd.ActorID, b.owned[cmd.ActorID], b.cfg.Quota.Content)
	}
	facts.Quota, facts.Items = b.cfg.Quota.Content, b.owned[cmd.ActorID]
	next, payloads, err := content.New(cmd.AggregateID, *p, facts, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	b.owned[cmd.ActorID]++
	return commands.Created(contentOf(next), b.keep(content.Content{}, next, payloads)...).Of(next.ID), nil
}

func (b *contentBatch) update(cmd events.Command, p *content.Update, now time.Time) (commands.Outcome, error) {
	before := b.items.Rows[cmd.AggregateID]
	media, organization, slug := before.MediaItemID, before.OrganizationID, before.Slug
	if p.MediaItemID.Set {
		media = domain.OrZero(p.MediaItemID.Value)
	}
	if p.OrganizationID.Set {
		organization = domain.OrZero(p.OrganizationID.Value)
	}
	if p.Slug.Value != nil {
		slug = *p.Slug.Value
	}

	scope := content.ScopeOf(before.CreatorID, organization)
	facts := b.facts(cmd, &media, organization)
	facts.Categories = b.categoriesOf(scope, domain.OrZero(p.CategoryIDs.Value))
	facts.SlugTaken = b.slugTaken(before.ID, scope, slug)
	next, payloads, err := before.Update(*p, facts, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.OK(contentOf(next), b.keep(before, next, payloads)...).Of(next.ID), nil
}

func (b *contentBatch) publish(cmd events.Command, _ *content.Publish, now time.Time) (commands.Outcome, error) {
	before := b.items.Rows[cmd.AggregateID]
	next, payloads, err := before.Publish(b.facts(cmd, &before.MediaItemID, before.OrganizationID), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.OK(contentOf(next), b.keep(before, next, payloads)...).Of(next.ID), nil
}

func (b *contentBatch) unpublish(cmd events.Command, _ *content.Unpublish, now time.Time) (commands.Outcome, error) {
	before := b.items.Rows[cmd.AggregateID]
	next, payloads, err := before.Unpublish(b.facts(cmd, nil, before.OrganizationID), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.OK(contentOf(next), b.keep(before, next, payloads)...).Of(next.ID), nil
}

func (b *contentBatch) remove(cmd events.Command, _ *content.Delete, now time.Time) (commands.Outcome, error) {
	before := b.items.Rows[cmd.AggregateID]
	next, payloads, err := before.Delete(b.facts(cmd, nil, before.OrganizationID), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.NoContent(b.keep(before, next, payloads)...), nil
}

// facts returns what the decision on one command rests on, besides its slug and categories.
func (b *contentBatch) facts(cmd events.Command, mediaID *string, organization string) content.Facts {
	f := content.Facts{
		ActorID:          cmd.ActorID,
		ActorRole:        b.actors.Role(cmd.ActorID),
		MayPublish:       b.roles.MayPublish(organization, cmd.ActorID),
		OrganizationLive: b.roles.Live(organization),
		MayTakeDown:      b.roles.Owns(organization, cmd.ActorID),
		PayoutsReady:     b.actors.PayoutsReady(cmd.ActorID),
		PayoutsRequired:  b.cfg.PayoutsRequired,
		Currency:         b.cfg.Currency,
	}
	if mediaID != nil {
		if m, ok := b.media[*mediaID]; ok {
			f.Media = &m
		}
	}
	return f
}

// categoriesOf returns those of the categories that exist in a scope.
func (b *contentBatch) categoriesOf(scope content.Scope, ids []string) (found []string) {
	for _, id := range ids {
		c, exists := b.categories[strings.ToLower(id)]
		if exists && c.DeletedAt == nil && c.Scope() == scope {
			found = append(found, c.ID)
		}
	}
	return found
}

// slugTaken reports whether another item has a slug in the database or in this batch. A
// slug that another transaction takes meanwhile is rejected by the unique index.
func (b *contentBatch) slugTaken(id string, scope content.Scope, slug string) bool {
	owner, taken := b.slugs[postgres.SlugKey{Scope: scope, Slug: slug}]
	return taken && owner != id
}

// keep makes the next state visible to the commands that follow in the batch, and returns
// its events.
func (b *contentBatch) keep(before, next content.Content, payloads []events.Payload) []events.Fact {
	if len(payloads) == 0 {
		return nil
	}
	if before.ID == "" {
		b.created[next.ID] = true
	} else {
		delete(b.slugs, slugKey(before))
	}
	if next.DeletedAt == nil {
		b.slugs[slugKey(next)] = next.ID
	}
	if !slices.Equal(before.CategoryIDs, next.CategoryIDs) {
		b.recategorized[next.ID] = true
	}
	b.items.Put(next.ID, next)
	return events.Facts(next.Tenant(), next.ID, next.Version, payloads...)
}

func slugKey(c content.Content) postgres.SlugKey {
	return postgres.SlugKey{Scope: content.ScopeOf(c.CreatorID, c.OrganizationID), Slug: c.Slug}
}
