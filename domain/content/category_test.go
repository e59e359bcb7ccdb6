package content_test

import (
	"testing"

	"github.com/codex-platform/codex/domain/content"
)

const categoryID = "00000000-0000-7000-8000-000000000004"

// manager are facts under which every change of films is accepted.
func manager() content.CategoryFacts {
	return content.CategoryFacts{
		ActorID:   creator,
		ActorRole: "creator",
		Member:    true,
		Manager:   true,
		SlugTaken: func(string) bool { return false },
	}
}

// films is a category of the organization, personal one of the creator's.
func films() content.Category {
	return content.Category{
		ID:             categoryID,
		OrganizationID: organization,
		CreatorID:      creator,
		Name:           "Films",
		Slug:           "films",
		SortOrder:      3,
		Version:        1,
	}
}

func personal() content.Category {
	c := films()
	c.OrganizationID = ""
	return c
}

func deleted() content.Category {
	c := films()
	c.DeletedAt = ptr(at)
	return c
}

func TestWhoMayChangeACategory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		category content.Category
		change   func(*content.CategoryFacts)
		want     string
	}{
		{"a manager", films(), func(*content.CategoryFacts) {}, ""},
		{"a member", films(), func(f *content.CategoryFacts) { f.Manager = false }, "NOT_A_MANAGER"},
		{"not a member", films(), func(f *content.CategoryFacts) { f.Member = false }, "CATEGORY_NOT_FOUND"},
		{"a customer", films(), func(f *content.CategoryFacts) { f.ActorRole = "customer" }, "forbidden"},
		{"a deleted account", films(), func(f *content.CategoryFacts) { f.ActorRole = "" }, "forbidden"},
		{"the creator", personal(), func(f *content.CategoryFacts) { f.Member, f.Manager = false, false }, ""},
		{"another creator", personal(), func(f *content.CategoryFacts) { f.ActorID = "other" }, "CATEGORY_NOT_FOUND"},
		{"a deleted category", deleted(), func(*content.CategoryFacts) {}, "CATEGORY_NOT_FOUND"},
		{"no category", content.Category{}, func(*content.CategoryFacts) {}, "CATEGORY_NOT_FOUND"},
	} {
		facts := manager()
		c.change(&facts)
		before := c.category
		changes := map[string]func() (content.Category, error){
			"update": func() (content.Category, error) {
				return before.Update(content.UpdateCategory{Name: set("B")}, facts, at)
			},
			"cover":   func() (content.Category, error) { return before.ShowCover("categories/a/lg.webp", facts, at) },
			"delete":  func() (content.Category, error) { return before.Delete(facts, at) },
			"reorder": func() (content.Category, error) { return reordered(before, facts) },
		}
		for name, change := range changes {
			after, err := change()
			if got := reasonOf(err); got != c.want {
				t.Errorf("%s, %s: %v, want %q", c.name, name, err, c.want)
			}
			if err == nil && (after.Version != before.Version+1 || after.Slug != before.Slug || !after.UpdatedAt.Equal(at)) {
				t.Errorf("%s, %s: %+v", c.name, name, after)
			}
		}
	}
}

func reordered(c content.Category, facts content.CategoryFacts) (content.Category, error) {
	moved, err := content.ReorderIn(c.Scope(), []content.Category{c}, facts, at)
	if err != nil {
		return content.Category{}, err
	}
	return moved[0], nil
}

func TestWhoMayAddACategory(t *testing.T) {
	t.Parallel()
	type (
		create = content.CreateCategory
		facts  = content.CategoryFacts
	)
	for _, c := range []struct {
		name   string
		change func(*create, *facts)
		want   string
	}{
		{"a member", func(_ *create, f *facts) { f.Manager = false }, ""},
		{"not a member", func(_ *create, f *facts) { f.Member = false }, "ORGANIZATION_MISMATCH"},
		{"a personal one", func(c *create, f *facts) { c.OrganizationID, f.Member = nil, false }, ""},
		{"a customer", func(_ *create, f *facts) { f.ActorRole = "customer" }, "forbidden"},
		{"a name without letters", func(c *create, _ *facts) { c.Name = "--" }, "invalid"},
	} {
		cmd, given := create{OrganizationID: ptr(organization), Name: "Films"}, manager()
		c.change(&cmd, &given)
		made, err := content.NewCategory(categoryID, cmd, given, at)
		if got := reasonOf(err); got != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if err == nil && (made.Slug != "films" || made.Version != 1 || made.CreatorID != creator) {
			t.Errorf("%s: %+v", c.name, made)
		}
	}
}

func TestReorderingIsOfOneScope(t *testing.T) {
	t.Parallel()
	scope := content.Scope{OrganizationID: organization}
	first, second := films(), films()
	first.SortOrder = 0
	moved, err := content.ReorderIn(scope, []content.Category{first, second}, manager(), at)
	if err != nil || moved[0].Version != 1 || moved[1].SortOrder != 1 || moved[1].Version != 2 {
		t.Errorf("%+v, %v", moved, err)
	}
	for name, other := range map[string]content.Category{"personal": personal(), "missing": {}, "deleted": deleted()} {
		_, err := content.ReorderIn(scope, []content.Category{first, other}, manager(), at)
		if reasonOf(err) != "CATEGORY_NOT_FOUND" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
