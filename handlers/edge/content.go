package edge

import (
	"errors"
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

// Register implements Routes.
func (ContentRoutes) Register(e *Edge, r gin.IRouter) {
	public := r.Group("/api/content/public")
	public.GET("", e.listPublicContent)
	public.GET("/discover", e.discoverContent)
	public.GET("/:id", e.getPublicContent)

	own := r.Group("/api/content")
	own.POST("", e.signedIn(creators...), e.createContent)
	own.GET("", e.signedIn(), e.listOwnContent)
	own.GET("/check-slug/:slug", e.signedIn(), e.checkContentSlug)
	own.GET("/:id", e.signedIn(), e.getOwnContent)
	own.PATCH("/:id", e.signedIn(creators...), e.updateContent)
	own.DELETE("/:id", e.signedIn(creators...), e.changeContent("content.delete", content.Delete{}))
	own.POST("/:id/publish", e.signedIn(creators...), e.changeContent("content.publish", content.Publish{}))
	own.POST("/:id/unpublish", e.signedIn(creators...), e.changeContent("content.unpublish", content.Unpublish{}))
}

func (e *Edge) createContent(c *gin.Context) {
	var request content.Create
	if err := decode(c, &request); err != nil {
		e.refuse(c, err)
		return
	}
	e.submit(c, "content.create", newID(), request)
}

func (e *Edge) updateContent(c *gin.Context) {
	id, err := pathID(c)
	var request content.Update
	if err == nil {
		err = decode(c, &request)
	}
	if err != nil {
		e.refuse(c, err)
		return
	}
	e.submit(c, "content.update", id, request)
}

// changeContent serves a change that takes no input.
func (e *Edge) changeContent(typ string, payload any) gin.HandlerFunc {
	return func(c *gin.Context) {
		id, err := pathID(c)
		if err == nil {
			err = noBody(c)
		}
		if err != nil {
			e.refuse(c, err)
			return
		}
		e.submit(c, typ, id, payload)
	}
}

// getOwnContent answers the creator only; to everyone else the item is not there.
func (e *Edge) getOwnContent(c *gin.Context) {
	id, err := pathID(c)
	if err != nil {
		e.refuse(c, err)
		return
	}
	rows, err := e.cfg.Pool.Query(c, `SELECT `+postgres.Columns+` FROM content
		WHERE id = $1 AND creator_id = $2 AND deleted_at IS NULL`, id, mustActor(c).UserID)
	if err != nil {
		e.refuse(c, fmt.Errorf("read content: %w", err))
		return
	}
	item, err := pgx.CollectOneRow(rows, postgres.Scan)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		e.refuse(c, domain.Missing("CONTENT_NOT_FOUND", "Content"))
	case err != nil:
		e.refuse(c, fmt.Errorf("read content: %w", err))
	default:
		c.JSON(http.StatusOK, wire.Single{Data: wire.ContentOf(item)})
	}
}

func (e *Edge) checkContentSlug(c *gin.Context) {
	q := newQuery(c)
	organization, exclude := q.uuid("organizationId"), q.uuid("excludeContentId")
	slug := strings.ToLower(c.Param("slug"))
	if err := q.err(); err != nil {
		e.refuse(c, err)
		return
	}
	scope := content.ScopeOf(mustActor(c).UserID, organization)
	var taken bool
	err := e.cfg.Pool.QueryRow(c, `
SELECT EXISTS (SELECT FROM content WHERE slug = $1 AND deleted_at IS NULL AND id IS DISTINCT FROM NULLIF($4, '')::uuid
    AND CASE WHEN $2 <> '' THEN organization_id = NULLIF($2, '')::uuid ELSE organization_id IS NULL AND creator_id = $3 END)`,
		slug, scope.OrganizationID, scope.CreatorID, exclude).Scan(&taken)
	if err != nil {
		e.refuse(c, fmt.Errorf("check slug: %w", err))
		return
	}
	c.JSON(http.StatusOK, wire.Single{Data: gin.H{"available": !taken}})
}

var sortColumns = map[string]string{
	"createdAt": "created_at", "updatedAt": "updated_at", "publishedAt": "published_at",
	"title": "title", "viewCount": "view_count", "purchaseCount": "purchase_count",
}

// listOwnContent lists what the caller made.
func (e *Edge) listOwnContent(c *gin.Context) {
	q := newQuery(c)
	page := q.paging()
	status := q.optional("status", "draft", "published", "archived")
	contentType := q.optional("contentType", "video", "audio", "written")
	access := q.optional("accessType", "free", "paid", "followers", "subscribers", "team", "members", "private")
	organization := q.uuid("organizationId")
	category := q.text("category", 100)
	search := q.text("search", 255)
	column := sortColumns[q.oneOf("sortBy", "createdAt", "updatedAt", "publishedAt", "title", "viewCount", "purchaseCount")]
	order := q.oneOf("sortOrder", "desc", "asc")
	if err := q.err(); err != nil {
		e.refuse(c, err)
		return
	}
	const where = `creator_id = $1 AND deleted_at IS NULL AND ($2 = '' OR status = $2) AND ($3 = '' OR content_type = $3)
		AND ($4 = '' OR access_type = $4) AND ($5 = '' OR organization_id = NULLIF($5, '')::uuid)
		AND ($6 = '' OR category = $6) AND ($7 = '' OR title ILIKE $7 OR description ILIKE $7)`
	args := []any{mustActor(c).UserID, status, contentType, access, organization, category, contains(search)}
	var total int64
	if err := e.cfg.Pool.QueryRow(c, `SELECT count(*) FROM content WHERE `+where, args...).Scan(&total); err != nil {
		e.refuse(c, fmt.Errorf("count content: %w", err))
		return
	}
	rows, err := e.cfg.Pool.Query(c, `SELECT `+postgres.Columns+` FROM content WHERE `+where+
		` ORDER BY `+column+` `+order+` NULLS LAST, id `+order+` LIMIT $8 OFFSET $9`, append(args, page.limit, page.offset())...)
	if err != nil {
		e.refuse(c, fmt.Errorf("list content: %w", err))
		return
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (wire.Content, error) {
		item, err := postgres.Scan(row)
		return wire.ContentOf(item), err
	})
	if err != nil {
		e.refuse(c, fmt.Errorf("list content: %w", err))
		return
	}
	c.JSON(http.StatusOK, wire.Page(items, page.page, page.limit, total))
}

// contains returns the LIKE pattern for text that contains s, "" for "".
func contains(s string) string {
	if s == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
