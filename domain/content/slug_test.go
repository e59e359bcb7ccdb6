package content_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
)

func TestTheSlugOfACategoryFollowsFromItsName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Films":                         "films",
		"  Short  films! ":              "short-films",
		"R&B / Soul":                    "r-b-soul",
		"Übungen":                       "übungen",
		"音楽 2":                          "音楽-2",
		"--":                            "",
		"":                              "",
		"C++":                           "c",
		strings.Repeat("a", 119) + " b": strings.Repeat("a", 119),
	} {
		if got := content.CategorySlug(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
		item := content.Content{Category: &name}
		if got := item.CategorySlug(); got != want {
			t.Errorf("an item in %q is in %q, want %q", name, got, want)
		}
	}
}

func TestCategoriesMustBeOfTheSpace(t *testing.T) {
	t.Parallel()
	order, facts := video(), able()
	order.CategoryIDs = []string{mediaID, contentID}
	facts.Categories = []string{mediaID}
	if bad := order.Validate(); len(bad) > 0 {
		t.Fatal(bad)
	}
	_, _, err := content.New(contentID, order, facts, at)
	if bad := badFields(err); len(bad) != 1 || bad[0].Path != "categoryIds.1" || !domain.IsClass(err, domain.Invalid) {
		t.Errorf("created: %v", err)
	}
	_, _, err = draft(t).Update(content.Update{CategoryIDs: set([]string{contentID})}, facts, at)
	if bad := badFields(err); len(bad) != 1 || bad[0].Path != "categoryIds.0" {
		t.Errorf("updated: %v", err)
	}
	for name, update := range map[string]content.Update{
		"cleared": {CategoryIDs: set([]string{})},
		"null":    {CategoryIDs: null[[]string]()},
		"absent":  {},
	} {
		if _, _, err := draft(t).Update(update, facts, at); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	order.CategoryIDs = make([]string, 21)
	if bad := order.Validate(); len(bad) == 0 || bad[0].Path != "categoryIds" {
		t.Errorf("21 categories: %v", bad)
	}
}

// stored is what the database accepts as a slug.
var stored = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// FuzzSlug: what passes as a slug can be stored, and asked for again in any case.
func FuzzSlug(f *testing.F) {
	f.Fuzz(func(t *testing.T, slug string) {
		order := video()
		order.Slug = slug
		accepted := !slices.ContainsFunc(order.Validate(), func(bad domain.Field) bool { return bad.Path == "slug" })
		if accepted != (stored.MatchString(order.Slug) && len(order.Slug) <= 500) {
			t.Fatalf("%q as %q: %v", slug, order.Slug, accepted)
		}
		again := video()
		again.Slug = strings.ToUpper(order.Slug)
		again.Validate()
		if accepted && again.Slug != order.Slug {
			t.Fatalf("%q and in capitals %q", order.Slug, again.Slug)
		}
	})
}

// FuzzCategorySlug: every name has one form, which is its own form.
func FuzzCategorySlug(f *testing.F) {
	f.Fuzz(func(t *testing.T, name string) {
		slug := content.CategorySlug(name)
		if !utf8.ValidString(slug) || utf8.RuneCountInString(slug) > content.MaxCategorySlug {
			t.Fatalf("%q is %q", name, slug)
		}
		foreign := func(r rune) bool { return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }
		if strings.ContainsFunc(slug, foreign) || strings.Contains(slug, "--") || strings.Trim(slug, "-") != slug {
			t.Fatalf("%q is %q", name, slug)
		}
		if again := content.CategorySlug(slug); again != slug {
			t.Fatalf("%q is %q, then %q", name, slug, again)
		}
	})
}
