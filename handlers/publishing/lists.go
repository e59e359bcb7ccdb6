package publishing

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
)

// The parameters of a creator's own list, and of that of an organization.
var (
	ownContentParams = edge.PagedParams(append([]edge.Param{
		edge.OptionalChoiceParam("status", "draft", "published", "archived"),
		edge.UUIDParam("organizationId"),
	}, listParams...)...)
	browseParams = edge.PagedParams(append([]edge.Param{
		edge.OptionalChoiceParam("status", "published"),
		edge.RequiredParam(edge.UUIDParam("organizationId")),
	}, listParams...)...)
)

var (
	contentTypeParam = edge.OptionalChoiceParam("contentType", "video", "audio", "written")
	listParams       = []edge.Param{
		contentTypeParam,
		edge.OptionalChoiceParam("accessType",
			"free", "paid", "followers", "subscribers", "team", "members", "private"),
		userParam("creatorId"),
		edge.TextParam("category", 100),
		edge.SearchParam(255),
		edge.ChoiceParam("sortBy", "createdAt", "updatedAt", "publishedAt", "title", "viewCount", "purchaseCount"),
		edge.ChoiceParam("sortOrder", "desc", "asc"),
	}
)

// userParam is the id of a user: letters and digits or, for older clients, a UUID.
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
func slugParam(name string, maxLength int) edge.Param {
	p := edge.TextParam(name, maxLength)
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

// Lists in the order of a count are read in content_stats, which repeats what most filters
// need. Filters by category and searches need the items as well.
const (
	countedContent = `(SELECT content_id AS id, * FROM content_stats) content`
	joinedContent  = `content JOIN content_stats s ON s.content_id = content.id`
)

// contentList returns a list in the order, and with the filters, that the client asks for.
// within is the column that selects the list's owner.
func contentList(c *edge.Request, within, owner string) paging.List {
	sortBy, direction := c.Text("sortBy"), c.Text("sortOrder")
	l := paging.List{From: "content", Counted: "content", Search: c.Text("search") != ""}
	l.Where.And("content."+within+" = $", owner)
	l.Where.AndIf("content.content_type = $", c.Text("contentType"))
	l.Where.AndIf("content.access_type = $", c.Text("accessType"))
	l.Where.AndIf("content.category = $", c.Text("category"))
	l.Where.AndIf("content.creator_id = $", c.Text("creatorId"))
	l.Where.AndIf(postgres.Matches, paging.Contains(c.Text("search")))

	key, of := "content.created_at", paging.Time
	switch sortBy {
	case "updatedAt":
		key = "content.updated_at"
	case "publishedAt":
		key = publishedLast(direction)
	case "title":
		key, of = "content.title", paging.Text
	case "viewCount", "purchaseCount":
		key, of = "content.view_count", paging.Int
		if sortBy == "purchaseCount" {
			key = "content.purchase_count"
		}
		l.From, l.Counted = countedContent, ""
		if c.Text("category") != "" || l.Search {
			l.From, key = joinedContent, "s"+strings.TrimPrefix(key, "content")
		}
	}
	l.Order = paging.By(key, of, "content.id", direction)
	return l
}

// publishedLast is the key of the order by date of publication; an item without one comes
// last in both directions.
func publishedLast(direction string) string {
	if direction == "desc" {
		return "COALESCE(content.published_at, timestamptz '0001-01-01 00:00Z')"
	}
	return "COALESCE(content.published_at, timestamptz '9999-01-01 00:00Z')"
}

// listOwnContent lists the caller's items.
func (p *publishing) listOwnContent(c *edge.Request) error {
	l := contentList(c, "creator_id", c.Actor().UserID)
	l.Where.Is("content.deleted_at IS NULL")
	l.Where.AndIf("content.status = $", c.Text("status"))
	l.Where.AndIf("content.organization_id = $::uuid", c.UUID("organizationId"))
	found, err := paging.Find(c, p.cfg.Pool, l, c.Page())
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

// browseContent lists the published items of an organization, as the public catalogue shows
// them. Private ones are listed for their creator and the organization's owners and admins.
func (p *publishing) browseContent(c *edge.Request) error {
	organizationID := c.UUID("organizationId")
	manages, err := p.manages(c, organizationID)
	if err != nil {
		return err
	}

	l := contentList(c, "organization_id", organizationID)
	if c.Text("sortBy") == "publishedAt" { // every published item has a date
		l.Order = paging.By("content.published_at", paging.Time, "content.id", c.Text("sortOrder"))
	}
	l.Where.Is(content.WherePublished("content"))
	if !manages {
		l.Where.And("(content.access_type <> 'private' OR content.creator_id = $)", c.Actor().UserID)
	}
	found, err := paging.Find(c, p.cfg.Pool, l, c.Page())
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

// manages reports whether the caller is an owner or an admin of an organization.
func (p *publishing) manages(c *edge.Request, organizationID string) (bool, error) {
	var role organization.Role
	err := p.cfg.Pool.QueryRow(c, `SELECT role FROM organization_memberships
		WHERE organization_id = $1 AND user_id = $2 AND status = 'active'`, organizationID, c.Actor().UserID).Scan(&role)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("read the membership: %w", err)
	}
	return organization.Authority{Member: role}.Manages(), nil
}
