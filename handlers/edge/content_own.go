package edge

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	mediastore "github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/handlers/paging"
	"github.com/codex-platform/codex/handlers/wire"
)

// getOwnContent answers the creator only, with everything that an item is edited
// with; to everyone else the item is not there.
func (e *Edge) getOwnContent(c *gin.Context) error {
	rows, err := e.cfg.Pool.Query(c, `SELECT `+postgres.Columns+` FROM content
		WHERE content.id = $1 AND creator_id = $2 AND deleted_at IS NULL`, paramsOf(c).uuid("id"), mustActor(c).UserID)
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
	c.JSON(http.StatusOK, wire.Single{Data: view})
	return nil
}

// userParam is a user's id: letters and digits, or a UUID as clients of old have them.
func userParam(name string) Param {
	p := textParam(name, 64)
	p.check = func(v string) string {
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
	p := textParam(name, most)
	p.check = func(v string) string {
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
var browseParams = pagedWith(
	required(uuidParam("organizationId")), optionalParam("status", "published"), optionalParam("contentType", contentTypes...),
	optionalParam("accessType", accessTypes...), userParam("creatorId"), textParam("category", 100), searchParam(255),
	oneOfParam("sortBy", "createdAt", "updatedAt", "publishedAt", "title", "viewCount", "purchaseCount"), oneOfParam("sortOrder", "desc", "asc"),
)

// browseContent lists what an organization's creators published. Items are shown as
// the public catalogue shows them, which is less than their creators see; private
// ones are there for their creator and the organization's management alone.
func (e *Edge) browseContent(c *gin.Context) error {
	q, actor := paramsOf(c), mustActor(c)
	organization := q.uuid("organizationId")
	var manages bool
	err := e.cfg.Pool.QueryRow(c, `SELECT EXISTS (SELECT FROM organization_memberships
		WHERE organization_id = $1 AND user_id = $2 AND status = 'active' AND role IN ('owner', 'admin'))`,
		organization, actor.UserID).Scan(&manages)
	if err != nil {
		return fmt.Errorf("look up the membership: %w", err)
	}

	l := contentList(q.text("sortBy"), q.text("sortOrder"), "organization_id", organization, q.text("category")+q.text("search") != "")
	if q.text("sortBy") == "publishedAt" { // everything here has a date
		l.Order = paging.By("content.published_at", paging.Time, "content.id", q.text("sortOrder"))
	}
	l.Search = q.text("search") != ""
	l.Where.Is(publishedForAll)
	if !manages {
		l.Where.And("(content.access_type <> 'private' OR content.creator_id = $)", actor.UserID)
	}
	l.Where.AndIf("content.content_type = $", q.text("contentType"))
	l.Where.AndIf("content.access_type = $", q.text("accessType"))
	l.Where.AndIf("content.category = $", q.text("category"))
	l.Where.AndIf("content.creator_id = $", q.text("creatorId"))
	l.Where.AndIf(contentMatches, paging.Contains(q.text("search")))
	found, err := paging.Find(c, e.cfg.Pool, l, q.page())
	if err != nil {
		return fmt.Errorf("browse content: %w", err)
	}
	items, err := e.publicContent(c, found.IDs)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, wire.PageOf(items, found))
	return nil
}
