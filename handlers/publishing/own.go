package publishing

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	mediastore "github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
	"github.com/codex-platform/codex/handlers/view"
)

// getOwnContent answers the creator only, with everything that an item is edited
// with; to everyone else the item is not there.
func (p *publishing) getOwnContent(c *edge.Request) error {
	rows, err := p.cfg.Pool.Query(c, `SELECT `+postgres.Columns+` FROM content
		WHERE content.id = $1 AND creator_id = $2 AND deleted_at IS NULL`, c.UUID("id"), c.Actor().UserID)
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
	own := OwnContent{Content: contentOf(item)}
	if item.MediaItemID != "" {
		m, found, err := mediastore.Find(c, p.cfg.Pool, item.MediaItemID)
		if err != nil {
			return err
		}
		if shown := view.MediaOf(m); found && m.DeletedAt == nil {
			own.Media = &shown
		}
	}
	creators, err := p.publicCreators(c, []string{item.CreatorID})
	if err != nil {
		return err
	}
	own.Creator = creators[item.CreatorID]
	if item.OrganizationID != "" {
		organizations, err := p.publicOrganizations(c, []string{item.OrganizationID})
		if err != nil {
			return err
		}
		own.Organization = organizations[item.OrganizationID]
	}
	return c.OK(own)
}

// userParam is a user's id: letters and digits, or a UUID as clients of old have them.
func userParam(name string) edge.Param {
	p := edge.TextParam(name, 64)
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
func slugParam(name string, most int) edge.Param {
	p := edge.TextParam(name, most)
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
var browseParams = edge.PagedParams(
	edge.RequiredParam(edge.UUIDParam("organizationId")), edge.OptionalChoiceParam("status", "published"), edge.OptionalChoiceParam("contentType", contentTypes...),
	edge.OptionalChoiceParam("accessType", accessTypes...), userParam("creatorId"), edge.TextParam("category", 100), edge.SearchParam(255),
	edge.ChoiceParam("sortBy", "createdAt", "updatedAt", "publishedAt", "title", "viewCount", "purchaseCount"), edge.ChoiceParam("sortOrder", "desc", "asc"),
)

// browseContent lists what an organization's creators published. Items are shown as
// the public catalogue shows them, which is less than their creators see; private
// ones are there for their creator and the organization's management alone.
func (p *publishing) browseContent(c *edge.Request) error {
	q, actor := c, c.Actor()
	organization := q.UUID("organizationId")
	var manages bool
	err := p.cfg.Pool.QueryRow(c, `SELECT EXISTS (SELECT FROM organization_memberships
		WHERE organization_id = $1 AND user_id = $2 AND status = 'active' AND role IN ('owner', 'admin'))`,
		organization, actor.UserID).Scan(&manages)
	if err != nil {
		return fmt.Errorf("look up the membership: %w", err)
	}

	l := contentList(q.Text("sortBy"), q.Text("sortOrder"), "organization_id", organization, q.Text("category")+q.Text("search") != "")
	if q.Text("sortBy") == "publishedAt" { // everything here has a date
		l.Order = paging.By("content.published_at", paging.Time, "content.id", q.Text("sortOrder"))
	}
	l.Search = q.Text("search") != ""
	l.Where.Is(postgres.Published("content"))
	if !manages {
		l.Where.And("(content.access_type <> 'private' OR content.creator_id = $)", actor.UserID)
	}
	l.Where.AndIf("content.content_type = $", q.Text("contentType"))
	l.Where.AndIf("content.access_type = $", q.Text("accessType"))
	l.Where.AndIf("content.category = $", q.Text("category"))
	l.Where.AndIf("content.creator_id = $", q.Text("creatorId"))
	l.Where.AndIf(postgres.Matches, paging.Contains(q.Text("search")))
	found, err := paging.Find(c, p.cfg.Pool, l, q.Page())
	if err != nil {
		return fmt.Errorf("browse content: %w", err)
	}
	items, err := p.listed(c, found.IDs)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, edge.PageOf(items, found))
	return nil
}
