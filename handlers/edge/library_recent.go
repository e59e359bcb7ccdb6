package edge

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The library in its usual order, the latest first and nothing filtered, is read
// without deriving all of it. It is the union of
//
//   - what a live grant opens (library_entries), counted per day under 'library', less
//     the few whose time is over;
//   - what the organizations of a member offer, counted per day under 'offered', less
//     what has an entry, but for grants that show nothing to others (team, private);
//   - what has an entry without a live grant and is offered, watched items mostly.
//
// It says the same as librarySQL; a test holds the two together. A user's entries are
// joined with content only for members, and only those in their organizations matter.
const (
	libraryMember = `member AS MATERIALIZED (
    SELECT m.organization_id, m.role IN ('owner', 'admin', 'creator') AS manages
    FROM organization_memberships m JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL
    WHERE m.user_id = $1 AND m.status = 'active'
)`
	// libraryOffered is true for content c in an organization of member m.
	libraryOffered = `c.status = 'published' AND c.deleted_at IS NULL AND c.published_at IS NOT NULL
    AND (m.manages OR c.access_type IN ('free', 'paid', 'members'))`
	// libraryOver are the entries without a live grant.
	libraryOver = `(
    SELECT content_id, recent FROM library_entries WHERE user_id = $1 AND NOT granted
    UNION ALL
    SELECT content_id, recent FROM library_entries WHERE user_id = $1 AND granted AND expires_at <= $2
)`

	// OFFSET 0, and subqueries in place of joins, keep the planner from turning a walk
	// around: from an organization's content to a user's entries instead of from the
	// entries, or through all entries of a user for each of some items. Without knowing who
	// asks it takes everybody for equally small.
	libraryDays = `SELECT day, sum(n)::int AS n FROM (
    SELECT day, n FROM list_days WHERE list = 'library' AND owner = $1 AND kind = '*/*'
    UNION ALL
    SELECT list_day(recent), n FROM (` + libraryJust + `) just
    UNION ALL
    SELECT list_day(recent), -1 FROM library_entries WHERE user_id = $1 AND granted AND shown AND expires_at <= $2
    UNION ALL
    SELECT d.day, d.n FROM member m
    JOIN list_days d ON d.list = 'offered' AND d.owner = m.organization_id::text AND d.kind = CASE WHEN m.manages THEN 'management' ELSE 'member' END
    UNION ALL
    SELECT x.day, x.n
    FROM (SELECT content_id, recent, granted AND (expires_at IS NULL OR expires_at > $2) AS live
          FROM library_entries WHERE user_id = (SELECT $1 WHERE EXISTS (SELECT FROM member)) OFFSET 0) e
    CROSS JOIN LATERAL (SELECT * FROM content WHERE id = e.content_id OFFSET 0) c JOIN member m ON m.organization_id = c.organization_id
    CROSS JOIN LATERAL (
        SELECT list_day(c.published_at), -1
        UNION ALL SELECT list_day(e.recent), 1 WHERE e.live AND c.access_type IN ('team', 'private')
    ) x (day, n)
    WHERE ` + libraryOffered + `
    UNION ALL
    SELECT list_day(GREATEST(e.recent, c.published_at)), 1
    FROM ` + libraryOver + ` e
    CROSS JOIN LATERAL (SELECT * FROM content WHERE id = e.content_id OFFSET 0) c JOIN member m ON m.organization_id = c.organization_id
    WHERE ` + libraryOffered + `
) changes GROUP BY day`

	// libraryPage reads what lies before $3: $4 items after skipping $5.
	libraryPage = `
WITH ` + libraryMember + `
SELECT id FROM (
    (SELECT e.content_id AS id, e.recent FROM library_entries e
     CROSS JOIN LATERAL (SELECT * FROM content WHERE id = e.content_id OFFSET 0) c
     WHERE e.user_id = $1 AND e.granted AND (e.expires_at IS NULL OR e.expires_at > $2) AND e.recent < $3
       AND c.status = 'published' AND c.deleted_at IS NULL
       AND (c.access_type NOT IN ('team', 'private') OR EXISTS (SELECT FROM member m WHERE m.organization_id = c.organization_id AND m.manages))
     ORDER BY e.recent DESC, e.content_id DESC LIMIT $4::int + $5::int)
    UNION ALL
    SELECT c.id, c.published_at FROM member m CROSS JOIN LATERAL (
        SELECT c.id, c.published_at FROM content c
        WHERE c.organization_id = m.organization_id AND c.published_at < $3 AND ` + libraryOffered + `
          AND (SELECT true FROM library_entries e WHERE e.user_id = $1 AND e.content_id = c.id) IS NULL
        ORDER BY c.published_at DESC, c.id DESC LIMIT $4::int + $5::int
    ) c
    UNION ALL
    SELECT c.id, GREATEST(e.recent, c.published_at)
    FROM ` + libraryOver + ` e
    CROSS JOIN LATERAL (SELECT * FROM content WHERE id = e.content_id OFFSET 0) c JOIN member m ON m.organization_id = c.organization_id
    WHERE EXISTS (SELECT FROM member) AND ` + libraryOffered + ` AND GREATEST(e.recent, c.published_at) < $3
) found (id, recent) ORDER BY recent DESC, id DESC LIMIT $4 OFFSET $5`
)

var libraryWalk = `WITH ` + libraryMember + ` ` + fmt.Sprintf(walkDown, libraryDays, 3)

// recentLibrary finds one page of a user's library in its usual order: the items, and
// how many there are in all.
func (e *Edge) recentLibrary(ctx context.Context, userID string, page paging) (ids []string, total int64, err error) {
	now := e.cfg.Now().UTC()
	at, err := e.walk(ctx, libraryWalk, "desc", page, userID, now)
	if err != nil || at.empty() {
		return nil, at.total, err
	}
	rows, err := e.cfg.Pool.Query(ctx, libraryPage, userID, now, at.until, at.limit, at.skip)
	if err != nil {
		return nil, 0, fmt.Errorf("page the library: %w", err)
	}
	if ids, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, 0, fmt.Errorf("page the library: %w", err)
	}
	return ids, at.total, nil
}
