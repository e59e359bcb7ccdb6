package organizations

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/organization"

	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
	"github.com/codex-platform/codex/handlers/view"
)

// publicRoutes are an organization's public pages.
func (o *organizations) publicRoutes() []edge.Route {
	const public = "/api/organizations/public/:slug"
	slug := []edge.Param{organizationSlug}
	return []edge.Route{
		{
			Method:    "GET",
			Path:      public,
			Name:      "getOrganizationBranding",
			Summary:   "Get an organization's branding",
			Params:    slug,
			Responses: []edge.Response{edge.Data[view.Branding](http.StatusOK)},
			Errors:    notFound,
			Shared:    true,
			Handle: o.showOrganization(func(c *edge.Request, shown organization.Organization) error {
				return c.OK(view.BrandingOf(shown.LogoURL))
			}),
		},
		{
			Method:    "GET",
			Path:      public + "/info",
			Name:      "getOrganizationInfo",
			Summary:   "Get an organization's public page",
			Params:    slug,
			Responses: []edge.Response{edge.Data[OrganizationInfo](http.StatusOK)},
			Errors:    notFound,
			Shared:    true,
			Handle: o.showOrganization(func(c *edge.Request, shown organization.Organization) error {
				return c.OK(OrganizationInfoOf(shown))
			}),
		},
		{
			Method:    "GET",
			Path:      public + "/stats",
			Name:      "getOrganizationStats",
			Summary:   "Get the counts of an organization's published content",
			Params:    slug,
			Responses: []edge.Response{edge.Data[OrganizationStats](http.StatusOK)},
			Errors:    notFound,
			Shared:    true,
			Handle:    o.showOrganization(o.showStats),
		},
		{
			Method:    "GET",
			Path:      public + "/creators",
			Name:      "listOrganizationCreators",
			Summary:   "List the creators of an organization",
			Params:    append(slug, edge.PagedParams()...),
			Responses: []edge.Response{edge.ListOf[OrganizationCreator]()},
			Errors:    notFound,
			Shared:    true,
			Handle:    o.showOrganization(o.showCreators),
		},
		{
			Method:    "GET",
			Path:      public + "/members",
			Name:      "listPublicMembers",
			Summary:   "List an organization's members",
			Params:    append(slug, edge.PagedParams(edge.OptionalChoiceParam("role", memberRoles...))...),
			Responses: []edge.Response{edge.ListOf[PublicMember]()},
			Errors:    notFound,
			Shared:    true,
			Handle:    o.showOrganization(o.showMembers),
		},
	}
}

var memberRoles = []string{"owner", "admin", "creator", "subscriber", "member"}

// showOrganization serves one view of the organization whose slug is in the path.
func (o *organizations) showOrganization(
	show func(*edge.Request, organization.Organization) error,
) func(*edge.Request) error {
	return func(c *edge.Request) error {
		shown, err := o.organizationBySlug(c)
		if errors.Is(err, pgx.ErrNoRows) {
			return organization.ErrOrganizationNotFound
		}
		if err != nil {
			return fmt.Errorf("read the organization: %w", err)
		}
		return show(c, shown)
	}
}

var (
	// publicIn selects the public content c of organization $1.
	publicIn = `c.organization_id = $1 AND ` + content.WherePublic("c")
	// publicBy selects the public content c of member m.
	publicBy = `c.organization_id = m.organization_id AND c.creator_id = m.user_id AND ` + content.WherePublic("c")
	// publishers selects the members m of organization $1 who publish.
	publishers = `m.organization_id = $1 AND m.status = 'active' AND ` + organization.WherePublishes("m")
)

