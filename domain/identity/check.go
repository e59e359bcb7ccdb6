package identity

import (
	"slices"
	"strings"
	"unicode"

	"github.com/codex-platform/codex/domain"
)

// check collects the fields of a request that break a rule.
type check struct{ bad []domain.Field }

// limits begins a check with the limits that a request's fields declare.
func limits(request any) *check { return &check{bad: domain.Check(request)} }

// refuse names a field, once: of what breaks two rules the first is told.
func (v *check) refuse(path, message string) {
	if !slices.ContainsFunc(v.bad, func(f domain.Field) bool { return f.Path == path }) {
		v.bad = append(v.bad, domain.Field{Path: path, Message: message})
	}
}

// address is one that mail can be sent to.
func (v *check) address(address string) {
	if !ValidEmail(address) {
		v.refuse("email", "must be an e-mail address")
	}
}

// password is a new one, of the account with this address.
func (v *check) password(path, password, address string) {
	if message := BadPassword(password, address); message != "" {
		v.refuse(path, message)
	}
}

// singleLine is a text of one line.
func (v *check) singleLine(path, s string) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		v.refuse(path, "must be a single line")
	}
}

// given refuses null for a field that has no empty state.
func given[T any](v *check, path string, field domain.Optional[T]) {
	if field.Set && field.Value == nil {
		v.refuse(path, "must not be null")
	}
}
