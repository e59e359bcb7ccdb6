package edge

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/handlers/wire"
)

// publicOrganizationRoutes are what everyone may know of an organization. They look
// at no session, so that anything between us and the reader may keep the answers.
func (e *Edge) publicOrganizationRoutes() []Route {
	route := func(path, name, summary string, params []Param, answer Answer, show func(*gin.Context, organization.Organization) error) Route {
		return Route{
			Method: "GET", Path: "/api/organizations/public/:slug" + path, Name: name, Summary: summary,
			Params: append([]Param{organizationSlug}, params...), Answers: []Answer{answer},
			Refusals: []*domain.Error{organization.ErrOrganizationNotFound}, Handle: e.showOrganization(show),
		}
	}
	return []Route{
		route("", "getOrganizationBranding", "Read how an organization looks", nil, single[wire.Branding](http.StatusOK),
			func(c *gin.Context, o organization.Organization) error {
				c.JSON(http.StatusOK, wire.Single{Data: wire.BrandingOf(o.LogoURL)})
				return nil
			}),
		route("/info", "getOrganizationInfo", "Read an organization's public page", nil, single[wire.OrganizationInfo](http.StatusOK),
			func(c *gin.Context, o organization.Organization) error {
				c.JSON(http.StatusOK, wire.Single{Data: wire.OrganizationInfoOf(o)})
				return nil
			}),
		route("/stats", "getOrganizationStats", "Count what an organization has published", nil,
			single[wire.OrganizationStats](http.StatusOK), e.showStats),
		route("/creators", "listOrganizationCreators", "List who publishes in an organization", pagedWith(),
			listOf[wire.OrganizationCreator](), e.showCreators),
		route("/members", "listPublicMembers", "List an organization's members", pagedWith(optionalParam("role", memberRoles...)),
			listOf[wire.PublicMember](), e.showMembers),
	}
}

var memberRoles = []string{"owner", "admin", "creator", "subscriber", "member"}

// showOrganization serves one view of the organization whose slug is in the path.
func (e *Edge) showOrganization(show func(*gin.Context, organization.Organization) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		o, err := e.organizationBySlug(c)
		if errors.Is(err, pgx.ErrNoRows) {
			return organization.ErrOrganizationNotFound
		}
		if err != nil {
			return fmt.Errorf("read the organization: %w", err)
		}
		c.Header("Cache-Control", catalogueCache)
		return show(c, o)
	}
}

// publishedIn selects what the catalogue of organization $1 shows.
const publishedIn = `c.organization_id = $1 AND c.status = 'published' AND c.deleted_at IS NULL AND c.access_type <> 'private'`

// publishers are the roles of members who publish.
const publishers = `m.organization_id = $1 AND m.status = 'active' AND m.role IN ('owner', 'admin', 'creator')`

func (e *Edge) showStats(c *gin.Context, o organization.Organization) error {
	var s wire.OrganizationStats
	err := e.cfg.Pool.QueryRow(c, `
SELECT count(*), count(*) FILTER (WHERE c.content_type = 'video'), count(*) FILTER (WHERE c.content_type = 'audio'),
       count(*) FILTER (WHERE c.content_type = 'written'), COALESCE(sum(i.duration_seconds), 0), COALESCE(sum(c.view_count), 0),
       (SELECT count(*) FROM organization_memberships m JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL WHERE `+publishers+`)
FROM content c LEFT JOIN media_items i ON i.id = c.media_item_id WHERE `+publishedIn, o.ID).
		Scan(&s.Content.Total, &s.Content.Video, &s.Content.Audio, &s.Content.Written, &s.TotalDurationSeconds, &s.TotalViews, &s.Creators)
	if err != nil {
		return fmt.Errorf("count what is published: %w", err)
	}
	rows, err := e.cfg.Pool.Query(c, `SELECT c.category, count(*) FROM content c WHERE `+publishedIn+`
  AND c.category IS NOT NULL GROUP BY c.category ORDER BY count(*) DESC, c.category LIMIT 100`, o.ID)
	if err == nil {
		s.Categories, err = pgx.CollectRows(rows, pgx.RowToStructByPos[wire.CategoryCount])
	}
	if err != nil {
		return fmt.Errorf("count categories: %w", err)
	}
	c.JSON(http.StatusOK, wire.Single{Data: s})
	return nil
}

