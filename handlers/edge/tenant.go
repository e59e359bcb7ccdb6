package edge

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
)

// errNoTenant refuses requests to routes about an organization that name none.
var errNoTenant = &domain.Error{
	Class: domain.Invalid, Reason: "ORG_CONTEXT_REQUIRED", Message: "Say which organization: by its own address or with organizationId",
}

// tenant is an organization that the signed-in user was checked against. A handler
// gets it from tenant functions only and reads no other organization's id: what was
// checked and what is used are the same.
type tenant struct {
	organization identity.Organization
	authority    identity.Authority
}

// tenantRefusals are what routes that need a tenant add to their refusals.
var tenantRefusals = []*domain.Error{identity.ErrNotMember, identity.ErrOrganizationNotFound}

// pathTenant returns the organization that the path names, if the signed-in user
// belongs to it and, with manage, manages it. The platform's owner always does.
func (e *Edge) pathTenant(c *gin.Context, manage bool) (tenant, error) {
	return e.readTenant(c, `o.id = $1`, paramsOf(c).uuid("id"), manage)
}

// hostTenant is pathTenant for routes without an organization in their path: its
// slug is the first label of the host, or the query says organizationId.
func (e *Edge) hostTenant(c *gin.Context, manage bool) (tenant, error) {
	if slug := e.hostSlug(c.Request.Host); slug != "" {
		return e.readTenant(c, `o.slug = $1 AND o.deleted_at IS NULL`, slug, manage)
	}
	values := c.Request.URL.Query()["organizationId"]
	if len(values) == 0 {
		return tenant{}, errNoTenant
	}
	id, err := uuid.Parse(values[0])
	if err != nil || len(values[0]) != 36 || len(values) > 1 {
		return tenant{}, domain.BadFields([]domain.Field{{Path: "organizationId", Message: "must be a UUID"}})
	}
	return e.readTenant(c, `o.id = $1`, id.String(), manage)
}

// hostSlug returns the slug that a host name begins with, "" when it is the
// platform's own or nobody's.
func (e *Edge) hostSlug(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	own := ""
	if u, err := url.Parse(e.cfg.PublicURL); err == nil {
		own = u.Hostname()
	}
	bases := []string{own}
	if e.cfg.Development {
		bases = append(bases, "localhost", "lvh.me")
	}
	for _, base := range bases {
		slug, is := strings.CutSuffix(host, "."+base)
		if base != "" && is && identity.BadSlug(slug) == "" {
			return slug
		}
	}
	return ""
}

// readTenant reads one organization and the user's place in it, as they are now:
// who was removed a moment ago is refused.
func (e *Edge) readTenant(c *gin.Context, which string, value any, manage bool) (tenant, error) {
	actor := mustActor(c)
	t := tenant{authority: identity.Authority{UserID: actor.UserID, Platform: identity.Role(actor.Role)}}
	var err error
	t.organization, err = postgres.ScanOrganization(e.cfg.Pool.QueryRow(c, `SELECT `+postgres.OrganizationColumns+`, COALESCE(m.role, '')
FROM organizations o LEFT JOIN organization_memberships m ON m.organization_id = o.id AND m.user_id = $2 AND m.status = 'active'
WHERE `+which, value, actor.UserID), &t.authority.Member)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return tenant{}, fmt.Errorf("read the organization: %w", err)
	}
	if err := t.authority.Admit(t.organization, manage); err != nil {
		return tenant{}, err
	}
	return t, nil
}
