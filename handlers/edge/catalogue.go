package edge

import (
	"context"
	"errors"
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

// catalogueCache is how long Public may keep a page of the public catalogue.
const catalogueCache = "public, max-age=60"

// maxPublicLimit caps a page of the public catalogue, silently.
const maxPublicLimit = 50

var publicOrder = map[string]paging.Order{
	"newest": paging.By("content.published_at", paging.Time, "content.id", "desc"),
	"oldest": paging.By("content.published_at", paging.Time, "content.id", "asc"),
	"title":  paging.By("content.title", paging.Text, "content.id", "asc"),
}

// catalogueFilter selects published items; empty fields select all.
type catalogueFilter struct {
	organization, slug, contentType, category, creator, search, sort string
	featured                                                         *bool
}

var publicSort = ChoiceParam("sort", "newest", "oldest", "title")

// catalogueRoutes are the part of the contract that needs no session.
func (e *Edge) catalogueRoutes() []Route {
	return []Route{
		{
			Method: "GET", Path: "/api/content/public", Name: "listPublicContent", Summary: "List an organization's published items",
			Notes: "Either orgId or slug names the organization.",
			Params: publicPage(UUIDParam("orgId"), TextParam("slug", 500), OptionalChoiceParam("contentType", contentTypes...), categoryParam,
				SearchParam(255), userParam("creatorId"), BoolParam("featured"), publicSort),
			Responses: []Response{ListOf[wire.PublicContent]()}, Handle: e.listPublicContent,
		},
		{
			Method: "GET", Path: "/api/content/public/discover", Name: "discoverContent", Summary: "List published items of everyone",
			Params:    publicPage(OptionalChoiceParam("contentType", contentTypes...), SearchParam(255), publicSort),
			Responses: []Response{ListOf[wire.PublicContent]()}, Handle: e.discoverContent,
		},
		{
			Method: "GET", Path: "/api/content/public/categories", Name: "listPublicCategories", Summary: "List the categories of an organization's published items",
			Params: []Param{RequiredParam(UUIDParam("orgId"))}, Responses: []Response{ListOf[wire.Category]()}, Handle: e.listPublicCategories,
		},
		{
			Method: "GET", Path: "/api/content/public/:id", Name: "getPublicContent", Summary: "Read one published item, without what must be paid for",
			Responses: []Response{Data[wire.PublicContent](http.StatusOK)}, Errors: []*domain.Error{content.ErrNotFound}, Handle: e.getPublicContent,
		},
	}
}

// listPublicContent lists one organization's published items.
func (e *Edge) listPublicContent(c *Request) error {
	q := c
	f := catalogueFilter{
		organization: q.UUID("orgId"), slug: q.Text("slug"), contentType: q.Text("contentType"), category: q.Text("category"),
		creator: q.Text("creatorId"), search: q.Text("search"), featured: q.Bool("featured"), sort: q.Text("sort"),
	}
	if f.organization == "" && f.slug == "" {
		return domain.BadFields([]domain.Field{{Path: "orgId", Message: "orgId or slug is required"}})
	}
	return e.answerCatalogue(c, f)
}

// discoverContent lists published items of everyone.
func (e *Edge) discoverContent(c *Request) error {
	q := c
	return e.answerCatalogue(c, catalogueFilter{
		contentType: q.Text("contentType"), search: q.Text("search"), sort: q.Text("sort"),
	})
}

func (e *Edge) answerCatalogue(c *Request, f catalogueFilter) error {
	page := c.Page()
	page.Limit = min(page.Limit, maxPublicLimit)
	items, found, err := e.catalogue(c, f, page)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", catalogueCache)
	c.JSON(http.StatusOK, wire.PageOf(items, found))
	return nil
}

// Parts of the condition of what is published: for its organization's management, and for
// Public.
const (
	publishedForAll = `content.status = 'published' AND content.deleted_at IS NULL AND content.published_at IS NOT NULL`
	published       = `content.status = 'published' AND content.deleted_at IS NULL AND content.access_type <> 'private'`
)

func (e *Edge) catalogue(ctx context.Context, f catalogueFilter, page paging.Page) ([]wire.PublicContent, paging.Found, error) {
	if f.slug != "" {
		id, err := e.organizationOf(ctx, f.slug)
		if err != nil || id == "" || f.organization != "" && f.organization != id {
			return nil, paging.Found{Number: page.Number, Limit: page.Limit}, err
		}
		f.organization = id
	}
	l := paging.List{From: "content", Order: publicOrder[f.sort], Search: f.search != ""}
	l.Where.Is(published + " AND content.published_at IS NOT NULL")
	l.Where.AndIf("content.organization_id = $::uuid", f.organization)
	l.Where.AndIf("content.content_type = $", f.contentType)
	l.Where.AndIf("content.category_slug = $", strings.ToLower(f.category))
	l.Where.AndIf("content.creator_id = $", f.creator)
	l.Where.AndIf(contentMatches, paging.Contains(f.search))
	if f.featured != nil {
		l.Where.And("content.featured = $", *f.featured)
	}
	found, err := paging.Find(ctx, e.cfg.Pool, l, page)
	if err != nil {
		return nil, found, fmt.Errorf("list the catalogue: %w", err)
	}
	items, err := e.publicContent(ctx, found.IDs)
	return items, found, err
}

// organizationOf returns the id of the organization with a slug, "" when there is none.
func (e *Edge) organizationOf(ctx context.Context, slug string) (id string, err error) {
	err = e.cfg.Pool.QueryRow(ctx, `SELECT id FROM organizations WHERE slug = $1 AND deleted_at IS NULL`, slug).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find the organization: %w", err)
	}
	return id, nil
}

