package publishing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
)

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

var publicSort = edge.ChoiceParam("sort", "newest", "oldest", "title")

// catalogueRoutes are the part of the contract that needs no session.
func (p *publishing) catalogueRoutes() []edge.Route {
	return []edge.Route{
		{
			Method: "GET", Path: "/api/content/public", Name: "listPublicContent", Summary: "List an organization's published items",
			Notes: "Either orgId or slug names the organization.",
			Params: publicPage(edge.UUIDParam("orgId"), edge.TextParam("slug", 500), edge.OptionalChoiceParam("contentType", contentTypes...), categoryParam,
				edge.SearchParam(255), userParam("creatorId"), edge.BoolParam("featured"), publicSort),
			Responses: []edge.Response{edge.ListOf[PublicContent]()}, Handle: p.listPublicContent,
		},
		{
			Method: "GET", Path: "/api/content/public/discover", Name: "discoverContent", Summary: "List published items of everyone",
			Params:    publicPage(edge.OptionalChoiceParam("contentType", contentTypes...), edge.SearchParam(255), publicSort),
			Responses: []edge.Response{edge.ListOf[PublicContent]()}, Handle: p.discoverContent,
		},
		{
			Method: "GET", Path: "/api/content/public/categories", Name: "listPublicCategories", Summary: "List the categories of an organization's published items",
			Params: []edge.Param{edge.RequiredParam(edge.UUIDParam("orgId"))}, Responses: []edge.Response{edge.ListOf[PublicCategory]()}, Handle: p.listPublicCategories,
		},
		{
			Method: "GET", Path: "/api/content/public/:id", Name: "getPublicContent", Summary: "Read one published item, without what must be paid for",
			Responses: []edge.Response{edge.Data[PublicContent](http.StatusOK)}, Errors: []*domain.Error{content.ErrNotFound}, Handle: p.getPublicContent,
		},
	}
}

// listPublicContent lists one organization's published items.
func (p *publishing) listPublicContent(c *edge.Request) error {
	q := c
	f := catalogueFilter{
		organization: q.UUID("orgId"), slug: q.Text("slug"), contentType: q.Text("contentType"), category: q.Text("category"),
		creator: q.Text("creatorId"), search: q.Text("search"), featured: q.Bool("featured"), sort: q.Text("sort"),
	}
	if f.organization == "" && f.slug == "" {
		return domain.BadFields([]domain.Field{{Path: "orgId", Message: "orgId or slug is required"}})
	}
	return p.answerCatalogue(c, f)
}

// discoverContent lists published items of everyone.
func (p *publishing) discoverContent(c *edge.Request) error {
	q := c
	return p.answerCatalogue(c, catalogueFilter{
		contentType: q.Text("contentType"), search: q.Text("search"), sort: q.Text("sort"),
	})
}

func (p *publishing) answerCatalogue(c *edge.Request, f catalogueFilter) error {
	page := c.Page()
	page.Limit = min(page.Limit, maxPublicLimit)
	items, found, err := p.catalogue(c, f, page)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", edge.CachePublic)
	c.JSON(http.StatusOK, edge.PageOf(items, found))
	return nil
}

