package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
)

// LockWaiting returns the items of a creator that wait for a transcoding job, the most urgent and
// then the oldest first: as many long ones, and as many short ones, as the creator may have jobs of
// each, less those that run. Until the transaction ends the items are locked, and no other
// transaction starts jobs of the creator.
//
// Items whose status a test client has set by hand are left out, since no file was examined,
// except the requested one.
func LockWaiting(ctx context.Context, tx pgx.Tx, creator, requested string, most int) ([]media.Item, error) {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('transcoding ' || $1, 0))`, creator)
	if err != nil {
		return nil, fmt.Errorf("lock the jobs of a creator: %w", err)
	}
	rows, err := tx.Query(ctx, `
WITH items AS (
    SELECT m.id, m.status, m.etag, m.uploaded_at, m.transcoding_priority, m.transcoding_attempts,
           m.transcoding_seen_at, COALESCE(q.long, m.file_size_bytes >= $5, false) AS long
    FROM media_items m LEFT JOIN transcoding_jobs q ON q.media_item_id = m.id
    WHERE m.creator_id = $1 AND m.status IN ('uploaded', 'transcoding') AND m.deleted_at IS NULL
), waiting AS (
    SELECT id, long, transcoding_priority, uploaded_at,
           row_number() OVER (PARTITION BY long ORDER BY transcoding_priority, uploaded_at, id) AS place
    FROM items
    WHERE status = 'uploaded' AND transcoding_attempts < $4 AND (etag IS NOT NULL OR id = $2)
)
SELECT id FROM waiting w
WHERE place <= $3::bigint - (SELECT count(*) FROM items i
    WHERE i.status = 'transcoding' AND i.transcoding_seen_at IS NOT NULL AND i.long = w.long)
ORDER BY transcoding_priority, uploaded_at, id`,
		creator, requested, most, media.MaxAttempts, media.LargeOriginal)
	if err != nil {
		return nil, fmt.Errorf("read waiting items: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(ids) == 0 {
		return nil, err
	}

	// Rows are locked in the order of their ids, as everywhere.
	rows, err = tx.Query(ctx, `SELECT `+Columns+` FROM media_items
WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`, ids)
	if err != nil {
		return nil, fmt.Errorf("lock waiting items: %w", err)
	}
	locked, err := pgx.CollectRows(rows, Scan)
	if err != nil {
		return nil, fmt.Errorf("lock waiting items: %w", err)
	}
	byID := map[string]media.Item{}
	for _, item := range locked {
		byID[item.ID] = item
	}
	items := make([]media.Item, len(ids))
	for n, id := range ids {
		items[n] = byID[id]
	}
	return items, nil
}
