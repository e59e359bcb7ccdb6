package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
)

// LockWaiting returns a creator's items that wait for a job, the most urgent and then the oldest
// first, as many as are missing to so many jobs at once. Until the transaction ends they are
// locked, and nobody else gives out jobs of this creator. Statuses that test clients set by hand
// do not count: no job runs behind them, and no file was looked into, unless the item is the one
// that is asked for.
func LockWaiting(ctx context.Context, tx pgx.Tx, creator, asked string, most int) ([]media.Item, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('transcoding ' || $1, 0))`, creator); err != nil {
		return nil, fmt.Errorf("lock the jobs of a creator: %w", err)
	}
	rows, err := tx.Query(ctx, `
SELECT id FROM media_items
WHERE creator_id = $1 AND status = 'uploaded' AND deleted_at IS NULL AND transcoding_attempts < $4 AND (etag IS NOT NULL OR id = $2)
ORDER BY transcoding_priority, uploaded_at, id
LIMIT greatest(0, $3::bigint - (SELECT count(*) FROM media_items
    WHERE creator_id = $1 AND status = 'transcoding' AND deleted_at IS NULL AND transcoding_seen_at IS NOT NULL))`,
		creator, asked, most, media.MaxAttempts)
	if err != nil {
		return nil, fmt.Errorf("read waiting items: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	// Locks are taken in the order of ids, as everywhere.
	if rows, err = tx.Query(ctx, `SELECT `+Columns+` FROM media_items WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`, ids); err != nil {
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
