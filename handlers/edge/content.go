package edge

import (
	"fmt"
	"net/http"
	"strings"

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
	contentTypes = []string{"video", "audio", "written"}
	accessTypes  = []string{"free", "paid", "followers", "subscribers", "team", "members", "private"}
	sortColumns  = map[string]string{
		"createdAt": "created_at", "updatedAt": "updated_at", "publishedAt": "published_at",
		"title": "title", "viewCount": "view_count", "purchaseCount": "purchase_count",
	}
	ownContentParams = PagedParams(
		OptionalChoiceParam("status", "draft", "published", "archived"), OptionalChoiceParam("contentType", contentTypes...),
		OptionalChoiceParam("accessType", accessTypes...), UUIDParam("organizationId"), userParam("creatorId"), TextParam("category", 100), TextParam("search", 255),
		ChoiceParam("sortBy", "createdAt", "updatedAt", "publishedAt", "title", "viewCount", "purchaseCount"),
		ChoiceParam("sortOrder", "desc", "asc"),
	)
)

// listOwnContent lists what the caller made.
func (e *Edge) listOwnContent(c *Request) error {
	q := c
	page, column, direction := q.Page(), sortColumns[q.Text("sortBy")], q.Text("sortOrder")
	owner := c.Actor().UserID
	w := where{conditions: []string{"deleted_at IS NULL"}}
	w.and("creator_id = $", owner)
	w.andIf("status = $", q.Text("status"))
	w.andIf("content_type = $", q.Text("contentType"))
	of := listed{list: "content", owner: owner}
	var counted bool
	of.kind, counted = alone(kind(q.Text("status"), q.Text("contentType")), q.Text("status") != "" || q.Text("contentType") != "",
		filter{"access", q.Text("accessType")}, filter{"category", q.Text("category")}, filter{"organization", q.UUID("organizationId")})
	w.andIf("access_type = $", q.Text("accessType"))
	w.andIf("organization_id = $::uuid", q.UUID("organizationId"))
	w.andIf("category = $", q.Text("category"))
	w.andIf("creator_id = $", q.Text("creatorId"))
	w.andIf("(title ILIKE $ OR description ILIKE $)", contains(q.Text("search")))
	if !counted || q.Text("creatorId") != "" || q.Text("search") != "" {
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
