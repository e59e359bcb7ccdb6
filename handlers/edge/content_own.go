package edge

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	mediastore "github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/handlers/wire"
)

// getOwnContent answers the creator only, with everything that an item is edited
// with; to everyone else the item is not there.
func (e *Edge) getOwnContent(c *Request) error {
	rows, err := e.cfg.Pool.Query(c, `SELECT `+postgres.Columns+` FROM content
		WHERE id = $1 AND creator_id = $2 AND deleted_at IS NULL`, c.UUID("id"), c.Actor().UserID)
	if err != nil {
		return fmt.Errorf("read content: %w", err)
	}
	item, err := pgx.CollectOneRow(rows, postgres.Scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return content.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read content: %w", err)
	}
	view := wire.OwnContent{Content: wire.ContentOf(item)}
	if item.MediaItemID != "" {
		m, found, err := mediastore.Find(c, e.cfg.Pool, item.MediaItemID)
		if err != nil {
			return err
		}
		if shown := wire.MediaOf(m); found && m.DeletedAt == nil {
			view.Media = &shown
		}
	}
	creators, err := e.publicCreators(c, []string{item.CreatorID})
	if err != nil {
		return err
	}
	view.Creator = creators[item.CreatorID]
	if item.OrganizationID != "" {
		organizations, err := e.publicOrganizations(c, []string{item.OrganizationID})
		if err != nil {
			return err
		}
		view.Organization = organizations[item.OrganizationID]
	}
	return c.OK(view)
}

// userParam is a user's id: letters and digits, or a UUID as clients of old have them.
func userParam(name string) Param {
	p := TextParam(name, 64)
	p.Check = func(v string) string {
		for _, r := range v {
			if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' {
				return "must be the id of a user"
			}
		}
		return ""
	}
	return p
}

// slugParam is a slug, in any case.
func slugParam(name string, most int) Param {
	p := TextParam(name, most)
	p.Check = func(v string) string {
		order := content.Create{Slug: v}
		for _, bad := range order.Validate() {
			if bad.Path == "slug" {
				return bad.Message
			}
		}
		return ""
	}
	return p
}

// browseParams are those of a creator's own list; an organization must be named.
var browseParams = PagedParams(
	RequiredParam(UUIDParam("organizationId")), OptionalChoiceParam("status", "published"), OptionalChoiceParam("contentType", contentTypes...),
	OptionalChoiceParam("accessType", accessTypes...), userParam("creatorId"), TextParam("category", 100), TextParam("search", 255),
	ChoiceParam("sortBy", "createdAt", "updatedAt", "publishedAt", "title", "viewCount", "purchaseCount"), ChoiceParam("sortOrder", "desc", "asc"),
)

// browseContent lists what an organization's creators published. Items are shown as
// the public catalogue shows them, which is less than their creators see; private
// ones are there for their creator and the organization's management alone.
func (e *Edge) browseContent(c *Request) error {
	q, actor := c, c.Actor()
	organization := q.UUID("organizationId")
	// own: the caller has private items there, which nobody counted for them.
	var manages, own bool
	err := e.cfg.Pool.QueryRow(c, `SELECT EXISTS (SELECT FROM organization_memberships
		WHERE organization_id = $1 AND user_id = $2 AND status = 'active' AND role IN ('owner', 'admin')),
		EXISTS (SELECT FROM content WHERE creator_id = $2 AND organization_id = $1 AND access_type = 'private' AND deleted_at IS NULL)`,
		organization, actor.UserID).Scan(&manages, &own)
	if err != nil {
		return fmt.Errorf("look up the membership: %w", err)
	}
	w := where{conditions: []string{"status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL"}}
	w.and("organization_id = $::uuid", organization)
	seen := "all"
	switch {
	case manages:
	case own:
		w.and("(access_type <> 'private' OR creator_id = $)", actor.UserID)
	default:
		seen = "open"
		w.conditions = append(w.conditions, "access_type <> 'private'")
	}
	w.andIf("content_type = $", q.Text("contentType"))
	of := listed{list: "browse", owner: organization}
	within, counted := alone(kind(q.Text("contentType")), q.Text("contentType") != "", filter{"access", q.Text("accessType")}, filter{"category", q.Text("category")})
	of.kind = seen + "/" + within
	w.andIf("access_type = $", q.Text("accessType"))
	w.andIf("category = $", q.Text("category"))
	w.andIf("creator_id = $", q.Text("creatorId"))
	w.andIf("(title ILIKE $ OR description ILIKE $)", contains(q.Text("search")))
	if own && !manages || !counted || q.Text("creatorId") != "" || q.Text("search") != "" {
		of = listed{}
	}
	page, column, direction := q.Page(), sortColumns[q.Text("sortBy")], q.Text("sortOrder")
	at, err := e.placeBy(c, of, "created_at", column, direction, &w, "content", page)
	if err != nil {
		return err
	}
	var items []wire.PublicContent
	if !at.empty() {
		w.from(column, direction, at)
		from, args := w.page("content", orderBy(column, direction), at)
		if items, err = e.publicContent(c, from, args...); err != nil {
			return err
		}
	}
	c.JSON(http.StatusOK, wire.Page(items, page.page, page.limit, at.total))
	return nil
}
