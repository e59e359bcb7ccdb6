package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/organization"
)

// Queryer is a pool or a transaction.
type Queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Tenant is an organization that a user was checked against. Handlers get it from [Admit]
// only and read no other organization's id: what was checked and what is used are the
// same.
type Tenant struct {
	Organization organization.Organization
	Authority    organization.Authority
}

// Admit returns an organization if the user belongs to it and, with manage, manages it; the
// platform's owner always does. The membership is read as it is now: a user who was removed
// a moment ago is rejected with [organization.ErrNotMember].
func Admit(
	ctx context.Context,
	db Queryer,
	organizationID string,
	actor organization.Authority,
	manage bool,
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
