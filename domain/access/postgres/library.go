package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
)

// The entries of libraries (table library_entries) are derived from grants, playbacks and
// items. A change of a grant or a playback updates them in its transaction, a change of an
// item in the projection "library".
//
// Transactions that change grants or playbacks of one user and item are serialised by an
// advisory lock, so that the second derives from what the first wrote. An item is
// share-locked while an entry is derived from it: a change of the item waits, and the
// projection of its event then sees the entry. So is the user: a deleted one gets no entry.

// lockEntries takes the locks of pairs of users $1 and items $2.
const lockEntries = `
SELECT pg_advisory_xact_lock(hashtextextended(user_id || content_id, 0)) FROM (
    SELECT DISTINCT user_id, content_id FROM unnest($1::text[], $2::uuid[]) x (user_id, content_id) ORDER BY 1, 2
) p`

// itemOfEntry returns the columns that an entry of a user repeats of content c and its media
// i. The access type of an item that is not published is 'kept' for those who bought it, and
// null for everyone else.
func itemOfEntry(user string) string {
	return `c.organization_id, c.title, COALESCE(i.duration_seconds, 0), c.content_type,
       CASE WHEN ` + content.WherePublished("c") + ` THEN c.access_type
            WHEN c.deleted_at IS NULL AND c.access_type NOT IN ('team', 'private') AND EXISTS (
                SELECT FROM content_access k WHERE k.user_id = ` + user + ` AND k.content_id = c.id
                    AND k.access_type = 'purchased' AND k.deleted_at IS NULL) THEN 'kept' END`
}

// deriveEntries derives the entries of pairs of users $1 and items $2 for which %s.
var deriveEntries = `
INSERT INTO library_entries AS e (user_id, content_id, granted, expires_at, recent, progress,
    organization_id, title, seconds, content_type, access_type)
SELECT p.user_id, c.id, g.granted, g.expires_at,
       GREATEST(g.created_at, v.updated_at, CASE WHEN NOT g.granted THEN c.published_at END),
       CASE WHEN v.completed THEN 'completed' WHEN v.completed IS NOT NULL THEN 'in_progress'
            ELSE 'not_started' END,
       ` + itemOfEntry("p.user_id") + `
FROM (SELECT DISTINCT user_id, content_id FROM unnest($1::text[], $2::uuid[]) x (user_id, content_id)) p
JOIN users u ON u.id = p.user_id AND u.deleted_at IS NULL
JOIN content c ON c.id = p.content_id
CROSS JOIN LATERAL (
    SELECT count(*) > 0 AS granted, max(created_at) AS created_at,
           CASE WHEN bool_and(expires_at IS NOT NULL) THEN max(expires_at) END AS expires_at
    FROM content_access WHERE user_id = p.user_id AND content_id = p.content_id AND deleted_at IS NULL
) g
LEFT JOIN video_playback v ON v.user_id = p.user_id AND v.content_id = p.content_id
LEFT JOIN media_items i ON i.id = c.media_item_id AND i.deleted_at IS NULL
WHERE (g.granted OR v.user_id IS NOT NULL)%s
ORDER BY p.user_id, c.id
FOR KEY SHARE OF u FOR SHARE OF c
ON CONFLICT (user_id, content_id) DO UPDATE SET
    granted = excluded.granted, expires_at = excluded.expires_at, recent = excluded.recent,
    progress = excluded.progress,
    organization_id = excluded.organization_id, title = excluded.title, seconds = excluded.seconds,
    content_type = excluded.content_type, access_type = excluded.access_type`

var (
	deriveAll     = fmt.Sprintf(deriveEntries, "")
	deriveMissing = fmt.Sprintf(deriveEntries, `
  AND NOT EXISTS (SELECT FROM library_entries h WHERE h.user_id = p.user_id AND h.content_id = p.content_id)`)
)

// QueueRefreshLibrary queues the statements that derive the library entries of users and
// items again, after their grants or playbacks have changed in the same transaction.
func QueueRefreshLibrary(b *pgx.Batch, pairs []Question) {
	if len(pairs) == 0 {
		return
	}
	users, contents := split(pairs)
	b.Queue(lockEntries, users, contents)
	b.Queue(deriveAll, users, contents)
	b.Queue(`
DELETE FROM library_entries e USING unnest($1::text[], $2::uuid[]) p (user_id, content_id)
WHERE e.user_id = p.user_id AND e.content_id = p.content_id
  AND NOT EXISTS (
      SELECT FROM content_access a
      WHERE a.user_id = p.user_id AND a.content_id = p.content_id AND a.deleted_at IS NULL)
  AND NOT EXISTS (
      SELECT FROM video_playback v WHERE v.user_id = p.user_id AND v.content_id = p.content_id)`, users, contents)
}

