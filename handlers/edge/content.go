package edge

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/handlers/paging"
	"github.com/codex-platform/codex/handlers/wire"
)

// ContentRoutes serves /api/content: what creators make, and the public catalogue.
type ContentRoutes struct{}

// Routes implements [Resource].
func (ContentRoutes) Routes(e *Edge) []Route {
	return append(e.catalogueRoutes(),
		Route{
			Method: "POST", Path: "/api/content", Name: "createContent", Summary: "Make a new draft",
			Auth: Session(Creators...), Body: content.Create{}, MaxBody: maxContentBytes, Command: content.CommandCreate, Responses: []Response{Data[wire.Content](http.StatusCreated)},
			Notes:  accessNotes,
			Errors: []*domain.Error{content.ErrMediaNotFound, content.ErrMediaType, content.ErrSlugTaken, content.ErrOrganization}, Handle: e.createContent,
		},
		Route{
			Method: "GET", Path: "/api/content", Name: "listOwnContent", Summary: "List what the caller made",
			Auth: Session(), Params: ownContentParams, Responses: []Response{ListOf[wire.Content]()}, Handle: e.listOwnContent,
		},
		Route{
			Method: "GET", Path: "/api/content/check-slug/:slug", Name: "checkContentSlug", Summary: "Say whether a slug is free",
			Auth: Session(), Params: []Param{slugParam("slug", 500), UUIDParam("organizationId"), UUIDParam("excludeContentId")},
			Responses: []Response{Data[wire.Availability](http.StatusOK)}, Handle: e.checkContentSlug,
		},
		Route{
			Method: "GET", Path: "/api/content/browse", Name: "browseContent", Summary: "List what all creators of an organization published",
			Notes: "Everybody sees what the public catalogue shows; private items only their creator and the organization's management.",
			Auth:  Session(), Params: browseParams, Responses: []Response{ListOf[wire.PublicContent]()}, Handle: e.browseContent,
		},
		Route{
			Method: "GET", Path: "/api/content/:id", Name: "getContent", Summary: "Read one of the caller's items",
			Auth: Session(), Responses: []Response{Data[wire.OwnContent](http.StatusOK)},
			Errors: []*domain.Error{content.ErrNotFound}, Handle: e.getOwnContent,
		},
		Route{
			Method: "PATCH", Path: "/api/content/:id", Name: "updateContent", Summary: "Change the fields that are given",
			Auth: Session(Creators...), Body: content.Update{}, MaxBody: maxContentBytes, Command: content.CommandUpdate, Responses: []Response{Data[wire.Content](http.StatusOK)},
			Notes: accessNotes,
			Errors: []*domain.Error{
				content.ErrNotFound, content.ErrMediaNotFound, content.ErrMediaType, content.ErrSlugTaken,
				content.ErrMediaNotReady, content.ErrPayouts, content.ErrOrganization,
			},
			Handle: e.updateContent,
		},
		Route{
			Method: "POST", Path: "/api/content/:id/publish", Name: "publishContent", Summary: "Make an item live",
			Auth: Session(Creators...), Command: content.CommandPublish, Responses: []Response{Data[wire.Content](http.StatusOK)},
			Errors: []*domain.Error{content.ErrNotFound, content.ErrMediaNotFound, content.ErrMediaNotReady, content.ErrPayouts, content.ErrOrganization},
			Handle: SendForID(content.Publish{}),
		},
		Route{
			Method: "POST", Path: "/api/content/:id/unpublish", Name: "unpublishContent", Summary: "Turn a live item back into a draft",
			Auth: Session(Creators...), Command: content.CommandUnpublish, Responses: []Response{Data[wire.Content](http.StatusOK)},
			Errors: []*domain.Error{content.ErrNotFound}, Handle: SendForID(content.Unpublish{}),
		},
		Route{
			Method: "DELETE", Path: "/api/content/:id", Name: "deleteContent", Summary: "End an item; its buyers keep their purchases",
			Auth: Session(Creators...), Limit: LimitStrict, Command: content.CommandDelete, Responses: []Response{NoContent},
			Errors: []*domain.Error{content.ErrNotFound}, Handle: SendForID(content.Delete{}),
		},
	)
}

const accessNotes = "Who may see an item is said by accessType, or by the older visibility; both are answered. " +
	"visibility public is free without a price and paid with one, purchased_only is paid, members_only is members, private is private. " +
	"Where both are given they must agree: members_only with members, followers, subscribers or team."

