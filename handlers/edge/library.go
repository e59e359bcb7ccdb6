package edge

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/handlers/wire"
)

// libraryFilter selects and sorts items of a library.
type libraryFilter struct {
	organization, progress, contentType, source, search, sort string
}

// libraryOrder are the orders of a library: the last bought, given, published or
// watched first; by title; the longest first.
var libraryOrder = map[string]string{
	"recent": "recent DESC, id DESC", "title": "title ASC, id ASC", "duration": "duration_seconds DESC NULLS LAST, id DESC",
}

// libraryRoute declares the library.
func (e *Edge) libraryRoute() Route {
	return Route{
		Method: "GET", Path: "/api/access/user/library", Name: "listLibrary", Summary: "List what the caller has",
		Notes: "One list over all sources: every item stands in it once, under the first of purchased, membership, subscription, complimentary, " +
			"preview and free that holds. Nobody can follow yet: the filter followers finds nothing.",
		Auth: Session(),
		Params: PagedParams(
			UUIDParam("organizationId"),
			ChoiceParam("filter", "all", "in_progress", "completed", "not_started"),
			ChoiceParam("sortBy", "recent", "title", "duration"),
			ChoiceParam("contentType", "all", "video", "audio", "written"),
			ChoiceParam("accessType", "all", "purchased", "membership", "subscription", "complimentary", "preview", "free", "followers"),
			TextParam("search", 200),
		),
		Responses: []Response{ListOf[wire.LibraryItem]()}, Handle: e.listLibrary,
	}
}

// listLibrary lists what the caller has, each item once under its first source.
func (e *Edge) listLibrary(c *Request) error {
	p := c
	f := libraryFilter{
		organization: p.UUID("organizationId"), progress: p.Text("filter"), contentType: p.Text("contentType"),
		source: p.Text("accessType"), search: p.Text("search"), sort: p.Text("sortBy"),
	}
	page := p.Page()
	items, total, err := e.library(c, c.Actor().UserID, f, page)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, wire.Page(items, page.page, page.limit, total))
	return nil
}

// librarySQL is the library of user $1 at $2: what a live grant opens, and what is
// published in the organizations that the user is an active member of. It says what
// access.Decide says, for many items at once; a test holds the two together. What
// everybody may see (free) and what somebody made is not in their library for that
// reason alone.
//
// An item stands under its first source: purchased, membership, another grant, free.
var librarySQL = libraryAmong(`
    SELECT content_id AS id FROM library_entries WHERE user_id = $1 AND granted AND (expires_at IS NULL OR expires_at > $2)
    UNION ALL
    SELECT c.id FROM member m JOIN content c ON c.organization_id = m.organization_id
    WHERE c.status = 'published' AND c.deleted_at IS NULL AND (
        SELECT true FROM library_entries e
        WHERE e.user_id = $1 AND e.content_id = c.id AND e.granted AND (e.expires_at IS NULL OR e.expires_at > $2)
    ) IS NULL`)

// someOfLibrarySQL is the part of it whose ids are $8.
var someOfLibrarySQL = libraryAmong(`SELECT unnest($8::uuid[]) AS id`)

// libraryAmong is the library among candidates, a query of ids. What belongs to an
// item is looked up item by item: the planner cannot know how many a user has, and any
// other way is hopeless for those who have many.
func libraryAmong(candidates string) string {
	return `
WITH ` + libraryMember + `, candidate AS (` + candidates + `
), sourced AS (
    SELECT c.id, c.slug, c.title, c.description, c.thumbnail_url, c.content_type, c.media_item_id, c.organization_id,
           c.published_at, g.access_type IS NOT NULL AS granted,
           CASE
               WHEN c.access_type IN ('team', 'private') THEN CASE WHEN m.manages THEN 'membership' END
               WHEN g.access_type = 'purchased' THEN 'purchased'
               WHEN r.free THEN COALESCE(g.access_type, CASE WHEN m.manages IS NOT NULL THEN 'free' END)
               WHEN m.manages THEN 'membership'
               WHEN m.manages IS NOT NULL AND c.access_type IN ('free', 'paid', 'members') THEN 'membership'
               ELSE g.access_type
           END AS source
    FROM candidate k
    CROSS JOIN LATERAL (SELECT * FROM content WHERE id = k.id AND status = 'published' AND deleted_at IS NULL OFFSET 0) c
    CROSS JOIN LATERAL (SELECT c.access_type IN ('free', 'paid') AND COALESCE(c.price_cents, CASE c.access_type WHEN 'free' THEN 0 END) = 0 AS free) r
    LEFT JOIN LATERAL (
        SELECT a.access_type FROM content_access a
        WHERE a.user_id = $1 AND a.content_id = c.id AND a.deleted_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > $2)
        ORDER BY array_position(ARRAY['purchased', 'subscription', 'complimentary', 'preview'], a.access_type::text), a.created_at LIMIT 1
    ) g ON true
    LEFT JOIN LATERAL (
        SELECT m.role IN ('owner', 'admin', 'creator') AS manages
        FROM organization_memberships m JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL
        WHERE m.organization_id = c.organization_id AND m.user_id = $1 AND m.status = 'active' LIMIT 1
    ) m ON true
), library AS (
    SELECT s.id, s.slug, s.title, s.description, s.thumbnail_url, s.content_type, i.duration_seconds,
           s.organization_id::text AS organization_id, o.slug AS organization_slug, s.source,
           b.purchased_at, b.amount_paid_cents, p.position_seconds, p.duration_seconds AS played_seconds, p.completed, p.updated_at,
           GREATEST(e.recent, CASE WHEN NOT s.granted THEN s.published_at END) AS recent
    FROM sourced s
    LEFT JOIN library_entries e ON e.user_id = $1 AND e.content_id = s.id
    LEFT JOIN media_items i ON i.id = s.media_item_id AND i.deleted_at IS NULL
    LEFT JOIN organizations o ON o.id = s.organization_id AND o.deleted_at IS NULL
    LEFT JOIN purchases b ON s.source = 'purchased' AND b.customer_id = $1 AND b.content_id = s.id
        AND b.status IN ('completed', 'partially_refunded')
    LEFT JOIN video_playback p ON p.user_id = $1 AND p.content_id = s.id
    WHERE s.source IS NOT NULL
      AND ($3 = '' OR s.organization_id = NULLIF($3, '')::uuid)
      AND ($4 = 'all' OR s.content_type = $4) AND ($5 = 'all' OR s.source = $5)
      AND ($6 = '' OR s.title ILIKE $6 OR s.description ILIKE $6)
      AND CASE $7 WHEN 'in_progress' THEN NOT p.completed WHEN 'completed' THEN p.completed WHEN 'not_started' THEN p.user_id IS NULL ELSE true END
)`
}

