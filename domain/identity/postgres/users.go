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
	b.Queue(`SELECT `+UserColumns+` FROM users u WHERE u.id = ANY($1::text[]) AND u.deleted_at IS NULL ORDER BY u.id FOR UPDATE`, ids).
		Query(func(rows pgx.Rows) error {
			users, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (identity.User, error) { return ScanUser(row) })
			for _, u := range users {
				found[u.ID] = u
			}
			return err
		})
}

// QueueUsernames queues the look-up of who has these usernames: username → user id.
func QueueUsernames(b *pgx.Batch, names []string, found map[string]string) {
	queueOwners(b, `SELECT username, id FROM users WHERE username = ANY($1::text[]) AND deleted_at IS NULL`, names, found)
}

func queueOwners(b *pgx.Batch, sql string, names []string, found map[string]string) {
	b.Queue(sql, names).Query(func(rows pgx.Rows) error {
		var name, id string
		_, err := pgx.ForEachRow(rows, []any{&name, &id}, func() error {
			found[name] = id
			return nil
		})
		return err
	})
}

type userRow struct {
	ID        string                `json:"id"`
	Role      identity.Role         `json:"role"`
	Username  *string               `json:"username"`
	Bio       *string               `json:"bio"`
	Links     *identity.SocialLinks `json:"social_links"`
	Version   int64                 `json:"version"`
	UpdatedAt time.Time             `json:"updated_at"`
}

// QueueSaveUsers queues one statement that writes the profile and role of users.
func QueueSaveUsers(b *pgx.Batch, users []identity.User) error {
	if len(users) == 0 {
		return nil
	}
	rows := make([]userRow, len(users))
	for i, u := range users {
		rows[i] = userRow{ID: u.ID, Role: u.Role, Username: u.Username, Bio: u.Bio, Links: u.Links, Version: u.Version, UpdatedAt: u.UpdatedAt}
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("marshal user rows: %w", err)
	}
	b.Queue(`
UPDATE users u SET role = r.role, username = r.username, bio = r.bio, social_links = r.social_links,
       version = r.version, updated_at = r.updated_at
FROM json_to_recordset($1::json) AS r (id text, role text, username text, bio text, social_links jsonb, version bigint, updated_at timestamptz)
WHERE u.id = r.id`, string(body))
	return nil
}
