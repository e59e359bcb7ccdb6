package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/postgres"
)

// Execer is a pool, a connection or a transaction.
type Execer = postgres.Execer

const partsColumns = `u.id, u.media_item_id, u.r2_key, COALESCE(u.store_id, ''), u.size_bytes,
	u.part_size, u.part_count, u.status, COALESCE(u.metadata, ''), u.created_at, u.expires_at`

func scanParts(row pgx.CollectableRow) (media.PartsUpload, error) {
	var u media.PartsUpload
	err := row.Scan(&u.ID, &u.MediaID, &u.ObjectKey, &u.StoreID, &u.SizeBytes, &u.PartSize, &u.PartCount, &u.Status,
		&u.Metadata, &u.CreatedAt, &u.ExpiresAt)
	return u, err
}

// InsertParts inserts an upload in parts. An upload that exists, by the same command, is not
// changed.
func InsertParts(ctx context.Context, tx Execer, u media.PartsUpload) error {
	_, err := tx.Exec(ctx, `
INSERT INTO media_uploads
    (id, media_item_id, r2_key, store_id, size_bytes, part_size, part_count, status, created_at, expires_at, metadata)
VALUES ($1, $2, $3, NULLIF($4, ''), $5, $6, $7, $8, $9, $10, NULLIF($11, '')) ON CONFLICT (id) DO NOTHING`,
		u.ID, u.MediaID, u.ObjectKey, u.StoreID, u.SizeBytes, u.PartSize, u.PartCount, u.Status, u.CreatedAt, u.ExpiresAt,
		u.Metadata)
	if err != nil {
		return fmt.Errorf("insert upload: %w", err)
	}
	return nil
}

// SaveParts updates the store's id and the status of an upload whose status is among from.
func SaveParts(ctx context.Context, tx Execer, u media.PartsUpload, from ...media.PartsStatus) error {
	_, err := tx.Exec(ctx, `
UPDATE media_uploads SET store_id = NULLIF($2, ''), status = $3 WHERE id = $1 AND status = ANY($4)`,
		u.ID, u.StoreID, u.Status, from)
	if err != nil {
		return fmt.Errorf("save upload: %w", err)
	}
	return nil
}

// FindParts returns an upload of an item. found is false also for an upload of another item.
func FindParts(ctx context.Context, db Queryer, mediaID, id string) (u media.PartsUpload, found bool, err error) {
	list, err := partsOf(ctx, db, `WHERE u.media_item_id = $1 AND u.id = $2`, mediaID, id)
	if err != nil || len(list) == 0 {
		return media.PartsUpload{}, false, err
	}
	return list[0], true, nil
}

// OpenParts returns the uploads of an item that are open, the oldest first.
func OpenParts(ctx context.Context, db Queryer, mediaID string, now time.Time) ([]media.PartsUpload, error) {
	return partsOf(ctx, db, `WHERE u.media_item_id = $1 AND u.status IN ('open', 'completing') AND u.expires_at > $2
		ORDER BY u.created_at, u.id`, mediaID, now)
}

// StaleParts returns uploads that will not be completed: they have expired, or their item was
// deleted or does not wait for a file. An upload that is being assembled expires a day later.
func StaleParts(ctx context.Context, db Queryer, now time.Time, limit int) ([]media.PartsUpload, error) {
	return partsOf(ctx, db, `JOIN media_items i ON i.id = u.media_item_id
		WHERE u.status = 'open' AND (u.expires_at <= $1 OR i.deleted_at IS NOT NULL OR i.status <> 'uploading')
		   OR u.status = 'completing' AND u.expires_at <= $1::timestamptz - interval '1 day'
		ORDER BY u.expires_at, u.id LIMIT $2`, now, limit)
}

// ClaimWriter makes a writer the only one of an upload for a while, or prolongs that. It returns false
// while another one is. The clock is that of the database.
func ClaimWriter(ctx context.Context, db Execer, uploadID, writer string, life time.Duration) (bool, error) {
	tag, err := db.Exec(ctx, `
UPDATE media_uploads SET writer = $2, writer_until = now() + make_interval(secs => $3)
WHERE id = $1 AND (writer = $2 OR writer IS NULL OR writer_until < now())`, uploadID, writer, life.Seconds())
	if err != nil {
		return false, fmt.Errorf("claim an upload: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// ReleaseWriter ends what ClaimWriter began.
func ReleaseWriter(ctx context.Context, db Execer, uploadID, writer string) error {
	_, err := db.Exec(ctx, `UPDATE media_uploads SET writer = NULL, writer_until = NULL WHERE id = $1 AND writer = $2`,
		uploadID, writer)
	if err != nil {
		return fmt.Errorf("release an upload: %w", err)
	}
	return nil
}

// ForgetParts removes completed and aborted uploads that were opened before a time.
func ForgetParts(ctx context.Context, db Execer, before time.Time) error {
	_, err := db.Exec(ctx, `DELETE FROM media_uploads WHERE status IN ('completed', 'aborted') AND created_at < $1`,
		before)
	if err != nil {
		return fmt.Errorf("forget uploads: %w", err)
	}
	return nil
}

func partsOf(ctx context.Context, db Queryer, where string, args ...any) ([]media.PartsUpload, error) {
	rows, err := db.Query(ctx, `SELECT `+partsColumns+` FROM media_uploads u `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read uploads: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanParts)
	if err != nil {
		return nil, fmt.Errorf("read uploads: %w", err)
	}
	return list, nil
}

// LockRole returns the platform role of a user, "" for a deleted user. A deletion waits for the
// end of the transaction.
func LockRole(ctx context.Context, db Queryer, userID string) (string, error) {
	rows, err := db.Query(ctx, `SELECT role FROM users WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE`, userID)
	if err != nil {
		return "", fmt.Errorf("read the role: %w", err)
	}
	role, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the role: %w", err)
	}
	return role, nil
}

// Owned returns the pairs "creator/id" of those items that exist, and those keys that are of an
// original. The search for orphaned objects needs it.
func Owned(ctx context.Context, db Queryer, ids, keys []string) (pairs, originals map[string]bool, err error) {
	rows, err := db.Query(ctx, `
SELECT creator_id || '/' || id, '' FROM media_items WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL
UNION ALL
SELECT '', r2_key FROM media_items WHERE r2_key = ANY($2::text[]) AND deleted_at IS NULL`, ids, keys)
	if err != nil {
		return nil, nil, fmt.Errorf("read the owners of objects: %w", err)
	}
	pairs, originals = map[string]bool{}, map[string]bool{}
	var pair, key string
	_, err = pgx.ForEachRow(rows, []any{&pair, &key}, func() error {
		pairs[pair], originals[key] = true, true
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the owners of objects: %w", err)
	}
	delete(pairs, "")
	delete(originals, "")
	return pairs, originals, nil
}
