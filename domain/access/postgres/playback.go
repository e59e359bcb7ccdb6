package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/postgres"
)

// playbackSpace is the name space of playback ids.
var playbackSpace = uuid.MustParse("8f6f1c3a-27d5-5b8e-9a49-6d2f0b7ce102")

// PlaybackID returns the id of a user's playback of an item. It is derived from
// both, so concurrent first reports agree on it.
func PlaybackID(userID, contentID string) string {
	return uuid.NewSHA1(playbackSpace, []byte(userID+"\x00"+contentID)).String()
}

// playbackColumns are the columns of video_playback, called p, that scanPlayback reads.
const playbackColumns = `p.user_id, p.content_id, p.position_seconds, p.duration_seconds, p.completed,
	p.version, p.created_at, p.updated_at`

func scanPlayback(row pgx.CollectableRow) (access.Playback, error) {
	var p access.Playback
	err := row.Scan(&p.UserID, &p.ContentID, &p.PositionSeconds, &p.DurationSeconds, &p.Completed,
		&p.Version, &p.CreatedAt, &p.UpdatedAt)
	p.ID = PlaybackID(p.UserID, p.ContentID)
	return p, err
}

// Playback reads how far a user got in an item. It reports false when there is no report.
func Playback(
	ctx context.Context, db postgres.Queryer, userID, contentID string,
) (p access.Playback, found bool, err error) {
	rows, err := db.Query(ctx, `
SELECT `+playbackColumns+` FROM video_playback p WHERE p.user_id = $1 AND p.content_id = $2`, userID, contentID)
	if err != nil {
		return p, false, fmt.Errorf("read playback: %w", err)
	}
	p, err = pgx.CollectOneRow(rows, scanPlayback)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, false, nil
	}
	if err != nil {
		return p, false, fmt.Errorf("read playback: %w", err)
	}
	return p, true, nil
}

// QueuePlaybackLock queues the read of playbacks, locked in the order of their keys.
func QueuePlaybackLock(b *pgx.Batch, questions []Question, found map[Question]access.Playback) {
	users, contents := split(questions)
	b.Queue(`
SELECT `+playbackColumns+` FROM video_playback p
WHERE (p.user_id, p.content_id) IN (
    SELECT user_id, content_id FROM unnest($1::text[], $2::uuid[]) AS x (user_id, content_id))
ORDER BY p.user_id, p.content_id FOR UPDATE`, users, contents).Query(func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, scanPlayback)
		for _, p := range list {
			found[Question{p.UserID, p.ContentID}] = p
		}
		return err
	})
}

// playbackRow is a playback as the upsert reads it from JSON.
type playbackRow struct {
	ID        string    `json:"id"`
	UserID    string    `json:"user_id"`
	ContentID string    `json:"content_id"`
	Position  int       `json:"position_seconds"`
	Duration  int       `json:"duration_seconds"`
	Completed bool      `json:"completed"`
	Version   int64     `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// QueuePlaybackSave queues the statements that write all playbacks, new and changed, and
// the library entries that follow them.
func QueuePlaybackSave(b *pgx.Batch, list []access.Playback) error {
	if len(list) == 0 {
		return nil
	}
	rows, pairs := make([]playbackRow, len(list)), make([]Question, len(list))
	for i, p := range list {
		pairs[i] = Question{p.UserID, p.ContentID}
		rows[i] = playbackRow{
			ID:        p.ID,
			UserID:    p.UserID,
			ContentID: p.ContentID,
			Position:  p.PositionSeconds,
			Duration:  p.DurationSeconds,
			Completed: p.Completed,
			Version:   p.Version,
			CreatedAt: p.CreatedAt,
			UpdatedAt: p.UpdatedAt,
		}
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("marshal playback rows: %w", err)
	}
	b.Queue(`
INSERT INTO video_playback (id, user_id, content_id, position_seconds, duration_seconds, completed,
    version, created_at, updated_at)
SELECT id, user_id, content_id, position_seconds, duration_seconds, completed, version, created_at, updated_at
FROM json_to_recordset($1::json) AS r (id uuid, user_id text, content_id uuid, position_seconds int,
    duration_seconds int, completed bool, version bigint, created_at timestamptz, updated_at timestamptz)
ORDER BY user_id, content_id
ON CONFLICT (user_id, content_id) DO UPDATE SET
    position_seconds = excluded.position_seconds, duration_seconds = excluded.duration_seconds,
    completed = excluded.completed, version = excluded.version, updated_at = excluded.updated_at`, string(body))
	queueWatched(b, pairs, string(body))
	return nil
}
