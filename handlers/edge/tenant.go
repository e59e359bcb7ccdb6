package edge

import (
	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/organization/postgres"
)

// tenantRefusals are what routes that need a tenant add to their refusals.
var tenantRefusals = []*domain.Error{organization.ErrNotMember, organization.ErrOrganizationNotFound}

// pathTenant returns the organization that the path names, if the signed-in user belongs to
// it and, with manage, manages it.
func (e *Edge) pathTenant(c *Request, manage bool) (postgres.Tenant, error) {
	actor := c.Actor()
	return postgres.Admit(c, e.cfg.Pool, c.UUID("id"), organization.Authority{
		UserID: actor.UserID, Platform: organization.PlatformRole(actor.Role),
	}, manage)
}
