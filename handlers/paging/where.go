package paging

import (
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Where selects rows by the filters that are set. Conditions are written in the program;
// what clients send travels as arguments.
type Where struct {
	conditions []string
	args       []any
}

// Arg adds an argument and returns its place, for example $2.
func (w *Where) Arg(v any) string {
	w.args = append(w.args, v)
	return fmt.Sprintf("$%d", len(w.args))
}

// Is adds a condition without an argument.
func (w *Where) Is(condition string) { w.conditions = append(w.conditions, condition) }

// And adds a condition; every $ in it is the argument.
func (w *Where) And(condition string, arg any) {
	w.Is(strings.ReplaceAll(condition, "$", w.Arg(arg)))
}

// AndIf adds a condition for a filter that is set.
func (w *Where) AndIf(condition, filter string) {
	if filter != "" {
		w.And(condition, filter)
	}
}

// sql returns the conditions behind WHERE.
func (w *Where) sql() string {
	if len(w.conditions) == 0 {
		return "true"
	}
	return strings.Join(w.conditions, " AND ")
}

// Contains returns the pattern of LIKE for text that contains s, "" for "". Names are kept in
// NFC, so that is what is searched for.
func Contains(s string) string {
	if s == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(norm.NFC.String(s)) + "%"
}
