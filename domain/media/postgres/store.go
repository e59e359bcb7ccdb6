// Package postgres keeps media items in Postgres. Some functions queue statements on a batch, for a whole set of commands
// in one transaction; others read or write one item, for reactions and for workers.
package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/postgres"
)

// Columns are the columns of table media_items that Scan reads, in its order.
const Columns = `id, creator_id, title, description, media_type, status, r2_key, COALESCE(etag, ''),
	COALESCE(file_size_bytes, 0), COALESCE(mime_type, ''), duration_seconds, width, height,
	COALESCE(hls_master_playlist_key, ''), COALESCE(hls_preview_key, ''), COALESCE(thumbnail_key, ''),
	COALESCE(waveform_key, ''), COALESCE(waveform_image_key, ''), COALESCE(mezzanine_key, ''), ready_variants,
	loudness_integrated, loudness_peak, loudness_range, COALESCE(runpod_job_id, ''), COALESCE(transcoding_error, ''),
	COALESCE(transcoding_error_code, ''), transcoding_attempts, transcoding_priority, transcoding_progress,
	COALESCE(transcoding_step, ''), transcoding_seen_at, uploaded_at, version, created_at, updated_at, deleted_at`

// Scan reads a row of Columns.
func Scan(row pgx.CollectableRow) (media.Item, error) {
	var i media.Item
	var integrated, peak, loudnessRange *int
	err := row.Scan(&i.ID, &i.CreatorID, &i.Title, &i.Description, &i.Type, &i.Status, &i.ObjectKey, &i.ETag,
		&i.SizeBytes, &i.MimeType, &i.DurationSeconds, &i.Width, &i.Height,
		&i.MasterKey, &i.PreviewKey, &i.ThumbnailKey, &i.WaveformKey, &i.WaveformImage, &i.MezzanineKey, &i.ReadyVariants,
		&integrated, &peak, &loudnessRange, &i.JobID, &i.Error,
		&i.ErrorCode, &i.Attempts, &i.Priority, &i.Progress,
		&i.Step, &i.SeenAt, &i.UploadedAt, &i.Version, &i.CreatedAt, &i.UpdatedAt, &i.DeletedAt)
	if integrated != nil && peak != nil && loudnessRange != nil {
		i.Loudness = &media.Loudness{Integrated: *integrated, Peak: *peak, Range: *loudnessRange}
	}
	return i, err
}

// QueueLock queues the read of items by id, locked in the order of their ids.
func QueueLock(b *pgx.Batch, ids []string, found map[string]media.Item) {
	b.Queue(`SELECT `+Columns+` FROM media_items WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`, ids).
		Query(func(rows pgx.Rows) error {
			items, err := pgx.CollectRows(rows, Scan)
			for _, i := range items {
				found[i.ID] = i
			}
			return err
		})
}

// QueuePublishedUses queues the count of published content per item. It must follow the lock of the items: a publication
// that has not committed by then waits for the lock and will see the item deleted.
func QueuePublishedUses(b *pgx.Batch, ids []string, found map[string]int) {
	b.Queue(`SELECT media_item_id, count(*) FROM content
		WHERE media_item_id = ANY($1::uuid[]) AND status = 'published' AND deleted_at IS NULL GROUP BY media_item_id`, ids).
		Query(func(rows pgx.Rows) error {
			var id string
			var n int
			_, err := pgx.ForEachRow(rows, []any{&id, &n}, func() error {
				found[id] = n
				return nil
			})
			return err
		})
}

