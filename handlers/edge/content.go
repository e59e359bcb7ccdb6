package edge

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
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
			Who: withSession(creators...), Body: content.Create{}, MaxBody: maxContentBytes, Command: true, Answers: []Answer{single[wire.Content](http.StatusCreated)},
			Notes:    accessNotes,
			Refusals: []*domain.Error{content.ErrMediaNotFound, content.ErrMediaType, content.ErrSlugTaken, content.ErrOrganization}, Handle: e.createContent,
		},
		Route{
			Method: "GET", Path: "/api/content", Name: "listOwnContent", Summary: "List what the caller made",
			Who: withSession(), Params: ownContentParams, Answers: []Answer{listOf[wire.Content]()}, Handle: e.listOwnContent,
		},
		Route{
			Method: "GET", Path: "/api/content/check-slug/:slug", Name: "checkContentSlug", Summary: "Say whether a slug is free",
			Who: withSession(), Params: []Param{slugParam("slug", 500), uuidParam("organizationId"), uuidParam("excludeContentId")},
			Answers: []Answer{single[wire.Availability](http.StatusOK)}, Handle: e.checkContentSlug,
		},
		Route{
			Method: "GET", Path: "/api/content/browse", Name: "browseContent", Summary: "List what all creators of an organization published",
			Notes: "Everybody sees what the public catalogue shows; private items only their creator and the organization's management.",
			Who:   withSession(), Params: browseParams, Answers: []Answer{listOf[wire.PublicContent]()}, Handle: e.browseContent,
		},
		Route{
			Method: "GET", Path: "/api/content/:id", Name: "getContent", Summary: "Read one of the caller's items",
			Who: withSession(), Answers: []Answer{single[wire.OwnContent](http.StatusOK)},
			Refusals: []*domain.Error{content.ErrNotFound}, Handle: e.getOwnContent,
		},
		Route{
			Method: "PATCH", Path: "/api/content/:id", Name: "updateContent", Summary: "Change the fields that are given",
			Who: withSession(creators...), Body: content.Update{}, MaxBody: maxContentBytes, Command: true, Answers: []Answer{single[wire.Content](http.StatusOK)},
			Notes: accessNotes,
			Refusals: []*domain.Error{
				content.ErrNotFound, content.ErrMediaNotFound, content.ErrMediaType, content.ErrSlugTaken,
				content.ErrMediaNotReady, content.ErrPayouts, content.ErrOrganization,
			},
			Handle: e.updateContent,
		},
		Route{
			Method: "POST", Path: "/api/content/:id/publish", Name: "publishContent", Summary: "Make an item live",
			Who: withSession(creators...), Command: true, Answers: []Answer{single[wire.Content](http.StatusOK)},
			Refusals: []*domain.Error{content.ErrNotFound, content.ErrMediaNotFound, content.ErrMediaNotReady, content.ErrPayouts, content.ErrOrganization},
			Handle:   e.change("content.publish", content.Publish{}),
		},
		Route{
			Method: "POST", Path: "/api/content/:id/unpublish", Name: "unpublishContent", Summary: "Turn a live item back into a draft",
			Who: withSession(creators...), Command: true, Answers: []Answer{single[wire.Content](http.StatusOK)},
			Refusals: []*domain.Error{content.ErrNotFound}, Handle: e.change("content.unpublish", content.Unpublish{}),
		},
		Route{
			Method: "DELETE", Path: "/api/content/:id", Name: "deleteContent", Summary: "End an item; its buyers keep their purchases",
			Who: withSession(creators...), Limit: limitStrict, Command: true, Answers: []Answer{noContent},
			Refusals: []*domain.Error{content.ErrNotFound}, Handle: e.change("content.delete", content.Delete{}),
		},
	)
}

const accessNotes = "Who may see an item is said by accessType, or by the older visibility; both are answered. " +
	"visibility public is free without a price and paid with one, purchased_only is paid, members_only is members, private is private. " +
	"Where both are given they must agree: members_only with members, followers, subscribers or team."

