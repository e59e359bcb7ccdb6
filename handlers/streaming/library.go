package streaming

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/content"
	contentpostgres "github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
)

// libraryFilter selects and sorts items of a library.
type libraryFilter struct {
	organization string
	progress     string
	contentType  string
	source       string
	search       string
	sort         string
}

// libraryRoute declares the library.
func (s *streaming) libraryRoute() edge.Route {
	return edge.Route{
		Method:  "GET",
		Path:    "/api/access/user/library",
		Name:    "listLibrary",
		Summary: "List the caller's library",
		Notes: "Every item is listed once, under the first of purchased, membership, subscription, complimentary, " +
			"preview and free that holds. Users cannot follow yet: the filter followers finds nothing.",
		Auth: edge.Session(),
		Params: edge.PagedParams(
			edge.UUIDParam("organizationId"),
			edge.ChoiceParam("filter", "all", "in_progress", "completed", "not_started"),
			edge.ChoiceParam("sortBy", "recent", "title", "duration"),
			edge.ChoiceParam("contentType", "all", "video", "audio", "written"),
			edge.ChoiceParam("accessType",
				"all", "purchased", "membership", "subscription", "complimentary", "preview", "free", "followers"),
			edge.SearchParam(200),
		),
		Responses: []edge.Response{edge.ListOf[LibraryItem]()},
		Handle:    s.listLibrary,
	}
}

// listLibrary responds with one page of the caller's library.
func (s *streaming) listLibrary(c *edge.Request) error {
	filter := libraryFilter{
		organization: c.UUID("organizationId"),
		progress:     c.Text("filter"),
		contentType:  c.Text("contentType"),
		source:       c.Text("accessType"),
		search:       c.Text("search"),
		sort:         c.Text("sortBy"),
	}
	items, found, err := s.library(c, c.Actor().UserID, filter, c.Page())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, edge.PageOf(items, found))
	return nil
}

// library reads one page of a user's library. The items of the page are found by the
// library entries and the content of the user's organizations; their details are read from
// the grants themselves, and an item to which access is denied is left out.
func (s *streaming) library(
	ctx context.Context, userID string, f libraryFilter, page paging.Page,
) ([]LibraryItem, paging.Found, error) {
	if f.source == "followers" {
		return nil, paging.Found{Number: page.Number, Limit: page.Limit}, nil
	}
	now := s.cfg.Now().UTC()
	found, err := paging.Find(ctx, s.cfg.Pool, libraryList(userID, now, f), page)
	if err != nil {
		return nil, found, fmt.Errorf("list the library: %w", err)
	}
	if len(found.IDs) == 0 {
		return nil, found, nil
	}
	rows, err := s.cfg.Pool.Query(ctx, libraryItems, userID, now, found.IDs)
	if err != nil {
		return nil, found, fmt.Errorf("read the library: %w", err)
	}
	items, err := pgx.CollectRows(rows, scanLibraryItem)
	if err != nil {
		return nil, found, fmt.Errorf("read the library: %w", err)
	}
	return items, found, nil
}

// libraryOrder is an order of a library: by a column of library_entries, and by an expression
// over tables for what has no entry.
type libraryOrder struct {
	entries   string
	content   string
	from      string
	of        paging.KeyType
	direction string
}

// Recently granted, published or watched first; by title; the longest first.
var libraryOrders = map[string]libraryOrder{
	"recent": {entries: "recent", content: "c.published_at", from: "content c", of: paging.Time, direction: "desc"},
	"title":  {entries: "title", content: "c.title", from: "content c", of: paging.Text, direction: "asc"},
	"duration": {
		entries:   "seconds",
		content:   "COALESCE(i.duration_seconds, 0)",
		from:      "content c LEFT JOIN media_items i ON i.id = c.media_item_id AND i.deleted_at IS NULL",
		of:        paging.Int,
		direction: "desc",
	},
}

