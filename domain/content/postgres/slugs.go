package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
)

// Slugs are the live items that have a slug, by scope and slug.
type Slugs map[SlugKey]string

// SlugKey is a slug in its scope.
type SlugKey struct {
	Scope content.Scope
	Slug  string
}

// SlugWish is a slug that an item is to have. A new item has no id and names its scope; an
// existing one keeps its slug unless one is named, and its scope unless it moves.
type SlugWish struct {
	ContentID string
	Slug      *string
	Moves     bool
	// Scope is that of a new item; of one that moves, its organization.
	Scope content.Scope
}

// QueueSlugs queues the read of the items that have the wished slugs.
func QueueSlugs(b *pgx.Batch, wishes []SlugWish, found Slugs) {
	if len(wishes) == 0 {
		return
	}
	var ids, slugs, scopes []*string
	var moves []bool
	for _, w := range wishes {
		ids = append(ids, domain.NilIfZero(w.ContentID))
		slugs = append(slugs, w.Slug)
		moves = append(moves, w.Moves)
		scopes = append(scopes, domain.NilIfZero(w.Scope.OrganizationID+w.Scope.CreatorID)) // only one is set
	}
	b.Queue(`
SELECT t.id, t.slug, COALESCE(t.organization_id::text, ''), t.creator_id
FROM unnest($1::uuid[], $2::text[], $3::bool[], $4::text[]) w (id, slug, moves, scope)
LEFT JOIN content c ON c.id = w.id
CROSS JOIN LATERAL (SELECT id, slug, organization_id, creator_id FROM content
    WHERE slug = COALESCE(w.slug, c.slug)
      AND slug_scope = CASE WHEN w.id IS NULL THEN w.scope
                            WHEN w.moves THEN COALESCE(w.scope, c.creator_id)
                            ELSE c.slug_scope END
    LIMIT 1) t`,
		ids, slugs, moves, scopes).Query(func(rows pgx.Rows) error {
		var id, slug, organization, creator string
		_, err := pgx.ForEachRow(rows, []any{&id, &slug, &organization, &creator}, func() error {
			found[SlugKey{content.ScopeOf(creator, organization), slug}] = id
			return nil
		})
		return err
	})
}
