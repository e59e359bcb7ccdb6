package publishing

import (
	"cmp"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/domain/organization"
	organizationstore "github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
)

// categoryErrors are the errors of every change of a category.
var categoryErrors = []*domain.Error{content.ErrCategoryNotFound, content.ErrCategoryManager}

// categoryRoutes are the categories of an organization, or of the caller's personal items.
// A cover is uploaded with the other pictures.
func (p *publishing) categoryRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:    "GET",
			Path:      "/api/categories",
			Name:      "listCategories",
			Summary:   "List categories",
			Notes:     "Those of an organization that the caller is a member of, or the caller's personal ones.",
			Auth:      edge.Session(edge.Creators...),
			Params:    edge.PagedParams(edge.UUIDParam("organizationId"), edge.SearchParam(255)),
			Responses: []edge.Response{edge.ListOf[Category]()},
			Errors:    []*domain.Error{organization.ErrNotMember, organization.ErrOrganizationNotFound},
			Handle:    p.listCategories,
		},
		{
			Method:    "POST",
			Path:      "/api/categories",
			Name:      "createCategory",
			Summary:   "Create category",
			Notes:     "The slug is made from the name; -2, -3 and so on are added while another category has it.",
			Auth:      edge.Session(edge.Creators...),
			Body:      content.CreateCategory{},
			Command:   content.CommandCreateCategory,
			Responses: []edge.Response{edge.Data[Category](http.StatusCreated)},
			Errors:    []*domain.Error{content.ErrCategoryMember, domain.ErrQuota},
			Handle:    p.createCategory,
		},
		{
			Method:    "POST",
			Path:      "/api/categories/reorder",
			Name:      "reorderCategories",
			Summary:   "Reorder categories",
			Notes:     "The categories get the positions 0, 1, 2, …; when one of them does not exist, none is moved.",
			Auth:      edge.Session(edge.Creators...),
			Body:      content.ReorderCategories{},
			Command:   content.CommandReorderCategories,
			Responses: []edge.Response{edge.NoContent},
			Errors:    categoryErrors,
			Handle:    p.reorderCategories,
		},
		{
			Method:    "PATCH",
			Path:      "/api/categories/:id",
			Name:      "updateCategory",
			Summary:   "Update category",
			Notes:     "The slug never changes.",
			Auth:      edge.Session(edge.Creators...),
			Body:      content.UpdateCategory{},
			Command:   content.CommandUpdateCategory,
			Responses: []edge.Response{edge.Data[Category](http.StatusOK)},
			Errors:    categoryErrors,
			Handle:    p.updateCategory,
		},
		{
			Method:    "DELETE",
			Path:      "/api/categories/:id",
			Name:      "deleteCategory",
			Summary:   "Delete category",
			Notes:     "Its items stay, in no category or in their other ones.",
			Auth:      edge.Session(edge.Creators...),
			Command:   content.CommandDeleteCategory,
			Responses: []edge.Response{edge.NoContent},
			Errors:    categoryErrors,
			Handle:    edge.SendForID(content.DeleteCategory{}),
		},
	}
}

// categoryOrder is the order of every list of categories.
var categoryOrder = paging.Order{ID: "categories.id", Keys: []paging.Key{
	{SQL: "categories.sort_order", Type: paging.Int},
	{SQL: "categories.name", Type: paging.Text},
}}

func (p *publishing) listCategories(c *edge.Request) error {
	space := c.UUID("organizationId")
	l := paging.List{From: "categories", Order: categoryOrder, Search: c.Text("search") != ""}
	l.Where.Is("categories.deleted_at IS NULL")
	if space == "" {
		l.Where.Is("categories.organization_id IS NULL")
		l.Where.And("categories.creator_id = $", c.Actor().UserID)
	} else {
		if err := p.admit(c, space); err != nil {
			return err
		}
		l.Where.And("categories.organization_id = $::uuid", space)
	}
	l.Where.AndIf(postgres.CategoryMatches, paging.Contains(c.Text("search")))
	found, err := paging.Find(c, p.cfg.Pool, l, c.Page())
	if err != nil {
		return fmt.Errorf("list categories: %w", err)
	}

	rows, err := p.cfg.Pool.Query(c, `SELECT `+postgres.CategoryColumns+` FROM categories
		WHERE categories.id = ANY($1::uuid[]) ORDER BY array_position($1::uuid[], categories.id)`, found.IDs)
	if err != nil {
		return fmt.Errorf("list categories: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Category, error) {
		category, err := postgres.ScanCategory(row)
		return categoryOf(category, p.cfg.AssetsURL), err
	})
	if err != nil {
		return fmt.Errorf("list categories: %w", err)
	}
	c.JSON(http.StatusOK, edge.PageOf(items, found))
	return nil
}

func (p *publishing) createCategory(c *edge.Request) error {
	var request content.CreateCategory
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(edge.NewID(), request)
}

// reorderCategories sends the command to the space, so that reorderings of one space are
// applied in their order.
func (p *publishing) reorderCategories(c *edge.Request) error {
	var request content.ReorderCategories
	if err := c.Decode(&request); err != nil {
		return err
	}
	space := content.ScopeOf(c.Actor().UserID, domain.OrZero(request.OrganizationID))
	return c.Send(cmp.Or(space.OrganizationID, space.CreatorID), request)
}

func (p *publishing) updateCategory(c *edge.Request) error {
	var request content.UpdateCategory
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(c.UUID("id"), request)
}

// admit rejects a caller who is no member of an organization.
func (p *publishing) admit(c *edge.Request, organizationID string) error {
	_, err := organizationstore.Admit(c, p.cfg.Pool, organizationID, organization.Authority{
		UserID:   c.Actor().UserID,
		Platform: organization.PlatformRole(c.Actor().Role),
	}, false)
	return err
}
