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

// grantSpace and playbackSpace are the name spaces of ids that follow from what
// they name: whoever comes first gives the same id.
var (
	grantSpace    = uuid.MustParse("51b1b6f0-3f0b-5c55-8f4e-0c8a3a3f7c01")
	playbackSpace = uuid.MustParse("8f6f1c3a-27d5-5b8e-9a49-6d2f0b7ce102")
)

// GrantID returns the id of the grant that a purchase gives.
func GrantID(purchaseID string) string {
	return uuid.NewSHA1(grantSpace, []byte(purchaseID)).String()
}

// PlaybackID returns the id of a user's playback of an item.
func PlaybackID(userID, contentID string) string {
	return uuid.NewSHA1(playbackSpace, []byte(userID+"\x00"+contentID)).String()
}

// LockPurchaseGrant returns the grant that rests on a purchase, locked. When there
// is none, it is made, not in force and not announced yet, so that two events of
// one purchase take turns from the first on. found is false when the user or the
// item does not exist.
func LockPurchaseGrant(ctx context.Context, tx pgx.Tx, purchaseID, userID, contentID string, now time.Time) (g access.Grant, found bool, err error) {
	rows, err := tx.Query(ctx, `
INSERT INTO content_access AS a (id, user_id, content_id, organization_id, access_type, source_id, deleted_at, created_at, updated_at)
SELECT $1::uuid, u.id, c.id, c.organization_id, 'purchased', $2, $5, $5, $5
FROM users u, content c WHERE u.id = $3 AND c.id = $4
ON CONFLICT (user_id, content_id, access_type, source_id) DO UPDATE SET source_id = excluded.source_id
RETURNING `+grantColumns, GrantID(purchaseID), purchaseID, userID, contentID, now)
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
UPDATE content_access SET deleted_at = $2, revoked_reason = NULLIF($3, ''), source_version = $4, source_ended = $5, updated_at = $6, version = $7
WHERE id = $1`, g.ID, g.RevokedAt, g.RevokedReason, g.SourceVersion, g.SourceEnded, g.UpdatedAt, g.Version)
	if err != nil {
		return fmt.Errorf("save grant: %w", err)
	}
	return nil
}
