package publishing

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	mediastore "github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/view"
)

func (p *publishing) createContent(c *edge.Request) error {
	var request content.Create
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(edge.NewID(), request)
}

func (p *publishing) updateContent(c *edge.Request) error {
	var request content.Update
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(c.UUID("id"), request)
}

// slugTaken selects whether another item than $4 of user $3, or of organization $2, has the
// slug $1. Drafts of an organization count for those who publish in it only: others do not
// learn of them.
var slugTaken = `
SELECT EXISTS (
    SELECT FROM content
    WHERE slug_scope = COALESCE(NULLIF($2, ''), $3) AND slug = $1 AND id IS DISTINCT FROM NULLIF($4, '')::uuid
      AND ($2 = '' OR ` + content.WherePublished("content") + ` OR EXISTS (
          SELECT FROM organization_memberships m
          WHERE m.organization_id = content.organization_id AND m.user_id = $3 AND m.status = 'active'
            AND ` + organization.WherePublishes("m") + `)))`

// checkContentSlug responds with whether the caller could give an item a slug.
func (p *publishing) checkContentSlug(c *edge.Request) error {
	slug := strings.ToLower(c.Text("slug"))
	var taken bool
	err := p.cfg.Pool.QueryRow(c, slugTaken,
		slug, c.UUID("organizationId"), c.Actor().UserID, c.UUID("excludeContentId")).Scan(&taken)
	if err != nil {
		return fmt.Errorf("check slug: %w", err)
	}
	return c.OK(view.Availability{Available: !taken})
}

// getOwnContent shows an item to its creator; to everyone else it does not exist.
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
	creators, organizations, err := p.owners(c, []content.Content{item})
	if err != nil {
		return err
	}
	own.Creator, own.Organization = creators[item.CreatorID], organizations[item.OrganizationID]
	return c.OK(own)
}
