package publishing

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
)

// maxPublicLimit is the largest page of the public catalogue; a higher limit means this one.
const maxPublicLimit = 50

var publicOrder = map[string]paging.Order{
	"newest": paging.By("content.published_at", paging.Time, "content.id", "desc"),
	"oldest": paging.By("content.published_at", paging.Time, "content.id", "asc"),
	"title":  paging.By("content.title", paging.Text, "content.id", "asc"),
}

var publicSort = edge.ChoiceParam("sort", "newest", "oldest", "title")

// publicPage are page, limit and cursor as the public catalogue takes them, and more.
func publicPage(more ...edge.Param) []edge.Param {
	paged := []edge.Param{
		edge.IntParam("page", 1, edge.MaxPage, 1),
		edge.IntParam("limit", 1, math.MaxInt32, edge.DefaultPageSize),
		edge.CursorParam,
	}
	return append(paged, more...)
}

// catalogueRoutes are the routes that need no session.
func (p *publishing) catalogueRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:  "GET",
			Path:    "/api/content/public",
			Name:    "listPublicContent",
			Summary: "List an organization's public content",
			Notes:   "Either orgId or slug names the organization.",
			Params: publicPage(
				edge.UUIDParam("orgId"),
				edge.TextParam("slug", 500),
				contentTypeParam,
				categoryParam,
				edge.SearchParam(255),
				userParam("creatorId"),
				edge.BoolParam("featured"),
				publicSort,
			),
			Responses: []edge.Response{edge.ListOf[PublicContent]()},
			Shared:    true,
			Handle:    p.listPublicContent,
		},
		{
			Method:    "GET",
			Path:      "/api/content/public/discover",
			Name:      "discoverContent",
			Summary:   "List public content of all creators",
			Params:    publicPage(contentTypeParam, edge.SearchParam(255), publicSort),
			Responses: []edge.Response{edge.ListOf[PublicContent]()},
			Shared:    true,
			Handle:    p.discoverContent,
		},
		{
			Method:    "GET",
			Path:      "/api/content/public/categories",
			Name:      "listPublicCategories",
			Summary:   "List the categories of an organization's public content",
			Params:    []edge.Param{edge.RequiredParam(edge.UUIDParam("orgId"))},
			Responses: []edge.Response{edge.ListOf[PublicCategory]()},
			Shared:    true,
			Handle:    p.listPublicCategories,
		},
		{
			Method:    "GET",
			Path:      "/api/content/public/:id",
			Name:      "getPublicContent",
			Summary:   "Get a public item",
			Notes:     "What must be paid for is left out.",
			Responses: []edge.Response{edge.Data[PublicContent](http.StatusOK)},
			Errors:    []*domain.Error{content.ErrNotFound},
			Shared:    true,
			Handle:    p.getPublicContent,
		},
	}
}

// listPublicContent lists one organization's public items.
func (p *publishing) listPublicContent(c *edge.Request) error {
	organization, slug := c.UUID("orgId"), c.Text("slug")
	if organization == "" && slug == "" {
		return domain.BadFields([]domain.Field{{Path: "orgId", Message: "orgId or slug is required"}})
	}
	if slug != "" {
		id, err := p.organizationOf(c, slug)
		if err != nil {
			return err
		}
		if id == "" || organization != "" && organization != id {
			page := publicPageOf(c)
			return writePublic(c, nil, paging.Found{Number: page.Number, Limit: page.Limit})
		}
		organization = id
	}

	l := publicList(c)
	l.Where.And("content.organization_id = $::uuid", organization)
	l.Where.AndIf("content.creator_id = $", c.Text("creatorId"))
	if featured := c.Bool("featured"); featured != nil {
		l.Where.And("content.featured = $", *featured)
	}
	if err := p.whereCategory(c, &l.Where, organization, strings.ToLower(c.Text("category"))); err != nil {
		return err
	}
	return p.listPublic(c, l)
}

// discoverContent lists the public items of all creators.
func (p *publishing) discoverContent(c *edge.Request) error { return p.listPublic(c, publicList(c)) }

// publicList returns the list of public items with the filters that both lists have.
func publicList(c *edge.Request) paging.List {
	l := paging.List{From: "content", Order: publicOrder[c.Text("sort")], Search: c.Text("search") != ""}
	l.Where.Is(content.WherePublic("content"))
	l.Where.AndIf("content.content_type = $", c.Text("contentType"))
	l.Where.AndIf(postgres.Matches, paging.Contains(c.Text("search")))
	return l
}

func publicPageOf(c *edge.Request) paging.Page {
	page := c.Page()
	page.Limit = min(page.Limit, maxPublicLimit)
	return page
}

func (p *publishing) listPublic(c *edge.Request, l paging.List) error {
	found, err := paging.Find(c, p.cfg.Pool, l, publicPageOf(c))
	if err != nil {
		return fmt.Errorf("list public content: %w", err)
	}
	items, err := p.listed(c, found.IDs)
	if err != nil {
		return err
	}
	return writePublic(c, items, found)
}

func writePublic(c *edge.Request, items []PublicContent, found paging.Found) error {
	c.JSON(http.StatusOK, edge.PageOf(items, found))
	return nil
}

// organizationOf returns the id of the organization with a slug, "" when there is none.
func (p *publishing) organizationOf(ctx context.Context, slug string) (id string, err error) {
	err = p.cfg.Pool.QueryRow(ctx, `SELECT id FROM organizations WHERE slug = $1 AND deleted_at IS NULL`, slug).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find the organization: %w", err)
	}
	return id, nil
}

func (p *publishing) getPublicContent(c *edge.Request) error {
	rows, err := p.cfg.Pool.Query(c, shownByID, c.UUID("id"))
	if err != nil {
		return fmt.Errorf("read public content: %w", err)
	}
	item, err := pgx.CollectExactlyOneRow(rows, scanShown)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return content.ErrNotFound
	case err != nil:
		return fmt.Errorf("read public content: %w", err)
	case !item.IsPublic():
		return content.ErrNotFound
	}
	return c.OK(publicContentOf(item))
}
