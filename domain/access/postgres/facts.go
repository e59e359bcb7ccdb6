// Package postgres keeps grants, playbacks and library entries in Postgres, and reads what
// the decision about access rests on. Most functions queue statements on a batch, for many
// questions in one round trip.
package postgres

import (
	"cmp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/organization"
)

// Question is whether one user may see one item. ContentID must be a UUID.
type Question struct{ UserID, ContentID string }

// Facts are what the decision on a question rests on.
type Facts struct {
	Content access.Content
	Viewer  access.Viewer
}

// grantColumns are the columns of content_access, called a, that grantTargets are for.
const grantColumns = `a.id, a.user_id, a.content_id, COALESCE(a.organization_id::text, ''), a.access_type, a.source_id,
	a.expires_at, a.deleted_at, COALESCE(a.revoked_reason, ''), a.source_version,
	COALESCE(a.source_event_id::text, ''), COALESCE(a.source_ended, false), a.created_at, a.updated_at, a.version`

// grantTargets are where grantColumns are scanned to. A grant without a row, of an outer
// join, is the zero grant.
func grantTargets(g *access.Grant) []any {
	return []any{
		(*zeronull.Text)(&g.ID), (*zeronull.Text)(&g.UserID), (*zeronull.Text)(&g.ContentID), &g.OrganizationID,
		(*zeronull.Text)(&g.Source), (*zeronull.Text)(&g.SourceID),
		&g.ExpiresAt, &g.RevokedAt, &g.RevokedReason, (*zeronull.Int8)(&g.SourceVersion),
		&g.SourceEventID, &g.SourceEnded,
		(*zeronull.Timestamptz)(&g.CreatedAt), (*zeronull.Timestamptz)(&g.UpdatedAt), (*zeronull.Int8)(&g.Version),
	}
}

// selectFacts selects the facts of questions q, with a row for each grant.
func selectFacts(q string) string {
	return `
SELECT q.user_id, c.id, c.creator_id, COALESCE(c.organization_id::text, ''), c.access_type, c.price_cents,
       ` + content.WherePublished("c") + `, c.deleted_at IS NOT NULL, COALESCE(u.id, ''), COALESCE(m.role, ''),
       ` + grantColumns + `
FROM ` + q + ` q
JOIN content c ON c.id = q.content_id
LEFT JOIN users u ON u.id = q.user_id AND u.deleted_at IS NULL
LEFT JOIN organizations o ON o.id = c.organization_id AND o.deleted_at IS NULL
LEFT JOIN organization_memberships m
    ON m.organization_id = o.id AND m.user_id = u.id AND m.status = 'active'
LEFT JOIN content_access a ON a.user_id = q.user_id AND a.content_id = q.content_id`
}

var (
	factsOfOne  = selectFacts(`(SELECT $1::text AS user_id, $2::uuid AS content_id)`)
	factsOfMany = selectFacts(
		`(SELECT DISTINCT user_id, content_id FROM unnest($1::text[], $2::uuid[]) x (user_id, content_id))`)
)

// QueueFacts queues the read for several questions. A question about an item that
// does not exist finds the zero Facts, about which Decide says not found; a viewer
// whose account was deleted is anonymous. Grants are in the order of their creation.
func QueueFacts(b *pgx.Batch, questions []Question, found map[Question]Facts) {
	users, contents := split(questions)
	sql, args := factsOfMany, []any{users, contents}
	if len(questions) == 1 {
		sql, args = factsOfOne, []any{users[0], contents[0]}
	}
	b.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		var userID string
		var row Facts
		var g access.Grant
		targets := append([]any{
			&userID, &row.Content.ID, &row.Content.CreatorID, &row.Content.OrganizationID, &row.Content.Access,
			&row.Content.PriceCents, &row.Content.Published, &row.Content.Deleted, &row.Viewer.UserID, &row.Viewer.Role,
		}, grantTargets(&g)...)
		_, err := pgx.ForEachRow(rows, targets, func() error {
			q := Question{userID, row.Content.ID}
			f, known := found[q]
			if !known {
				f = row
				f.Viewer.Publishes = organization.Role(row.Viewer.Role).Publishes()
			}
			if g.ID != "" {
				f.Viewer.Grants = append(f.Viewer.Grants, g)
			}
			found[q] = f
			return nil
		})
		for _, f := range found {
			slices.SortFunc(f.Viewer.Grants, func(a, b access.Grant) int {
				return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
			})
		}
		return err
	})
}

// QueueSession queues the check whether a user's session is valid.
func QueueSession(b *pgx.Batch, sessionID, userID string, now time.Time, live *bool) {
	b.Queue(`
SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND user_id = $2 AND expires_at > $3)`, sessionID, userID, now).
		QueryRow(func(row pgx.Row) error { return row.Scan(live) })
}
