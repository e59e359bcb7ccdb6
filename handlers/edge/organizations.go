package edge

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/handlers/wire"
)

// OrganizationRoutes serves /api/organizations.
type OrganizationRoutes struct{}

// Register implements Routes.
func (OrganizationRoutes) Register(e *Edge, r gin.IRouter) {
	founders := make([]string, len(identity.Founders))
	for i, role := range identity.Founders {
		founders[i] = string(role)
	}
	g := r.Group("/api/organizations")
	g.POST("", e.signedIn(founders...), e.createOrganization)
	g.GET("", e.signedIn(), e.listOrganizations)
	g.GET("/check-slug/:slug", e.signedIn(), e.checkOrganizationSlug)
	g.GET("/slug/:slug", e.signedIn(), e.getOrganizationBySlug)
	g.GET("/my-organizations", e.signedIn(), e.listOwnOrganizations)
	g.GET("/:id", e.signedIn(), e.getOrganization)
}

func (e *Edge) createOrganization(c *gin.Context) {
	var request identity.CreateOrganization
	if err := decode(c, &request); err != nil {
		e.refuse(c, err)
		return
	}
	e.submit(c, "organization.create", newID(), request)
}

// activeMember is true for the organizations o in which user $1 has an active
// membership.
const activeMember = `EXISTS (SELECT FROM organization_memberships m
	WHERE m.organization_id = o.id AND m.user_id = $1 AND m.status = 'active')`

// getOrganization answers members, and the platform's owner; to everyone else the
// organization is not there.
func (e *Edge) getOrganization(c *gin.Context) {
	id, err := pathID(c)
	if err != nil {
		e.refuse(c, err)
		return
	}
	actor := mustActor(c)
	o, err := postgres.ScanOrganization(e.cfg.Pool.QueryRow(c, `SELECT `+postgres.OrganizationColumns+`
FROM organizations o WHERE o.id = $2 AND o.deleted_at IS NULL AND ($3 OR `+activeMember+`)`,
		actor.UserID, id, actor.Role == string(identity.PlatformOwner)))
	e.answerOrganization(c, o, err)
}

// getOrganizationBySlug answers everybody who is signed in: what it shows is what
// the organization's public page shows.
func (e *Edge) getOrganizationBySlug(c *gin.Context) {
	slug, err := pathSlug(c)
	if err != nil {
		e.refuse(c, err)
		return
	}
	o, err := postgres.ScanOrganization(e.cfg.Pool.QueryRow(c, `SELECT `+postgres.OrganizationColumns+`
FROM organizations o WHERE o.slug = $1 AND o.deleted_at IS NULL`, slug))
	e.answerOrganization(c, o, err)
}

func (e *Edge) answerOrganization(c *gin.Context, o identity.Organization, err error) {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		e.refuse(c, identity.ErrOrganizationNotFound)
	case err != nil:
		e.refuse(c, fmt.Errorf("read the organization: %w", err))
	default:
		c.JSON(http.StatusOK, wire.Single{Data: wire.OrganizationOf(o)})
	}
}

// pathSlug returns the path parameter slug when it looks like one.
func pathSlug(c *gin.Context) (string, error) {
	slug := c.Param("slug")
	if message := identity.MalformedSlug(slug); message != "" {
		return "", domain.BadFields([]domain.Field{{Path: "slug", Message: message}})
	}
	return slug, nil
}

// checkOrganizationSlug says whether a new organization could have a slug.
func (e *Edge) checkOrganizationSlug(c *gin.Context) {
	slug, err := pathSlug(c)
	if err != nil {
		e.refuse(c, err)
		return
	}
	var taken bool
	err = e.cfg.Pool.QueryRow(c, `SELECT EXISTS (SELECT FROM organizations WHERE slug = $1 AND deleted_at IS NULL)`, slug).Scan(&taken)
	if err != nil {
		e.refuse(c, fmt.Errorf("check the slug: %w", err))
		return
	}
	c.JSON(http.StatusOK, wire.Single{Data: gin.H{"available": !taken && !identity.ReservedSlug(slug)}})
}

// listOwnOrganizations answers with all organizations that the caller belongs to.
func (e *Edge) listOwnOrganizations(c *gin.Context) {
	rows, err := e.cfg.Pool.Query(c, `
SELECT o.id, o.name, o.slug, o.logo_url, m.role
FROM organization_memberships m JOIN organizations o ON o.id = m.organization_id
WHERE m.user_id = $1 AND m.status = 'active' AND o.deleted_at IS NULL ORDER BY o.name, o.id`, mustActor(c).UserID)
	if err != nil {
		e.refuse(c, fmt.Errorf("list own organizations: %w", err))
		return
	}
	own, err := pgx.CollectRows(rows, pgx.RowToStructByPos[wire.OwnOrganization])
	if err != nil {
		e.refuse(c, fmt.Errorf("list own organizations: %w", err))
		return
	}
	c.JSON(http.StatusOK, wire.Single{Data: own})
}

// organizationOrder are the orders that a list may be asked for.
var organizationOrder = map[string]string{
	"createdAt asc": "o.created_at, o.id", "createdAt desc": "o.created_at DESC, o.id DESC",
	"name asc": "lower(o.name), o.id", "name desc": "lower(o.name) DESC, o.id DESC",
}

// listOrganizations answers with one page of the caller's own organizations, never
// with those of others.
func (e *Edge) listOrganizations(c *gin.Context) {
	q := newQuery(c)
	page, search := q.paging(), q.text("search", 255)
	order := organizationOrder[q.oneOf("sortBy", "createdAt", "name")+" "+q.oneOf("sortOrder", "desc", "asc")]
	if err := q.err(); err != nil {
		e.refuse(c, err)
		return
	}
	const where = ` FROM organizations o WHERE o.deleted_at IS NULL AND ` + activeMember + `
  AND ($2 = '' OR strpos(lower(o.name), lower($2)) > 0 OR strpos(o.slug, lower($2)) > 0)`
	user := mustActor(c).UserID
	var total int64
	if err := e.cfg.Pool.QueryRow(c, `SELECT count(*)`+where, user, search).Scan(&total); err != nil {
		e.refuse(c, fmt.Errorf("count organizations: %w", err))
		return
	}
	rows, err := e.cfg.Pool.Query(c, `SELECT `+postgres.OrganizationColumns+where+` ORDER BY `+order+` LIMIT $3 OFFSET $4`,
		user, search, page.limit, page.offset())
	if err != nil {
		e.refuse(c, fmt.Errorf("list organizations: %w", err))
		return
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (wire.Organization, error) {
		o, err := postgres.ScanOrganization(row)
		return wire.OrganizationOf(o), err
	})
	if err != nil {
		e.refuse(c, fmt.Errorf("list organizations: %w", err))
		return
	}
	c.JSON(http.StatusOK, wire.Page(items, page.page, page.limit, total))
}
