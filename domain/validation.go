package domain

import (
	"slices"
	"strings"
)

// Validation collects the fields of a request that break a rule.
type Validation struct {
	// Fields are the invalid ones, each path once, with the first rule that it breaks.
	Fields []Field
}

// Validate begins a validation with the limits that a request's fields declare; see
// [Check].
func Validate(request any) *Validation { return &Validation{Fields: Check(request)} }

// Reject adds a field, unless it is in the list.
func (v *Validation) Reject(path, message string) {
	if !slices.ContainsFunc(v.Fields, func(f Field) bool { return f.Path == path }) {
		v.Fields = append(v.Fields, Field{Path: path, Message: message})
	}
}

// MergeFields appends to the invalid fields those of a later check that are neither in the list
// nor inside, or around, one that is: what could not be read has no value to check.
func MergeFields(fields, later []Field) []Field {
	inside := func(a, b string) bool { return a == b || strings.HasPrefix(a, b+".") }
	known := fields
	for _, f := range later {
		if !slices.ContainsFunc(known, func(k Field) bool { return inside(f.Path, k.Path) || inside(k.Path, f.Path) }) {
			fields = append(fields, f)
		}
	}
	return fields
}

// NotNull rejects null for a field that has no empty state.
func NotNull[T any](v *Validation, path string, field Optional[T]) {
	if field.Set && field.Value == nil {
		v.Reject(path, "must not be null")
	}
}

// NonEmpty trims a text and returns nil when nothing is left.
func NonEmpty(text *string) *string {
	if text == nil {
		return nil
	}
	trimmed := strings.TrimSpace(*text)
	if trimmed == "" {
		return nil
	}
	return &trimmed
}