// libraryList is the library of a user at a time: the union of
//
//   - the entries that a live grant opens, or a membership;
//   - what is published in the user's organizations and has no entry.
//
// It agrees with access.Decide, for many items at once; a test compares the two. That an
// item is free, or that the user created it, does not alone put it into the library.
//
// Both parts are ranges of indexes in the orders recent and title, with any progress and
// type. In the order duration the second part is sorted; a filter by source and a search
// read every item.
func libraryList(userID string, now time.Time, f libraryFilter) paging.List {
	o := libraryOrders[f.sort]
	l := paging.List{Order: paging.By("key", o.of, "id", o.direction), Search: f.search != ""}
	w := &l.Where
	names := strings.NewReplacer("@user", w.Arg(userID), "@now", w.Arg(now))

	entries, content := libraryEntry, libraryPublished
	both := func(entry, item, value, none string) {
		if value != none {
			arg := w.Arg(value)
			entries += " AND " + strings.ReplaceAll(entry, "$", arg)
			content += " AND " + strings.ReplaceAll(item, "$", arg)
		}
	}
	both("organization_id = $::text::uuid", "c.organization_id = $::text::uuid", f.organization, "")
	both("content_type = $", "c.content_type = $", f.contentType, "all")
	both("progress = $", "$ = 'not_started'", f.progress, "all")
	both("EXISTS (SELECT FROM content WHERE content.id = e.id AND "+contentpostgres.Matches+")",
		"EXISTS (SELECT FROM content WHERE content.id = c.id AND "+contentpostgres.Matches+")",
		paging.Contains(f.search), "")
	both("EXISTS (SELECT "+librarySource+" AND c.id = e.id AND s.source = $)",
		`EXISTS (SELECT FROM (SELECT c.id) k,
            LATERAL (SELECT s.source `+librarySource+` AND c.id = k.id) s WHERE s.source = $)`,
		f.source, "all")

	l.From = names.Replace(`(
(SELECT id, key FROM (SELECT content_id AS id, ` + o.entries + ` AS key, * FROM library_entries) e
 WHERE ` + entries + paging.Narrow + `)
UNION ALL
SELECT c.id, c.key FROM ` + libraryMemberships + ` CROSS JOIN LATERAL (
    SELECT id, key FROM (
        SELECT c.*, ` + o.content + ` AS key FROM ` + o.from + `
    ) c WHERE ` + content + paging.Narrow + `
) c WHERE ` + libraryMember + `
) library`)
	// To count, a join with all entries is faster than looking each up.
	l.Counted = strings.NewReplacer(
		paging.Narrow, "",
		"(SELECT true FROM library_entries", "NOT EXISTS (SELECT FROM library_entries",
		"c.id) IS NULL", "c.id)",
	).Replace(l.From)
	return l
}

// libraryMemberships are the memberships m of user @user that libraryMember selects.
const (
	libraryMemberships = `organization_memberships m
    JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL`
	libraryMember = `m.user_id = @user AND m.status = 'active'`
)

var (
	// libraryEntry selects what a live grant opens, or a membership.
	libraryEntry = `user_id = @user AND (
    granted AND (expires_at IS NULL OR expires_at > @now) AND access_type NOT IN ('team', 'private')
    OR organization_id = ANY(ARRAY(SELECT m.organization_id FROM ` + libraryMemberships + `
                                   WHERE ` + libraryMember + ` AND ` + organization.WherePublishes("m") + `))
       AND access_type IS NOT NULL
    OR organization_id = ANY(ARRAY(SELECT m.organization_id FROM ` + libraryMemberships + `
                                   WHERE ` + libraryMember + `))
       AND access_type IN ('free', 'paid', 'members'))`
	// libraryPublished selects what organization m has published for the user, and has no entry.
	libraryPublished = `c.organization_id = m.organization_id
    AND ` + content.WherePublished("c") + `
    AND (` + organization.WherePublishes("m") + ` OR c.access_type IN ('free', 'paid', 'members'))
    AND (SELECT true FROM library_entries e WHERE e.user_id = @user AND e.content_id = c.id) IS NULL`
)

// grantSources are the sources of grants, the first of which counts.
const grantSources = `ARRAY['purchased', 'subscription', 'complimentary', 'preview']`

