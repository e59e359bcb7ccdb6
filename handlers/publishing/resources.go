package publishing

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/handlers/edge"
)

// resources are what the responses to the commands of items and categories show.
func (p *publishing) resources() []edge.Resource {
	return []edge.Resource{
		{
			Commands: []string{
				content.CommandCreate, content.CommandUpdate, content.CommandPublish, content.CommandUnpublish,
			},
			Read: p.readChangeable,
		},
		{
			Commands: []string{content.CommandCreateCategory, content.CommandUpdateCategory},
			Read:     p.readCategory,
		},
	}
}

// changeableContent reads item $1 for user $2: its creator, or an owner of its organization, who
// may take it down.
var changeableContent = `SELECT ` + postgres.Columns + ` FROM content
WHERE id = $1 AND deleted_at IS NULL AND (creator_id = $2 OR EXISTS (
	SELECT FROM organization_memberships m JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL
	WHERE m.organization_id = content.organization_id AND m.user_id = $2 AND m.role = 'owner' AND m.status = 'active'))`

func (p *publishing) readChangeable(r *edge.Request, id string) (any, error) {
	rows, err := p.cfg.Pool.Query(r, changeableContent, id, r.Actor().UserID)
	if err != nil {
		return nil, fmt.Errorf("read content: %w", err)
	}
	item, err := pgx.CollectExactlyOneRow(rows, postgres.Scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, content.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read content: %w", err)
	}
	return edge.Single{Data: contentOf(item)}, nil
}

// readCategory reads a category for a member of its organization, or for the owner of a personal
// one.
func (p *publishing) readCategory(r *edge.Request, id string) (any, error) {
	rows, err := p.cfg.Pool.Query(r, `SELECT `+postgres.CategoryColumns+` FROM categories
		WHERE categories.id = $1 AND categories.deleted_at IS NULL`, id)
	if err != nil {
		return nil, fmt.Errorf("read the category: %w", err)
	}
	category, err := pgx.CollectExactlyOneRow(rows, postgres.ScanCategory)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, content.ErrCategoryNotFound
	case err != nil:
		return nil, fmt.Errorf("read the category: %w", err)
	case category.OrganizationID != "":
		if err := p.admit(r, category.OrganizationID); err != nil {
			return nil, err
		}
	case category.CreatorID != r.Actor().UserID:
		return nil, content.ErrCategoryNotFound
	}
	return edge.Single{Data: categoryOf(category, p.cfg.AssetsURL)}, nil
}