// standing ranks members: who may do most comes first, and then who joined first.
// The index memberships_public is in this order.
const (
	memberships = `organization_memberships m`
	ranks       = `ARRAY['owner', 'admin', 'creator', 'subscriber', 'member']`
	standing    = `array_position(` + ranks + `, m.role::text)`
	joined      = `COALESCE(m.joined_at, m.created_at)`
)

var byStanding = order{standing + ", " + joined + ", m.id", standing + " DESC, " + joined + " DESC, m.id DESC"}

// activeMembers selects those of an organization.
func activeMembers(organizationID string) *where {
	w := &where{conditions: []string{"m.status = 'active'"}}
	w.and("m.organization_id = $", organizationID)
	return w
}

// showCreators lists those members who may publish. They are counted one by one: of an
// organization's members they are few.
func (e *Edge) showCreators(c *gin.Context, o organization.Organization) error {
	page := paramsOf(c).paging()
	w := activeMembers(o.ID)
	w.and(standing+" <= $", 3)
	at, err := e.placeBy(c, listed{}, "", "", "", w, memberships, page)
	if err != nil {
		return err
	}
	ids, args := w.ids(memberships, byStanding, at)
	rows, err := e.cfg.Pool.Query(c, `
SELECT u.name, u.username, COALESCE(u.avatar_url, u.image), m.role, `+joined+`, u.bio, made.n, made.newest
FROM `+memberships+` JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL
CROSS JOIN LATERAL (
    SELECT (SELECT COALESCE(sum(n), 0) FROM list_days
            WHERE list = 'made' AND owner = m.organization_id::text || '/' || m.user_id AND kind = '*') AS n,
           (SELECT COALESCE(json_agg(json_build_object('id', r.id, 'title', r.title, 'slug', r.slug, 'thumbnailUrl', r.thumbnail_url,
                       'contentType', r.content_type, 'publishedAt', r.published_at) ORDER BY r.published_at DESC, r.id DESC), '[]')
            FROM (SELECT c.id, c.title, c.slug, c.thumbnail_url, c.content_type, c.published_at FROM content c
                  WHERE c.creator_id = u.id AND `+publishedIn+` ORDER BY c.published_at DESC, c.id DESC LIMIT 4) r) AS newest
) made
WHERE m.id = ANY(`+ids+`) ORDER BY `+byStanding.forwards, args...)
	if err != nil {
		return fmt.Errorf("list creators: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (wire.OrganizationCreator, error) {
		var v wire.OrganizationCreator
		return v, row.Scan(&v.Name, &v.Username, &v.AvatarURL, &v.Role, &v.JoinedAt, &v.Bio, &v.ContentCount, &v.RecentContent)
	})
	if err != nil {
		return fmt.Errorf("list creators: %w", err)
	}
	c.JSON(http.StatusOK, wire.Page(items, page.page, page.limit, at.total))
	return nil
}

func (e *Edge) showMembers(c *gin.Context, o organization.Organization) error {
	page, role := paramsOf(c).paging(), paramsOf(c).text("role")
	total, err := e.total(c, listed{"members", o.ID, kind(role, "active")})
	if err != nil {
		return err
	}
	at := placeByCount(total, page)
	w := activeMembers(o.ID)
	w.andIf(standing+` = array_position(`+ranks+`, $::text)`, role)
	ids, args := w.ids(memberships, byStanding, at)
	rows, err := e.cfg.Pool.Query(c, `SELECT u.name, u.username, COALESCE(u.avatar_url, u.image), m.role, `+joined+`
FROM `+memberships+` JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL
WHERE m.id = ANY(`+ids+`) ORDER BY `+byStanding.forwards, args...)
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	items, err := pgx.CollectRows(rows, pgx.RowToStructByPos[wire.PublicMember])
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	c.JSON(http.StatusOK, wire.Page(items, page.page, page.limit, total))
	return nil
}