// row is an item as the upsert reads it from JSON.
type row struct {
	ID              string       `json:"id"`
	CreatorID       string       `json:"creator_id"`
	Title           string       `json:"title"`
	Description     *string      `json:"description"`
	Type            media.Type   `json:"media_type"`
	Status          media.Status `json:"status"`
	ObjectKey       string       `json:"r2_key"`
	ETag            *string      `json:"etag"`
	SizeBytes       int64        `json:"file_size_bytes"`
	MimeType        string       `json:"mime_type"`
	DurationSeconds *int         `json:"duration_seconds"`
	Width           *int         `json:"width"`
	Height          *int         `json:"height"`
	MasterKey       *string      `json:"hls_master_playlist_key"`
	PreviewKey      *string      `json:"hls_preview_key"`
	ThumbnailKey    *string      `json:"thumbnail_key"`
	WaveformKey     *string      `json:"waveform_key"`
	WaveformImage   *string      `json:"waveform_image_key"`
	MezzanineKey    *string      `json:"mezzanine_key"`
	ReadyVariants   []string     `json:"ready_variants,omitempty"`
	Integrated      *int         `json:"loudness_integrated"`
	Peak            *int         `json:"loudness_peak"`
	Range           *int         `json:"loudness_range"`
	JobID           *string      `json:"runpod_job_id"`
	Error           *string      `json:"transcoding_error"`
	ErrorCode       *string      `json:"transcoding_error_code"`
	Attempts        int          `json:"transcoding_attempts"`
	Priority        int          `json:"transcoding_priority"`
	Progress        *int         `json:"transcoding_progress"`
	Step            *string      `json:"transcoding_step"`
	SeenAt          *time.Time   `json:"transcoding_seen_at"`
	UploadedAt      *time.Time   `json:"uploaded_at"`
	Version         int64        `json:"version"`
	CreatedAt       time.Time    `json:"created_at"`
	UpdatedAt       time.Time    `json:"updated_at"`
	DeletedAt       *time.Time   `json:"deleted_at"`
}

func rowOf(i media.Item) row {
	r := row{
		ID: i.ID, CreatorID: i.CreatorID, Title: i.Title, Description: i.Description, Type: i.Type, Status: i.Status,
		ObjectKey: i.ObjectKey, ETag: null(i.ETag), SizeBytes: i.SizeBytes, MimeType: i.MimeType,
		DurationSeconds: i.DurationSeconds, Width: i.Width, Height: i.Height,
		MasterKey: null(i.MasterKey), PreviewKey: null(i.PreviewKey), ThumbnailKey: null(i.ThumbnailKey),
		WaveformKey: null(i.WaveformKey), WaveformImage: null(i.WaveformImage), MezzanineKey: null(i.MezzanineKey),
		ReadyVariants: i.ReadyVariants, JobID: null(i.JobID), Error: null(i.Error), ErrorCode: null(i.ErrorCode),
		Attempts: i.Attempts, Priority: i.Priority, Progress: i.Progress, Step: null(i.Step), SeenAt: i.SeenAt,
		UploadedAt: i.UploadedAt, Version: i.Version, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt, DeletedAt: i.DeletedAt,
	}
	if l := i.Loudness; l != nil {
		r.Integrated, r.Peak, r.Range = &l.Integrated, &l.Peak, &l.Range
	}
	return r
}

const saveSQL = `
INSERT INTO media_items (id, creator_id, title, description, media_type, status, r2_key, etag, file_size_bytes, mime_type,
    duration_seconds, width, height, hls_master_playlist_key, hls_preview_key, thumbnail_key, waveform_key,
    waveform_image_key, mezzanine_key, ready_variants, loudness_integrated, loudness_peak, loudness_range, runpod_job_id,
    transcoding_error, transcoding_error_code, transcoding_attempts, transcoding_priority, transcoding_progress,
    transcoding_step, transcoding_seen_at, uploaded_at, version, created_at, updated_at, deleted_at)
SELECT id, creator_id, title, description, media_type, status, r2_key, etag, file_size_bytes, mime_type,
    duration_seconds, width, height, hls_master_playlist_key, hls_preview_key, thumbnail_key, waveform_key,
    waveform_image_key, mezzanine_key, ready_variants, loudness_integrated, loudness_peak, loudness_range, runpod_job_id,
    transcoding_error, transcoding_error_code, transcoding_attempts, transcoding_priority, transcoding_progress,
    transcoding_step, transcoding_seen_at, uploaded_at, version, created_at, updated_at, deleted_at
FROM json_to_recordset($1::json) AS r (id uuid, creator_id text, title text, description text, media_type text, status text,
    r2_key text, etag text, file_size_bytes bigint, mime_type text, duration_seconds int, width int, height int,
    hls_master_playlist_key text, hls_preview_key text, thumbnail_key text, waveform_key text, waveform_image_key text,
    mezzanine_key text, ready_variants jsonb, loudness_integrated int, loudness_peak int, loudness_range int,
    runpod_job_id text, transcoding_error text, transcoding_error_code text, transcoding_attempts int,
    transcoding_priority int, transcoding_progress int, transcoding_step text, transcoding_seen_at timestamptz,
    uploaded_at timestamptz, version bigint, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
ON CONFLICT (id) DO UPDATE SET
    title = excluded.title, description = excluded.description, status = excluded.status, r2_key = excluded.r2_key,
    etag = excluded.etag, file_size_bytes = excluded.file_size_bytes, mime_type = excluded.mime_type,
    duration_seconds = excluded.duration_seconds, width = excluded.width, height = excluded.height,
    hls_master_playlist_key = excluded.hls_master_playlist_key, hls_preview_key = excluded.hls_preview_key,
    thumbnail_key = excluded.thumbnail_key, waveform_key = excluded.waveform_key,
    waveform_image_key = excluded.waveform_image_key, mezzanine_key = excluded.mezzanine_key,
    ready_variants = excluded.ready_variants, loudness_integrated = excluded.loudness_integrated,
    loudness_peak = excluded.loudness_peak, loudness_range = excluded.loudness_range,
    runpod_job_id = excluded.runpod_job_id, transcoding_error = excluded.transcoding_error,
    transcoding_error_code = excluded.transcoding_error_code, transcoding_attempts = excluded.transcoding_attempts,
    transcoding_priority = excluded.transcoding_priority, transcoding_progress = excluded.transcoding_progress,
    transcoding_step = excluded.transcoding_step, transcoding_seen_at = excluded.transcoding_seen_at,
    uploaded_at = excluded.uploaded_at, version = excluded.version, updated_at = excluded.updated_at,
    deleted_at = excluded.deleted_at`

