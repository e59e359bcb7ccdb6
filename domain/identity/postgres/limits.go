package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// What is counted for one address.
const (
	SignInFailures    = "sign-in-failures"
	VerificationMails = "verification-mail"
	ResetMails        = "reset-mail"
)

// LimitKey names what is limited and, by hash, whom.
func LimitKey(what, whom string) string {
	sum := sha256.Sum256([]byte(whom))
	return what + ":" + hex.EncodeToString(sum[:])
}

// Hit counts one hit on a key and returns how many the current window has, with
// this one, and when it ends. Hits of all processes are counted one after the other.
func Hit(
	ctx context.Context, db Querier, key string, window time.Duration, now time.Time,
) (hits int, end time.Time, err error) {
	err = db.QueryRow(ctx, `
INSERT INTO rate_limits AS r (key, hits, resets_at) VALUES ($1, 1, $2)
ON CONFLICT (key) DO UPDATE SET
    hits = CASE WHEN r.resets_at <= $3 THEN 1 ELSE r.hits + 1 END,
    resets_at = CASE WHEN r.resets_at <= $3 THEN excluded.resets_at ELSE r.resets_at END
RETURNING hits, resets_at`, key, now.Add(window), now).Scan(&hits, &end)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("count a hit: %w", err)
	}
	return hits, end, nil
}

// Hits returns how many hits the current window of a key has, and when it ends.
// Inside a transaction, lock makes later hits wait for its end.
func Hits(ctx context.Context, db Querier, key string, lock bool, now time.Time) (hits int, end time.Time, err error) {
	sql := `SELECT hits, resets_at FROM rate_limits WHERE key = $1 AND resets_at > $2`
	if lock {
		sql += ` FOR UPDATE`
	}
	err = db.QueryRow(ctx, sql, key, now).Scan(&hits, &end)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, time.Time{}, nil
	}
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("read the hits: %w", err)
	}
	return hits, end, nil
}

// ClearHits begins a key's count again.
func ClearHits(ctx context.Context, db Querier, key string) error {
	if _, err := db.Exec(ctx, `DELETE FROM rate_limits WHERE key = $1`, key); err != nil {
		return fmt.Errorf("clear the hits: %w", err)
	}
	return nil
}
