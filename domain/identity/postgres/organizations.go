package postgres

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity"
)

// OrganizationColumns are the columns that ScanOrganization reads, from a table or
// alias named o.
const OrganizationColumns = `o.id, o.name, o.slug, o.description, o.logo_url, o.website_url, o.version, o.created_at, o.updated_at`

// ScanOrganization reads OrganizationColumns, and after them the columns that more
// points to.
func ScanOrganization(row pgx.Row, more ...any) (identity.Organization, error) {
	var o identity.Organization
	err := row.Scan(append([]any{
		&o.ID, &o.Name, &o.Slug, &o.Description, &o.LogoURL, &o.WebsiteURL, &o.Version, &o.CreatedAt, &o.UpdatedAt,
	}, more...)...)
	return o, err
}

// QueueOrganizationSlugs queues the look-up of which live organizations have these
// slugs: slug → organization id.
func QueueOrganizationSlugs(b *pgx.Batch, slugs []string, found map[string]string) {
	queueOwners(b, `SELECT slug, id::text FROM organizations WHERE slug = ANY($1::text[]) AND deleted_at IS NULL`, slugs, found)
}

type organizationRow struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Slug        string    `json:"slug"`
	Description *string   `json:"description"`
	LogoURL     *string   `json:"logo_url"`
	WebsiteURL  *string   `json:"website_url"`
	Version     int64     `json:"version"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

type memberRow struct {
	OrganizationID string              `json:"organization_id"`
	UserID         string              `json:"user_id"`
	Role           identity.MemberRole `json:"role"`
	JoinedAt       time.Time           `json:"joined_at"`
}

// QueueFound queues the statements that write new organizations and their first
// members.
func QueueFound(b *pgx.Batch, organizations []identity.Organization, owners []identity.Membership) error {
	if len(organizations) == 0 {
		return nil
	}
	rows, members := make([]organizationRow, len(organizations)), make([]memberRow, len(owners))
	for i, o := range organizations {
		rows[i] = organizationRow{
			ID: o.ID, Name: o.Name, Slug: o.Slug, Description: o.Description, LogoURL: o.LogoURL, WebsiteURL: o.WebsiteURL,
			Version: o.Version, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
		}
	}
	for i, m := range owners {
		members[i] = memberRow(m)
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("marshal organization rows: %w", err)
	}
	joined, err := json.Marshal(members)
	if err != nil {
		return fmt.Errorf("marshal member rows: %w", err)
	}
	b.Queue(`
INSERT INTO organizations (id, name, slug, description, logo_url, website_url, version, created_at, updated_at)
SELECT id, name, slug, description, logo_url, website_url, version, created_at, updated_at
FROM json_to_recordset($1::json) AS r (id uuid, name text, slug text, description text, logo_url text, website_url text,
    version bigint, created_at timestamptz, updated_at timestamptz)`, string(body))
	b.Queue(`
INSERT INTO organization_memberships (organization_id, user_id, role, status, created_at, updated_at)
SELECT organization_id, user_id, role, 'active', joined_at, joined_at
FROM json_to_recordset($1::json) AS r (organization_id uuid, user_id text, role text, joined_at timestamptz)`, string(joined))
	return nil
}