// QueueSave queues one statement that writes all items, new and changed. The items must be locked, or new.
func QueueSave(b *pgx.Batch, items []media.Item) error {
	if len(items) == 0 {
		return nil
	}
	body, err := rowsOf(items)
	if err != nil {
		return err
	}
	b.Queue(saveSQL, body)
	return nil
}

func rowsOf(items []media.Item) (string, error) {
	rows := make([]row, len(items))
	for n, i := range items {
		rows[n] = rowOf(i)
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return "", fmt.Errorf("marshal media rows: %w", err)
	}
	return string(body), nil
}

func null(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Queryer is a pool, a connection or a transaction.
type Queryer = postgres.Queryer

// Find returns an item, deleted or not. found is false when there never was one.
func Find(ctx context.Context, db Queryer, id string) (item media.Item, found bool, err error) {
	return one(ctx, db, `SELECT `+Columns+` FROM media_items WHERE id = $1`, id)
}

// FindByJob returns the item whose current or last attempt is this job, deleted or not.
func FindByJob(ctx context.Context, db Queryer, jobID string) (item media.Item, found bool, err error) {
	return one(ctx, db, `SELECT `+Columns+` FROM media_items WHERE runpod_job_id = $1 ORDER BY id LIMIT 1`, jobID)
}

// Lock returns an item, locked until the transaction ends.
func Lock(ctx context.Context, tx pgx.Tx, id string) (item media.Item, found bool, err error) {
	return one(ctx, tx, `SELECT `+Columns+` FROM media_items WHERE id = $1 FOR UPDATE`, id)
}

// Save writes an item that the transaction has locked.
func Save(ctx context.Context, tx pgx.Tx, item media.Item) error {
	body, err := rowsOf([]media.Item{item})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, saveSQL, body); err != nil {
		return fmt.Errorf("save media item: %w", err)
	}
	return nil
}

func one(ctx context.Context, db Queryer, sql string, args ...any) (media.Item, bool, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return media.Item{}, false, fmt.Errorf("read media item: %w", err)
	}
	item, err := pgx.CollectExactlyOneRow(rows, Scan)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return media.Item{}, false, nil
	case err != nil:
		return media.Item{}, false, fmt.Errorf("read media item: %w", err)
	}
	return item, true, nil
}

// Silent is a job that gave no sign of life since SeenAt.
type Silent struct {
	MediaID, JobID string
	SeenAt         time.Time
}

// SilentJobs returns running jobs, the most silent first, that gave no sign of life since a time.
func SilentJobs(ctx context.Context, db Queryer, since time.Time, limit int) ([]Silent, error) {
	rows, err := db.Query(ctx, `SELECT id, runpod_job_id, transcoding_seen_at FROM media_items
		WHERE status = 'transcoding' AND transcoding_seen_at < $1 AND runpod_job_id IS NOT NULL AND deleted_at IS NULL
		ORDER BY transcoding_seen_at LIMIT $2`, since, limit)
	if err != nil {
		return nil, fmt.Errorf("read silent jobs: %w", err)
	}
	jobs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Silent, error) {
		var s Silent
		err := row.Scan(&s.MediaID, &s.JobID, &s.SeenAt)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read silent jobs: %w", err)
	}
	return jobs, nil
}
