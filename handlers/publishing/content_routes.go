package publishing

import (
	"net/http"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/view"
)

// maxContentBytes is what an item of 500 000 characters takes when each of them is
// written as an escaped pair, and everything else with it.
const maxContentBytes = 12*500_000 + edge.MaxJSONBytes

const accessNotes = "accessType, or the older visibility, says who may see an item; responses have both. " +
	"visibility public is free without a price and paid with one, purchased_only is paid, members_only is members, " +
	"private is private. Where both are given they must agree: members_only with members, followers, subscribers or team."

// contentReads are the routes that read items with a session.
func (p *publishing) contentReads() []edge.Route {
	return []edge.Route{
		{
			Method:    "GET",
			Path:      "/api/content",
			Name:      "listOwnContent",
			Summary:   "List own content",
			Auth:      edge.Session(),
			Params:    ownContentParams,
			Responses: []edge.Response{edge.ListOf[Content]()},
			Handle:    p.listOwnContent,
		},
		{
			Method:  "GET",
			Path:    "/api/content/check-slug/:slug",
			Name:    "checkContentSlug",
			Summary: "Check whether a slug is free",
			Auth:    edge.Session(),
			Params: []edge.Param{
				slugParam("slug", 500),
				edge.UUIDParam("organizationId"),
				edge.UUIDParam("excludeContentId"),
			},
			Responses: []edge.Response{edge.Data[view.Availability](http.StatusOK)},
			Handle:    p.checkContentSlug,
		},
		{
			Method:  "GET",
			Path:    "/api/content/browse",
			Name:    "browseContent",
			Summary: "List an organization's published content",
			Notes: "Items are shown as the public catalogue shows them; private ones to their creator and to the " +
				"organization's owners and admins only.",
			Auth:      edge.Session(),
			Params:    browseParams,
			Responses: []edge.Response{edge.ListOf[PublicContent]()},
			Handle:    p.browseContent,
		},
		{
			Method:    "GET",
			Path:      "/api/content/:id",
			Name:      "getContent",
			Summary:   "Get one of the caller's items",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[OwnContent](http.StatusOK)},
			Errors:    []*domain.Error{content.ErrNotFound},
			Handle:    p.getOwnContent,
		},
	}
}

// contentWrites are the routes that change items. The commands decide whose item it is.
func (p *publishing) contentWrites() []edge.Route {
	return []edge.Route{
		{
			Method:    "POST",
			Path:      "/api/content",
			Name:      "createContent",
			Summary:   "Create draft",
			Notes:     accessNotes,
			Auth:      edge.Session(edge.Creators...),
			Body:      content.Create{},
			MaxBody:   maxContentBytes,
			Command:   content.CommandCreate,
			Responses: []edge.Response{edge.Data[Content](http.StatusCreated)},
			Errors: []*domain.Error{
				content.ErrMediaNotFound, content.ErrMediaType, content.ErrSlugTaken, content.ErrOrganization,
				domain.ErrQuota,
			},
			Handle: p.createContent,
		},
		{
			Method:    "PATCH",
			Path:      "/api/content/:id",
			Name:      "updateContent",
			Summary:   "Update content",
			Notes:     accessNotes,
			Auth:      edge.Session(edge.Creators...),
			Body:      content.Update{},
			MaxBody:   maxContentBytes,
			Command:   content.CommandUpdate,
			Responses: []edge.Response{edge.Data[Content](http.StatusOK)},
			Errors: []*domain.Error{
				content.ErrNotFound, content.ErrMediaNotFound, content.ErrMediaType, content.ErrSlugTaken,
				content.ErrMediaNotReady, content.ErrPayouts, content.ErrOrganization,
			},
			Handle: p.updateContent,
		},
		{
			Method:    "POST",
			Path:      "/api/content/:id/publish",
			Name:      "publishContent",
			Summary:   "Publish content",
			Auth:      edge.Session(edge.Creators...),
			Command:   content.CommandPublish,
			Responses: []edge.Response{edge.Data[Content](http.StatusOK)},
			Errors: []*domain.Error{
				content.ErrNotFound, content.ErrMediaNotFound, content.ErrMediaNotReady, content.ErrPayouts,
				content.ErrOrganization,
			},
			Handle: edge.SendForID(content.Publish{}),
		},
		{
			Method:  "POST",
			Path:    "/api/content/:id/unpublish",
			Name:    "unpublishContent",
			Summary: "Unpublish content",
			Notes: "For the creator, and for owners of the organization that it is published in. The item is a draft again, " +
				"and its open checkouts are closed. Its buyers keep it: it stays in their libraries and can be played.",
			Auth:      edge.Session(),
			Command:   content.CommandUnpublish,
			Responses: []edge.Response{edge.Data[Content](http.StatusOK)},
			Errors:    []*domain.Error{content.ErrNotFound, content.ErrNotCreator, content.ErrOrganization},
			Handle:    edge.SendForID(content.Unpublish{}),
		},
		{
			Method:    "DELETE",
			Path:      "/api/content/:id",
			Name:      "deleteContent",
			Summary:   "Delete content",
			Notes:     "Its buyers keep their purchases.",
			Auth:      edge.Session(edge.Creators...),
			Limit:     edge.LimitStrict,
			Command:   content.CommandDelete,
			Responses: []edge.Response{edge.NoContent},
			Errors:    []*domain.Error{content.ErrNotFound, content.ErrOrganization},
			Handle:    edge.SendForID(content.Delete{}),
		},
	}
}