func (o *organizations) showStats(c *edge.Request, shown organization.Organization) error {
	var s OrganizationStats
	err := o.cfg.Pool.QueryRow(c, `
SELECT count(*),
       count(*) FILTER (WHERE c.content_type = 'video'),
       count(*) FILTER (WHERE c.content_type = 'audio'),
       count(*) FILTER (WHERE c.content_type = 'written'),
       COALESCE(sum(i.duration_seconds), 0), COALESCE(sum(s.view_count), 0),
       (SELECT count(*) FROM organization_memberships m
        JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL WHERE `+publishers+`)
FROM content c LEFT JOIN media_items i ON i.id = c.media_item_id
LEFT JOIN content_stats s ON s.content_id = c.id WHERE `+publicIn, shown.ID).Scan(
		&s.Content.Total, &s.Content.Video, &s.Content.Audio, &s.Content.Written,
		&s.TotalDurationSeconds, &s.TotalViews, &s.Creators)
	if err != nil {
		return fmt.Errorf("count published content: %w", err)
	}

	rows, err := o.cfg.Pool.Query(c, `SELECT c.category, count(*) FROM content c WHERE `+publicIn+`
  AND c.category IS NOT NULL GROUP BY c.category ORDER BY count(*) DESC, c.category LIMIT 100`, shown.ID)
	if err == nil {
		s.Categories, err = pgx.CollectRows(rows, pgx.RowToStructByPos[CategoryCount])
	}
	if err != nil {
		return fmt.Errorf("count categories: %w", err)
	}
	return c.OK(s)
}

// publicMembers are an organization's active members by role, then by the time of joining.
// The index memberships_public is in this order.
func publicMembers(organizationID string) paging.List {
	l := paging.List{From: "organization_memberships m", Order: paging.Order{ID: "m.id", Keys: []paging.Key{
		{SQL: standing, Type: paging.Int}, {SQL: joined, Type: paging.Time},
	}}}
	l.Where.Is("m.status = 'active'")
	l.Where.And("m.organization_id = $", organizationID)
	return l
}

const (
	// ranks orders the roles as they are shown; the publishing roles are the first.
	ranks    = `ARRAY['owner', 'admin', 'creator', 'subscriber', 'member']`
	standing = `array_position(` + ranks + `, m.role::text)`
	joined   = `COALESCE(m.joined_at, m.created_at)`
	// membersByID are the members with the ids $1, in their order.
	membersByID = `m.id = ANY($1::uuid[]) ORDER BY array_position($1::uuid[], m.id)`
)

// showCreators lists those members who may publish.
func (o *organizations) showCreators(c *edge.Request, shown organization.Organization) error {
	l := publicMembers(shown.ID)
	l.Where.And(standing+" <= $", len(organization.PublishingRoles)) // the first ranks
	found, err := paging.Find(c, o.cfg.Pool, l, c.Page())
	if err != nil {
		return fmt.Errorf("list creators: %w", err)
	}
	rows, err := o.cfg.Pool.Query(c, `
SELECT u.name, u.username, COALESCE(u.avatar_url, u.image), m.role, `+joined+`, u.bio,
       (SELECT count(*) FROM content c WHERE `+publicBy+`),
       (SELECT COALESCE(json_agg(json_build_object(
                   'id', r.id, 'title', r.title, 'slug', r.slug, 'thumbnailUrl', r.thumbnail_url,
                   'contentType', r.content_type, 'publishedAt', r.published_at)
               ORDER BY r.published_at DESC, r.id DESC), '[]')
        FROM (SELECT c.id, c.title, c.slug, c.thumbnail_url, c.content_type, c.published_at FROM content c
              WHERE `+publicBy+` ORDER BY c.published_at DESC, c.id DESC LIMIT 4) r)
FROM organization_memberships m JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL
WHERE `+membersByID, found.IDs)
	if err != nil {
		return fmt.Errorf("list creators: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (OrganizationCreator, error) {
		var v OrganizationCreator
		err := row.Scan(
			&v.Name, &v.Username, &v.AvatarURL, &v.Role, &v.JoinedAt, &v.Bio, &v.ContentCount, &v.RecentContent)
		return v, err
	})
	if err != nil {
		return fmt.Errorf("list creators: %w", err)
	}
	c.JSON(http.StatusOK, edge.PageOf(items, found))
	return nil
}

func (o *organizations) showMembers(c *edge.Request, shown organization.Organization) error {
	l := publicMembers(shown.ID)
	l.Where.AndIf(standing+` = array_position(`+ranks+`, $::text)`, c.Text("role"))
	found, err := paging.Find(c, o.cfg.Pool, l, c.Page())
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	rows, err := o.cfg.Pool.Query(c, `SELECT u.name, u.username, COALESCE(u.avatar_url, u.image), m.role, `+joined+`
FROM organization_memberships m JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL
WHERE `+membersByID, found.IDs)
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	items, err := pgx.CollectRows(rows, pgx.RowToStructByPos[PublicMember])
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	c.JSON(http.StatusOK, edge.PageOf(items, found))
	return nil
}