// maxContentBytes is what an item of 500 000 characters needs when each of them is
// written as an escaped pair, and everything else with it.
const maxContentBytes = 12*500_000 + MaxJSONBytes

func (e *Edge) createContent(c *Request) error {
	var request content.Create
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(NewID(), request)
}

func (e *Edge) updateContent(c *Request) error {
	var request content.Update
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(c.UUID("id"), request)
}

// checkContentSlug says whether the caller could give an item a slug. Of drafts it
// speaks only to those who publish in the organization.
func (e *Edge) checkContentSlug(c *Request) error {
	q := c
	scope := content.ScopeOf(c.Actor().UserID, q.UUID("organizationId"))
	var taken bool
	err := e.cfg.Pool.QueryRow(c, `
SELECT EXISTS (SELECT FROM content WHERE slug_scope = COALESCE(NULLIF($2, ''), $3) AND slug = $1
    AND id IS DISTINCT FROM NULLIF($4, '')::uuid
    AND ($2 = '' OR status = 'published' OR EXISTS (SELECT FROM organization_memberships m
         WHERE m.organization_id = content.organization_id AND m.user_id = $3 AND m.status = 'active' AND m.role IN ('owner', 'admin', 'creator'))))`,
		strings.ToLower(q.Text("slug")), scope.OrganizationID, c.Actor().UserID, q.UUID("excludeContentId")).Scan(&taken)
	if err != nil {
		return fmt.Errorf("check slug: %w", err)
	}
	return c.OK(wire.Availability{Available: !taken})
}

var (
	contentTypes     = []string{"video", "audio", "written"}
	accessTypes      = []string{"free", "paid", "followers", "subscribers", "team", "members", "private"}
	ownContentParams = PagedParams(
		OptionalChoiceParam("status", "draft", "published", "archived"), OptionalChoiceParam("contentType", contentTypes...),
		OptionalChoiceParam("accessType", accessTypes...), UUIDParam("organizationId"), userParam("creatorId"), TextParam("category", 100), SearchParam(255),
		ChoiceParam("sortBy", "createdAt", "updatedAt", "publishedAt", "title", "viewCount", "purchaseCount"),
		ChoiceParam("sortOrder", "desc", "asc"),
	)
)

// contentMatches is the condition of a search for content.
const contentMatches = `(content.title ILIKE $ OR content.description ILIKE $)`

// contentList is a list of content in an order that a client asks for. within is the column
// that selects the list's owner.
func contentList(sortBy, direction, within string) paging.List {
	l := paging.List{From: "content", Counted: "content"}
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
		l.From = "content JOIN content_stats s ON s.content_id = content.id AND s." + within + " = content." + within
		key, of = "s.view_count", paging.Int
		if sortBy == "purchaseCount" {
			key = "s.purchase_count"
		}
		l.Order = paging.By(key, of, "s.content_id", direction)
		return l
	}
	l.Order = paging.By(key, of, "content.id", direction)
	return l
}

// listOwnContent lists what the caller made.
func (e *Edge) listOwnContent(c *Request) error {
	q := c
	l := contentList(q.Text("sortBy"), q.Text("sortOrder"), "creator_id")
	l.Search = q.Text("search") != ""
	l.Where.Is("content.deleted_at IS NULL")
	l.Where.And("content.creator_id = $", c.Actor().UserID)
	l.Where.AndIf("content.status = $", q.Text("status"))
	l.Where.AndIf("content.content_type = $", q.Text("contentType"))
	l.Where.AndIf("content.access_type = $", q.Text("accessType"))
	l.Where.AndIf("content.organization_id = $::uuid", q.UUID("organizationId"))
	l.Where.AndIf("content.category = $", q.Text("category"))
	l.Where.AndIf("content.creator_id = $", q.Text("creatorId"))
	l.Where.AndIf(contentMatches, paging.Contains(q.Text("search")))
	found, err := paging.Find(c, e.cfg.Pool, l, q.Page())
	if err != nil {
		return fmt.Errorf("list content: %w", err)
	}
	rows, err := e.cfg.Pool.Query(c, contentByID, found.IDs)
	if err != nil {
		return fmt.Errorf("list content: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (wire.Content, error) {
		item, err := postgres.Scan(row)
		return wire.ContentOf(item), err
	})
	if err != nil {
		return fmt.Errorf("list content: %w", err)
	}
	c.JSON(http.StatusOK, wire.PageOf(items, found))
	return nil
}
