package organizations

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/organization"
	organizationstore "github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
)

var userIDPattern = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)

// userIDParam is a user's id in the path: they are no UUIDs.
var userIDParam = edge.Param{Name: "userId", Check: func(v string) string {
	if !userIDPattern.MatchString(v) {
		return "must have 1 to 64 letters and digits"
	}
	return ""
}}

// memberRoutes are about who belongs to an organization. managed are the refusals of
// what its owners and admins do.
func (e *edge.Edge) memberRoutes(managed []*domain.Error) []edge.Route {
	const members = "/api/organizations/:id/members"
	lead := append([]*domain.Error{organization.ErrNotOwner, organization.ErrMemberNotFound, organization.ErrLastOwner}, managed...)
	member := []edge.Response{edge.Data[Member](http.StatusOK)}
	own := []edge.Response{edge.Data[OwnMembership](http.StatusOK)}
	return []edge.Route{
		{
			Method: "GET", Path: members, Name: "listMembers", Summary: "List the members of an organization",
			Notes:     "For members. Owners and admins see addresses, invitations and former members; the others see active members only.",
			Auth:      edge.Session(),
			Params:    edge.PagedParams(edge.OptionalChoiceParam("role", memberRoles...), edge.OptionalChoiceParam("status", "active", "inactive", "invited")),
			Responses: []edge.Response{edge.ListOf[Member]()}, Errors: tenantRefusals, Handle: e.listMembers,
		},
		{
			Method: "POST", Path: members + "/invite", Name: "inviteMember", Summary: "Invite the user who has an address",
			Notes: "For owners and admins; only owners invite admins. The user is asked by mail and is no member before they accept, " +
				"for which they have seven days.",
			Auth: edge.Session(), Body: organization.InviteMember{}, Command: organization.CommandInvite, Responses: []edge.Response{edge.Data[Member](http.StatusCreated)},
			Errors: append([]*domain.Error{
				organization.ErrNotOwner, organization.ErrUserNotFound, organization.ErrAlreadyMember, organization.ErrAlreadyInvited,
			}, managed...),
			Handle: e.inviteMember,
		},
		{
			Method: "POST", Path: members + "/accept", Name: "acceptInvitation", Summary: "Accept an invitation",
			Notes: "Accepting again changes nothing.", Auth: edge.Session(), Command: organization.CommandAcceptInvitation, Responses: member,
			Errors: []*domain.Error{organization.ErrInvitationNotFound, organization.ErrInvitationExpired},
			Handle: edge.SendForID(organization.AcceptInvitation{}),
		},
		{
			Method: "POST", Path: members + "/decline", Name: "declineInvitation", Summary: "Decline an invitation",
			Auth: edge.Session(), Command: organization.CommandDeclineInvitation, Responses: []edge.Response{edge.NoContent},
			Errors: []*domain.Error{organization.ErrInvitationNotFound},
			Handle: edge.SendForID(organization.DeclineInvitation{}),
		},
		{
			Method: "PATCH", Path: members + "/:userId", Name: "changeMemberRole", Summary: "Give a member another role",
			Notes: "For owners and admins. Only owners make or change owners and admins; nobody raises their own role.",
			Auth:  edge.Session(), Params: []edge.Param{userIDParam}, Body: organization.ChangeRole{}, Command: organization.CommandChangeMember, Responses: member,
			Errors: append([]*domain.Error{organization.ErrOwnRole}, lead...), Handle: e.changeMemberRole,
		},
		{
			Method: "DELETE", Path: members + "/:userId", Name: "removeMember", Summary: "Remove a member, withdraw an invitation, or leave",
			Notes: "For owners and admins; only owners remove owners and admins. Members may remove themselves. It takes effect at once.",
			Auth:  edge.Session(), Params: []edge.Param{userIDParam}, Command: organization.CommandRemoveMember, Responses: []edge.Response{edge.NoContent},
			Errors: lead, Handle: e.removeMember,
		},
		{
			Method: "GET", Path: members + "/my-membership", Name: "getMyMembership", Summary: "Read the caller's place in an organization",
			Notes: "All null without one.", Auth: edge.Session(), Responses: own, Handle: e.getOwnMembership,
		},
		{
			Method: "GET", Path: "/api/organizations/:id/my-membership", Name: "getOwnMembership",
			Summary: "Read the caller's place in an organization", Notes: "All null without one.",
			Auth: edge.Session(), Responses: own, Handle: e.getOwnMembership,
		},
		{
			Method: "GET", Path: "/api/organizations/:id/membership/:userId", Name: "getMembership",
			Summary: "Tell another program a user's active place in an organization", Notes: "All null without one.",
			Auth: edge.WorkerSignature, Params: []edge.Param{userIDParam}, Responses: []edge.Response{edge.Data[ActiveMembership](http.StatusOK)},
			Errors: workersig.Refusals, Handle: e.getMembership,
		},
	}
}

func (e *edge.Edge) inviteMember(c *edge.Request) error {
	var request organization.InviteMember
	if err := c.Decode(&request); err != nil {
		return err
	}
	invitee, _, err := postgres.UserByEmail(c, e.cfg.Pool, request.Email, false)
	if err != nil {
		return err
	}
	return c.Send(c.UUID("id"), organization.Invite{UserID: invitee.ID, Role: request.Role})
}

func (e *edge.Edge) changeMemberRole(c *edge.Request) error {
	var request organization.ChangeRole
	if err := c.Decode(&request); err != nil {
		return err
	}
	q := c
	return c.Send(q.UUID("id"), organization.ChangeMember{UserID: q.Text("userId"), Role: request.Role})
}

func (e *edge.Edge) removeMember(c *edge.Request) error {
	if err := c.NoBody(); err != nil {
		return err
	}
	q := c
	return c.Send(q.UUID("id"), organization.RemoveMember{UserID: q.Text("userId")})
}

func (e *edge.Edge) listMembers(c *edge.Request) error {
	t, err := e.pathTenant(c, false)
	if err != nil {
		return err
	}
	q, managed := c, t.Authority.Manages()
	page, role, status := q.Page(), q.Text("role"), q.Text("status")
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
	found, err := paging.Find(c, e.cfg.Pool, l, page)
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	rows, err := e.cfg.Pool.Query(c, `SELECT `+organizationstore.MemberColumns+`, u.name, u.email, COALESCE(u.avatar_url, u.image)
FROM organization_memberships m JOIN users u ON u.id = m.user_id
WHERE m.id = ANY($1::uuid[]) ORDER BY array_position($1::uuid[], m.id)`, found.IDs)
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
func (e *edge.Edge) membership(c *edge.Request, organizationID, userID string) (organization.Membership, error) {
	m, err := organizationstore.ScanMember(e.cfg.Pool.QueryRow(c, `SELECT `+organizationstore.MemberColumns+`
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
func (e *edge.Edge) getOwnMembership(c *edge.Request) error {
	m, err := e.membership(c, c.UUID("id"), c.Actor().UserID)
	if err != nil {
		return err
	}
	return c.OK(OwnMembershipOf(m))
}

func (e *edge.Edge) getMembership(c *edge.Request) error {
	q := c
	m, err := e.membership(c, q.UUID("id"), q.Text("userId"))
	if err != nil {
		return err
	}
	var view ActiveMembership
	if m.Status == organization.Active {
		view.Role, view.JoinedAt = &m.Role, m.JoinedAt
	}
	return c.OK(view)
}
