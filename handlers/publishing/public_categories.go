package publishing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
)

// categoryParam is the slug of a category.
var categoryParam = func() edge.Param {
	p := edge.TextParam("category", content.MaxCategorySlug)
	p.Check = func(v string) string {
		for _, r := range v {
			if r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				return "must be letters, digits and hyphens"
			}
		}
		return ""
	}
	return p
}()

// categorySpace is the name space of the ids of categories that items name in free text.
var categorySpace = uuid.MustParse("c7b1f0b4-7d0e-5f53-8a3c-1a2f0d9e6b55")

// publicCategories are the categories of organization $1 that public items are in: those that
// it has made, and those that its items name in free text. A text whose slug is that of a
// category means this category.
var publicCategories = `
SELECT g.id::text, COALESCE(g.name, min(m.name)), m.slug, g.description, g.icon, g.cover_image_key,
       COALESCE(g.sort_order, 0), count(DISTINCT m.content_id)
FROM (
    SELECT k.slug, k.name, content.id AS content_id
    FROM categories k JOIN content_categories l ON l.category_id = k.id JOIN content ON content.id = l.content_id
    WHERE k.organization_id = $1 AND k.deleted_at IS NULL AND content.organization_id = $1
      AND ` + content.WherePublic("content") + `
    UNION ALL
    SELECT content.category_slug, content.category, content.id
    FROM content
    WHERE content.organization_id = $1 AND content.category_slug IS NOT NULL
      AND ` + content.WherePublic("content") + `
) m
LEFT JOIN categories g ON g.organization_id = $1 AND g.slug = m.slug AND g.deleted_at IS NULL
GROUP BY m.slug, g.id
ORDER BY 7, lower(COALESCE(g.name, min(m.name))), m.slug`

// listPublicCategories lists the categories that an organization's public items are in, by
// sort order and name.
func (p *publishing) listPublicCategories(c *edge.Request) error {
	organization := c.UUID("orgId")
	rows, err := p.cfg.Pool.Query(c, publicCategories, organization)
	if err != nil {
		return fmt.Errorf("list categories: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (PublicCategory, error) {
		var category PublicCategory
		var id, cover *string
		err := row.Scan(&id, &category.Name, &category.Slug, &category.Description, &category.Icon, &cover,
			&category.SortOrder, &category.ContentCount)
		derived := uuid.NewSHA1(categorySpace, []byte(organization+"/"+category.Slug)).String()
		category.ID = cmp.Or(domain.OrZero(id), derived)
		category.CoverURL = coverURL(cover, p.cfg.AssetsURL)
		return category, err
	})
	if err != nil {
		return fmt.Errorf("list categories: %w", err)
	}
	c.JSON(http.StatusOK, edge.Page(list, 1, max(1, len(list)), int64(len(list))))
	return nil
}

// whereCategory selects what is in the category with a slug, unless it is "": one that the
// organization has made, or that items name in free text.
func (p *publishing) whereCategory(ctx context.Context, w *paging.Where, organization, slug string) error {
	if slug == "" {
		return nil
	}
	var id string
	err := p.cfg.Pool.QueryRow(ctx, `SELECT id FROM categories
		WHERE organization_id = $1 AND slug = $2 AND deleted_at IS NULL`, organization, slug).Scan(&id)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // the index of category_slug serves the list
		w.And("content.category_slug = $", slug)
	case err != nil:
		return fmt.Errorf("find the category: %w", err)
	default:
		w.Is("(content.category_slug = " + w.Arg(slug) + ` OR content.id IN (
			SELECT content_id FROM content_categories WHERE category_id = ` + w.Arg(id) + `::text::uuid))`)
	}
	return nil
}
