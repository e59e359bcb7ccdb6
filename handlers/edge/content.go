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
			Handle:   e.change(content.CommandPublish, content.Publish{}),
		},
		Route{
			Method: "POST", Path: "/api/content/:id/unpublish", Name: "unpublishContent", Summary: "Turn a live item back into a draft",
			Who: withSession(creators...), Command: true, Answers: []Answer{single[wire.Content](http.StatusOK)},
			Refusals: []*domain.Error{content.ErrNotFound}, Handle: e.change(content.CommandUnpublish, content.Unpublish{}),
		},
		Route{
			Method: "DELETE", Path: "/api/content/:id", Name: "deleteContent", Summary: "End an item; its buyers keep their purchases",
			Who: withSession(creators...), Limit: limitStrict, Command: true, Answers: []Answer{noContent},
			Refusals: []*domain.Error{content.ErrNotFound}, Handle: e.change(content.CommandDelete, content.Delete{}),
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
	return e.apply(c, content.CommandCreate, newID(), request)
}

func (e *Edge) updateContent(c *gin.Context) error {
	var request content.Update
	if err := decode(c, &request); err != nil {
		return err
	}
	return e.apply(c, content.CommandUpdate, paramsOf(c).uuid("id"), request)
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
	contentTypes = []string{"video", "audio", "written"}
	accessTypes  = []string{"free", "paid", "followers", "subscribers", "team", "members", "private"}
	sortColumns  = map[string]string{
		"createdAt": "created_at", "updatedAt": "updated_at", "publishedAt": "published_at",
		"title": "title", "viewCount": "view_count", "purchaseCount": "purchase_count",
	}
	ownContentParams = pagedWith(
		optionalParam("status", "draft", "published", "archived"), optionalParam("contentType", contentTypes...),
		optionalParam("accessType", accessTypes...), uuidParam("organizationId"), userParam("creatorId"), textParam("category", 100), textParam("search", 255),
		oneOfParam("sortBy", "createdAt", "updatedAt", "publishedAt", "title", "viewCount", "purchaseCount"),
		oneOfParam("sortOrder", "desc", "asc"),
	)
)

// listOwnContent lists what the caller made.
func (e *Edge) listOwnContent(c *gin.Context) error {
	q := paramsOf(c)
	page, column, direction := q.paging(), sortColumns[q.text("sortBy")], q.text("sortOrder")
	owner := mustActor(c).UserID
	w := where{conditions: []string{"deleted_at IS NULL"}}
	w.and("creator_id = $", owner)
	w.andIf("status = $", q.text("status"))
	w.andIf("content_type = $", q.text("contentType"))
	of := listed{list: "content", owner: owner}
	var counted bool
	of.kind, counted = alone(kind(q.text("status"), q.text("contentType")), q.text("status") != "" || q.text("contentType") != "",
		filter{"access", q.text("accessType")}, filter{"category", q.text("category")}, filter{"organization", q.uuid("organizationId")})
	w.andIf("access_type = $", q.text("accessType"))
	w.andIf("organization_id = $::uuid", q.uuid("organizationId"))
	w.andIf("category = $", q.text("category"))
	w.andIf("creator_id = $", q.text("creatorId"))
	w.andIf("(title ILIKE $ OR description ILIKE $)", contains(q.text("search")))
	if !counted || q.text("creatorId") != "" || q.text("search") != "" {
		of = listed{}
	}
	at, err := e.placeBy(c, of, "created_at", column, direction, &w, "content", page)
	if err != nil {
		return err
	}
	var items []wire.Content
	if !at.empty() {
		w.from(column, direction, at)
		by := orderBy(column, direction)
		if column == "published_at" {
			by = orderBySome(column, direction)
		}
		from, args := w.page("content", by, at)
		rows, err := e.cfg.Pool.Query(c, `SELECT `+postgres.Columns+` FROM `+from, args...)
		if err != nil {
			return fmt.Errorf("list content: %w", err)
		}
		items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (wire.Content, error) {
			item, err := postgres.Scan(row)
			return wire.ContentOf(item), err
		})
		if err != nil {
			return fmt.Errorf("list content: %w", err)
		}
	}
	c.JSON(http.StatusOK, wire.Page(items, page.page, page.limit, at.total))
	return nil
}

// contains returns the LIKE pattern for text that contains s, "" for "".
func contains(s string) string {
	if s == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
