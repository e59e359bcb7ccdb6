package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/postgres"
)

// Backoff limits attempts at a secret. The first Free attempts follow each other freely; the
// last of them, and every one after it, blocks the next for a time that begins with First
// and doubles up to Max. Attempts are forgotten Forget after the last one, which must be
// longer than Max.
type Backoff struct {
	Free   int
	First  time.Duration
	Max    time.Duration
	Forget time.Duration
}

// Attempt counts an attempt, before it is known whether it succeeds: of any number of
// concurrent attempts no more than Free are admitted. It returns 0 for an attempt that is
// admitted, and otherwise how long the block lasts; that attempt is not counted. An attempt
// that succeeds is followed by [Clear], one that was not made by [Withdraw].
func Attempt(
	ctx context.Context, db postgres.RowQueryer, key Key, b Backoff, now time.Time,
) (wait time.Duration, err error) {
	var hits int
	err = db.QueryRow(ctx, `
INSERT INTO rate_limits AS r (key, hits, resets_at, blocked_until)
VALUES ($1, 1, $2, CASE WHEN $4::int <= 1 THEN $3::timestamptz + $5::interval END)
ON CONFLICT (key) DO UPDATE SET
    hits = CASE WHEN r.resets_at <= $3 THEN 1 ELSE r.hits + 1 END,
    resets_at = excluded.resets_at,
    blocked_until = CASE
        WHEN r.resets_at <= $3 THEN excluded.blocked_until
        WHEN r.hits + 1 >= $4 THEN $3 + LEAST($5::interval * power(2, LEAST(r.hits + 1 - $4, 20)), $6::interval) END
WHERE r.resets_at <= $3 OR r.blocked_until IS NULL OR r.blocked_until <= $3
RETURNING hits`, key.row(), now.Add(b.Forget), now, b.Free, b.First, b.Max).Scan(&hits)
	if err == nil {
		return 0, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("count an attempt: %w", err)
	}
	var until time.Time
	err = db.QueryRow(ctx, `SELECT blocked_until FROM rate_limits WHERE key = $1 AND blocked_until IS NOT NULL`,
		key.row()).Scan(&until)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("read a block: %w", err)
	}
	return max(time.Second, until.Sub(now)), nil // no row: it was cleared just now
}

// Withdraw takes back an attempt that was admitted and not made.
func Withdraw(ctx context.Context, db postgres.Execer, key Key) error {
	_, err := db.Exec(ctx, `
WITH last AS (DELETE FROM rate_limits WHERE key = $1 AND hits = 1)
UPDATE rate_limits SET hits = hits - 1, blocked_until = NULL WHERE key = $1 AND hits > 1`, key.row())
	if err != nil {
		return fmt.Errorf("withdraw an attempt: %w", err)
	}
	return nil
}
