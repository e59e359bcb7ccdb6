package publishing

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
)

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
	creators, organizations, err := p.owners(ctx, items)
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

// owners returns the creators and the organizations of items, by id.
func (p *publishing) owners(ctx context.Context, items []content.Content) (
	creators map[string]*PublicCreator, organizations map[string]*PublicOrganization, err error,
) {
	var creatorIDs, organizationIDs []string
	for _, item := range items {
		creatorIDs = append(creatorIDs, item.CreatorID)
		if item.OrganizationID != "" {
			organizationIDs = append(organizationIDs, item.OrganizationID)
		}
	}
	b := &pgx.Batch{}
	creators = queuePublic(b, `SELECT id, name, username, COALESCE(avatar_url, image) FROM users
		WHERE id = ANY($1::text[])`, creatorIDs,
		func(u *PublicCreator) (string, []any) { return u.ID, []any{&u.ID, &u.Name, &u.Username, &u.Avatar} })
	organizations = queuePublic(b, `SELECT id, name, slug, logo_url FROM organizations
		WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL`, organizationIDs,
		func(o *PublicOrganization) (string, []any) { return o.ID, []any{&o.ID, &o.Name, &o.Slug, &o.Logo} })
	if err := p.cfg.Pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, nil, fmt.Errorf("read creators and organizations: %w", err)
	}
	return creators, organizations, nil
}

// queuePublic queues the read of rows by id. The map has them by id once the batch was sent;
// fields returns a row's id and where its columns go.
func queuePublic[T any](b *pgx.Batch, sql string, ids []string, fields func(*T) (string, []any)) map[string]*T {
	found := map[string]*T{}
	b.Queue(sql, ids).Query(func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*T, error) {
			v := new(T)
			_, targets := fields(v)
			return v, row.Scan(targets...)
		})
		for _, v := range list {
			id, _ := fields(v)
			found[id] = v
		}
		return err
	})
	return found
}
