// Package postgres keeps content in Postgres. Its functions queue statements on a
// batch, so that a whole set of commands is read in one round trip and written in
// another.
package postgres

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/postgres/columns"
)

// table is table content. The counts and the categories of an item stand in other tables:
// they are read with the item, and written on their own.
var table = columns.New("content", []columns.Column[content.Content]{
	{Name: "id", Fixed: true, Field: func(c *content.Content) any { return &c.ID }},
	{Name: "creator_id", Fixed: true, Field: func(c *content.Content) any { return &c.CreatorID }},
	{Name: "organization_id", Field: func(c *content.Content) any { return columns.Optional(&c.OrganizationID) }},
	{Name: "media_item_id", Field: func(c *content.Content) any { return columns.Optional(&c.MediaItemID) }},
	{Name: "replaced_media_id", Field: func(c *content.Content) any { return columns.Optional(&c.ReplacedMediaID) }},
	{Name: "replaced_at", Field: func(c *content.Content) any { return &c.ReplacedAt }},
	{Name: "title", Field: func(c *content.Content) any { return &c.Title }},
	{Name: "slug", Field: func(c *content.Content) any { return &c.Slug }},
	{Name: "description", Field: func(c *content.Content) any { return &c.Description }},
	{Name: "thumbnail_url", Field: func(c *content.Content) any { return &c.ThumbnailURL }},
	{Name: "content_body", Field: func(c *content.Content) any { return &c.Body }},
	{Name: "content_type", Field: func(c *content.Content) any { return &c.Type }},
	{Name: "category", Field: func(c *content.Content) any { return &c.Category }},
	{Name: "category_slug", Derived: true, Field: func(c *content.Content) any {
		return domain.NilIfZero(c.CategorySlug())
	}},
	{Name: "category_ids", Expression: categoryIDs, Field: func(c *content.Content) any { return &c.CategoryIDs }},
	{Name: "tags", Field: tags},
	{Name: "access_type", Field: func(c *content.Content) any { return &c.Access }},
	{Name: "visibility", Field: func(c *content.Content) any { return columns.Optional(&c.Visibility) }},
	{Name: "price_cents", Field: func(c *content.Content) any { return &c.PriceCents }},
	{Name: "currency", Field: func(c *content.Content) any { return &c.Currency }},
	{Name: "minimum_tier_id", Field: func(c *content.Content) any { return columns.Optional(&c.MinimumTierID) }},
	{Name: "shader_preset", Field: func(c *content.Content) any { return &c.ShaderPreset }},
	{Name: "shader_config", Field: func(c *content.Content) any { return &c.ShaderConfig }},
	{Name: "featured", Field: func(c *content.Content) any { return &c.Featured }},
	{Name: "download", Field: func(c *content.Content) any { return &c.Download }},
	{Name: "download_count", Expression: count("download_count"), Field: func(c *content.Content) any {
		return &c.DownloadCount
	}},
	{Name: "status", Field: func(c *content.Content) any { return &c.Status }},
	{Name: "published_at", Field: func(c *content.Content) any { return &c.PublishedAt }},
	{Name: "view_count", Expression: count("view_count"), Field: func(c *content.Content) any { return &c.ViewCount }},
	{
		Name: "purchase_count", Expression: count("purchase_count"),
		Field: func(c *content.Content) any { return &c.PurchaseCount },
	},
	{Name: "created_at", Fixed: true, Field: func(c *content.Content) any { return &c.CreatedAt }},
	{Name: "updated_at", Field: func(c *content.Content) any { return &c.UpdatedAt }},
	{Name: "deleted_at", Field: func(c *content.Content) any { return &c.DeletedAt }},
	{Name: "version", Field: func(c *content.Content) any { return &c.Version }},
})

// Columns are the columns of table content that Scan reads, in its order.
var Columns = table.Selected

// Scan reads a row of Columns.
func Scan(row pgx.CollectableRow) (content.Content, error) { return table.Scan(row) }

// ScanWith reads a row of Columns, and of what is selected behind them into more.
func ScanWith(row pgx.CollectableRow, more ...any) (content.Content, error) {
	return table.Scan(row, more...)
}

func count(column string) string {
	return `COALESCE((SELECT s.` + column + ` FROM content_stats s WHERE s.content_id = content.id), 0)`
}

