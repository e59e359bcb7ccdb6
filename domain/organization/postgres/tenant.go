package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/postgres"
)

// Tenant is an organization that a user was checked against. Handlers get it from [Admit]
// only and use its id, so the organization that is used is the one that was checked.
type Tenant struct {
	Organization organization.Organization
	Authority    organization.Authority
}

// Admit returns an organization if the user belongs to it and, with manage, manages it; the
// platform owner always does. The membership is read from the database on every request, so
// a removal takes effect at once, with [organization.ErrNotMember].
func Admit(
	ctx context.Context, db postgres.RowQueryer, organizationID string, actor organization.Authority, manage bool,
) (Tenant, error) {
	t := Tenant{Authority: actor}
	var err error
	t.Organization, err = ScanOrganization(db.QueryRow(ctx, `SELECT `+OrganizationColumns+`, COALESCE(m.role, '')
FROM organizations o
LEFT JOIN organization_memberships m ON m.organization_id = o.id AND m.user_id = $2 AND m.status = 'active'
WHERE o.id = $1`, organizationID, actor.UserID), &t.Authority.Member)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Tenant{}, fmt.Errorf("read the organization: %w", err)
	}
	if err := t.Authority.Admit(t.Organization, manage); err != nil {
		return Tenant{}, err
	}
	return t, nil
}
