package publishing

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
)

// contentByID reads items in the order of their ids.
var contentByID = `SELECT ` + postgres.Columns + ` FROM content WHERE content.id = ANY($1::uuid[])
ORDER BY array_position($1::uuid[], content.id)`

// readContent reads items in the order of their ids.
func (p *publishing) readContent(ctx context.Context, ids []string) ([]content.Content, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := p.cfg.Pool.Query(ctx, contentByID, ids)
	if err != nil {
		return nil, fmt.Errorf("read content: %w", err)
	}
	items, err := pgx.CollectRows(rows, postgres.Scan)
	if err != nil {
		return nil, fmt.Errorf("read content: %w", err)
	}
	return items, nil
}

// shownItem is an item with what its representation shows around it.
type shownItem struct {
	content.Content
	around
}

// selectShown selects items for scanShown: each with its creator, its organization and the
// slugs of its categories.
var selectShown = `
SELECT ` + postgres.Columns + `,
       u.id, u.name, u.username, COALESCE(u.avatar_url, u.image),
       COALESCE(o.id::text, ''), COALESCE(o.name, ''), COALESCE(o.slug, ''), o.logo_url,
       ARRAY(SELECT g.slug
             FROM content_categories l JOIN categories g ON g.id = l.category_id AND g.deleted_at IS NULL
             WHERE l.content_id = content.id ORDER BY g.sort_order, g.name, g.id)
FROM content
JOIN users u ON u.id = content.creator_id
LEFT JOIN organizations o ON o.id = content.organization_id AND o.deleted_at IS NULL
WHERE `

var (
	shownByID = selectShown + `content.id = $1`
	// shownByIDs reads items in the order of their ids.
	shownByIDs = selectShown + `content.id = ANY($1::uuid[]) ORDER BY array_position($1::uuid[], content.id)`
)

func scanShown(row pgx.CollectableRow) (item shownItem, err error) {
	var creator PublicCreator
	var organization PublicOrganization
	var slugs []string
	item.Content, err = postgres.ScanWith(row,
		&creator.ID, &creator.Name, &creator.Username, &creator.Avatar,
		&organization.ID, &organization.Name, &organization.Slug, &organization.Logo, &slugs)
	if err != nil {
		return item, err
	}

	item.creator = &creator
	if organization.ID != "" {
		item.organization = &organization
	}
	if slug := item.CategorySlug(); slug != "" {
		item.categorySlugs = []string{slug}
	}
	for _, slug := range slugs {
		if !slices.Contains(item.categorySlugs, slug) {
			item.categorySlugs = append(item.categorySlugs, slug)
		}
	}
	return item, nil
}

// listed returns the public representations of a page of items. What was unpublished since
// the page was found is left out.
func (p *publishing) listed(ctx context.Context, ids []string) ([]PublicContent, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := p.cfg.Pool.Query(ctx, shownByIDs, ids)
	if err != nil {
		return nil, fmt.Errorf("read public content: %w", err)
	}
	items, err := pgx.CollectRows(rows, scanShown)
	if err != nil {
		return nil, fmt.Errorf("read public content: %w", err)
	}

	views := make([]PublicContent, 0, len(items))
	for _, item := range items {
		if item.IsPublished() {
			views = append(views, publicContentOf(item))
		}
	}
	return views, nil
}
