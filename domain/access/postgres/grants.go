package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access"
)

// LockPurchaseGrant returns the grant that rests on a purchase, locked. When there
// is none, it is made, not in force and not announced yet, so that two events of
// one purchase take turns from the first on. found is false when the user or the
// item does not exist.
func LockPurchaseGrant(ctx context.Context, tx pgx.Tx, purchaseID, userID, contentID string, now time.Time) (g access.Grant, found bool, err error) {
	// A fresh id: one that followed from the purchase would be a second key to
	// collide on, and ON CONFLICT minds only one.
	id, err := uuid.NewV7()
	if err != nil {
		return g, false, fmt.Errorf("new grant id: %w", err)
	}
	rows, err := tx.Query(ctx, `
INSERT INTO content_access AS a (id, user_id, content_id, organization_id, access_type, source_id, deleted_at, created_at, updated_at)
SELECT $1::uuid, u.id, c.id, c.organization_id, 'purchased', $2, $5, $5, $5
FROM users u, content c WHERE u.id = $3 AND c.id = $4
ON CONFLICT (user_id, content_id, access_type, source_id) DO UPDATE SET source_id = excluded.source_id
RETURNING `+grantColumns, id.String(), purchaseID, userID, contentID, now)
	if err != nil {
		return g, false, fmt.Errorf("lock grant: %w", err)
	}
	g, err = pgx.CollectOneRow(rows, scanGrant)
	if errors.Is(err, pgx.ErrNoRows) {
		return g, false, nil
	}
	if err == nil {
		err = tx.QueryRow(ctx, `SELECT creator_id FROM content WHERE id = $1`, contentID).Scan(&g.CreatorID)
	}
	if err != nil {
		return g, false, fmt.Errorf("lock grant: %w", err)
	}
	return g, true, nil
}

// SaveGrant writes a grant that LockPurchaseGrant returned.
func SaveGrant(ctx context.Context, tx pgx.Tx, g access.Grant) error {
	_, err := tx.Exec(ctx, `
UPDATE content_access SET deleted_at = $2, revoked_reason = NULLIF($3, ''), source_version = $4, source_ended = $5, updated_at = $6, version = $7,
    source_event_id = NULLIF($8, '')::uuid
WHERE id = $1`, g.ID, g.RevokedAt, g.RevokedReason, g.SourceVersion, g.SourceEnded, g.UpdatedAt, g.Version, g.SourceEventID)
	if err != nil {
		return fmt.Errorf("save grant: %w", err)
	}
	return nil
}
