package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
)

// RecordImage inserts the record of an image whose objects are stored next, due for the sweep at a
// time. Recording the same upload again postpones the sweep. The image is not recorded when
// another upload has its id, or when it is being swept.
func RecordImage(ctx context.Context, db Queryer, i media.Image, now, due time.Time) (recorded bool, err error) {
	rows, err := db.Query(ctx, `
INSERT INTO images (id, kind, owner_id, prefix, address, mime_type, size_bytes, digest, created_at, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id) DO UPDATE SET due_at = GREATEST(images.due_at, excluded.due_at)
WHERE images.status <> 'sweeping' AND images.digest = excluded.digest AND images.owner_id = excluded.owner_id
RETURNING id`, i.ID, i.Kind, i.OwnerID, i.Prefix, i.Address, i.MIME, i.Size, i.Digest, now, due)
	if err != nil {
		return false, fmt.Errorf("record an image: %w", err)
	}
	_, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("record an image: %w", err)
	}
	return true, nil
}

const imageColumns = `id, kind, owner_id, prefix, address, mime_type, size_bytes, digest`

// QueueImages queues the read of images that are not being swept, locked in the order of their ids.
func QueueImages(b *pgx.Batch, ids []string, found map[string]media.Image) {
	b.Queue(`SELECT `+imageColumns+` FROM images
		WHERE id = ANY($1::uuid[]) AND status <> 'sweeping' ORDER BY id FOR UPDATE`, ids).Query(func(rows pgx.Rows) error {
		images, err := pgx.CollectRows(rows, pgx.RowToStructByPos[media.Image])
		for _, i := range images {
			found[i.ID] = i
		}
		return err
	})
}

// FindImage returns an image that an owner shows. It reports false when there is none.
func FindImage(ctx context.Context, db Queryer, id string) (i media.Image, found bool, err error) {
	rows, err := db.Query(ctx, `SELECT `+imageColumns+` FROM images WHERE id = $1 AND status = 'attached'`, id)
	if err == nil {
		i, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[media.Image])
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return i, false, nil
	}
	if err != nil {
		return i, false, fmt.Errorf("read an image: %w", err)
	}
	return i, true, nil
}

// ImageOwner is the picture of a user or an organization.
type ImageOwner struct {
	ID string
	// Address is the URL of the picture, nil for none.
	Address *string
	// Version counts the owner's events.
	Version int64
}

// QueueUserPictures queues the read of live users, locked in the order of their ids.
func QueueUserPictures(b *pgx.Batch, ids []string, found map[string]ImageOwner) {
	queueOwners(b, `SELECT id, avatar_url, version FROM users
		WHERE id = ANY($1::text[]) AND deleted_at IS NULL ORDER BY id FOR UPDATE`, ids, found)
}

// QueueOrganizationLogos queues the read of live organizations, locked in the order of their ids.
func QueueOrganizationLogos(b *pgx.Batch, ids []string, found map[string]ImageOwner) {
	queueOwners(b, `SELECT id::text, logo_url, version FROM organizations
		WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL ORDER BY id FOR UPDATE`, ids, found)
}

func queueOwners(b *pgx.Batch, sql string, ids []string, found map[string]ImageOwner) {
	b.Queue(sql, ids).Query(func(rows pgx.Rows) error {
		owners, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ImageOwner])
		for _, o := range owners {
			found[o.ID] = o
		}
		return err
	})
}

// QueueSaveUserPictures queues one statement that writes the pictures of users.
func QueueSaveUserPictures(b *pgx.Batch, owners []ImageOwner, now time.Time) error {
	return queueSaveOwners(b, `UPDATE users o SET avatar_url = r.address, version = r.version, updated_at = $2
		FROM json_to_recordset($1::json) AS r (id text, address text, version bigint) WHERE o.id = r.id`, owners, now)
}

// QueueSaveOrganizationLogos queues one statement that writes the logos of organizations.
func QueueSaveOrganizationLogos(b *pgx.Batch, owners []ImageOwner, now time.Time) error {
	return queueSaveOwners(b, `UPDATE organizations o SET logo_url = r.address, version = r.version, updated_at = $2
		FROM json_to_recordset($1::json) AS r (id uuid, address text, version bigint) WHERE o.id = r.id`, owners, now)
}

