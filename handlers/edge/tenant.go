package edge

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
)

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
// belongs to it and, with manage, manages it. The platform's owner always does. It is
// read with the user's place in it as they are now: who was removed a moment ago is
// refused.
func (e *Edge) pathTenant(c *Request, manage bool) (tenant, error) {
	actor := c.Actor()
	t := tenant{authority: identity.Authority{UserID: actor.UserID, Platform: identity.Role(actor.Role)}}
	var err error
	t.organization, err = postgres.ScanOrganization(e.cfg.Pool.QueryRow(c, `SELECT `+postgres.OrganizationColumns+`, COALESCE(m.role, '')
FROM organizations o LEFT JOIN organization_memberships m ON m.organization_id = o.id AND m.user_id = $2 AND m.status = 'active'
WHERE o.id = $1`, c.UUID("id"), actor.UserID), &t.authority.Member)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return tenant{}, fmt.Errorf("read the organization: %w", err)
	}
	if err := t.authority.Admit(t.organization, manage); err != nil {
		return tenant{}, err
	}
	return t, nil
}
