package publishing

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	organizationstore "github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
	"github.com/codex-platform/codex/handlers/view"
)

func (p *publishing) contentRoutes() []edge.Route {
	return []edge.Route{
		{
			Method: "POST", Path: "/api/content", Name: "createContent", Summary: "Make a new draft",
			Auth: edge.Session(edge.Creators...), Body: content.Create{}, MaxBody: maxContentBytes, Command: content.CommandCreate, Responses: []edge.Response{edge.Data[Content](http.StatusCreated)},
			Notes:  accessNotes,
			Errors: []*domain.Error{content.ErrMediaNotFound, content.ErrMediaType, content.ErrSlugTaken, content.ErrOrganization}, Handle: p.createContent,
		},
		{
			Method: "GET", Path: "/api/content", Name: "listOwnContent", Summary: "List what the caller made",
			Auth: edge.Session(), Params: ownContentParams, Responses: []edge.Response{edge.ListOf[Content]()}, Handle: p.listOwnContent,
		},
		{
			Method: "GET", Path: "/api/content/check-slug/:slug", Name: "checkContentSlug", Summary: "Say whether a slug is free",
			Auth: edge.Session(), Params: []edge.Param{slugParam("slug", 500), edge.UUIDParam("organizationId"), edge.UUIDParam("excludeContentId")},
			Responses: []edge.Response{edge.Data[view.Availability](http.StatusOK)}, Handle: p.checkContentSlug,
		},
		{
			Method: "GET", Path: "/api/content/browse", Name: "browseContent", Summary: "List what all creators of an organization published",
			Notes: "Everybody sees what the public catalogue shows; private items only their creator and the organization's management.",
			Auth:  edge.Session(), Params: browseParams, Responses: []edge.Response{edge.ListOf[PublicContent]()}, Handle: p.browseContent,
		},
		{
			Method: "GET", Path: "/api/content/:id", Name: "getContent", Summary: "Read one of the caller's items",
			Auth: edge.Session(), Responses: []edge.Response{edge.Data[OwnContent](http.StatusOK)},
			Errors: []*domain.Error{content.ErrNotFound}, Handle: p.getOwnContent,
		},
		{
			Method: "PATCH", Path: "/api/content/:id", Name: "updateContent", Summary: "Change the fields that are given",
			Auth: edge.Session(edge.Creators...), Body: content.Update{}, MaxBody: maxContentBytes, Command: content.CommandUpdate, Responses: []edge.Response{edge.Data[Content](http.StatusOK)},
			Notes: accessNotes,
			Errors: []*domain.Error{
				content.ErrNotFound, content.ErrMediaNotFound, content.ErrMediaType, content.ErrSlugTaken,
				content.ErrMediaNotReady, content.ErrPayouts, content.ErrOrganization,
			},
			Handle: p.updateContent,
		},
		{
			Method: "POST", Path: "/api/content/:id/publish", Name: "publishContent", Summary: "Make an item live",
			Auth: edge.Session(edge.Creators...), Command: content.CommandPublish, Responses: []edge.Response{edge.Data[Content](http.StatusOK)},
			Errors: []*domain.Error{content.ErrNotFound, content.ErrMediaNotFound, content.ErrMediaNotReady, content.ErrPayouts, content.ErrOrganization},
			Handle: edge.SendForID(content.Publish{}),
		},
		{
			Method: "POST", Path: "/api/content/:id/unpublish", Name: "unpublishContent", Summary: "Turn a live item back into a draft",
			Auth: edge.Session(edge.Creators...), Command: content.CommandUnpublish, Responses: []edge.Response{edge.Data[Content](http.StatusOK)},
			Errors: []*domain.Error{content.ErrNotFound}, Handle: edge.SendForID(content.Unpublish{}),
		},
		{
			Method: "DELETE", Path: "/api/content/:id", Name: "deleteContent", Summary: "End an item; its buyers keep their purchases",
			Auth: edge.Session(edge.Creators...), Limit: edge.LimitStrict, Command: content.CommandDelete, Responses: []edge.Response{edge.NoContent},
			Errors: []*domain.Error{content.ErrNotFound}, Handle: edge.SendForID(content.Delete{}),
		},
	}
}

const accessNotes = "Who may see an item is said by accessType, or by the older visibility; both are answered. " +
	"visibility public is free without a price and paid with one, purchased_only is paid, members_only is members, private is private. " +
	"Where both are given they must agree: members_only with members, followers, subscribers or team."

// maxContentBytes is what an item of 500 000 characters needs when each of them is
// written as an escaped pair, and everything else with it.
const maxContentBytes = 12*500_000 + edge.MaxJSONBytes

func (p *publishing) createContent(c *edge.Request) error {
	var request content.Create
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(edge.NewID(), request)
}

