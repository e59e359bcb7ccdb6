package content

import (
	"strings"
	"unicode"
)

// MaxCategorySlug is the longest slug of a category, in characters.
const MaxCategorySlug = 120

// CategorySlug returns a category's name as addresses have it: letters and digits of
// any script in lower case, every other run a hyphen. It is empty for a name without
// a letter or digit.
func CategorySlug(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	slug := []rune(strings.Join(words, "-"))
	if len(slug) > MaxCategorySlug {
		slug = slug[:MaxCategorySlug]
	}
	return strings.TrimRight(string(slug), "-")
}

// CategorySlugs returns the slugs of the categories that the item is in.
func (c Content) CategorySlugs() []string {
	if c.Category != nil {
		if slug := CategorySlug(*c.Category); slug != "" {
			return []string{slug}
		}
	}
	return []string{}
}
