package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/codex-platform/codex/domain/postgres"
)

// UseNonce stores the nonce of a signed request until expires, and reports false when it
// was used before. It removes some of the expired nonces.
func UseNonce(ctx context.Context, db postgres.DB, nonce string, expires, now time.Time) (bool, error) {
	tag, err := db.Exec(ctx, `
WITH over AS (
    DELETE FROM worker_nonces WHERE nonce IN (
        SELECT nonce FROM worker_nonces WHERE expires_at <= $3 AND nonce <> $1
        ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)
)
INSERT INTO worker_nonces (nonce, expires_at) VALUES ($1, $2) ON CONFLICT (nonce) DO NOTHING`, nonce, expires, now)
	if err != nil {
		return false, fmt.Errorf("store the nonce: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}
