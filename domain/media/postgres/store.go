// Package postgres stores media items, their uploads in parts, and images in Postgres. Functions
// named Queue… queue statements for a batch of commands; the others read or write at once, for
// requests, reactions and workers.
package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/domain/postgres/columns"
)

// table is table media_items.
var table = columns.New("media_items", []columns.Column[media.Item]{
	{Name: "id", Fixed: true, Field: func(i *media.Item) any { return &i.ID }},
	{Name: "creator_id", Fixed: true, Field: func(i *media.Item) any { return &i.CreatorID }},
	{Name: "title", Field: func(i *media.Item) any { return &i.Title }},
	{Name: "description", Field: func(i *media.Item) any { return &i.Description }},
	{Name: "media_type", Fixed: true, Field: func(i *media.Item) any { return &i.Type }},
	{Name: "status", Field: func(i *media.Item) any { return &i.Status }},
	{Name: "r2_key", Field: func(i *media.Item) any { return &i.ObjectKey }},
	{Name: "etag", Field: func(i *media.Item) any { return columns.Optional(&i.ETag) }},
	{Name: "file_size_bytes", Field: func(i *media.Item) any { return columns.Optional(&i.SizeBytes) }},
	{Name: "mime_type", Field: func(i *media.Item) any { return columns.Optional(&i.MimeType) }},
	{Name: "checksum", Field: func(i *media.Item) any { return columns.Optional(&i.Checksum) }},
	{Name: "duration_seconds", Field: func(i *media.Item) any { return &i.DurationSeconds }},
	{Name: "width", Field: func(i *media.Item) any { return &i.Width }},
	{Name: "height", Field: func(i *media.Item) any { return &i.Height }},
	{Name: "hls_master_playlist_key", Field: func(i *media.Item) any { return columns.Optional(&i.MasterKey) }},
	{Name: "hls_preview_key", Field: func(i *media.Item) any { return columns.Optional(&i.PreviewKey) }},
	{Name: "thumbnail_key", Field: func(i *media.Item) any { return columns.Optional(&i.ThumbnailKey) }},
	{Name: "waveform_key", Field: func(i *media.Item) any { return columns.Optional(&i.WaveformKey) }},
	{Name: "waveform_image_key", Field: func(i *media.Item) any { return columns.Optional(&i.WaveformImage) }},
	{Name: "waveform_overview_key", Field: func(i *media.Item) any { return columns.Optional(&i.WaveformShort) }},
	{Name: "storyboard", Field: func(i *media.Item) any { return &i.Storyboard }},
	{Name: "poster_url", Field: func(i *media.Item) any { return &i.PosterURL }},
	{Name: "audio_key", Field: func(i *media.Item) any { return columns.Optional(&i.AudioKey) }},
	{Name: "audio_bytes", Field: func(i *media.Item) any { return columns.Optional(&i.AudioBytes) }},
	{Name: "mezzanine_key", Field: func(i *media.Item) any { return columns.Optional(&i.MezzanineKey) }},
	{Name: "ready_variants", Field: func(i *media.Item) any { return &i.ReadyVariants }},
	{Name: "playable", Field: func(i *media.Item) any { return &i.Playable }},
	{Name: "captions", Field: func(i *media.Item) any { return (*list[media.CaptionTrack])(&i.Captions) }},
	{Name: "chapters", Field: func(i *media.Item) any { return &i.Chapters }},
	{Name: "notes", Field: func(i *media.Item) any { return (*list[media.Note])(&i.Notes) }},
	{Name: "loudness_integrated", Field: loudness(func(l *media.Loudness) *int { return &l.Integrated })},
	{Name: "loudness_peak", Field: loudness(func(l *media.Loudness) *int { return &l.Peak })},
	{Name: "loudness_range", Field: loudness(func(l *media.Loudness) *int { return &l.Range })},
	{Name: "runpod_job_id", Field: func(i *media.Item) any { return columns.Optional(&i.JobID) }},
	{Name: "transcoding_error", Field: func(i *media.Item) any { return columns.Optional(&i.Error) }},
	{Name: "transcoding_error_code", Field: func(i *media.Item) any { return columns.Optional(&i.ErrorCode) }},
	{Name: "transcoding_attempts", Field: func(i *media.Item) any { return &i.Attempts }},
	{Name: "transcoding_priority", Field: func(i *media.Item) any { return &i.Priority }},
	{Name: "transcoding_progress", Field: func(i *media.Item) any { return &i.Progress }},
	{Name: "transcoding_step", Field: func(i *media.Item) any { return columns.Optional(&i.Step) }},
	{Name: "transcoding_seen_at", Field: func(i *media.Item) any { return &i.SeenAt }},
	{Name: "transcoding_since", Field: func(i *media.Item) any { return &i.Pace.Since }},
	{Name: "transcoding_since_progress", Field: func(i *media.Item) any { return &i.Pace.From }},
	{Name: "transcoding_ends_at", Field: func(i *media.Item) any { return &i.Pace.EndsAt }},
	{Name: "uploaded_at", Field: func(i *media.Item) any { return &i.UploadedAt }},
	{Name: "version", Field: func(i *media.Item) any { return &i.Version }},
	{Name: "created_at", Fixed: true, Field: func(i *media.Item) any { return &i.CreatedAt }},
	{Name: "updated_at", Field: func(i *media.Item) any { return &i.UpdatedAt }},
	{Name: "deleted_at", Field: func(i *media.Item) any { return &i.DeletedAt }},
})