// librarySource is the content c that belongs to the library of user @user at @now, and its
// source: the first of purchased, membership, another grant and free that holds, of which only
// purchased holds for an item that was unpublished. Whether a
// grant is live is no condition of the look-up: it would allow the index of all live grants
// of the item.
var librarySource = `
FROM content c
CROSS JOIN LATERAL (
    SELECT (` + grantSources + `)[min(array_position(` + grantSources + `, a.access_type::text)) FILTER (
        WHERE a.deleted_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > @now))] AS access_type
    FROM content_access a WHERE a.user_id = @user AND a.content_id = c.id
) g
LEFT JOIN LATERAL (
    SELECT ` + organization.WherePublishes("m") + ` AS manages
    FROM organization_memberships m JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL
    WHERE m.organization_id = c.organization_id AND m.user_id = @user AND m.status = 'active' LIMIT 1
) m ON true
CROSS JOIN LATERAL (
    SELECT c.access_type IN ('free', 'paid')
       AND COALESCE(c.price_cents, CASE c.access_type WHEN 'free' THEN 0 END) = 0 AS free
) r
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN g.access_type = 'purchased' AND c.access_type NOT IN ('team', 'private') THEN 'purchased'
        WHEN NOT (` + content.WherePublished("c") + `) THEN NULL
        WHEN c.access_type IN ('team', 'private') THEN CASE WHEN m.manages THEN 'membership' END
        WHEN r.free THEN COALESCE(g.access_type, CASE WHEN m.manages IS NOT NULL THEN 'free' END)
        WHEN m.manages THEN 'membership'
        WHEN m.manages IS NOT NULL AND c.access_type IN ('free', 'paid', 'members') THEN 'membership'
        ELSE g.access_type
    END AS source
) s
WHERE c.deleted_at IS NULL AND s.source IS NOT NULL`

// libraryItems reads items of a library by the ids $3, in their order. Purchases and playbacks
// are looked up one by one: users differ by orders of magnitude in how many they have, so a
// plan for all users must not read all of one user's. LIMIT keeps them from being joined.
var libraryItems = `
SELECT l.id, l.slug, l.title, l.description, l.thumbnail_url, l.content_type, i.duration_seconds,
       l.organization_id::text, o.slug, l.source,
       b.purchased_at, b.amount_paid_cents, b.currency,
       p.position_seconds, p.duration_seconds, p.completed, p.updated_at
FROM (
    SELECT c.*, s.source ` + strings.NewReplacer("@user", "$1", "@now", "$2").Replace(librarySource) + `
       AND c.id = ANY($3::uuid[])
) l
LEFT JOIN media_items i ON i.id = l.media_item_id AND i.deleted_at IS NULL
LEFT JOIN organizations o ON o.id = l.organization_id AND o.deleted_at IS NULL
LEFT JOIN LATERAL (
    SELECT purchased_at, amount_paid_cents, currency FROM purchases
    WHERE customer_id = $1 AND content_id = l.id AND status IN ('completed', 'partially_refunded') LIMIT 1
) b ON l.source = 'purchased'
LEFT JOIN LATERAL (
    SELECT position_seconds, duration_seconds, completed, updated_at FROM video_playback
    WHERE user_id = $1 AND content_id = l.id LIMIT 1
) p ON true
ORDER BY array_position($3::uuid[], l.id)`

func scanLibraryItem(row pgx.CollectableRow) (LibraryItem, error) {
	var item LibraryItem
	var purchasedAt, updatedAt *time.Time
	var paid *int64
	var currency *string
	var position, duration *int
	var completed *bool
	c := &item.Content
	err := row.Scan(&c.ID, &c.Slug, &c.Title, &c.Description, &c.ThumbnailURL, &c.ContentType, &c.DurationSeconds,
		&c.OrganizationID, &c.OrganizationSlug, &item.AccessType,
		&purchasedAt, &paid, &currency, &position, &duration, &completed, &updatedAt)
	if purchasedAt != nil && paid != nil && currency != nil {
		item.Purchase = &LibraryPurchase{PurchasedAt: *purchasedAt, PriceCents: *paid, Currency: *currency}
	}
	if updatedAt != nil {
		p := access.Playback{
			PositionSeconds: *position,
			DurationSeconds: *duration,
			Completed:       *completed,
			UpdatedAt:       *updatedAt,
		}
		item.Progress = &LibraryProgress{Progress: progressOf(p), PercentComplete: p.Percent()}
	}
	return item, err
}
