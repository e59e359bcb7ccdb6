package ratelimit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/postgres"
)

// row is the key as rate_limits has it.
func (k Key) row() string { return hex.EncodeToString(k[:]) }

// Hit counts one hit on a key and returns how many the current window has, with
// this one, and when it ends. Hits of all processes are counted one after the other.
func Hit(
	ctx context.Context, db postgres.RowQueryer, key Key, window time.Duration, now time.Time,
) (hits int, end time.Time, err error) {
	err = db.QueryRow(ctx, `
INSERT INTO rate_limits AS r (key, hits, resets_at) VALUES ($1, 1, $2)
ON CONFLICT (key) DO UPDATE SET
    hits = CASE WHEN r.resets_at <= $3 THEN 1 ELSE r.hits + 1 END,
    resets_at = CASE WHEN r.resets_at <= $3 THEN excluded.resets_at ELSE r.resets_at END
RETURNING hits, resets_at`, key.row(), now.Add(window), now).Scan(&hits, &end)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("count a hit: %w", err)
	}
	return hits, end, nil
}

// Hits returns how many hits the current window of a key has, and when it ends.
// Inside a transaction, lock makes later hits wait for its end.
func Hits(
	ctx context.Context, db postgres.RowQueryer, key Key, lock bool, now time.Time,
) (hits int, end time.Time, err error) {
	sql := `SELECT hits, resets_at FROM rate_limits WHERE key = $1 AND resets_at > $2`
	if lock {
		sql += ` FOR UPDATE`
	}
	err = db.QueryRow(ctx, sql, key.row(), now).Scan(&hits, &end)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, time.Time{}, nil
	}
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("read the hits: %w", err)
	}
	return hits, end, nil
}

const clearSQL = `DELETE FROM rate_limits WHERE key = ANY($1::text[])`

// Clear begins the counts of keys again.
func Clear(ctx context.Context, db postgres.Execer, keys ...Key) error {
	if _, err := db.Exec(ctx, clearSQL, rowsOf(keys)); err != nil {
		return fmt.Errorf("clear the hits: %w", err)
	}
	return nil
}

// QueueClear queues what [Clear] does, for several keys.
func QueueClear(b *pgx.Batch, keys ...Key) { b.Queue(clearSQL, rowsOf(keys)) }

func rowsOf(keys []Key) []string {
	rows := make([]string, len(keys))
	for i, key := range keys {
		rows[i] = key.row()
	}
	return rows
}
