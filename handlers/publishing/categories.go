package publishing

import (
	"fmt"
	"math"
	"net/http"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/handlers/edge"
)

// publicPage are page, limit and cursor as the public catalogue takes them: a limit above
// its cap is no mistake.
func publicPage(more ...edge.Param) []edge.Param {
	return append([]edge.Param{edge.IntParam("page", 1, edge.MaxPage, 1), edge.IntParam("limit", 1, math.MaxInt32, edge.DefaultPageSize), edge.CursorParam}, more...)
}

// categoryParam is the slug of a category.
var categoryParam = func() edge.Param {
	p := edge.TextParam("category", content.MaxCategorySlug)
	p.Check = func(v string) string {
		for _, r := range v {
			if r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				return "must be letters, digits and hyphens"
			}
		}
		return ""
	}
	return p
}()

// categorySpace is the name space of the ids of categories that are derived from
// what their items say.
var categorySpace = uuid.MustParse("c7b1f0b4-7d0e-5f53-8a3c-1a2f0d9e6b55")

// listPublicCategories answers with the categories that an organization's published
// items are in, by name. Items whose categories differ in writing only are in one.
func (p *publishing) listPublicCategories(c *edge.Request) error {
	organization := c.UUID("orgId")
	rows, err := p.cfg.Pool.Query(c, `SELECT min(category), category_slug, count(*) FROM content
		WHERE organization_id = $1 AND category_slug IS NOT NULL AND published_at IS NOT NULL AND `+published+`
		GROUP BY category_slug ORDER BY lower(min(category)), category_slug`, organization)
	if err != nil {
		return fmt.Errorf("list categories: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Category, error) {
		var category Category
		err := row.Scan(&category.Name, &category.Slug, &category.ContentCount)
		category.ID = uuid.NewSHA1(categorySpace, []byte(organization+"/"+category.Slug)).String()
		return category, err
	})
	if err != nil {
		return fmt.Errorf("list categories: %w", err)
	}
	c.Header("Cache-Control", edge.CachePublic)
	c.JSON(http.StatusOK, edge.Page(list, 1, max(1, len(list)), int64(len(list))))
	return nil
}