func queueSaveOwners(b *pgx.Batch, sql string, owners []ImageOwner, now time.Time) error {
	if len(owners) == 0 {
		return nil
	}
	type row struct {
		ID      string  `json:"id"`
		Address *string `json:"address"`
		Version int64   `json:"version"`
	}
	rows := make([]row, len(owners))
	for i, o := range owners {
		rows[i] = row(o)
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("marshal picture rows: %w", err)
	}
	b.Queue(sql, string(body), now)
	return nil
}

// QueueSettleImages queues the statements that mark attached images as in use, and schedule the
// sweep of the other images of the same owners.
func QueueSettleImages(b *pgx.Batch, attached, owners, kinds []string, now time.Time) {
	b.Queue(`UPDATE images SET status = 'attached', due_at = $2 WHERE id = ANY($1::uuid[])`,
		attached, now.Add(recheckEvery))
	b.Queue(`UPDATE images SET due_at = LEAST(due_at, $4) FROM unnest($2::text[], $3::text[]) AS o (owner_id, kind)
		WHERE images.owner_id = o.owner_id AND images.kind = o.kind AND status = 'attached' AND id <> ALL($1::uuid[])`,
		attached, owners, kinds, now.Add(media.ImageRetired))
}

// recheckEvery is how often the sweep checks an image that is in use: not every change that
// removes a reference passes through this package.
const recheckEvery = 24 * time.Hour

// SweptImage is an image whose objects must be removed.
type SweptImage struct{ ID, Prefix string }

// ClaimImages checks images that are due and returns those without a reference, which belong to the
// caller until retry. They cannot be attached any more. checked counts all images.
func ClaimImages(
	ctx context.Context, db Queryer, now, retry time.Time, limit int,
) (claimed []SweptImage, checked int, err error) {
	rows, err := db.Query(ctx, `
WITH due AS (
    SELECT id, kind, owner_id, prefix FROM images WHERE due_at <= $1 ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED
), checked AS (
    SELECT id, COALESCE(CASE kind
        WHEN 'avatar' THEN (SELECT strpos(u.avatar_url, due.prefix) > 0 FROM users u WHERE u.id = owner_id)
        WHEN 'logo' THEN (SELECT strpos(o.logo_url, due.prefix) > 0 FROM organizations o WHERE o.id = owner_id::uuid)
        WHEN 'cover' THEN (SELECT strpos(g.cover_image_key, due.prefix) > 0 FROM categories g
                           WHERE g.id = owner_id::uuid AND g.deleted_at IS NULL)
        WHEN 'poster' THEN (SELECT strpos(m.poster_url, due.prefix) > 0 FROM media_items m
                            WHERE m.id = owner_id::uuid AND m.deleted_at IS NULL)
        ELSE (SELECT strpos(c.thumbnail_url, due.prefix) > 0 FROM content c WHERE c.id = owner_id::uuid)
        END, false) AS used
    FROM due
)
UPDATE images i SET status = CASE WHEN used AND status <> 'sweeping' THEN status ELSE 'sweeping' END,
       due_at = CASE WHEN used AND status <> 'sweeping' THEN $3::timestamptz ELSE $2::timestamptz END
FROM checked WHERE i.id = checked.id RETURNING i.id, i.prefix, i.status = 'sweeping'`,
		now, retry, now.Add(recheckEvery), limit)
	if err != nil {
		return nil, 0, fmt.Errorf("claim images: %w", err)
	}
	var image SweptImage
	var unused bool
	_, err = pgx.ForEachRow(rows, []any{&image.ID, &image.Prefix, &unused}, func() error {
		checked++
		if unused {
			claimed = append(claimed, image)
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("claim images: %w", err)
	}
	return claimed, checked, nil
}

// ForgetImage removes the record of an image whose objects were removed.
func ForgetImage(ctx context.Context, db Execer, id string) error {
	if _, err := db.Exec(ctx, `DELETE FROM images WHERE id = $1 AND status = 'sweeping'`, id); err != nil {
		return fmt.Errorf("forget an image: %w", err)
	}
	return nil
}

// ExpediteImages makes the images of an owner due now.
func ExpediteImages(ctx context.Context, tx pgx.Tx, kind media.ImageKind, owner string, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE images SET due_at = LEAST(due_at, $3) WHERE owner_id = $1 AND kind = $2`,
		owner, kind, now)
	if err != nil {
		return fmt.Errorf("expedite the sweep of images: %w", err)
	}
	return nil
}