// getPublicContent answers with one published item, without what must be paid for.
func (e *Edge) getPublicContent(c *Request) error {
	items, err := e.readPublicContent(c, `SELECT `+postgres.Columns+` FROM content WHERE content.id = $1 AND `+published,
		c.UUID("id"))
	if err == nil && len(items) == 0 {
		err = content.ErrNotFound
	}
	if err != nil {
		return err
	}
	c.Header("Cache-Control", catalogueCache)
	return c.OK(items[0])
}

// contentByID reads items in the order of their ids.
var contentByID = `SELECT ` + postgres.Columns + ` FROM content WHERE content.id = ANY($1::uuid[])
ORDER BY array_position($1::uuid[], content.id)`

var publicByID = `SELECT ` + postgres.Columns + ` FROM content WHERE content.id = ANY($1::uuid[])
AND content.status = 'published' AND content.deleted_at IS NULL ORDER BY array_position($1::uuid[], content.id)`

// publicContent reads published items in the order of their ids, each with its creator and
// organization.
func (e *Edge) publicContent(ctx context.Context, ids []string) ([]wire.PublicContent, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return e.readPublicContent(ctx, publicByID, ids)
}

func (e *Edge) readPublicContent(ctx context.Context, sql string, args ...any) ([]wire.PublicContent, error) {
	rows, err := e.cfg.Pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	items, err := pgx.CollectRows(rows, postgres.Scan)
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	var creatorIDs, organizationIDs []string
	for _, item := range items {
		creatorIDs = append(creatorIDs, item.CreatorID)
		if item.OrganizationID != "" {
			organizationIDs = append(organizationIDs, item.OrganizationID)
		}
	}
	creators, err := e.publicCreators(ctx, creatorIDs)
	if err != nil {
		return nil, err
	}
	organizations, err := e.publicOrganizations(ctx, organizationIDs)
	if err != nil {
		return nil, err
	}
	views := make([]wire.PublicContent, len(items))
	for i, item := range items {
		views[i] = wire.PublicContentOf(item, creators[item.CreatorID], organizations[item.OrganizationID])
	}
	return views, nil
}

func (e *Edge) publicCreators(ctx context.Context, ids []string) (map[string]*wire.PublicCreator, error) {
	rows, err := e.cfg.Pool.Query(ctx, `SELECT id, name, username, COALESCE(avatar_url, image) FROM users WHERE id = ANY($1::text[])`, ids)
	if err != nil {
		return nil, fmt.Errorf("read creators: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*wire.PublicCreator, error) {
		u := &wire.PublicCreator{}
		return u, row.Scan(&u.ID, &u.Name, &u.Username, &u.Avatar)
	})
	found := make(map[string]*wire.PublicCreator, len(list))
	for _, u := range list {
		found[u.ID] = u
	}
	return found, errors.Join(err)
}

func (e *Edge) publicOrganizations(ctx context.Context, ids []string) (map[string]*wire.PublicOrganization, error) {
	rows, err := e.cfg.Pool.Query(ctx, `SELECT id, name, slug, logo_url FROM organizations WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL`, ids)
	if err != nil {
		return nil, fmt.Errorf("read organizations: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*wire.PublicOrganization, error) {
		o := &wire.PublicOrganization{}
		return o, row.Scan(&o.ID, &o.Name, &o.Slug, &o.Logo)
	})
	found := make(map[string]*wire.PublicOrganization, len(list))
	for _, o := range list {
		found[o.ID] = o
	}
	return found, errors.Join(err)
}
