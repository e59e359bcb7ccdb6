package edge

import (
	"errors"
	"fmt"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/organization/postgres"
)

// tenant is an organization that the signed-in user was checked against. A handler
// gets it from tenant functions only and reads no other organization's id: what was
// checked and what is used are the same.
type tenant struct {
	organization organization.Organization
	authority    organization.Authority
}

// tenantRefusals are what routes that need a tenant add to their refusals.
var tenantRefusals = []*domain.Error{organization.ErrNotMember, organization.ErrOrganizationNotFound}

// pathTenant returns the organization that the path names, if the signed-in user
// belongs to it and, with manage, manages it. The platform's owner always does. It is
// read with the user's place in it as they are now: who was removed a moment ago is
// refused.
func (e *Edge) pathTenant(c *gin.Context, manage bool) (tenant, error) {
	actor := mustActor(c)
	t := tenant{authority: organization.Authority{UserID: actor.UserID, Platform: organization.PlatformRole(actor.Role)}}
	var err error
	t.organization, err = postgres.ScanOrganization(e.cfg.Pool.QueryRow(c, `SELECT `+postgres.OrganizationColumns+`, COALESCE(m.role, '')
FROM organizations o LEFT JOIN organization_memberships m ON m.organization_id = o.id AND m.user_id = $2 AND m.status = 'active'
WHERE o.id = $1`, paramsOf(c).uuid("id"), actor.UserID), &t.authority.Member)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return tenant{}, fmt.Errorf("read the organization: %w", err)
	}
	if err := t.authority.Admit(t.organization, manage); err != nil {
		return tenant{}, err
	}
	return t, nil
}
