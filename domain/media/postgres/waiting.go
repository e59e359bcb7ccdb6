package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
)

// LockWaiting returns the items of a creator that wait for a transcoding job, the most urgent and
// then the oldest first: as many as the creator may have jobs, less those that run. Until the
// transaction ends the items are locked, and no other transaction starts jobs of the creator.
//
// Items whose status a test client has set by hand are left out, since no file was examined,
// except the requested one.
func LockWaiting(ctx context.Context, tx pgx.Tx, creator, requested string, most int) ([]media.Item, error) {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('transcoding ' || $1, 0))`, creator)
	if err != nil {
		return nil, fmt.Errorf("lock the jobs of a creator: %w", err)
	}
	rows, err := tx.Query(ctx, `
SELECT id FROM media_items
WHERE creator_id = $1 AND status = 'uploaded' AND deleted_at IS NULL AND transcoding_attempts < $4
  AND (etag IS NOT NULL OR id = $2)
ORDER BY transcoding_priority, uploaded_at, id
LIMIT greatest(0, $3::bigint - (SELECT count(*) FROM media_items
    WHERE creator_id = $1 AND status = 'transcoding' AND deleted_at IS NULL AND transcoding_seen_at IS NOT NULL))`,
		creator, requested, most, media.MaxAttempts)
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