// queueWatched queues the statements that update the library entries of playbacks, given
// as JSON. Entries that exist change in two columns only.
func queueWatched(b *pgx.Batch, pairs []Question, rows string) {
	users, contents := split(pairs)
	b.Queue(lockEntries, users, contents)
	b.Queue(`
UPDATE library_entries e SET recent = GREATEST(e.recent, r.updated_at),
    progress = CASE WHEN r.completed THEN 'completed' ELSE 'in_progress' END
FROM json_to_recordset($1::json) AS r (user_id text, content_id uuid, completed bool, updated_at timestamptz)
WHERE e.user_id = r.user_id AND e.content_id = r.content_id`, rows)
	b.Queue(deriveMissing, users, contents)
}

// Erase deletes the playbacks, the library and the podcast feeds of a deleted user.
func Erase(ctx context.Context, tx pgx.Tx, userID string) error {
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM video_playback WHERE user_id = $1`, userID)
	b.Queue(`DELETE FROM library_entries WHERE user_id = $1`, userID)
	b.Queue(`DELETE FROM podcast_feeds WHERE user_id = $1`, userID)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("erase playbacks and library: %w", err)
	}
	return nil
}

func split(pairs []Question) (users, contents []string) {
	for _, q := range pairs {
		users, contents = append(users, q.UserID), append(contents, q.ContentID)
	}
	return users, contents
}

// entriesAtOnce is how many entries one statement changes, which bounds its time.
const entriesAtOnce = 5000

// RefreshLibraryItems updates the library entries of items, after the items or their media
// have changed. The items are named by their ids, and by those of their media.
func RefreshLibraryItems(ctx context.Context, tx pgx.Tx, contentIDs, mediaIDs []string) error {
	rows, err := tx.Query(ctx, `
SELECT id FROM content WHERE id = ANY($1::uuid[]) OR media_item_id = ANY($2::uuid[])
ORDER BY id FOR SHARE`, contentIDs, mediaIDs)
	if err != nil {
		return fmt.Errorf("lock items: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("lock items: %w", err)
	}

	for {
		pairs, err := lockStale(ctx, tx, ids)
		if err != nil {
			return err
		}
		users, contents := split(pairs)
		if _, err := tx.Exec(ctx, refreshEntries, users, contents); err != nil {
			return fmt.Errorf("refresh library entries: %w", err)
		}
		if len(pairs) < entriesAtOnce {
			return nil
		}
	}
}

// lockStale locks entries of items that differ from them, entriesAtOnce at most. A grant that
// changes meanwhile has changed its entry, so the lock waits for it, and the statement after
// it sees the grant.
func lockStale(ctx context.Context, tx pgx.Tx, contentIDs []string) ([]Question, error) {
	rows, err := tx.Query(ctx, staleEntries, contentIDs, entriesAtOnce)
	if err != nil {
		return nil, fmt.Errorf("lock library entries: %w", err)
	}
	pairs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Question])
	if err != nil {
		return nil, fmt.Errorf("lock library entries: %w", err)
	}
	return pairs, nil
}

// entriesAsTheyAre follows the entries e: it adds what their items say now, n.
var entriesAsTheyAre = `
    JOIN content c ON c.id = e.content_id
    LEFT JOIN media_items i ON i.id = c.media_item_id AND i.deleted_at IS NULL
    CROSS JOIN LATERAL (
        SELECT CASE WHEN e.granted THEN e.recent ELSE GREATEST(e.recent, c.published_at) END,
               ` + itemOfEntry("e.user_id") + `
    ) n (recent, organization_id, title, seconds, content_type, access_type)`

// staleEntries locks entries of the items $1 that differ from them, $2 at most.
var staleEntries = `
SELECT e.user_id, e.content_id FROM library_entries e` + entriesAsTheyAre + `
WHERE c.id = ANY($1::uuid[])
  AND (e.recent, e.organization_id, e.title, e.seconds, e.content_type, e.access_type)
      IS DISTINCT FROM (n.recent, n.organization_id, n.title, n.seconds, n.content_type, n.access_type)
ORDER BY e.user_id, e.content_id LIMIT $2 FOR UPDATE OF e`

// refreshEntries updates the entries of the users $1 and items $2.
var refreshEntries = `
UPDATE library_entries t SET recent = f.recent, organization_id = f.organization_id, title = f.title,
    seconds = f.seconds, content_type = f.content_type, access_type = f.access_type
FROM (
    SELECT e.user_id, e.content_id, n.*
    FROM unnest($1::text[], $2::uuid[]) p (user_id, content_id)
    CROSS JOIN LATERAL (SELECT * FROM library_entries h
        WHERE h.user_id = p.user_id AND h.content_id = p.content_id LIMIT 1) e` + entriesAsTheyAre + `
) f
WHERE t.user_id = f.user_id AND t.content_id = f.content_id`
