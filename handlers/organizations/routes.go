package organizations

import (
	"net/http"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/view"
)

// organizationSlug is an organization's slug in the path.
var organizationSlug = edge.Param{Name: "slug", Check: organization.MalformedSlug}

// memberParam is a user in the path.
var memberParam = edge.UserIDParam("userId", "the member")

// Errors that several routes declare.
var (
	notFound     = []*domain.Error{organization.ErrOrganizationNotFound}
	tenantErrors = []*domain.Error{organization.ErrNotMember, organization.ErrOrganizationNotFound}
	// managerErrors are the errors of routes for owners and admins, and ownerErrors those of
	// routes that change the roles of members.
	managerErrors = append([]*domain.Error{organization.ErrNotManager}, tenantErrors...)
	ownerErrors   = append([]*domain.Error{
		organization.ErrNotOwner, organization.ErrMemberNotFound, organization.ErrLastOwner,
	}, managerErrors...)
)

// tenantRoutes create and read organizations.
func (o *organizations) tenantRoutes() []edge.Route {
	creators := make([]string, len(organization.CreatorRoles))
	for i, role := range organization.CreatorRoles {
		creators[i] = string(role)
	}
	return []edge.Route{
		{
			Method:    "POST",
			Path:      "/api/organizations",
			Name:      "createOrganization",
			Summary:   "Create an organization, owned by the caller",
			Auth:      edge.Session(creators...),
			Body:      organization.CreateOrganization{},
			Command:   organization.CommandCreate,
			Responses: []edge.Response{edge.Data[Organization](http.StatusCreated)},
			Errors:    []*domain.Error{organization.ErrSlugTaken, organization.ErrMayNotCreate},
			Handle:    o.createOrganization,
		},
		{
			Method:  "GET",
			Path:    "/api/organizations",
			Name:    "listOrganizations",
			Summary: "List the caller's organizations",
			Notes:   "For the platform owner: all organizations.",
			Auth:    edge.Session(),
			Params: edge.PagedParams(
				edge.SearchParam(255),
				edge.ChoiceParam("sortBy", "createdAt", "name"),
				edge.ChoiceParam("sortOrder", "desc", "asc"),
			),
			Responses: []edge.Response{edge.ListOf[Organization]()},
			Handle:    o.listOrganizations,
		},
		{
			Method:    "GET",
			Path:      "/api/organizations/check-slug/:slug",
			Name:      "checkOrganizationSlug",
			Summary:   "Check whether a slug is available",
			Auth:      edge.Session(),
			Params:    []edge.Param{organizationSlug},
			Responses: []edge.Response{edge.Data[view.Availability](http.StatusOK)},
			Handle:    o.checkOrganizationSlug,
		},
		{
			Method:    "GET",
			Path:      "/api/organizations/slug/:slug",
			Name:      "getOrganizationBySlug",
			Summary:   "Get an organization by its slug",
			Auth:      edge.Session(),
			Params:    []edge.Param{organizationSlug},
			Responses: []edge.Response{edge.Data[Organization](http.StatusOK)},
			Errors:    notFound,
			Handle:    o.getOrganizationBySlug,
		},
		{
			Method:    "GET",
			Path:      "/api/organizations/my-organizations",
			Name:      "listMyOrganizations",
			Summary:   "List the caller's organizations with the role in each",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[[]OwnOrganization](http.StatusOK)},
			Handle:    o.listOwnOrganizations,
		},
		{
			Method:    "GET",
			Path:      "/api/organizations/:id",
			Name:      "getOrganization",
			Summary:   "Get an organization",
			Notes:     "The data is the same as that of the public page.",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[Organization](http.StatusOK)},
			Errors:    notFound,
			Handle:    o.getOrganization,
		},
	}
}

// managementRoutes update and delete organizations.
func (o *organizations) managementRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:    "PATCH",
			Path:      "/api/organizations/:id",
			Name:      "updateOrganization",
			Summary:   "Update an organization",
			Notes:     "For owners and admins.",
			Auth:      edge.Session(),
			Body:      organization.UpdateOrganization{},
			Command:   organization.CommandUpdate,
			Responses: []edge.Response{edge.Data[Organization](http.StatusOK)},
			Errors:    append([]*domain.Error{organization.ErrSlugTaken}, managerErrors...),
			Handle:    o.updateOrganization,
		},
		{
			Method:  "DELETE",
			Path:    "/api/organizations/:id",
			Name:    "deleteOrganization",
			Summary: "Delete an organization",
			Notes: "For owners and admins. All memberships end, and the slug is free again after 30 days. " +
				"Published content stays with its creators, and buyers keep their purchases.",
			Auth:      edge.Session(),
			Limit:     edge.LimitStrict,
			Command:   organization.CommandDelete,
			Responses: []edge.Response{edge.NoContent},
			Errors:    managerErrors,
			Handle:    edge.SendForID(organization.DeleteOrganization{}),
		},
	}
}

