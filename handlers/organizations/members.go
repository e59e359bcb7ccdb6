package organizations

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/organization"
	organizationstore "github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
)

// memberParam is a user in the path.
var memberParam = edge.UserIDParam("userId", "the member")

// memberRoutes are about who belongs to an organization. managed are the refusals of
// what its owners and admins do.
func (o *organizations) memberRoutes(managed []*domain.Error) []edge.Route {
	const members = "/api/organizations/:id/members"
	lead := append(
		[]*domain.Error{organization.ErrNotOwner, organization.ErrMemberNotFound, organization.ErrLastOwner},
		managed...)
	member := []edge.Response{edge.Data[Member](http.StatusOK)}
	own := []edge.Response{edge.Data[OwnMembership](http.StatusOK)}
	return []edge.Route{
		{
			Method:  "GET",
			Path:    members,
			Name:    "listMembers",
			Summary: "List the members of an organization",
			Notes:   "For members. Owners and admins see addresses, invitations and former members; the others see active members only.",
			Auth:    edge.Session(),
			Params: edge.PagedParams(
				edge.OptionalChoiceParam("role", memberRoles...),
				edge.OptionalChoiceParam("status", "active", "inactive", "invited"),
			),
			Responses: []edge.Response{edge.ListOf[Member]()},
			Errors:    tenantRefusals,
			Handle:    o.listMembers,
		},
		{
			Method:  "POST",
			Path:    members + "/invite",
			Name:    "inviteMember",
			Summary: "Invite the user who has an address",
			Notes: "For owners and admins; only owners invite admins. The user is asked by mail and is no member before they accept, " +
				"for which they have seven days.",
			Auth:      edge.Session(),
			Body:      organization.InviteMember{},
			Command:   organization.CommandInvite,
			Responses: []edge.Response{edge.Data[Member](http.StatusCreated)},
			Errors: append([]*domain.Error{
				organization.ErrNotOwner,
				organization.ErrUserNotFound,
				organization.ErrAlreadyMember,
				organization.ErrAlreadyInvited,
			}, managed...),
			Handle: o.inviteMember,
		},
		{
			Method:    "POST",
			Path:      members + "/accept",
			Name:      "acceptInvitation",
			Summary:   "Accept an invitation",
			Notes:     "Accepting again changes nothing.",
			Auth:      edge.Session(),
			Command:   organization.CommandAcceptInvitation,
			Responses: member,
			Errors:    []*domain.Error{organization.ErrInvitationNotFound, organization.ErrInvitationExpired},
			Handle:    edge.SendForID(organization.AcceptInvitation{}),
		},
		{
			Method:    "POST",
			Path:      members + "/decline",
			Name:      "declineInvitation",
			Summary:   "Decline an invitation",
			Auth:      edge.Session(),
			Command:   organization.CommandDeclineInvitation,
			Responses: []edge.Response{edge.NoContent},
			Errors:    []*domain.Error{organization.ErrInvitationNotFound},
			Handle:    edge.SendForID(organization.DeclineInvitation{}),
		},
		{
			Method:    "PATCH",
			Path:      members + "/:userId",
			Name:      "changeMemberRole",
			Summary:   "Give a member another role",
			Notes:     "For owners and admins. Only owners make or change owners and admins; nobody raises their own role.",
			Auth:      edge.Session(),
			Params:    []edge.Param{memberParam},
			Body:      organization.ChangeRole{},
			Command:   organization.CommandChangeMember,
			Responses: member,
			Errors:    append([]*domain.Error{organization.ErrOwnRole}, lead...),
			Handle:    o.changeMemberRole,
		},
		{
			Method:    "DELETE",
			Path:      members + "/:userId",
			Name:      "removeMember",
			Summary:   "Remove a member, withdraw an invitation, or leave",
			Notes:     "For owners and admins; only owners remove owners and admins. Members may remove themselves. It takes effect at once.",
			Auth:      edge.Session(),
			Params:    []edge.Param{memberParam},
			Command:   organization.CommandRemoveMember,
			Responses: []edge.Response{edge.NoContent},
			Errors:    lead,
			Handle:    o.removeMember,
		},
		{
			Method:    "GET",
			Path:      members + "/my-membership",
			Name:      "getMyMembership",
			Summary:   "Read the caller's place in an organization",
			Notes:     "All null without one.",
			Auth:      edge.Session(),
			Responses: own,
			Handle:    o.getOwnMembership,
		},
		{
			Method:    "GET",
			Path:      "/api/organizations/:id/my-membership",
			Name:      "getOwnMembership",
			Summary:   "Read the caller's place in an organization",
			Notes:     "All null without one.",
			Auth:      edge.Session(),
			Responses: own,
			Handle:    o.getOwnMembership,
		},
		{
			Method:    "GET",
			Path:      "/api/organizations/:id/membership/:userId",
			Name:      "getMembership",
			Summary:   "Tell another program a user's active place in an organization",
			Notes:     "All null without one.",
			Auth:      edge.WorkerSignature,
			Params:    []edge.Param{memberParam},
			Responses: []edge.Response{edge.Data[ActiveMembership](http.StatusOK)},
			Errors:    workersig.Refusals,
			Handle:    o.getMembership,
		},
	}
}

