package edge

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The library of somebody who is a member nowhere is what live grants open. All of it,
// or what has a type or a progress, is paged in any order without being derived: by the
// counts of days or of stretches, corrected by the few entries that are over, or whose
// item was published or withdrawn just now. It says the same as librarySQL; a test holds
// the two together.
const (
	// libraryJust are the live grants of user $1 at $2 whose entry does not know yet that
	// its item is shown now (n is 1), or that it is not any more (-1).
	libraryJust = `
    SELECT e.*, CASE WHEN i.shown THEN 1 ELSE -1 END AS n
    FROM (SELECT DISTINCT content_id FROM library_stale) s
    CROSS JOIN LATERAL (SELECT * FROM library_entries e WHERE e.user_id = $1 AND e.content_id = s.content_id OFFSET 0) e
    CROSS JOIN LATERAL (SELECT shown FROM library_item i WHERE i.content_id = s.content_id OFFSET 0) i
    WHERE e.granted AND (e.expires_at IS NULL OR e.expires_at > $2) AND e.shown <> i.shown`

	// ownedCorrections are what the counts of progress $3 and type $4 have to be corrected by.
	ownedCorrections = `corrections AS MATERIALIZED (
    SELECT * FROM (` + libraryJust + `
        UNION ALL
        SELECT *, -1 FROM library_entries WHERE user_id = $1 AND granted AND shown AND expires_at <= $2 AND ` + whole + `
    ) e WHERE $3 IN ('*', progress) AND $4 IN ('*', content_type)
)`
	// whole is true. It keeps the planner from reading all entries of a user in an index
	// that happens to hold everything that is asked for: none holds both columns.
	whole = `recent >= '-infinity' AND title >= ''`

	// ownedCounts are the counts of list %s, corrected by entries that lie at %s.
	ownedCounts = `SELECT day, sum(n)::int AS n FROM (
    SELECT day, n FROM list_days WHERE list = '%s' AND owner = $1 AND kind = $3::text || '/' || $4::text
    UNION ALL
    SELECT %s, n FROM corrections
) changes GROUP BY day`

	// ownedPage reads entries where %s in the order %s, as they stand in an index alone, and
	// keeps those whose items can be seen.
	ownedPage = `SELECT e.id FROM (
    SELECT * FROM (SELECT content_id AS id, * FROM library_entries WHERE granted) e WHERE %s ORDER BY %s OFFSET 0
) e
CROSS JOIN LATERAL (SELECT FROM content WHERE id = e.id AND status = 'published' AND deleted_at IS NULL AND access_type NOT IN ('team', 'private') OFFSET 0) c
ORDER BY %s LIMIT $%d OFFSET $%d`
)

// ownedOrder is an order of a library: by a column, in a direction; walk finds the day,
// or the stretch, in which the row at offset $5 lies.
type ownedOrder struct{ column, direction, walk string }

var ownedOrders = map[string]ownedOrder{
	"recent":   {"recent", "desc", "WITH " + ownedCorrections + " " + fmt.Sprintf(walkDown, fmt.Sprintf(ownedCounts, "library", "list_day(recent)"), 5)},
	"title":    ownedStretches("title", "title", "asc"),
	"duration": ownedStretches("seconds", "list_key(seconds)", "desc"),
}

// ownedStretches is an order by a column, with the expression that makes the column a
// key. Its walk also says how many rows there are when the library is not cut.
func ownedStretches(column, key, direction string) ownedOrder {
	walk, next := walkDown, 1
	if direction == "asc" {
		walk, next = walkUp, 0
	}
	at := `COALESCE((SELECT stretch FROM list_cuts WHERE list = 'library' AND owner = $1 AND by_column = '` + column + `'
        AND (key, id) <= (` + key + `, content_id) ORDER BY key DESC, id DESC LIMIT 1), 0)`
	counts := fmt.Sprintf(ownedCounts, "library by "+column, at)
	return ownedOrder{column, direction, "WITH " + ownedCorrections + `
SELECT t.total, b.before, COALESCE(b.key, ''), COALESCE(b.id, '') FROM (
    SELECT COALESCE(sum(n), 0) + (SELECT COALESCE(sum(n), 0) FROM corrections) AS total FROM list_days
    WHERE list = 'library' AND owner = $1 AND kind = $3::text || '/' || $4::text
) t LEFT JOIN (` + stretchBounds(fmt.Sprintf(walk, counts, 5), "'library'", "$1", "'"+column+"'", next) + `) b (total, before, key, id) ON true`}
}

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
	now, o := e.cfg.Now().UTC(), ownedOrders[f.sort]
	args := []any{userID, now, anyOf(f.progress), anyOf(f.contentType)}
	var at place
	if o.column == "recent" {
		at, err = e.walk(ctx, o.walk, o.direction, page, args...)
	} else {
		at, err = e.walkOwned(ctx, o.walk, page, args...)
	}
	if err != nil || at.empty() {
		return nil, at.total, true, err
	}
	w := where{}
	w.and("user_id = $", userID)
	w.and("(expires_at IS NULL OR expires_at > $)", now)
	if f.progress != "all" {
		w.and("progress = $", f.progress)
	}
	if f.contentType != "all" {
		w.and("content_type = $", f.contentType)
	}
	w.from(o.column, o.direction, at)
	in := orderBy(o.column, o.direction).forwards
	if at.backwards {
		in = orderBy(o.column, o.direction).backwards
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

// walkOwned runs a walk over a library's stretches. A library that is not cut is placed
// by its total.
func (e *Edge) walkOwned(ctx context.Context, walk string, page paging, args ...any) (place, error) {
	p := place{limit: page.limit}
	var before *int64
	if err := e.cfg.Pool.QueryRow(ctx, walk, append(args, page.offset())...).Scan(&p.total, &before, &p.key, &p.id); err != nil {
		return place{}, fmt.Errorf("place a page: %w", err)
	}
	if before == nil || int64(page.offset()) >= p.total {
		return placeByCount(p.total, page), nil
	}
	p.skip = page.offset() - int(*before)
	return p, nil
}

// anyOf is a filter as counts know it.
func anyOf(filter string) string {
	if filter == "all" {
		return "*"
	}
	return filter
}
