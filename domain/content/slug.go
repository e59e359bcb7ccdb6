package content

import (
	"strings"
	"unicode"
)

// CategorySlug returns a category's name as addresses have it: letters and digits of
// any script in lower case, every other run a hyphen. It is empty for a name without
// a letter or digit.
func CategorySlug(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	slug := []rune(strings.Join(words, "-"))
	if len(slug) > MaxCategorySlug {
		slug = slug[:MaxCategorySlug]
	}
	return strings.TrimRight(string(slug), "-")
}

// CategorySlug returns the slug of the free text in which the item names its category, "" for
// none.
func (c Content) CategorySlug() string {
	if c.Category == nil {
		return ""
	}
	return CategorySlug(*c.Category)
}