// Columns are the columns of table media_items that Scan reads, in its order.
var Columns = table.Selected

// Scan reads a row of Columns.
func Scan(row pgx.CollectableRow) (media.Item, error) { return table.Scan(row) }

// loudness is a column of a measurement, which has all its columns or none.
func loudness(field func(*media.Loudness) *int) func(*media.Item) any {
	return func(i *media.Item) any { return &measured{i, field} }
}

type measured struct {
	item  *media.Item
	field func(*media.Loudness) *int
}

// Scan implements sql.Scanner.
func (m *measured) Scan(src any) error {
	if v, ok := src.(int64); ok {
		if m.item.Loudness == nil {
			m.item.Loudness = &media.Loudness{}
		}
		*m.field(m.item.Loudness) = int(v)
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (m *measured) MarshalJSON() ([]byte, error) {
	if m.item.Loudness == nil {
		return []byte("null"), nil
	}
	return json.Marshal(*m.field(m.item.Loudness))
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

// QueuePublishedUses queues the count of published content per item. It must follow the lock of
// the items: a publication that has not committed by then waits for the lock and will see the
// item deleted.
func QueuePublishedUses(b *pgx.Batch, ids []string, found map[string]int) {
	b.Queue(`SELECT media_item_id, count(*) FROM content
		WHERE media_item_id = ANY($1::uuid[]) AND `+content.WherePublished("content")+` GROUP BY media_item_id`, ids).
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

// QueueUsage queues the read of what creators use of their quotas. Registrations of one creator
// wait for each other from then on.
func QueueUsage(b *pgx.Batch, creators []string, found map[string]media.Usage) {
	b.Queue(`SELECT pg_advisory_xact_lock(hashtextextended('media quota ' || id, 0))
		FROM (SELECT DISTINCT id FROM unnest($1::text[]) AS c (id) ORDER BY id) AS c`, creators)
	b.Queue(`SELECT creator_id, count(*), count(*) FILTER (WHERE status = 'uploading'),
			COALESCE(sum(file_size_bytes), 0)::bigint
		FROM media_items WHERE creator_id = ANY($1::text[]) AND deleted_at IS NULL GROUP BY creator_id`, creators).
		Query(func(rows pgx.Rows) error {
			var id string
			var u media.Usage
			_, err := pgx.ForEachRow(rows, []any{&id, &u.Items, &u.OpenUploads, &u.Bytes}, func() error {
				found[id] = u
				return nil
			})
			return err
		})
}

// QueueSave queues one statement that writes all items, new and changed. The items must be locked, or new.
func QueueSave(b *pgx.Batch, items []media.Item) error {
	if len(items) == 0 {
		return nil
	}
	sql, rows, err := table.Upsert(items)
	if err != nil {
		return fmt.Errorf("save media items: %w", err)
	}
	b.Queue(sql, rows)
	return nil
}

// Queryer is a pool, a connection or a transaction.
type Queryer = postgres.Queryer

// Find returns an item, deleted or not. found is false for an unknown id.
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
	sql, rows, err := table.Upsert([]media.Item{item})
	if err == nil {
		_, err = tx.Exec(ctx, sql, rows)
	}
	if err != nil {
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

// Silent is a running job without a report since SeenAt.
type Silent struct {
	MediaID, JobID string
	SeenAt         time.Time
}

// SilentJobs returns running jobs without a report since a time, the longest silent first. Jobs
// that wait in the queue while the platform's transcoders are busy with others are not silent.
func SilentJobs(ctx context.Context, db Queryer, since time.Time, limit int) ([]Silent, error) {
	rows, err := db.Query(ctx, `SELECT id, runpod_job_id, transcoding_seen_at FROM media_items
		WHERE status = 'transcoding' AND transcoding_seen_at < $1 AND runpod_job_id IS NOT NULL AND deleted_at IS NULL
		  AND NOT (EXISTS (SELECT FROM transcoding_jobs q WHERE q.media_item_id = media_items.id
		                   AND q.job_id = runpod_job_id AND q.claim IS NULL AND q.finished_at IS NULL)
		           AND EXISTS (SELECT FROM transcoding_jobs q WHERE q.leased_until > now()))
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
