package organizations

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/organization"
	organizationstore "github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
)

func (o *organizations) inviteMember(c *edge.Request) error {
	var request organization.InviteMember
	if err := c.Decode(&request); err != nil {
		return err
	}
	invitee, _, err := postgres.UserByEmail(c, o.cfg.Pool, request.Email, false)
	if err != nil {
		return err
	}
	invite := organization.Invite{UserID: invitee.ID, Role: request.Role}
	cmd, err := c.NewCommand(organization.CommandInvite, c.Actor().UserID, c.UUID("id"), invite)
	if err != nil {
		return err
	}
	if c.IdempotencyKey() != "" {
		reply, found, err := c.Replay(cmd)
		if err != nil {
			return err
		}
		if found {
			c.WriteReply(reply)
			return nil
		}
	}
	if err := o.limitInvitations(c, request.Email); err != nil {
		return err
	}
	return c.SendCommand(cmd)
}

// limitInvitations counts an invitation of an address, whether or not it has an account. Only
// who may invite counts: others could use the recipient's limit up.
func (o *organizations) limitInvitations(c *edge.Request, email string) error {
	_, err := organizationstore.Admit(c, o.cfg.Pool, c.UUID("id"), organization.Authority{
		UserID:   c.Actor().UserID,
		Platform: organization.PlatformRole(c.Actor().Role),
	}, true)
	if err != nil {
		return err
	}
	key := ratelimit.KeyOf(postgres.Invitations, email)
	hits, end, err := ratelimit.Hit(c, o.cfg.Pool, key, organization.InvitationWindow, c.Now())
	if err == nil && hits > organization.InvitationsPerRecipient {
		rejection := *organization.ErrTooManyInvitations
		rejection.Context = map[string]any{"retryAfter": max(1, int64(end.Sub(c.Now()).Seconds()))}
		err = &rejection
	}
	return err
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
	rows, err := o.cfg.Pool.Query(c, `
SELECT `+organizationstore.MemberColumns+`, u.name, u.email, COALESCE(u.avatar_url, u.image)
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

// membership reads a user's membership of a live organization; the zero Membership when
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

// getOwnMembership needs no membership: the response is the same for an organization that
// the caller is not a member of and for one that does not exist.
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