const members = "/api/organizations/:id/members"

// memberRoutes list members and invite new ones.
func (o *organizations) memberRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:  "GET",
			Path:    members,
			Name:    "listMembers",
			Summary: "List the members of an organization",
			Notes: "For members. Owners and admins see addresses, invitations and former members; the others see " +
				"active members only.",
			Auth: edge.Session(),
			Params: edge.PagedParams(
				edge.OptionalChoiceParam("role", memberRoles...),
				edge.OptionalChoiceParam("status", "active", "inactive", "invited"),
			),
			Responses: []edge.Response{edge.ListOf[Member]()},
			Errors:    tenantErrors,
			Handle:    o.listMembers,
		},
		{
			Method:  "POST",
			Path:    members + "/invite",
			Name:    "inviteMember",
			Summary: "Invite a user by e-mail address",
			Notes: "For owners and admins; only owners invite admins. The user gets a mail and becomes a member by accepting " +
				"the invitation within seven days. An address gets five invitations a day, from all organizations together. " +
				"Until it is accepted, nothing is shown of the user but the address.",
			Auth:      edge.Session(),
			Body:      organization.InviteMember{},
			Command:   organization.CommandInvite,
			Responses: []edge.Response{edge.Data[Member](http.StatusCreated)},
			Errors: append([]*domain.Error{
				organization.ErrNotOwner,
				organization.ErrUserNotFound,
				organization.ErrAlreadyMember,
				organization.ErrAlreadyInvited,
				organization.ErrTooManyInvitations,
			}, managerErrors...),
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
			Responses: []edge.Response{edge.Data[Member](http.StatusOK)},
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
	}
}

// roleRoutes change roles and end memberships.
func (o *organizations) roleRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:  "PATCH",
			Path:    members + "/:userId",
			Name:    "changeMemberRole",
			Summary: "Change a member's role",
			Notes: "For owners and admins. Only owners assign and change the roles owner and admin; members cannot raise " +
				"their own role.",
			Auth:      edge.Session(),
			Params:    []edge.Param{memberParam},
			Body:      organization.ChangeRole{},
			Command:   organization.CommandChangeMember,
			Responses: []edge.Response{edge.Data[Member](http.StatusOK)},
			Errors:    append([]*domain.Error{organization.ErrOwnRole}, ownerErrors...),
			Handle:    o.changeMemberRole,
		},
		{
			Method:  "DELETE",
			Path:    members + "/:userId",
			Name:    "removeMember",
			Summary: "Remove a member, withdraw an invitation, or leave",
			Notes: "For owners and admins; only owners remove owners and admins. Members may remove themselves. " +
				"It takes effect at once.",
			Auth:      edge.Session(),
			Params:    []edge.Param{memberParam},
			Command:   organization.CommandRemoveMember,
			Responses: []edge.Response{edge.NoContent},
			Errors:    ownerErrors,
			Handle:    o.removeMember,
		},
	}
}

// membershipRoutes read single memberships.
func (o *organizations) membershipRoutes() []edge.Route {
	own := edge.Route{
		Method:    "GET",
		Path:      members + "/my-membership",
		Name:      "getMyMembership",
		Summary:   "Get the caller's membership of an organization",
		Notes:     "All fields are null without one.",
		Auth:      edge.Session(),
		Responses: []edge.Response{edge.Data[OwnMembership](http.StatusOK)},
		Handle:    o.getOwnMembership,
	}
	same := own
	same.Path, same.Name = "/api/organizations/:id/my-membership", "getOwnMembership"
	return []edge.Route{
		own,
		same,
		{
			Method:    "GET",
			Path:      "/api/organizations/:id/membership/:userId",
			Name:      "getMembership",
			Summary:   "Get a user's active membership, for other programs of the installation",
			Notes:     "All fields are null without one.",
			Auth:      edge.WorkerSignature,
			Params:    []edge.Param{memberParam},
			Responses: []edge.Response{edge.Data[ActiveMembership](http.StatusOK)},
			Errors:    workersig.Errors,
			Handle:    o.getMembership,
		},
	}
}
