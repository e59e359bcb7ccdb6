package edge

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/handlers/wire"
)

// catalogueCache is how long anyone may keep a page of the public catalogue.
const catalogueCache = "public, max-age=60"

// maxPublicLimit caps a page of the public catalogue, silently.
const maxPublicLimit = 50

var publicOrder = map[string]string{
	"newest": "published_at DESC, id DESC", "oldest": "published_at ASC, id ASC", "title": "title ASC, id ASC",
}

// catalogueFilter selects published items; empty fields select all.
type catalogueFilter struct {
	organization, slug, contentType, category, creator, search, order string
	featured                                                          *bool
}

var publicSort = oneOfParam("sort", "newest", "oldest", "title")

// catalogueRoutes are the part of the contract that needs no session.
func (e *Edge) catalogueRoutes() []Route {
	return []Route{
		{
			Method: "GET", Path: "/api/content/public", Name: "listPublicContent", Summary: "List an organization's published items",
			Notes: "Either orgId or slug names the organization.",
			Params: pagedWith(uuidParam("orgId"), textParam("slug", 500), optionalParam("contentType", contentTypes...), textParam("category", 120),
				textParam("search", 255), textParam("creatorId", 64), flagParam("featured"), publicSort),
			Answers: []Answer{listOf[wire.PublicContent]()}, Handle: e.listPublicContent,
		},
		{
			Method: "GET", Path: "/api/content/public/discover", Name: "discoverContent", Summary: "List published items of everyone",
			Params:  pagedWith(optionalParam("contentType", contentTypes...), textParam("search", 255), publicSort),
			Answers: []Answer{listOf[wire.PublicContent]()}, Handle: e.discoverContent,
		},
		{
			Method: "GET", Path: "/api/content/public/:id", Name: "getPublicContent", Summary: "Read one published item, without what must be paid for",
			Answers: []Answer{single[wire.PublicContent](http.StatusOK)}, Refusals: []*domain.Error{content.ErrNotFound}, Handle: e.getPublicContent,
		},
	}
}

// listPublicContent lists one organization's published items.
func (e *Edge) listPublicContent(c *gin.Context) error {
	q := paramsOf(c)
	f := catalogueFilter{
		organization: q.uuid("orgId"), slug: q.text("slug"), contentType: q.text("contentType"), category: q.text("category"),
		creator: q.text("creatorId"), search: q.text("search"), featured: q.flag("featured"), order: publicOrder[q.text("sort")],
	}
	if f.organization == "" && f.slug == "" {
		return domain.BadFields([]domain.Field{{Path: "orgId", Message: "orgId or slug is required"}})
	}
	return e.answerCatalogue(c, f)
}

// discoverContent lists published items of everyone.
func (e *Edge) discoverContent(c *gin.Context) error {
	q := paramsOf(c)
	return e.answerCatalogue(c, catalogueFilter{
		contentType: q.text("contentType"), search: q.text("search"), order: publicOrder[q.text("sort")],
	})
}

func (e *Edge) answerCatalogue(c *gin.Context, f catalogueFilter) error {
	page := paramsOf(c).paging()
	page.limit = min(page.limit, maxPublicLimit)
	items, total, err := e.catalogue(c, f, page)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", catalogueCache)
	c.JSON(http.StatusOK, wire.Page(items, page.page, page.limit, total))
	return nil
}

const catalogueWhere = `status = 'published' AND content.deleted_at IS NULL AND access_type <> 'private'
	AND ($1 = '' OR organization_id = NULLIF($1, '')::uuid)
	AND ($2 = '' OR organization_id = (SELECT id FROM organizations o WHERE o.slug = $2 AND o.deleted_at IS NULL))
	AND ($3 = '' OR content_type = $3) AND ($4 = '' OR category = $4) AND ($5 = '' OR creator_id = $5)
	AND ($6 = '' OR title ILIKE $6 OR description ILIKE $6) AND ($7::bool IS NULL OR featured = $7)`

func (e *Edge) catalogue(ctx context.Context, f catalogueFilter, page paging) ([]wire.PublicContent, int64, error) {
	args := []any{f.organization, f.slug, f.contentType, f.category, f.creator, contains(f.search), f.featured}
	var total int64
	if err := e.cfg.Pool.QueryRow(ctx, `SELECT count(*) FROM content WHERE `+catalogueWhere, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count the catalogue: %w", err)
	}
	items, err := e.publicContent(ctx, catalogueWhere+` ORDER BY `+f.order+` LIMIT $8 OFFSET $9`, append(args, page.limit, page.offset())...)
	return items, total, err
}

// getPublicContent answers with one published item, without what must be paid for.
func (e *Edge) getPublicContent(c *gin.Context) error {
	items, err := e.publicContent(c, `content.id = $1 AND status = 'published' AND content.deleted_at IS NULL AND access_type <> 'private'`,
		paramsOf(c).uuid("id"))
	if err == nil && len(items) == 0 {
		err = content.ErrNotFound
	}
	if err != nil {
		return err
	}
	c.Header("Cache-Control", catalogueCache)
	c.JSON(http.StatusOK, wire.Single{Data: items[0]})
	return nil
}

// publicContent reads published items, each with its creator and organization.
func (e *Edge) publicContent(ctx context.Context, where string, args ...any) ([]wire.PublicContent, error) {
	rows, err := e.cfg.Pool.Query(ctx, `SELECT `+postgres.Columns+` FROM content WHERE `+where, args...)
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