func (p *publishing) updateContent(c *edge.Request) error {
	var request content.Update
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(c.UUID("id"), request)
}

// checkContentSlug says whether the caller could give an item a slug. Of drafts it
// speaks only to those who publish in the organization.
func (p *publishing) checkContentSlug(c *edge.Request) error {
	q := c
	scope := content.ScopeOf(c.Actor().UserID, q.UUID("organizationId"))
	var taken bool
	err := p.cfg.Pool.QueryRow(c, `
SELECT EXISTS (SELECT FROM content WHERE slug_scope = COALESCE(NULLIF($2, ''), $3) AND slug = $1
    AND id IS DISTINCT FROM NULLIF($4, '')::uuid
    AND ($2 = '' OR status = 'published' OR EXISTS (SELECT FROM organization_memberships m
         WHERE m.organization_id = content.organization_id AND m.user_id = $3 AND m.status = 'active' AND `+organizationstore.Publishes("m")+`)))`,
		strings.ToLower(q.Text("slug")), scope.OrganizationID, c.Actor().UserID, q.UUID("excludeContentId")).Scan(&taken)
	if err != nil {
		return fmt.Errorf("check slug: %w", err)
	}
	return c.OK(view.Availability{Available: !taken})
}

var (
	contentTypes     = []string{"video", "audio", "written"}
	accessTypes      = []string{"free", "paid", "followers", "subscribers", "team", "members", "private"}
	ownContentParams = edge.PagedParams(
		edge.OptionalChoiceParam("status", "draft", "published", "archived"), edge.OptionalChoiceParam("contentType", contentTypes...),
		edge.OptionalChoiceParam("accessType", accessTypes...), edge.UUIDParam("organizationId"), userParam("creatorId"), edge.TextParam("category", 100), edge.SearchParam(255),
		edge.ChoiceParam("sortBy", "createdAt", "updatedAt", "publishedAt", "title", "viewCount", "purchaseCount"),
		edge.ChoiceParam("sortOrder", "desc", "asc"),
	)
)

// Lists in the order of a count are read in content_stats, which repeats what most filters
// need. Filters by category and searches need the items as well.
const (
	countedContent = `(SELECT content_id AS id, * FROM content_stats) content`
	joinedContent  = `content JOIN content_stats s ON s.content_id = content.id`
)

// contentList is a list of content in an order that a client asks for. within is the column
// that selects the list's owner; joined says that a filter needs more than countedContent.
func contentList(sortBy, direction, within, owner string, joined bool) paging.List {
	l := paging.List{From: "content", Counted: "content"}
	l.Where.And("content."+within+" = $", owner)
	key, of := "content.created_at", paging.Time
	switch sortBy {
	case "updatedAt":
		key = "content.updated_at"
	case "publishedAt": // what has no date comes last
		key = "COALESCE(content.published_at, timestamptz '9999-01-01 00:00Z')"
		if direction == "desc" {
			key = "COALESCE(content.published_at, timestamptz '0001-01-01 00:00Z')"
		}
	case "title":
		key, of = "content.title", paging.Text
	case "viewCount", "purchaseCount":
		key, of = "content.view_count", paging.Int
		if sortBy == "purchaseCount" {
			key = "content.purchase_count"
		}
		l.From, l.Counted = countedContent, ""
		if joined {
			l.From, key = joinedContent, "s"+strings.TrimPrefix(key, "content")
		}
	}
	l.Order = paging.By(key, of, "content.id", direction)
	return l
}

// listOwnContent lists what the caller made.
func (p *publishing) listOwnContent(c *edge.Request) error {
	q := c
	l := contentList(q.Text("sortBy"), q.Text("sortOrder"), "creator_id", c.Actor().UserID, q.Text("category")+q.Text("search") != "")
	l.Search = q.Text("search") != ""
	l.Where.Is("content.deleted_at IS NULL")
	l.Where.AndIf("content.status = $", q.Text("status"))
	l.Where.AndIf("content.content_type = $", q.Text("contentType"))
	l.Where.AndIf("content.access_type = $", q.Text("accessType"))
	l.Where.AndIf("content.organization_id = $::uuid", q.UUID("organizationId"))
	l.Where.AndIf("content.category = $", q.Text("category"))
	l.Where.AndIf("content.creator_id = $", q.Text("creatorId"))
	l.Where.AndIf(postgres.Matches, paging.Contains(q.Text("search")))
	found, err := paging.Find(c, p.cfg.Pool, l, q.Page())
	if err != nil {
		return fmt.Errorf("list content: %w", err)
	}
	items, err := p.readContent(c, found.IDs)
	if err != nil {
		return err
	}
	views := make([]Content, len(items))
	for i, item := range items {
		views[i] = contentOf(item)
	}
	c.JSON(http.StatusOK, edge.PageOf(views, found))
	return nil
}
