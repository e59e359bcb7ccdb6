package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/organization"
)

// Roles are the roles of active memberships in organizations that exist. An organization has
// an entry of its own, without a user.
type Roles map[organization.MembershipKey]organization.Role

// MayPublish reports whether a user may publish in an organization.
func (r Roles) MayPublish(organizationID, userID string) bool {
	return r[organization.MembershipKey{OrganizationID: organizationID, UserID: userID}].Publishes()
}

// Owns reports whether a user is an owner of an organization.
func (r Roles) Owns(organizationID, userID string) bool {
	return r[organization.MembershipKey{OrganizationID: organizationID, UserID: userID}] == organization.Owner
}

// Live reports whether an organization exists.
func (r Roles) Live(organizationID string) bool {
	_, live := r[organization.MembershipKey{OrganizationID: organizationID}]
	return live
}

// CategoryFacts returns what a decision about a category of an organization ("" for none)
// rests on.
func (r Roles) CategoryFacts(userID, platformRole, organizationID string) content.CategoryFacts {
	role := r[organization.MembershipKey{OrganizationID: organizationID, UserID: userID}]
	return content.CategoryFacts{
		ActorID:   userID,
		ActorRole: platformRole,
		Member:    role != "",
		Manager:   organization.Authority{Member: role}.Manages(),
	}
}

// QueueRoles queues the read of the roles that users have in organizations: those named, and
// those that the named content items belong to.
func QueueRoles(b *pgx.Batch, organizations, users, contentIDs []string, found Roles) {
	queueRoles(b, "content", organizations, users, contentIDs, found)
}

// QueueCategoryRoles queues the read of the roles that users have in organizations: those
// named, and those that the named categories belong to.
func QueueCategoryRoles(b *pgx.Batch, organizations, users, categoryIDs []string, found Roles) {
	queueRoles(b, "categories", organizations, users, categoryIDs, found)
}

func queueRoles(b *pgx.Batch, table string, organizations, users, ids []string, found Roles) {
	b.Queue(`
SELECT o.id, COALESCE(m.user_id, ''), COALESCE(m.role, '')
FROM organizations o CROSS JOIN LATERAL (
    SELECT NULL AS user_id, NULL AS role
    UNION ALL
    SELECT user_id, role FROM organization_memberships
    WHERE organization_id = o.id AND user_id = ANY($2::text[]) AND status = 'active') m
WHERE o.id = ANY(COALESCE($1::uuid[], '{}') || ARRAY(
    SELECT organization_id FROM `+table+` WHERE id = ANY($3::uuid[]) AND organization_id IS NOT NULL))
  AND o.deleted_at IS NULL`,
		organizations, users, ids).Query(func(rows pgx.Rows) error {
		var key organization.MembershipKey
		var role organization.Role
		_, err := pgx.ForEachRow(rows, []any{&key.OrganizationID, &key.UserID, &role}, func() error {
			found[key] = role
			return nil
		})
		return err
	})
}
