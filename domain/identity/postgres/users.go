package postgres

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
)

// QueueUsers queues the read of live users by id, locked in the order of their ids.
func QueueUsers(b *pgx.Batch, ids []string, found map[string]identity.User) {
	b.Queue(`SELECT `+UserColumns+` FROM users u
WHERE u.id = ANY($1::text[]) AND u.deleted_at IS NULL ORDER BY u.id FOR UPDATE`, ids).
		Query(func(rows pgx.Rows) error {
			users, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (identity.User, error) { return ScanUser(row) })
			for _, u := range users {
				found[u.ID] = u
			}
			return err
		})
}

// QueueSessions queues the read of users' sessions: user id → sessions.
func QueueSessions(b *pgx.Batch, userIDs []string, found map[string][]identity.Session) {
	b.Queue(`SELECT `+sessionColumns+` FROM sessions s
WHERE s.user_id = ANY($1::text[]) ORDER BY s.id FOR UPDATE`, userIDs).
		Query(func(rows pgx.Rows) error {
			sessions, err := collectSessions(rows)
			for _, s := range sessions {
				found[s.UserID] = append(found[s.UserID], s)
			}
			return err
		})
}

type preferenceRow struct {
	ID        string    `json:"id"`
	Marketing bool      `json:"email_marketing"`
	Digest    bool      `json:"email_digest"`
	Version   int64     `json:"version"`
	UpdatedAt time.Time `json:"updated_at"`
}

// QueueSavePreferences queues one statement that writes the preferences of users.
func QueueSavePreferences(b *pgx.Batch, users []identity.User) error {
	if len(users) == 0 {
		return nil
	}
	rows := make([]preferenceRow, len(users))
	for i, u := range users {
		rows[i] = preferenceRow{
			ID:        u.ID,
			Marketing: u.Preferences.Marketing,
			Digest:    u.Preferences.Digest,
			Version:   u.Version,
			UpdatedAt: u.UpdatedAt,
		}
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("marshal user rows: %w", err)
	}
	b.Queue(`
UPDATE users u SET email_marketing = r.email_marketing, email_digest = r.email_digest,
       version = r.version, updated_at = r.updated_at
FROM json_to_recordset($1::json) AS r (
    id text, email_marketing bool, email_digest bool, version bigint, updated_at timestamptz)
WHERE u.id = r.id`, string(body))
	return nil
}
