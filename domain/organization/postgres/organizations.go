// Package postgres keeps organizations and memberships in Postgres.
//
// Its functions queue statements on a batch: a unit of commands loads with one batch and
// saves with another.
package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/postgres"
)

// OrganizationColumns are the columns that ScanOrganization reads, from a table or
// alias named o.
const OrganizationColumns = `o.id, o.name, o.slug, o.description, o.logo_url, o.website_url,
	o.version, o.created_at, o.updated_at, o.deleted_at`

// ScanOrganization reads OrganizationColumns, and after them the columns that more
// points to.
func ScanOrganization(row pgx.Row, more ...any) (organization.Organization, error) {
	var o organization.Organization
	err := row.Scan(append([]any{
		&o.ID, &o.Name, &o.Slug, &o.Description, &o.LogoURL, &o.WebsiteURL,
		&o.Version, &o.CreatedAt, &o.UpdatedAt, &o.DeletedAt,
	}, more...)...)
	return o, err
}

// slugOwners reads the organizations that have these slugs: the live one, or that which was
// deleted last.
const slugOwners = `
SELECT w.slug, o.id::text, o.deleted_at FROM unnest($1::text[]) AS w (slug) CROSS JOIN LATERAL (
    SELECT id, deleted_at FROM (
        (SELECT id, deleted_at FROM organizations WHERE slug = w.slug AND deleted_at IS NULL)
        UNION ALL
        (SELECT id, deleted_at FROM organizations WHERE slug = w.slug AND deleted_at IS NOT NULL
         ORDER BY deleted_at DESC LIMIT 1)) AS either
    ORDER BY deleted_at DESC NULLS FIRST LIMIT 1) o`

// QueueSlugOwners queues the read of the organizations that have these slugs, or had them when
// they were deleted.
func QueueSlugOwners(b *pgx.Batch, slugs []string, found map[string]organization.SlugOwner) {
	b.Queue(slugOwners, slugs).Query(func(rows pgx.Rows) error {
		var slug string
		var owner organization.SlugOwner
		_, err := pgx.ForEachRow(rows, []any{&slug, &owner.ID, &owner.DeletedAt}, func() error {
			found[slug] = owner
			return nil
		})
		return err
	})
}

// SlugHeld reports whether an organization holds a slug.
func SlugHeld(ctx context.Context, db postgres.RowQueryer, slug string, now time.Time) (bool, error) {
	var owner organization.SlugOwner
	err := db.QueryRow(ctx, slugOwners, []string{slug}).Scan(&slug, &owner.ID, &owner.DeletedAt)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("check the slug: %w", err)
	}
	return owner.Holds(now), nil
}

// QueueLockOrganizations queues the read of organizations by id, deleted ones too,
// locked in the order of their ids. The lock covers the members, too: changes of an
// organization and of its memberships are serialized by it.
func QueueLockOrganizations(b *pgx.Batch, ids []string, found map[string]organization.Organization) {
	b.Queue(`SELECT `+OrganizationColumns+` FROM organizations o
WHERE o.id = ANY($1::uuid[]) ORDER BY o.id FOR NO KEY UPDATE`, ids).
		Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (organization.Organization, error) {
				return ScanOrganization(row)
			})
			for _, o := range list {
				found[o.ID] = o
			}
			return err
		})
}

type organizationRow struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Slug        string     `json:"slug"`
	Description *string    `json:"description"`
	LogoURL     *string    `json:"logo_url"`
	WebsiteURL  *string    `json:"website_url"`
	Version     int64      `json:"version"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
	DeletedAt   *time.Time `json:"deleted_at"`
}

// QueueSaveOrganizations queues one statement that writes organizations, new ones
// and changed ones.
func QueueSaveOrganizations(b *pgx.Batch, organizations []organization.Organization) error {
	if len(organizations) == 0 {
		return nil
	}
	rows := make([]organizationRow, len(organizations))
	for i, o := range organizations {
		rows[i] = organizationRow{
			ID:          o.ID,
			Name:        o.Name,
			Slug:        o.Slug,
			Description: o.Description,
			LogoURL:     o.LogoURL,
			WebsiteURL:  o.WebsiteURL,
			Version:     o.Version,
			CreatedAt:   o.CreatedAt,
			UpdatedAt:   o.UpdatedAt,
			DeletedAt:   o.DeletedAt,
		}
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("marshal organization rows: %w", err)
	}
	b.Queue(`
INSERT INTO organizations (id, name, slug, description, logo_url, website_url,
                           version, created_at, updated_at, deleted_at)
SELECT id, name, slug, description, logo_url, website_url, version, created_at, updated_at, deleted_at
FROM json_to_recordset($1::json) AS r (id uuid, name text, slug text, description text, logo_url text, website_url text,
    version bigint, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, slug = excluded.slug, description = excluded.description,
    logo_url = excluded.logo_url, website_url = excluded.website_url, version = excluded.version,
    updated_at = excluded.updated_at, deleted_at = excluded.deleted_at`, string(body))
	return nil
}