// tags is never null in the table.
func tags(c *content.Content) any {
	if c.Tags == nil {
		c.Tags = []string{}
	}
	return &c.Tags
}

// QueueLock queues the read of items by id, locked in the order of their ids.
func QueueLock(b *pgx.Batch, ids []string, found map[string]content.Content) {
	b.Queue(`SELECT `+Columns+` FROM content WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`, ids).
		Query(func(rows pgx.Rows) error {
			items, err := pgx.CollectRows(rows, Scan)
			for _, c := range items {
				found[c.ID] = c
			}
			return err
		})
}

// QueueMedia queues the read of media items: those named, and those that the named
// content refers to. They are locked against deletion.
func QueueMedia(b *pgx.Batch, ids, contentIDs []string, found map[string]content.Media) {
	b.Queue(`SELECT id, creator_id, media_type, status, playable, deleted_at IS NOT NULL FROM media_items
		WHERE id = ANY($1::uuid[] || ARRAY(
			SELECT media_item_id FROM content WHERE id = ANY($2::uuid[]) AND media_item_id IS NOT NULL))
		ORDER BY id FOR SHARE`, ids, contentIDs).Query(func(rows pgx.Rows) error {
		var m content.Media
		into := []any{&m.ID, &m.CreatorID, &m.Type, &m.Status, &m.Playable, &m.Deleted}
		_, err := pgx.ForEachRow(rows, into, func() error {
			found[m.ID] = m
			return nil
		})
		return err
	})
}

// repeated are the columns of content that content_stats repeats.
const repeated = `creator_id, organization_id, content_type, access_type, status, published_at, deleted_at`

func repeatedOf(alias string) string {
	return alias + "." + strings.ReplaceAll(repeated, ", ", ", "+alias+".")
}

// QueueUsage queues the count of the items of creators. Creations of one creator wait for each
// other from then on.
func QueueUsage(b *pgx.Batch, creators []string, found map[string]int64) {
	queueUsage(b, "content", creators, found)
}

// QueueCategoryUsage is QueueUsage for categories.
func QueueCategoryUsage(b *pgx.Batch, creators []string, found map[string]int64) {
	queueUsage(b, "categories", creators, found)
}

func queueUsage(b *pgx.Batch, table string, creators []string, found map[string]int64) {
	b.Queue(`SELECT pg_advisory_xact_lock(hashtextextended($2 || ' quota ' || id, 0))
		FROM (SELECT DISTINCT id FROM unnest($1::text[]) AS c (id) ORDER BY id) AS c`, creators, table)
	b.Queue(`SELECT creator_id, count(*) FROM `+table+`
		WHERE creator_id = ANY($1::text[]) AND deleted_at IS NULL GROUP BY creator_id`, creators).
		Query(func(rows pgx.Rows) error {
			var id string
			var items int64
			_, err := pgx.ForEachRow(rows, []any{&id, &items}, func() error {
				found[id] = items
				return nil
			})
			return err
		})
}

// QueueSave queues the statements that write items: those that are new, and those that
// were changed, which must be locked.
func QueueSave(b *pgx.Batch, created, changed []content.Content) error {
	if len(created) > 0 {
		sql, rows, err := table.Insert(created)
		if err != nil {
			return fmt.Errorf("insert content: %w", err)
		}
		b.Queue(sql, rows)
		b.Queue(`INSERT INTO content_stats (content_id, `+repeated+`)
			SELECT id, `+repeated+` FROM json_populate_recordset(NULL::content, $1::json)`, rows)
	}
	if len(changed) > 0 {
		sql, rows, err := table.Update(changed)
		if err != nil {
			return fmt.Errorf("update content: %w", err)
		}
		b.Queue(sql, rows)
		b.Queue(`UPDATE content_stats s SET (`+repeated+`) = (`+repeatedOf("r")+`)
			FROM json_populate_recordset(NULL::content, $1::json) r
			WHERE s.content_id = r.id AND (`+repeatedOf("s")+`) IS DISTINCT FROM (`+repeatedOf("r")+`)`, rows)
	}
	return nil
}

// Matches is the condition of a search for content; $ is the pattern.
const Matches = `(content.title ILIKE $ OR content.description ILIKE $)`
