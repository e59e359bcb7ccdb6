package domain

import (
	"slices"
	"strings"
	"unicode"
)

// Validation collects the fields of a request that break a rule.
type Validation struct {
	// Fields are the refused ones, each path once: the first rule that it breaks.
	Fields []Field
}

// Validate begins a validation with the limits that a request's fields declare; see
// [Check].
func Validate(request any) *Validation { return &Validation{Fields: Check(request)} }

// Refuse adds a field, unless it was refused before.
func (v *Validation) Refuse(path, message string) {
	if !slices.ContainsFunc(v.Fields, func(f Field) bool { return f.Path == path }) {
		v.Fields = append(v.Fields, Field{Path: path, Message: message})
	}
}

// SingleLine refuses a text with control characters.
func (v *Validation) SingleLine(path, text string) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		v.Refuse(path, "must be a single line")
	}
}

// NotNull refuses null for a field that has no empty state.
func NotNull[T any](v *Validation, path string, field Optional[T]) {
	if field.Set && field.Value == nil {
		v.Refuse(path, "must not be null")
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
