package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/postgres/columns"
)

var categories = columns.New("categories", []columns.Column[content.Category]{
	{Name: "id", Fixed: true, Field: func(c *content.Category) any { return &c.ID }},
	{Name: "organization_id", Fixed: true, Field: func(c *content.Category) any {
		return columns.Optional(&c.OrganizationID)
	}},
	{Name: "creator_id", Fixed: true, Field: func(c *content.Category) any { return &c.CreatorID }},
	{Name: "name", Field: func(c *content.Category) any { return &c.Name }},
	{Name: "slug", Fixed: true, Field: func(c *content.Category) any { return &c.Slug }},
	{Name: "description", Field: func(c *content.Category) any { return &c.Description }},
	{Name: "icon", Field: func(c *content.Category) any { return &c.Icon }},
	{Name: "cover_image_key", Field: func(c *content.Category) any { return &c.CoverImageKey }},
	{Name: "sort_order", Field: func(c *content.Category) any { return &c.SortOrder }},
	{Name: "created_at", Fixed: true, Field: func(c *content.Category) any { return &c.CreatedAt }},
	{Name: "updated_at", Field: func(c *content.Category) any { return &c.UpdatedAt }},
	{Name: "deleted_at", Field: func(c *content.Category) any { return &c.DeletedAt }},
	{Name: "version", Field: func(c *content.Category) any { return &c.Version }},
})

// CategoryColumns are the columns of table categories that ScanCategory reads, in its order.
var CategoryColumns = categories.Selected

// ScanCategory reads a row of CategoryColumns.
func ScanCategory(row pgx.CollectableRow) (content.Category, error) { return categories.Scan(row) }

// CategoryMatches is the condition of a search for categories; $ is the pattern.
const CategoryMatches = `(categories.name ILIKE $ OR categories.description ILIKE $)`

// categoryIDs selects the categories of an item, sorted, without those that were deleted.
const categoryIDs = `ARRAY(SELECT l.category_id::text FROM content_categories l
    JOIN categories g ON g.id = l.category_id AND g.deleted_at IS NULL
    WHERE l.content_id = content.id ORDER BY l.category_id)`

// QueueEraseCategories queues the removal of the personal categories of a deleted user.
func QueueEraseCategories(b *pgx.Batch, userID string) {
	b.Queue(`DELETE FROM categories WHERE creator_id = $1 AND organization_id IS NULL`, userID)
}

// QueueLockCategories queues the read of categories by id, locked in the order of their ids.
func QueueLockCategories(b *pgx.Batch, ids []string, found map[string]content.Category) {
	queueCategories(b, ids, "UPDATE", found)
}

// QueueCategories queues the read of categories by id that items are about to be in. They
// are locked against deletion.
func QueueCategories(b *pgx.Batch, ids []string, found map[string]content.Category) {
	queueCategories(b, ids, "SHARE", found)
}

func queueCategories(b *pgx.Batch, ids []string, lock string, found map[string]content.Category) {
	b.Queue(`SELECT `+CategoryColumns+` FROM categories WHERE id = ANY($1::uuid[]) ORDER BY id FOR `+lock, ids).
		Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, ScanCategory)
			for _, c := range list {
				found[c.ID] = c
			}
			return err
		})
}

// Pool is a pool of connections.
type Pool interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// MayChangeCategory reports why a user may not change a category now; the platform role is
// the user's.
func MayChangeCategory(ctx context.Context, db Pool, id, userID, platformRole string) error {
	var c content.Category
	roles := Roles{}
	b := &pgx.Batch{}
	QueueCategoryRoles(b, nil, []string{userID}, []string{id}, roles)
	b.Queue(`SELECT `+CategoryColumns+` FROM categories WHERE id = $1`, id).Query(func(rows pgx.Rows) (err error) {
		c, err = pgx.CollectOneRow(rows, ScanCategory)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err := db.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("read the category: %w", err)
	}
	return c.MayChange(roles.CategoryFacts(userID, platformRole, c.OrganizationID))
}

// prefixLength is how many characters of a slug its variants with a number have in common at
// least.
const prefixLength = content.MaxCategorySlug - 20

// QueueCategorySlugs queues the look-up of the slugs that the categories of a scope have and
// that begin as the named ones do. The two lists are in step.
func QueueCategorySlugs(b *pgx.Batch, scopes []content.Scope, slugs []string, found map[SlugKey]string) {
	var organizations, creators []*string
	for _, scope := range scopes {
		organizations = append(organizations, domain.NilIfZero(scope.OrganizationID))
		creators = append(creators, domain.NilIfZero(scope.CreatorID))
	}
	b.Queue(`
SELECT g.id, g.slug, COALESCE(g.organization_id::text, ''), g.creator_id
FROM unnest($1::uuid[], $2::text[], $3::text[]) w (organization_id, creator_id, slug)
JOIN categories g ON g.deleted_at IS NULL AND starts_with(g.slug, left(w.slug, $4))
  AND (g.organization_id = w.organization_id OR g.organization_id IS NULL AND g.creator_id = w.creator_id)`,
		organizations, creators, slugs, prefixLength).Query(func(rows pgx.Rows) error {
		var id, slug, organization, creator string
		_, err := pgx.ForEachRow(rows, []any{&id, &slug, &organization, &creator}, func() error {
			found[SlugKey{content.ScopeOf(creator, organization), slug}] = id
			return nil
		})
		return err
	})
}

// QueueSaveCategories queues the statement that writes categories: new ones, and those that
// were changed, which must be locked.
func QueueSaveCategories(b *pgx.Batch, list []content.Category) error {
	if len(list) == 0 {
		return nil
	}
	sql, rows, err := categories.Upsert(list)
	if err != nil {
		return fmt.Errorf("save categories: %w", err)
	}
	b.Queue(sql, rows)
	return nil
}

// QueueCategorize queues the statements that put items, which must be saved and locked, into
// their categories and take them out of all others.
func QueueCategorize(b *pgx.Batch, items []content.Content) error {
	if len(items) == 0 {
		return nil
	}
	type link struct {
		ContentID  string `json:"content_id"`
		CategoryID string `json:"category_id"`
	}
	ids, links := make([]string, len(items)), []link{}
	for i, item := range items {
		ids[i] = item.ID
		for _, category := range item.CategoryIDs {
			links = append(links, link{item.ID, category})
		}
	}
	rows, err := json.Marshal(links)
	if err != nil {
		return fmt.Errorf("marshal categories: %w", err)
	}

	b.Queue(`
DELETE FROM content_categories l
WHERE l.content_id = ANY($1::uuid[]) AND (l.content_id, l.category_id) NOT IN (
    SELECT content_id, category_id FROM json_populate_recordset(NULL::content_categories, $2::json))`,
		ids, string(rows))
	b.Queue(`
INSERT INTO content_categories (content_id, category_id)
SELECT content_id, category_id FROM json_populate_recordset(NULL::content_categories, $1::json)
ON CONFLICT DO NOTHING`, string(rows))
	return nil
}
