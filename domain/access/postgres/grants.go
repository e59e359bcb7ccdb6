package postgres

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access"
)

// Purchase is the purchase that is the source of a grant, with its buyer and its item.
type Purchase struct{ ID, UserID, ContentID string }

// QueueLockPurchaseGrants queues one statement that returns the grants of purchases, locked
// in a fixed order. A missing grant is created, revoked and without an event, so that two
// events of one purchase wait for each other from the first on. A purchase whose user or
// item does not exist has none.
func QueueLockPurchaseGrants(
	b *pgx.Batch, purchases []Purchase, now time.Time, found map[Purchase]access.Grant,
) error {
	var ids, sources, users, contents []string
	queued := make(map[Purchase]bool, len(purchases))
	for _, p := range purchases {
		if queued[p] {
			continue
		}
		queued[p] = true
		// A random id: one derived from the purchase would be a second unique key, and
		// ON CONFLICT handles only one.
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("new grant id: %w", err)
		}
		ids, sources = append(ids, id.String()), append(sources, p.ID)
		users, contents = append(users, p.UserID), append(contents, p.ContentID)
	}
	b.Queue(`
INSERT INTO content_access AS a
       (id, user_id, content_id, organization_id, access_type, source_id, deleted_at, created_at, updated_at)
SELECT p.id, u.id, c.id, c.organization_id, 'purchased', p.source, $5, $5, $5
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[]) AS p (id, source, user_id, content_id)
JOIN users u ON u.id = p.user_id JOIN content c ON c.id = p.content_id
ORDER BY u.id, c.id, p.source
ON CONFLICT (user_id, content_id, access_type, source_id) DO UPDATE SET source_id = excluded.source_id
RETURNING `+grantColumns+`, (SELECT creator_id FROM content WHERE id = a.content_id)`,
		ids, sources, users, contents, now).Query(func(rows pgx.Rows) error {
		grants, err := pgx.CollectRows(rows, scanGrantWithCreator)
		for _, g := range grants {
			found[Purchase{g.SourceID, g.UserID, g.ContentID}] = g
		}
		return err
	})
	return nil
}

// grantRow is a grant as the update reads it from JSON.
type grantRow struct {
	ID            string     `json:"id"`
	RevokedAt     *time.Time `json:"deleted_at"`
	RevokedReason string     `json:"revoked_reason"`
	SourceVersion int64      `json:"source_version"`
	SourceEnded   bool       `json:"source_ended"`
	SourceEventID string     `json:"source_event_id"`
	UpdatedAt     time.Time  `json:"updated_at"`
	Version       int64      `json:"version"`
}

// QueueSaveGrants queues the statements that write grants which QueueLockPurchaseGrants
// returned, and the library entries that follow from them.
func QueueSaveGrants(b *pgx.Batch, grants map[Purchase]access.Grant) error {
	if len(grants) == 0 {
		return nil
	}
	rows, pairs := make([]grantRow, 0, len(grants)), make([]Question, 0, len(grants))
	for _, g := range grants {
		pairs = append(pairs, Question{g.UserID, g.ContentID})
		rows = append(rows, grantRow{
			ID:            g.ID,
			RevokedAt:     g.RevokedAt,
			RevokedReason: g.RevokedReason,
			SourceVersion: g.SourceVersion,
			SourceEnded:   g.SourceEnded,
			SourceEventID: g.SourceEventID,
			UpdatedAt:     g.UpdatedAt,
			Version:       g.Version,
		})
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("marshal grant rows: %w", err)
	}
	b.Queue(`
UPDATE content_access a SET deleted_at = r.deleted_at, revoked_reason = NULLIF(r.revoked_reason, ''),
       source_version = r.source_version, source_ended = r.source_ended, updated_at = r.updated_at,
       version = r.version, source_event_id = NULLIF(r.source_event_id, '')::uuid
FROM json_to_recordset($1::json) AS r (id uuid, deleted_at timestamptz, revoked_reason text, source_version bigint,
     source_ended bool, source_event_id text, updated_at timestamptz, version bigint)
WHERE a.id = r.id`, string(body))
	QueueRefreshLibrary(b, pairs)
	return nil
}

func scanGrantWithCreator(row pgx.CollectableRow) (access.Grant, error) {
	var g access.Grant
	err := row.Scan(append(grantTargets(&g), &g.CreatorID)...)
	return g, err
}
