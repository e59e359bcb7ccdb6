package edge

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The library of somebody who is a member nowhere is what live grants open. All of it,
// or what has a type or a progress, is paged in any order without being derived: by the
// counts of days or of stretches, less the few entries that are counted and cannot be
// seen. It says the same as librarySQL; a test holds the two together.
const (
	// libraryHidden are the entries of user $1 that cannot be seen at $2: what was
	// withdrawn, and what is over. whole keeps the planner from reading all entries of the
	// user in an index that holds what is asked for: none holds both columns.
	libraryHidden = `
    SELECT e.* FROM content c CROSS JOIN LATERAL (
        SELECT * FROM library_entries e
        WHERE e.user_id = $1 AND e.content_id = c.id AND e.granted AND (e.expires_at IS NULL OR e.expires_at > $2)` + whole + ` OFFSET 0
    ) e
    WHERE c.held AND (c.status <> 'published' OR c.deleted_at IS NOT NULL OR c.access_type IN ('team', 'private'))
    UNION ALL
    SELECT e.* FROM library_entries e WHERE e.user_id = $1 AND e.granted AND e.expires_at <= $2` + whole
	whole = ` AND e.recent >= '-infinity' AND e.title >= ''`

	// ownedCounts are the counts of list %s of the progress $3 and the type $4, without the
	// hidden entries, which lie at %s.
	ownedCounts = `SELECT day, sum(n)::int AS n FROM (
    SELECT day, n FROM list_days WHERE list = '%s' AND owner = $1 AND kind = $3::text || '/' || $4::text
    UNION ALL
    SELECT %s, -1 FROM (` + libraryHidden + `) e WHERE $3 IN ('*', e.progress) AND $4 IN ('*', e.content_type)
) changes WHERE day IS NOT NULL GROUP BY day`

	// ownedPage reads entries where %s in the order %s, as they stand in an index alone, and
	// keeps those whose items can be seen.
	ownedPage = `SELECT e.id FROM (
    SELECT * FROM (SELECT content_id AS id, * FROM library_entries WHERE granted) e WHERE %s ORDER BY %s OFFSET 0
) e
CROSS JOIN LATERAL (SELECT FROM content WHERE id = e.id AND status = 'published' AND deleted_at IS NULL AND access_type NOT IN ('team', 'private') OFFSET 0) c
ORDER BY %s LIMIT $%d OFFSET $%d`
)

var (
	ownedDays  = fmt.Sprintf(ownedCounts, "library", "list_day(e.recent)")
	ownedWalk  = fmt.Sprintf(walkDown, ownedDays, 5)
	ownedTotal = `SELECT COALESCE(sum(n), 0) FROM (` + ownedDays + `) d`

	// ownedOrders are the orders other than by time: column, direction, and the walk over
	// the column's stretches.
	ownedOrders = map[string]struct {
		column, direction string
		order             order
		walk              string
	}{
		"title": {
			"title", "asc", orderBy("title", "asc"),
			stretchBounds(fmt.Sprintf(walkUp, fmt.Sprintf(ownedCounts, "library by title", `list_stretch('library', $1, 'title', e.title, e.content_id)`), 5),
				"'library'", "$1", "'title'", 0),
		},
		"duration": {
			"seconds", "desc", orderBySome("seconds", "desc"),
			stretchBounds(fmt.Sprintf(walkDown, fmt.Sprintf(ownedCounts, "library by seconds",
				`CASE WHEN e.seconds IS NOT NULL THEN list_stretch('library', $1, 'seconds', list_key(e.seconds), e.content_id) END`), 5),
				"'library'", "$1", "'seconds'", 1),
		},
	}
)

// ownedLibrary finds one page of the library of a user who is a member nowhere. It
// reports false when the user is a member, or the filter is one that nothing counts.
func (e *Edge) ownedLibrary(ctx context.Context, userID string, f libraryFilter, page paging) (ids []string, total int64, ok bool, err error) {
	if f.organization != "" || f.source != "all" || f.search != "" {
		return nil, 0, false, nil
	}
	var member bool
	if err := e.cfg.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM organization_memberships WHERE user_id = $1 AND status = 'active')`, userID).Scan(&member); err != nil {
		return nil, 0, false, fmt.Errorf("look up memberships: %w", err)
	}
	if member {
		return nil, 0, false, nil
	}
	now := e.cfg.Now().UTC()
	progress, contentType := anyOf(f.progress), anyOf(f.contentType)
	args := []any{userID, now, progress, contentType}
	column, direction, by := "recent", "desc", orderBy("recent", "desc")
	var at place
	if f.sort == "recent" {
		at, err = e.walk(ctx, ownedWalk, direction, page, args...)
	} else {
		o := ownedOrders[f.sort]
		column, direction, by = o.column, o.direction, o.order
		if err = e.cfg.Pool.QueryRow(ctx, ownedTotal, args...).Scan(&total); err == nil {
			at, err = e.walkStretches(ctx, o.walk, total, page, args...)
		}
	}
	if err != nil || at.empty() {
		return nil, at.total, true, err
	}
	w := where{}
	w.and("user_id = $", userID)
	w.and("(expires_at IS NULL OR expires_at > $)", now)
	if progress != "*" {
		w.and("progress = $", progress)
	}
	if contentType != "*" {
		w.and("content_type = $", contentType)
	}
	w.from(column, direction, at)
	in := by.forwards
	if at.backwards {
		in = by.backwards
	}
	n := len(w.args)
	rows, err := e.cfg.Pool.Query(ctx, fmt.Sprintf(ownedPage, w.sql(), in, in, n+1, n+2), append(w.args, at.limit, at.skip)...)
	if err != nil {
		return nil, 0, true, fmt.Errorf("page the library: %w", err)
	}
	if ids, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, 0, true, fmt.Errorf("page the library: %w", err)
	}
	return ids, at.total, true, nil
}

// anyOf is a filter as counts know it.
func anyOf(filter string) string {
	if filter == "all" {
		return "*"
	}
	return filter
}
