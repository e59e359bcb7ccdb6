// Package columns keeps what a table's columns are in one list, which its statements are
// made from: what is selected and scanned, inserted and updated. A new field of an
// aggregate is one line of its list.
//
// Rows are written in sets: they travel as one JSON document, and Postgres turns it into
// rows of the table's own type (json_populate_recordset).
package columns

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Column is a column of a table whose rows are kept in a T.
type Column[T any] struct {
	// Name is the column's name.
	Name string
	// Field returns a pointer to what the column is scanned into and written from.
	Field func(*T) any
	// Expression is what is selected in its place; such a column is not written.
	Expression string
	// Fixed columns are written when the row is inserted, and not changed afterwards.
	Fixed bool
	// Derived columns are written and not read.
	Derived bool
}

// Table makes the statements of a table with a primary key id.
type Table[T any] struct {
	columns []Column[T]
	// Selected is what stands behind SELECT, for [Table.Scan].
	Selected                        string
	insertSQL, updateSQL, upsertSQL string
}

// New returns the table with these columns.
func New[T any](name string, list []Column[T]) *Table[T] {
	var selected, written, changed []string
	for _, c := range list {
		switch {
		case c.Expression != "":
			selected = append(selected, c.Expression)
			continue
		case !c.Derived:
			selected = append(selected, name+"."+c.Name)
		}
		written = append(written, c.Name)
		if !c.Fixed {
			changed = append(changed, c.Name)
		}
	}
	names := strings.Join(written, ", ")
	rows := `json_populate_recordset(NULL::` + name + `, $1::json)`
	insert := `INSERT INTO ` + name + ` (` + names + `) SELECT ` + names + ` FROM ` + rows
	set := func(from string) string {
		return `(` + strings.Join(changed, ", ") + `) = (` + from + `.` + strings.Join(changed, ", "+from+".") + `)`
	}
	return &Table[T]{
		columns:   list,
		Selected:  strings.Join(selected, ", "),
		insertSQL: insert,
		updateSQL: `UPDATE ` + name + ` SET ` + set("r") + ` FROM ` + rows + ` r WHERE ` + name + `.id = r.id`,
		upsertSQL: insert + ` ON CONFLICT (id) DO UPDATE SET ` + set("excluded"),
	}
}

// Scan reads a row of Selected, and of what is selected behind it into more.
func (t *Table[T]) Scan(row pgx.CollectableRow, more ...any) (v T, err error) {
	fields := make([]any, 0, len(t.columns)+len(more))
	for _, c := range t.columns {
		if !c.Derived {
			fields = append(fields, c.Field(&v))
		}
	}
	return v, row.Scan(append(fields, more...)...)
}

// Insert returns the statement that inserts rows, which must be new, and its argument.
func (t *Table[T]) Insert(rows []T) (sql, argument string, err error) {
	return t.statement(t.insertSQL, rows)
}

// Update returns the statement that changes rows, which must be locked, and its argument.
func (t *Table[T]) Update(rows []T) (sql, argument string, err error) {
	return t.statement(t.updateSQL, rows)
}

// Upsert returns the statement that inserts rows, or changes those that exist, and its
// argument.
func (t *Table[T]) Upsert(rows []T) (sql, argument string, err error) {
	return t.statement(t.upsertSQL, rows)
}

func (t *Table[T]) statement(sql string, rows []T) (string, string, error) {
	body := bytes.NewBufferString("[")
	for i, row := range slices.Clone(rows) {
		separator := ",{"
		if i == 0 {
			separator = "{"
		}
		for _, c := range t.columns {
			if c.Expression != "" {
				continue
			}
			value, err := json.Marshal(c.Field(&row))
			if err != nil {
				return "", "", fmt.Errorf("marshal column %s: %w", c.Name, err)
			}
			fmt.Fprintf(body, "%s%q:%s", separator, c.Name, value)
			separator = ","
		}
		body.WriteByte('}')
	}
	body.WriteByte(']')
	return sql, body.String(), nil
}

// Optional is a field whose zero value is NULL in the table.
func Optional[V ~string | ~int64](field *V) any { return &optional[V]{field} }

type optional[V ~string | ~int64] struct{ field *V }

// Scan implements sql.Scanner.
func (o *optional[V]) Scan(src any) error {
	var zero V
	*o.field = zero
	switch v := src.(type) {
	case nil:
		return nil
	case V:
		*o.field = v
		return nil
	}
	body, err := json.Marshal(src)
	if err == nil {
		err = json.Unmarshal(body, o.field)
	}
	if err != nil {
		return fmt.Errorf("scan %T: %w", src, err)
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (o *optional[V]) MarshalJSON() ([]byte, error) {
	var zero V
	if *o.field == zero {
		return []byte("null"), nil
	}
	return json.Marshal(*o.field)
}