func (o *organizations) inviteMember(c *edge.Request) error {
	var request organization.InviteMember
	if err := c.Decode(&request); err != nil {
		return err
	}
	invitee, _, err := postgres.UserByEmail(c, o.cfg.Pool, request.Email, false)
	if err != nil {
		return err
	}
	return c.Send(c.UUID("id"), organization.Invite{UserID: invitee.ID, Role: request.Role})
}

func (o *organizations) changeMemberRole(c *edge.Request) error {
	var request organization.ChangeRole
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(c.UUID("id"), organization.ChangeMember{UserID: c.Text("userId"), Role: request.Role})
}

func (o *organizations) removeMember(c *edge.Request) error {
	if err := c.NoBody(); err != nil {
		return err
	}
	return c.Send(c.UUID("id"), organization.RemoveMember{UserID: c.Text("userId")})
}

func (o *organizations) listMembers(c *edge.Request) error {
	t, err := organizationstore.Admit(c, o.cfg.Pool, c.UUID("id"), organization.Authority{
		UserID:   c.Actor().UserID,
		Platform: organization.PlatformRole(c.Actor().Role),
	}, false)
	if err != nil {
		return err
	}
	managed := t.Authority.Manages()
	page, role, status := c.Page(), c.Text("role"), c.Text("status")
	if !managed {
		if status != "" && status != "active" {
			c.JSON(http.StatusOK, edge.Page[Member](nil, page.Number, page.Limit, 0))
			return nil
		}
		status = "active"
	}
	l := paging.List{From: "organization_memberships", Order: paging.By("created_at", paging.Time, "id", "asc")}
	l.Where.And("organization_id = $", t.Organization.ID)
	l.Where.AndIf("role = $", role)
	l.Where.AndIf("status = $", status)
	found, err := paging.Find(c, o.cfg.Pool, l, page)
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	rows, err := o.cfg.Pool.Query(
		c,
		`SELECT `+organizationstore.MemberColumns+`, u.name, u.email, COALESCE(u.avatar_url, u.image)
FROM organization_memberships m JOIN users u ON u.id = m.user_id
WHERE m.id = ANY($1::uuid[]) ORDER BY array_position($1::uuid[], m.id)`,
		found.IDs,
	)
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Member, error) {
		var p organization.Person
		m, err := organizationstore.ScanMember(row, &p.Name, &p.Email, &p.AvatarURL)
		return MemberOf(m, p, managed), err
	})
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	c.JSON(http.StatusOK, edge.PageOf(items, found))
	return nil
}

// membership reads a user's place in a live organization, the zero Membership when
// there is none.
func (o *organizations) membership(c *edge.Request, organizationID, userID string) (organization.Membership, error) {
	m, err := organizationstore.ScanMember(o.cfg.Pool.QueryRow(c, `SELECT `+organizationstore.MemberColumns+`
FROM organization_memberships m JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL
JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL
WHERE m.organization_id = $1 AND m.user_id = $2`, organizationID, userID))
	if errors.Is(err, pgx.ErrNoRows) {
		return organization.Membership{}, nil
	}
	if err != nil {
		return m, fmt.Errorf("read the membership: %w", err)
	}
	return m, nil
}

// getOwnMembership answers everybody: a foreign organization and one that does not
// exist look the same.
func (o *organizations) getOwnMembership(c *edge.Request) error {
	m, err := o.membership(c, c.UUID("id"), c.Actor().UserID)
	if err != nil {
		return err
	}
	return c.OK(OwnMembershipOf(m))
}

func (o *organizations) getMembership(c *edge.Request) error {
	m, err := o.membership(c, c.UUID("id"), c.Text("userId"))
	if err != nil {
		return err
	}
	var view ActiveMembership
	if m.Status == organization.Active {
		view.Role, view.JoinedAt = &m.Role, m.JoinedAt
	}
	return c.OK(view)
}
