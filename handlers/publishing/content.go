package publishing

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/media"
	mediastore "github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/view"
)

func (p *publishing) createContent(c *edge.Request) error {
	var request content.Create
	if err := c.Decode(&request, func() []domain.Field { return request.CheckPrice(p.cfg.Currency) }); err != nil {
		return err
	}
	return c.Send(edge.NewID(), request)
}

func (p *publishing) updateContent(c *edge.Request) error {
	var request content.Update
	if err := c.Decode(&request, func() []domain.Field { return request.CheckPrice(p.cfg.Currency) }); err != nil {
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

// ownContent reads item $1 of creator $2, and ownMedia its media.
var (
	ownContent = selectShown + `content.id = $1 AND content.creator_id = $2 AND content.deleted_at IS NULL`
	ownMedia   = `SELECT ` + mediastore.Columns + ` FROM media_items WHERE deleted_at IS NULL AND id = (
		SELECT media_item_id FROM content WHERE id = $1 AND creator_id = $2 AND deleted_at IS NULL)`
)

// getOwnContent shows an item to its creator; to everyone else it does not exist.
func (p *publishing) getOwnContent(c *edge.Request) error {
	var own *OwnContent
	var shownMedia *view.Media
	b := &pgx.Batch{}
	b.Queue(ownContent, c.UUID("id"), c.Actor().UserID).Query(func(rows pgx.Rows) error {
		return ifFound(rows, scanShown, func(item shownItem) {
			own = &OwnContent{Content: contentOf(item.Content), Creator: item.creator, Organization: item.organization}
		})
	})
	b.Queue(ownMedia, c.UUID("id"), c.Actor().UserID).Query(func(rows pgx.Rows) error {
		return ifFound(rows, mediastore.Scan, func(item media.Item) {
			shown := view.MediaOf(item)
			shownMedia = &shown
		})
	})
	if err := p.cfg.Pool.SendBatch(c, b).Close(); err != nil {
		return fmt.Errorf("read content: %w", err)
	}
	if own == nil {
		return content.ErrNotFound
	}
	own.Media = shownMedia
	return c.OK(own)
}

// ifFound reads the only row, if there is one.
func ifFound[T any](rows pgx.Rows, scan pgx.RowToFunc[T], found func(T)) error {
	row, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil {
		found(row)
	}
	return err
}
