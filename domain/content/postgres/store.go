// Package postgres keeps content in Postgres. Its functions queue statements on a
// batch, so that a whole set of commands is read in one round trip and written in
// another.
package postgres

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
)

// Columns are the columns of table content that Scan reads, in its order.
const Columns = `id, creator_id, COALESCE(organization_id::text, ''), COALESCE(media_item_id::text, ''), title, slug,
	description, thumbnail_url, content_body, content_type, category, tags, access_type, COALESCE(visibility, ''),
	price_cents, COALESCE(minimum_tier_id::text, ''), shader_preset, shader_config, featured, status, published_at,
	view_count, purchase_count, created_at, updated_at, deleted_at, version`

// Scan reads a row of Columns.
func Scan(row pgx.CollectableRow) (content.Content, error) {
	var c content.Content
	err := row.Scan(&c.ID, &c.CreatorID, &c.OrganizationID, &c.MediaItemID, &c.Title, &c.Slug,
		&c.Description, &c.ThumbnailURL, &c.Body, &c.Type, &c.Category, &c.Tags, &c.Access, &c.Visibility,
		&c.PriceCents, &c.MinimumTierID, &c.ShaderPreset, &c.ShaderConfig, &c.Featured, &c.Status, &c.PublishedAt,
		&c.ViewCount, &c.PurchaseCount, &c.CreatedAt, &c.UpdatedAt, &c.DeletedAt, &c.Version)
	return c, err
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

// Slugs are the live items that have a slug, by scope and slug.
type Slugs map[SlugKey]string

// SlugKey is a slug in its scope.
type SlugKey struct {
	Scope content.Scope
	Slug  string
}

// SlugWish is a slug that an item is to have. A new item has no id yet and names its
// scope; an existing one says what changes: without a slug it keeps its own, and it
// stays in its scope unless it moves.
type SlugWish struct {
	ContentID string
	Slug      *string
	Moves     bool
	// Scope is that of a new item; of one that moves, its organization.
	Scope content.Scope
}

// QueueSlugs queues the look-up of who has the slugs that are wished for.
func QueueSlugs(b *pgx.Batch, wishes []SlugWish, found Slugs) {
	if len(wishes) == 0 {
		return
	}
	var ids, slugs, scopes []*string
	var moves []bool
	for _, w := range wishes {
		ids, slugs, moves = append(ids, null(w.ContentID)), append(slugs, w.Slug), append(moves, w.Moves)
		scopes = append(scopes, null(w.Scope.OrganizationID+w.Scope.CreatorID)) // only one is set
	}
	b.Queue(`
SELECT t.id, t.slug, COALESCE(t.organization_id::text, ''), t.creator_id
FROM unnest($1::uuid[], $2::text[], $3::bool[], $4::text[]) w (id, slug, moves, scope)
LEFT JOIN content c ON c.id = w.id
CROSS JOIN LATERAL (SELECT id, slug, organization_id, creator_id FROM content
    WHERE slug = COALESCE(w.slug, c.slug)
      AND slug_scope = CASE WHEN w.id IS NULL THEN w.scope WHEN w.moves THEN COALESCE(w.scope, c.creator_id) ELSE c.slug_scope END
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

// QueueMedia queues the read of media items: those named, and those that the named
// content refers to. They are locked against deletion.
func QueueMedia(b *pgx.Batch, ids, contentIDs []string, found map[string]content.Media) {
	b.Queue(`SELECT id, creator_id, media_type, status, deleted_at IS NOT NULL FROM media_items
		WHERE id = ANY($1::uuid[] || ARRAY(SELECT media_item_id FROM content WHERE id = ANY($2::uuid[]) AND media_item_id IS NOT NULL))
		ORDER BY id FOR SHARE`, ids, contentIDs).Query(func(rows pgx.Rows) error {
		var m content.Media
		_, err := pgx.ForEachRow(rows, []any{&m.ID, &m.CreatorID, &m.Type, &m.Status, &m.Deleted}, func() error {
			found[m.ID] = m
			return nil
		})
		return err
	})
}

// Seat is a user's place in an organization.
type Seat struct{ OrganizationID, UserID string }

// QueueSeats queues the read of the active roles that users have in organizations:
// those named, and those that the named content belongs to.
func QueueSeats(b *pgx.Batch, organizations, users, contentIDs []string, found map[Seat]string) {
	b.Queue(`SELECT m.organization_id, m.user_id, m.role
		FROM organization_memberships m JOIN organizations o ON o.id = m.organization_id
		WHERE m.organization_id = ANY($1::uuid[] || ARRAY(SELECT organization_id FROM content WHERE id = ANY($3::uuid[]) AND organization_id IS NOT NULL))
		  AND m.user_id = ANY($2::text[]) AND m.status = 'active' AND o.deleted_at IS NULL`, organizations, users, contentIDs).
		Query(func(rows pgx.Rows) error {
			var seat Seat
			var role string
			_, err := pgx.ForEachRow(rows, []any{&seat.OrganizationID, &seat.UserID, &role}, func() error {
				found[seat] = role
				return nil
			})
			return err
		})
}

// row is a content item as the upsert reads it from JSON.
type row struct {
	ID             string         `json:"id"`
	CreatorID      string         `json:"creator_id"`
	OrganizationID *string        `json:"organization_id"`
	MediaItemID    *string        `json:"media_item_id"`
	Title          string         `json:"title"`
	Slug           string         `json:"slug"`
	Description    *string        `json:"description"`
	ThumbnailURL   *string        `json:"thumbnail_url"`
	ContentBody    *string        `json:"content_body"`
	ContentType    content.Type   `json:"content_type"`
	Category       *string        `json:"category"`
	CategorySlug   *string        `json:"category_slug"`
	Tags           []string       `json:"tags"`
	AccessType     content.Access `json:"access_type"`
	Visibility     *string        `json:"visibility"`
	PriceCents     *int64         `json:"price_cents"`
	MinimumTierID  *string        `json:"minimum_tier_id"`
	ShaderPreset   *string        `json:"shader_preset"`
	ShaderConfig   map[string]any `json:"shader_config"`
	Featured       bool           `json:"featured"`
	Status         content.Status `json:"status"`
	PublishedAt    *time.Time     `json:"published_at"`
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      time.Time      `json:"updated_at"`
	DeletedAt      *time.Time     `json:"deleted_at"`
	Version        int64          `json:"version"`
}

const saveSQL = `
INSERT INTO content (id, creator_id, organization_id, media_item_id, title, slug, description, thumbnail_url, content_body,
    content_type, category, category_slug, tags, access_type, visibility, price_cents, minimum_tier_id, shader_preset, shader_config,
    featured, status, published_at, created_at, updated_at, deleted_at, version)
SELECT id, creator_id, organization_id, media_item_id, title, slug, description, thumbnail_url, content_body,
    content_type, category, category_slug, COALESCE(tags, '[]'), access_type, visibility, price_cents, minimum_tier_id, shader_preset, shader_config,
    featured, status, published_at, created_at, updated_at, deleted_at, version
FROM json_to_recordset($1::json) AS r (id uuid, creator_id text, organization_id uuid, media_item_id uuid, title text, slug text,
    description text, thumbnail_url text, content_body text, content_type text, category text, category_slug text, tags jsonb, access_type text,
    visibility text, price_cents int, minimum_tier_id uuid, shader_preset text, shader_config jsonb, featured bool, status text,
    published_at timestamptz, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz, version bigint)
ON CONFLICT (id) DO UPDATE SET
    organization_id = excluded.organization_id, media_item_id = excluded.media_item_id, title = excluded.title,
    slug = excluded.slug, description = excluded.description, thumbnail_url = excluded.thumbnail_url,
    content_body = excluded.content_body, content_type = excluded.content_type, category = excluded.category,
    category_slug = excluded.category_slug, tags = excluded.tags,
    access_type = excluded.access_type, visibility = excluded.visibility, price_cents = excluded.price_cents,
    minimum_tier_id = excluded.minimum_tier_id, shader_preset = excluded.shader_preset,
    shader_config = excluded.shader_config, featured = excluded.featured, status = excluded.status,
    published_at = excluded.published_at, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at,
    version = excluded.version`

// QueueSave queues one statement that writes all items, new and changed.
func QueueSave(b *pgx.Batch, items []content.Content) error {
	if len(items) == 0 {
		return nil
	}
	rows := make([]row, len(items))
	for i, c := range items {
		rows[i] = row{
			ID: c.ID, CreatorID: c.CreatorID, OrganizationID: null(c.OrganizationID), MediaItemID: null(c.MediaItemID),
			Title: c.Title, Slug: c.Slug, Description: c.Description, ThumbnailURL: c.ThumbnailURL, ContentBody: c.Body,
			ContentType: c.Type, Category: c.Category, CategorySlug: first(c.CategorySlugs()), Tags: c.Tags, AccessType: c.Access, Visibility: null(string(c.Visibility)),
			PriceCents: c.PriceCents, MinimumTierID: null(c.MinimumTierID), ShaderPreset: c.ShaderPreset, ShaderConfig: c.ShaderConfig,
			Featured: c.Featured, Status: c.Status, PublishedAt: c.PublishedAt,
			CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, DeletedAt: c.DeletedAt, Version: c.Version,
		}
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("marshal content rows: %w", err)
	}
	b.Queue(saveSQL, string(body))
	return nil
}

func first(list []string) *string {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

func null(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
