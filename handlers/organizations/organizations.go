package organizations

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
	"github.com/codex-platform/codex/handlers/view"
)

// organizationSlug is an organization's slug in the path.
var organizationSlug = edge.Param{Name: "slug", Check: organization.MalformedSlug}

// routes declares /api/organizations: tenants, their public pages and their members.
func (o *organizations) routes() []edge.Route {
	founders := make([]string, len(organization.CreatorRoles))
	for i, role := range organization.CreatorRoles {
		founders[i] = string(role)
	}
	notFound := []*domain.Error{organization.ErrOrganizationNotFound}
	managed := append([]*domain.Error{organization.ErrNotManager}, tenantRefusals...)
	routes := []edge.Route{
		{
			Method:    "POST",
			Path:      "/api/organizations",
			Name:      "createOrganization",
			Summary:   "Found an organization, owned by the caller",
			Auth:      edge.Session(founders...),
			Body:      organization.CreateOrganization{},
			Command:   organization.CommandCreate,
			Responses: []edge.Response{edge.Data[Organization](http.StatusCreated)},
			Errors:    []*domain.Error{organization.ErrSlugTaken, organization.ErrMayNotCreate},
			Handle:    o.createOrganization,
		},
		{
			Method:  "GET",
			Path:    "/api/organizations",
			Name:    "listOrganizations",
			Summary: "List the caller's own organizations",
			Notes:   "The platform's owner sees all.",
			Auth:    edge.Session(),
			Params: edge.PagedParams(
				edge.SearchParam(255),
				edge.ChoiceParam("sortBy", "createdAt", "name"),
				edge.ChoiceParam("sortOrder", "desc", "asc"),
			),
			Responses: []edge.Response{edge.ListOf[Organization]()},
			Handle:    o.listOrganizations,
		},
		{
			Method:    "GET",
			Path:      "/api/organizations/check-slug/:slug",
			Name:      "checkOrganizationSlug",
			Summary:   "Say whether a new organization could have a slug",
			Auth:      edge.Session(),
			Params:    []edge.Param{organizationSlug},
			Responses: []edge.Response{edge.Data[view.Availability](http.StatusOK)},
			Handle:    o.checkOrganizationSlug,
		},
		{
			Method:    "GET",
			Path:      "/api/organizations/slug/:slug",
			Name:      "getOrganizationBySlug",
			Summary:   "Read an organization by its slug",
			Auth:      edge.Session(),
			Params:    []edge.Param{organizationSlug},
			Responses: []edge.Response{edge.Data[Organization](http.StatusOK)},
			Errors:    notFound,
			Handle:    o.getOrganizationBySlug,
		},
		{
			Method:    "GET",
			Path:      "/api/organizations/my-organizations",
			Name:      "listMyOrganizations",
			Summary:   "List the organizations that the caller is an active member of, with the role in each",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[[]OwnOrganization](http.StatusOK)},
			Handle:    o.listOwnOrganizations,
		},
		{
			Method:    "GET",
			Path:      "/api/organizations/:id",
			Name:      "getOrganization",
			Summary:   "Read an organization",
			Notes:     "It shows what the public page shows.",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[Organization](http.StatusOK)},
			Errors:    notFound,
			Handle:    o.getOrganization,
		},
		{
			Method:    "PATCH",
			Path:      "/api/organizations/:id",
			Name:      "updateOrganization",
			Summary:   "Change the fields that are given",
			Notes:     "For owners and admins.",
			Auth:      edge.Session(),
			Body:      organization.UpdateOrganization{},
			Command:   organization.CommandUpdate,
			Responses: []edge.Response{edge.Data[Organization](http.StatusOK)},
			Errors:    append([]*domain.Error{organization.ErrSlugTaken}, managed...),
			Handle:    o.updateOrganization,
		},
		{
			Method:  "DELETE",
			Path:    "/api/organizations/:id",
			Name:    "deleteOrganization",
			Summary: "End an organization",
			Notes: "For owners and admins. Its slug is free again and nobody is a member any more. " +
				"What was published stays with who made it, and buyers keep what they bought.",
			Auth:      edge.Session(),
			Limit:     edge.LimitStrict,
			Command:   organization.CommandDelete,
			Responses: []edge.Response{edge.NoContent},
			Errors:    managed,
			Handle:    edge.SendForID(organization.DeleteOrganization{}),
		},
	}
	return append(append(routes, o.publicOrganizationRoutes()...), o.memberRoutes(managed)...)
}

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

// seesAll says that the actor looks after the whole platform.
func seesAll(a *edge.Actor) bool { return a.Role == string(organization.PlatformOwner) }

// getOrganization answers everybody who is signed in: what it shows is what the
// organization's public page shows.
func (o *organizations) getOrganization(c *edge.Request) error {
	found, err := postgres.ScanOrganization(o.cfg.Pool.QueryRow(c, `SELECT `+postgres.OrganizationColumns+`
FROM organizations o WHERE o.id = $1 AND o.deleted_at IS NULL`, c.UUID("id")))
	return answerOrganization(c, found, err)
}

// getOrganizationBySlug answers the same people with the same.
func (o *organizations) getOrganizationBySlug(c *edge.Request) error {
	found, err := o.organizationBySlug(c)
	return answerOrganization(c, found, err)
}

// organizationBySlug reads the live organization whose slug is in the path, or
// [pgx.ErrNoRows].
func (o *organizations) organizationBySlug(c *edge.Request) (organization.Organization, error) {
	return postgres.ScanOrganization(o.cfg.Pool.QueryRow(c, `SELECT `+postgres.OrganizationColumns+`
FROM organizations o WHERE o.slug = $1 AND o.deleted_at IS NULL`, c.Text("slug")))
}

func answerOrganization(c *edge.Request, o organization.Organization, err error) error {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return organization.ErrOrganizationNotFound
	case err != nil:
		return fmt.Errorf("read the organization: %w", err)
	}
	return c.OK(OrganizationOf(o))
}

// checkOrganizationSlug says whether a new organization could have a slug.
func (o *organizations) checkOrganizationSlug(c *edge.Request) error {
	slug := c.Text("slug")
	var taken bool
	err := o.cfg.Pool.QueryRow(c, `SELECT EXISTS (SELECT FROM organizations WHERE slug = $1 AND deleted_at IS NULL)`, slug).
		Scan(&taken)
	if err != nil {
		return fmt.Errorf("check the slug: %w", err)
	}
	return c.OK(view.Availability{Available: !taken && !organization.ReservedSlug(slug)})
}

// listOwnOrganizations answers with all organizations that the caller belongs to.
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

// organizationOrder is an order that a client asks for.
func organizationOrder(sortBy, direction string) paging.Order {
	if sortBy == "name" {
		return paging.By("lower(o.name)", paging.Text, "o.id", direction)
	}
	return paging.By("o.created_at", paging.Time, "o.id", direction)
}

// listOrganizations answers with one page of the caller's own organizations, never
// with those of others; the platform's owner sees all.
func (o *organizations) listOrganizations(c *edge.Request) error {
	actor := c.Actor()
	l := paging.List{
		From:   "organizations o",
		Order:  organizationOrder(c.Text("sortBy"), c.Text("sortOrder")),
		Search: c.Text("search") != "",
	}
	if !seesAll(actor) {
		// The caller's memberships lead: how many organizations others have does not matter.
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
