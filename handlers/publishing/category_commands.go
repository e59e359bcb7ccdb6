package publishing

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// categoryCommands applies the commands of context "category". The event catalogue has no
// events of categories; that an item's categories have changed is a revision of the item.
func categoryCommands(cfg Config) commands.Context {
	return commands.NewContext("category", func() *categoryBatch { return newCategoryBatch(cfg) },
		commands.Handle(content.CommandCreateCategory, (*categoryBatch).wantCreate, (*categoryBatch).create),
		commands.Handle(content.CommandUpdateCategory, wantCategory[content.UpdateCategory], (*categoryBatch).update),
		commands.Handle(content.CommandDeleteCategory, wantCategory[content.DeleteCategory], (*categoryBatch).remove),
		commands.Handle(content.CommandReorderCategories, (*categoryBatch).wantReorder, (*categoryBatch).reorder),
	)
}

// categoryBatch is what a batch of the context loads and changes.
type categoryBatch struct {
	assetsURL string
	// quota limits the categories of each creator, owned is how many those have who create some.
	quota int64
	owned map[string]int64

	categories *commands.State[string, content.Category]
	slugs      map[postgres.SlugKey]string
	actors     *commands.Actors
	roles      postgres.Roles

	wanted struct {
		categories    []string
		organizations []string
		users         []string
		scopes        []content.Scope
		slugs         []string // in step with scopes
		creators      []string
	}
}

func newCategoryBatch(cfg Config) *categoryBatch {
	return &categoryBatch{
		assetsURL:  cfg.AssetsURL,
		quota:      cfg.Quota.Categories,
		owned:      map[string]int64{},
		categories: commands.NewState[string, content.Category](),
		slugs:      map[postgres.SlugKey]string{},
		actors:     commands.NewActors(),
		roles:      postgres.Roles{},
	}
}

func (b *categoryBatch) wantActor(cmd events.Command) {
	b.actors.Want(cmd.ActorID, "")
	b.wanted.users = append(b.wanted.users, cmd.ActorID)
}

func wantCategory[P any](b *categoryBatch, cmd events.Command, _ *P) {
	b.wantActor(cmd)
	b.wanted.categories = append(b.wanted.categories, cmd.AggregateID)
}

func (b *categoryBatch) wantCreate(cmd events.Command, p *content.CreateCategory) {
	b.wantActor(cmd)
	b.wanted.organizations = appendSet(b.wanted.organizations, p.OrganizationID)
	b.wanted.scopes = append(b.wanted.scopes, content.ScopeOf(cmd.ActorID, domain.OrZero(p.OrganizationID)))
	b.wanted.slugs = append(b.wanted.slugs, content.CategorySlug(p.Name))
	b.wanted.creators = append(b.wanted.creators, cmd.ActorID)
}

func (b *categoryBatch) wantReorder(cmd events.Command, p *content.ReorderCategories) {
	b.wantActor(cmd)
	b.wanted.organizations = appendSet(b.wanted.organizations, p.OrganizationID)
	b.wanted.categories = append(b.wanted.categories, p.OrderedIDs...)
}

// Load implements [commands.Batch].
func (b *categoryBatch) Load(load *pgx.Batch) {
	want := &b.wanted
	b.actors.Load(load)
	if len(want.creators) > 0 {
		postgres.QueueCategoryUsage(load, want.creators, b.owned)
	}
	if len(want.categories) > 0 {
		postgres.QueueLockCategories(load, want.categories, b.categories.Rows)
	}
	postgres.QueueCategoryRoles(load, want.organizations, want.users, want.categories, b.roles)
	if len(want.slugs) > 0 {
		postgres.QueueCategorySlugs(load, want.scopes, want.slugs, b.slugs)
	}
}

// Save implements [commands.Batch].
func (b *categoryBatch) Save(save *pgx.Batch) error {
	return postgres.QueueSaveCategories(save, b.categories.Changed())
}

func (b *categoryBatch) create(
	cmd events.Command, p *content.CreateCategory, now time.Time,
) (commands.Outcome, error) {
	organization := domain.OrZero(p.OrganizationID)
	scope := content.ScopeOf(cmd.ActorID, organization)
	facts := b.facts(cmd, organization)
	facts.Quota, facts.Categories = b.quota, b.owned[cmd.ActorID]
	facts.SlugTaken = func(slug string) bool {
		_, taken := b.slugs[postgres.SlugKey{Scope: scope, Slug: slug}]
		return taken
	}
	next, err := content.NewCategory(cmd.AggregateID, *p, facts, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	b.slugs[postgres.SlugKey{Scope: scope, Slug: next.Slug}] = next.ID
	b.categories.Put(next.ID, next)
	b.owned[cmd.ActorID]++
	return commands.Created(categoryOf(next, b.assetsURL)).Of(next.ID), nil
}

func (b *categoryBatch) update(
	cmd events.Command, p *content.UpdateCategory, now time.Time,
) (commands.Outcome, error) {
	before := b.categories.Rows[cmd.AggregateID]
	next, err := before.Update(*p, b.facts(cmd, before.OrganizationID), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	b.categories.Put(next.ID, next)
	return commands.OK(categoryOf(next, b.assetsURL)).Of(next.ID), nil
}

func (b *categoryBatch) remove(
	cmd events.Command, _ *content.DeleteCategory, now time.Time,
) (commands.Outcome, error) {
	before := b.categories.Rows[cmd.AggregateID]
	next, err := before.Delete(b.facts(cmd, before.OrganizationID), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	delete(b.slugs, postgres.SlugKey{Scope: before.Scope(), Slug: before.Slug})
	b.categories.Put(next.ID, next)
	return commands.NoContent(), nil
}

func (b *categoryBatch) reorder(
	cmd events.Command, p *content.ReorderCategories, now time.Time,
) (commands.Outcome, error) {
	organization := domain.OrZero(p.OrganizationID)
	ordered := make([]content.Category, len(p.OrderedIDs))
	for i, id := range p.OrderedIDs {
		ordered[i] = b.categories.Rows[id]
	}
	scope := content.ScopeOf(cmd.ActorID, organization)
	moved, err := content.ReorderIn(scope, ordered, b.facts(cmd, organization), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	for _, c := range moved {
		b.categories.Put(c.ID, c)
	}
	return commands.NoContent(), nil
}

func (b *categoryBatch) facts(cmd events.Command, organization string) content.CategoryFacts {
	return b.roles.CategoryFacts(cmd.ActorID, b.actors.Role(cmd.ActorID), organization)
}
