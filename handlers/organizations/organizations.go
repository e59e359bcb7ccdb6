package organizations

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
	"github.com/codex-platform/codex/handlers/view"
)

func (o *organizations) createOrganization(c *edge.Request) error {
	var request organization.CreateOrganization
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(edge.NewID(), request)
}

func (o *organizations) updateOrganization(c *edge.Request) error {
	var request organization.UpdateOrganization
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(c.UUID("id"), request)
}

// getOrganization needs no membership: the response has the data of the public page.
func (o *organizations) getOrganization(c *edge.Request) error {
	found, err := o.organization(c, c.UUID("id"))
	if err != nil {
		return err
	}
	return c.OK(OrganizationOf(found))
}

func (o *organizations) getOrganizationBySlug(c *edge.Request) error {
	found, err := o.organizationBySlug(c)
	if err = readError(err); err != nil {
		return err
	}
	return c.OK(OrganizationOf(found))
}

// organizationBySlug reads the live organization whose slug is in the path, or
// [pgx.ErrNoRows].
func (o *organizations) organizationBySlug(c *edge.Request) (organization.Organization, error) {
	return postgres.ScanOrganization(o.cfg.Pool.QueryRow(c, `SELECT `+postgres.OrganizationColumns+`
FROM organizations o WHERE o.slug = $1 AND o.deleted_at IS NULL`, c.Text("slug")))
}

// organization reads a live organization.
func (o *organizations) organization(c *edge.Request, id string) (organization.Organization, error) {
	found, err := postgres.ScanOrganization(o.cfg.Pool.QueryRow(c, `SELECT `+postgres.OrganizationColumns+`
FROM organizations o WHERE o.id = $1 AND o.deleted_at IS NULL`, id))
	return found, readError(err)
}

// readError is the error of a request whose organization was not read.
func readError(err error) error {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return organization.ErrOrganizationNotFound
	case err != nil:
		return fmt.Errorf("read the organization: %w", err)
	}
	return nil
}

func (o *organizations) checkOrganizationSlug(c *edge.Request) error {
	slug := c.Text("slug")
	taken, err := postgres.SlugHeld(c, o.cfg.Pool, slug, c.Now())
	if err != nil {
		return err
	}
	return c.OK(view.Availability{Available: !taken && !organization.ReservedSlug(slug)})
}

// listOwnOrganizations returns all organizations that the caller is an active member of.
func (o *organizations) listOwnOrganizations(c *edge.Request) error {
	rows, err := o.cfg.Pool.Query(c, `
SELECT o.id, o.name, o.slug, o.logo_url, m.role
FROM organization_memberships m JOIN organizations o ON o.id = m.organization_id
WHERE m.user_id = $1 AND m.status = 'active' AND o.deleted_at IS NULL ORDER BY o.name, o.id`, c.Actor().UserID)
	if err != nil {
		return fmt.Errorf("list own organizations: %w", err)
	}
	own, err := pgx.CollectRows(rows, pgx.RowToStructByPos[OwnOrganization])
	if err != nil {
		return fmt.Errorf("list own organizations: %w", err)
	}
	return c.OK(own)
}

// organizationOrder is the order that a request asks for.
func organizationOrder(sortBy, direction string) paging.Order {
	if sortBy == "name" {
		return paging.By("lower(o.name)", paging.Text, "o.id", direction)
	}
	return paging.By("o.created_at", paging.Time, "o.id", direction)
}

// listOrganizations returns one page of the organizations that the caller is an active
// member of; for the platform owner, of all.
func (o *organizations) listOrganizations(c *edge.Request) error {
	actor := c.Actor()
	l := paging.List{
		From:   "organizations o",
		Order:  organizationOrder(c.Text("sortBy"), c.Text("sortOrder")),
		Search: c.Text("search") != "",
	}
	if actor.Role != string(organization.PlatformOwner) {
		// The join starts from the caller's memberships, so its cost does not depend on the
		// number of organizations.
		l.From = "organization_memberships m JOIN organizations o ON o.id = m.organization_id"
		l.Where.And("m.user_id = $ AND m.status = 'active'", actor.UserID)
	}
	l.Where.Is("o.deleted_at IS NULL")
	l.Where.AndIf("(o.name ILIKE $ OR o.slug ILIKE $)", paging.Contains(c.Text("search")))
	found, err := paging.Find(c, o.cfg.Pool, l, c.Page())
	if err != nil {
		return fmt.Errorf("list organizations: %w", err)
	}
	rows, err := o.cfg.Pool.Query(c, `SELECT `+postgres.OrganizationColumns+` FROM organizations o
		WHERE o.id = ANY($1::uuid[]) ORDER BY array_position($1::uuid[], o.id)`, found.IDs)
	if err != nil {
		return fmt.Errorf("list organizations: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Organization, error) {
		o, err := postgres.ScanOrganization(row)
		return OrganizationOf(o), err
	})
	if err != nil {
		return fmt.Errorf("list organizations: %w", err)
	}
	c.JSON(http.StatusOK, edge.PageOf(items, found))
	return nil
}