// maxContentBytes is what an item of 500 000 characters needs when each of them is
// written as an escaped pair, and everything else with it.
const maxContentBytes = 12*500_000 + maxJSONBytes

func (e *Edge) createContent(c *gin.Context) error {
	var request content.Create
	if err := decode(c, &request); err != nil {
		return err
	}
	return e.apply(c, "content.create", newID(), request)
}

func (e *Edge) updateContent(c *gin.Context) error {
	var request content.Update
	if err := decode(c, &request); err != nil {
		return err
	}
	return e.apply(c, "content.update", paramsOf(c).uuid("id"), request)
}

// change serves a command that takes no input but the path's id.
func (e *Edge) change(typ string, payload any) func(*gin.Context) error {
	return func(c *gin.Context) error {
		if err := noBody(c); err != nil {
			return err
		}
		return e.apply(c, typ, paramsOf(c).uuid("id"), payload)
	}
}

// checkContentSlug says whether the caller could give an item a slug. Of drafts it
// speaks only to those who publish in the organization.
func (e *Edge) checkContentSlug(c *gin.Context) error {
	q := paramsOf(c)
	scope := content.ScopeOf(mustActor(c).UserID, q.uuid("organizationId"))
	var taken bool
	err := e.cfg.Pool.QueryRow(c, `
SELECT EXISTS (SELECT FROM content WHERE slug_scope = COALESCE(NULLIF($2, ''), $3) AND slug = $1
    AND id IS DISTINCT FROM NULLIF($4, '')::uuid
    AND ($2 = '' OR status = 'published' OR EXISTS (SELECT FROM organization_memberships m
         WHERE m.organization_id = content.organization_id AND m.user_id = $3 AND m.status = 'active' AND m.role IN ('owner', 'admin', 'creator'))))`,
		strings.ToLower(q.text("slug")), scope.OrganizationID, mustActor(c).UserID, q.uuid("excludeContentId")).Scan(&taken)
	if err != nil {
		return fmt.Errorf("check slug: %w", err)
	}
	c.JSON(http.StatusOK, wire.Single{Data: wire.Availability{Available: !taken}})
	return nil
}

var (
	contentTypes     = []string{"video", "audio", "written"}
	accessTypes      = []string{"free", "paid", "followers", "subscribers", "team", "members", "private"}
	ownContentParams = pagedWith(
		optionalParam("status", "draft", "published", "archived"), optionalParam("contentType", contentTypes...),
		optionalParam("accessType", accessTypes...), uuidParam("organizationId"), userParam("creatorId"), textParam("category", 100), searchParam(255),
		oneOfParam("sortBy", "createdAt", "updatedAt", "publishedAt", "title", "viewCount", "purchaseCount"),
		oneOfParam("sortOrder", "desc", "asc"),
	)
)

// contentMatches is the condition of a search for content.
const contentMatches = `(content.title ILIKE $ OR content.description ILIKE $)`

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
func (e *Edge) listOwnContent(c *gin.Context) error {
	q := paramsOf(c)
	l := contentList(q.text("sortBy"), q.text("sortOrder"), "creator_id", mustActor(c).UserID, q.text("category")+q.text("search") != "")
	l.Search = q.text("search") != ""
	l.Where.Is("content.deleted_at IS NULL")
	l.Where.AndIf("content.status = $", q.text("status"))
	l.Where.AndIf("content.content_type = $", q.text("contentType"))
	l.Where.AndIf("content.access_type = $", q.text("accessType"))
	l.Where.AndIf("content.organization_id = $::uuid", q.uuid("organizationId"))
	l.Where.AndIf("content.category = $", q.text("category"))
	l.Where.AndIf("content.creator_id = $", q.text("creatorId"))
	l.Where.AndIf(contentMatches, paging.Contains(q.text("search")))
	found, err := paging.Find(c, e.cfg.Pool, l, q.page())
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
