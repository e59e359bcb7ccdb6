package organizations

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/handlers/edge"
)

// resources are what the responses to the commands of organizations and memberships show.
func (o *organizations) resources() []edge.Resource {
	return []edge.Resource{
		{
			Commands: []string{organization.CommandCreate, organization.CommandUpdate},
			Read:     o.readOrganization,
		},
		{
			Commands: []string{
				organization.CommandInvite, organization.CommandChangeMember, organization.CommandAcceptInvitation,
			},
			Read: o.readMember,
		},
	}
}

// readOrganization needs no membership, as [organizations.getOrganization].
func (o *organizations) readOrganization(r *edge.Request, id string) (any, error) {
	found, err := o.organization(r, id)
	if err != nil {
		return nil, err
	}
	return edge.Single{Data: OrganizationOf(found)}, nil
}

// memberID is the id of the resource that a membership is.
func memberID(m organization.Membership) string { return m.OrganizationID + "/" + m.UserID }

// readMember reads a membership for the members of its organization.
func (o *organizations) readMember(r *edge.Request, id string) (any, error) {
	organizationID, userID, _ := strings.Cut(id, "/")
	t, err := postgres.Admit(r, o.cfg.Pool, organizationID, organization.Authority{
		UserID:   r.Actor().UserID,
		Platform: organization.PlatformRole(r.Actor().Role),
	}, false)
	if err != nil {
		return nil, err
	}
	var p organization.Person
	m, err := postgres.ScanMember(o.cfg.Pool.QueryRow(r, `
SELECT `+postgres.MemberColumns+`, u.name, u.email, COALESCE(u.avatar_url, u.image)
FROM organization_memberships m JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL
WHERE m.organization_id = $1 AND m.user_id = $2`, organizationID, userID), &p.Name, &p.Email, &p.AvatarURL)
	managed := t.Authority.Manages()
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && !managed && m.Status != organization.Active:
		return nil, organization.ErrMemberNotFound
	case err != nil:
		return nil, fmt.Errorf("read the membership: %w", err)
	}
	return edge.Single{Data: MemberOf(m, p, managed)}, nil
}
