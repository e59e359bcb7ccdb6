package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/postgres"
)

// MemberColumns are the columns that ScanMember reads, from a table or alias named
// m. Rows of other programs may have no joined_at: created_at stands for it then, unless the
// member was invited and has not accepted.
const MemberColumns = `m.id, m.organization_id, m.user_id, m.role, m.status,
	m.invited_by, m.invited_at, m.invitation_expires_at,
	CASE WHEN m.status = 'invited' OR m.status = 'inactive' AND m.invited_at IS NOT NULL THEN m.joined_at
	     ELSE COALESCE(m.joined_at, m.created_at) END,
	m.created_at, m.updated_at`

// ScanMember reads MemberColumns, and after them the columns that more points to.
func ScanMember(row pgx.Row, more ...any) (organization.Membership, error) {
	var m organization.Membership
	err := row.Scan(append([]any{
		&m.ID, &m.OrganizationID, &m.UserID, &m.Role, &m.Status,
		&m.InvitedBy, &m.InvitedAt, &m.ExpiresAt,
		&m.JoinedAt, &m.CreatedAt, &m.UpdatedAt,
	}, more...)...)
	return m, err
}

// QueuePeople queues the read of live accounts. The lock makes their deletion wait: rows
// about a person are committed before the erasure reads them, or the account is not found.
func QueuePeople(b *pgx.Batch, ids []string, found map[string]organization.Person) {
	b.Queue(`
SELECT u.id, u.name, u.email, COALESCE(u.avatar_url, u.image), u.role FROM users u
WHERE u.id = ANY($1::text[]) AND u.deleted_at IS NULL ORDER BY u.id FOR KEY SHARE`, ids).
		Query(func(rows pgx.Rows) error {
			var p organization.Person
			_, err := pgx.ForEachRow(rows, []any{&p.ID, &p.Name, &p.Email, &p.AvatarURL, &p.Role}, func() error {
				found[p.ID] = p
				return nil
			})
			return err
		})
}

// QueueMembers queues the read of users' memberships in organizations, and of all their
// active owners. The organizations must be locked before: that locks the memberships too.
func QueueMembers(
	b *pgx.Batch, organizations, users []string, found map[organization.MembershipKey]organization.Membership,
) {
	b.Queue(`SELECT `+MemberColumns+` FROM organization_memberships m
WHERE m.organization_id = ANY($1::uuid[])
  AND (m.user_id = ANY($2::text[]) OR (m.role = 'owner' AND m.status = 'active'))`, organizations, users).
		Query(func(rows pgx.Rows) error {
			members, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (organization.Membership, error) {
				return ScanMember(row)
			})
			for _, m := range members {
				found[m.Key()] = m
			}
			return err
		})
}

// OrganizationsOf returns the ids of the organizations in which a user is a member or
// invited, in their order.
func OrganizationsOf(ctx context.Context, db postgres.Queryer, userID string) ([]string, error) {
	rows, err := db.Query(ctx, `
SELECT DISTINCT organization_id::text FROM organization_memberships
WHERE user_id = $1 AND status <> 'inactive' ORDER BY 1`, userID)
	if err != nil {
		return nil, fmt.Errorf("read the organizations of a user: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the organizations of a user: %w", err)
	}
	return ids, nil
}

type memberRow struct {
	ID             string              `json:"id,omitempty"`
	OrganizationID string              `json:"organization_id"`
	UserID         string              `json:"user_id"`
	Role           organization.Role   `json:"role"`
	Status         organization.Status `json:"status"`
	InvitedBy      *string             `json:"invited_by"`
	InvitedAt      *time.Time          `json:"invited_at"`
	ExpiresAt      *time.Time          `json:"invitation_expires_at"`
	JoinedAt       *time.Time          `json:"joined_at"`
	CreatedAt      time.Time           `json:"created_at"`
	UpdatedAt      time.Time           `json:"updated_at"`
}

// QueueSaveMembers queues one statement that writes memberships, new ones and changed
// ones. A new one without an id gets one.
func QueueSaveMembers(b *pgx.Batch, members []organization.Membership) error {
	if len(members) == 0 {
		return nil
	}
	rows := make([]memberRow, len(members))
	for i, m := range members {
		rows[i] = memberRow(m)
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("marshal member rows: %w", err)
	}
	b.Queue(`
INSERT INTO organization_memberships (id, organization_id, user_id, role, status, invited_by, invited_at,
       invitation_expires_at, joined_at, created_at, updated_at)
SELECT COALESCE(id, gen_random_uuid()), organization_id, user_id, role, status, invited_by, invited_at,
       invitation_expires_at, joined_at, created_at, updated_at
FROM json_to_recordset($1::json) AS r (
    id uuid, organization_id uuid, user_id text, role text, status text, invited_by text,
    invited_at timestamptz, invitation_expires_at timestamptz, joined_at timestamptz,
    created_at timestamptz, updated_at timestamptz)
ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role, status = excluded.status,
    invited_by = excluded.invited_by, invited_at = excluded.invited_at,
    invitation_expires_at = excluded.invitation_expires_at,
    joined_at = excluded.joined_at, updated_at = excluded.updated_at`, string(body))
	return nil
}