func (p *publishing) catalogue(ctx context.Context, f catalogueFilter, page paging.Page) ([]PublicContent, paging.Found, error) {
	if f.slug != "" {
		id, err := p.organizationOf(ctx, f.slug)
		if err != nil || id == "" || f.organization != "" && f.organization != id {
			return nil, paging.Found{Number: page.Number, Limit: page.Limit}, err
		}
		f.organization = id
	}
	l := paging.List{From: "content", Order: publicOrder[f.sort], Search: f.search != ""}
	l.Where.Is(postgres.Public("content"))
	l.Where.AndIf("content.organization_id = $::uuid", f.organization)
	l.Where.AndIf("content.content_type = $", f.contentType)
	if err := p.categoryFilter(ctx, &l.Where, f.organization, strings.ToLower(f.category)); err != nil {
		return nil, paging.Found{}, err
	}
	l.Where.AndIf("content.creator_id = $", f.creator)
	l.Where.AndIf(postgres.Matches, paging.Contains(f.search))
	if f.featured != nil {
		l.Where.And("content.featured = $", *f.featured)
	}
	found, err := paging.Find(ctx, p.cfg.Pool, l, page)
	if err != nil {
		return nil, found, fmt.Errorf("list the catalogue: %w", err)
	}
	items, err := p.listed(ctx, found.IDs)
	return items, found, err
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

// getPublicContent shows one public item, without what must be paid for.
func (p *publishing) getPublicContent(c *edge.Request) error {
	items, err := p.readContent(c, []string{c.UUID("id")})
	if err != nil {
		return err
	}
	if len(items) == 0 || !items[0].IsPublic() {
		return content.ErrNotFound
	}
	shown, err := p.showContent(c, items)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", edge.CachePublic)
	return c.OK(shown[0])
}

// contentByID reads items in the order of their ids.
var contentByID = `SELECT ` + postgres.Columns + ` FROM content WHERE content.id = ANY($1::uuid[])
ORDER BY array_position($1::uuid[], content.id)`

// readContent reads items in the order of their ids.
func (p *publishing) readContent(ctx context.Context, ids []string) ([]content.Content, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := p.cfg.Pool.Query(ctx, contentByID, ids)
	if err != nil {
		return nil, fmt.Errorf("read content: %w", err)
	}
	items, err := pgx.CollectRows(rows, postgres.Scan)
	if err != nil {
		return nil, fmt.Errorf("read content: %w", err)
	}
	return items, nil
}

// listed returns the public representations of a page of items. What was unpublished since
// the page was found is left out.
func (p *publishing) listed(ctx context.Context, ids []string) ([]PublicContent, error) {
	items, err := p.readContent(ctx, ids)
	if err != nil {
		return nil, err
	}
	items = slices.DeleteFunc(items, func(c content.Content) bool { return !c.IsPublished() })
	return p.showContent(ctx, items)
}

// showContent returns the public representations of items, each with its creator,
// organization and categories.
func (p *publishing) showContent(ctx context.Context, items []content.Content) ([]PublicContent, error) {
	var creatorIDs, organizationIDs []string
	for _, item := range items {
		creatorIDs = append(creatorIDs, item.CreatorID)
		if item.OrganizationID != "" {
			organizationIDs = append(organizationIDs, item.OrganizationID)
		}
	}
	creators, err := p.publicCreators(ctx, creatorIDs)
	if err != nil {
		return nil, err
	}
	organizations, err := p.publicOrganizations(ctx, organizationIDs)
	if err != nil {
		return nil, err
	}
	slugs, err := p.categorySlugs(ctx, items)
	if err != nil {
		return nil, err
	}

	views := make([]PublicContent, len(items))
	for i, item := range items {
		views[i] = publicContentOf(item, around{
			creator:       creators[item.CreatorID],
			organization:  organizations[item.OrganizationID],
			categorySlugs: slugs[item.ID],
		})
	}
	return views, nil
}

func (p *publishing) publicCreators(ctx context.Context, ids []string) (map[string]*PublicCreator, error) {
	rows, err := p.cfg.Pool.Query(ctx, `SELECT id, name, username, COALESCE(avatar_url, image) FROM users WHERE id = ANY($1::text[])`, ids)
	if err != nil {
		return nil, fmt.Errorf("read creators: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*PublicCreator, error) {
		u := &PublicCreator{}
		return u, row.Scan(&u.ID, &u.Name, &u.Username, &u.Avatar)
	})
	found := make(map[string]*PublicCreator, len(list))
	for _, u := range list {
		found[u.ID] = u
	}
	return found, errors.Join(err)
}

func (p *publishing) publicOrganizations(ctx context.Context, ids []string) (map[string]*PublicOrganization, error) {
	rows, err := p.cfg.Pool.Query(ctx, `SELECT id, name, slug, logo_url FROM organizations WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL`, ids)
	if err != nil {
		return nil, fmt.Errorf("read organizations: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*PublicOrganization, error) {
		o := &PublicOrganization{}
		return o, row.Scan(&o.ID, &o.Name, &o.Slug, &o.Logo)
	})
	found := make(map[string]*PublicOrganization, len(list))
	for _, o := range list {
		found[o.ID] = o
	}
	return found, errors.Join(err)
}
