// Package postgres keeps grants, playbacks and library entries in Postgres, and reads what
// the decision about access rests on. Most functions queue statements on a batch, for many
// questions in one round trip.
package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

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

// grantColumns are the columns of content_access, called a, that scanGrant reads.
const grantColumns = `a.id, a.user_id, a.content_id, COALESCE(a.organization_id::text, ''), a.access_type, a.source_id,
	a.expires_at, a.deleted_at, COALESCE(a.revoked_reason, ''), a.source_version,
	COALESCE(a.source_event_id::text, ''), a.source_ended, a.created_at, a.updated_at, a.version`

func scanGrant(row pgx.CollectableRow) (access.Grant, error) {
	var g access.Grant
	err := row.Scan(grantTargets(&g)...)
	return g, err
}

// grantTargets are where grantColumns are scanned to.
func grantTargets(g *access.Grant) []any {
	return []any{
		&g.ID, &g.UserID, &g.ContentID, &g.OrganizationID, &g.Source, &g.SourceID,
		&g.ExpiresAt, &g.RevokedAt, &g.RevokedReason, &g.SourceVersion,
		&g.SourceEventID, &g.SourceEnded, &g.CreatedAt, &g.UpdatedAt, &g.Version,
	}
}

// QueueFacts queues the reads for several questions. A question about an item that
// does not exist finds the zero Facts, about which Decide says not found; a viewer
// whose account was deleted is anonymous.
func QueueFacts(b *pgx.Batch, questions []Question, found map[Question]Facts) {
	users, contents := split(questions)
	b.Queue(`
SELECT q.user_id, c.id, c.creator_id, COALESCE(c.organization_id::text, ''), c.access_type, c.price_cents,
       `+content.WherePublished("c")+`, c.deleted_at IS NOT NULL, COALESCE(u.id, ''), COALESCE(m.role, '')
FROM (SELECT DISTINCT user_id, content_id FROM unnest($1::text[], $2::uuid[]) AS x (user_id, content_id)) q
JOIN content c ON c.id = q.content_id
LEFT JOIN users u ON u.id = q.user_id AND u.deleted_at IS NULL
LEFT JOIN organizations o ON o.id = c.organization_id AND o.deleted_at IS NULL
LEFT JOIN organization_memberships m
    ON m.organization_id = o.id AND m.user_id = u.id AND m.status = 'active'`,
		users, contents).Query(func(rows pgx.Rows) error {
		var userID string
		var f Facts
		_, err := pgx.ForEachRow(rows, []any{
			&userID, &f.Content.ID, &f.Content.CreatorID, &f.Content.OrganizationID, &f.Content.Access,
			&f.Content.PriceCents, &f.Content.Published, &f.Content.Deleted, &f.Viewer.UserID, &f.Viewer.Role,
		}, func() error {
			f.Viewer.Publishes = organization.Role(f.Viewer.Role).Publishes()
			found[Question{userID, f.Content.ID}] = f
			return nil
		})
		return err
	})
	b.Queue(`
SELECT `+grantColumns+`
FROM (SELECT DISTINCT user_id, content_id FROM unnest($1::text[], $2::uuid[]) AS x (user_id, content_id)) q
JOIN content_access a ON a.user_id = q.user_id AND a.content_id = q.content_id
ORDER BY a.created_at, a.id`, users, contents).Query(func(rows pgx.Rows) error {
		grants, err := pgx.CollectRows(rows, scanGrant)
		for _, g := range grants {
			q := Question{g.UserID, g.ContentID}
			f := found[q]
			f.Viewer.Grants = append(f.Viewer.Grants, g)
			found[q] = f
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