// libraryColumns are what scanLibraryItem reads.
const libraryColumns = `id, slug, title, description, thumbnail_url, content_type, duration_seconds, organization_id, organization_slug, source,
    purchased_at, amount_paid_cents, position_seconds, played_seconds, completed, updated_at`

// library reads one page of a user's library, and how many items there are in all. Which
// they are is found out first, in the quickest way that there is.
func (e *Edge) library(ctx context.Context, userID string, f libraryFilter, page paging) (items []wire.LibraryItem, total int64, err error) {
	args := []any{userID, e.cfg.Now().UTC(), f.organization, f.contentType, f.source, contains(f.search), f.progress}
	var ids []string
	found := f == wholeLibrary
	if found {
		ids, total, err = e.recentLibrary(ctx, userID, page)
	} else {
		ids, total, found, err = e.ownedLibrary(ctx, userID, f, page)
	}
	if err == nil && !found {
		ids, total, err = e.derivedLibrary(ctx, f, page, args)
	}
	if err != nil || len(ids) == 0 {
		return nil, total, err
	}
	items, err = e.libraryItems(ctx, someOfLibrarySQL+` SELECT `+libraryColumns+` FROM library ORDER BY `+libraryOrder[f.sort], append(args, ids))
	return items, total, err
}

// derivedLibrary finds one page by deriving all of a library.
func (e *Edge) derivedLibrary(ctx context.Context, f libraryFilter, page paging, args []any) (ids []string, total int64, err error) {
	rows, err := e.cfg.Pool.Query(ctx, librarySQL+`, found AS MATERIALIZED (SELECT id, title, recent, duration_seconds FROM library)
SELECT total, id FROM (SELECT count(*) AS total FROM found) t
LEFT JOIN (SELECT id FROM found ORDER BY `+libraryOrder[f.sort]+` LIMIT $8 OFFSET $9) p ON true`, append(args, page.limit, page.offset())...)
	if err != nil {
		return nil, 0, fmt.Errorf("derive the library: %w", err)
	}
	var id *string
	_, err = pgx.ForEachRow(rows, []any{&total, &id}, func() error {
		if id != nil {
			ids = append(ids, *id)
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("derive the library: %w", err)
	}
	return ids, total, nil
}

// wholeLibrary is a library without filters, in its usual order.
var wholeLibrary = libraryFilter{progress: "all", contentType: "all", source: "all", sort: "recent"}

func (e *Edge) libraryItems(ctx context.Context, sql string, args []any) ([]wire.LibraryItem, error) {
	rows, err := e.cfg.Pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the library: %w", err)
	}
	items, err := pgx.CollectRows(rows, scanLibraryItem)
	if err != nil {
		return nil, fmt.Errorf("read the library: %w", err)
	}
	return items, nil
}

func scanLibraryItem(row pgx.CollectableRow) (wire.LibraryItem, error) {
	var item wire.LibraryItem
	var purchasedAt, updatedAt *time.Time
	var paid *int64
	var position, duration *int
	var completed *bool
	c := &item.Content
	err := row.Scan(&c.ID, &c.Slug, &c.Title, &c.Description, &c.ThumbnailURL, &c.ContentType, &c.DurationSeconds,
		&c.OrganizationID, &c.OrganizationSlug, &item.AccessType,
		&purchasedAt, &paid, &position, &duration, &completed, &updatedAt)
	if purchasedAt != nil && paid != nil {
		item.Purchase = &wire.LibraryPurchase{PurchasedAt: *purchasedAt, PriceCents: *paid}
	}
	if updatedAt != nil {
		p := access.Playback{PositionSeconds: *position, DurationSeconds: *duration, Completed: *completed, UpdatedAt: *updatedAt}
		item.Progress = &wire.LibraryProgress{Progress: wire.ProgressOf(p), PercentComplete: p.Percent()}
	}
	return item, err
}
