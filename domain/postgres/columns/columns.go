// Package columns keeps what a table's columns are in one list, which its statements are
// made from: what is selected and scanned, inserted and updated. A new field of an
// aggregate is one line of its list.
//
// Rows are written in sets: they travel as one JSON document, and Postgres turns it into
// rows of the table's own type (json_populate_recordset).
package columns

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
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
	// keys are the columns' names, as keys of an object.
	keys []string
	// Selected is what stands behind SELECT, for [Table.Scan].
	Selected                        string
	insertSQL, updateSQL, upsertSQL string
}

// New returns the table with these columns.
func New[T any](name string, list []Column[T]) *Table[T] {
	var selected, written, changed []string
	keys := make([]string, len(list))
	for i, c := range list {
		keys[i] = strconv.Quote(c.Name) + ":"
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
		keys:      keys,
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
	document := make([]byte, 0, 1024*len(rows))
	separator := byte('[')
	for _, row := range slices.Clone(rows) {
		document = append(document, separator, '{')
		for i, c := range t.columns {
			if c.Expression != "" {
				continue
			}
			var err error
			document = append(document, t.keys[i]...)
			if document, err = appendValue(document, c.Field(&row)); err != nil {
				return "", "", fmt.Errorf("marshal column %s: %w", c.Name, err)
			}
			document = append(document, ',')
		}
		document[len(document)-1] = '}' // in place of the last comma
		separator = ','
	}
	if len(rows) == 0 {
		document = append(document, separator)
	}
	return sql, string(append(document, ']')), nil
}

// appendValue appends a field as JSON. The types of most columns need no reflection.
func appendValue(document []byte, field any) ([]byte, error) {
	switch v := field.(type) {
	case *string:
		if v == nil { // a derived column
			return append(document, null...), nil
		}
		return appendString(document, *v), nil
	case **string:
		return appendValue(document, *v)
	case *bool:
		return strconv.AppendBool(document, *v), nil
	case *int:
		return strconv.AppendInt(document, int64(*v), 10), nil
	case *int64:
		return strconv.AppendInt(document, *v, 10), nil
	case *time.Time:
		return v.AppendFormat(document, timeLayout), nil
	case **time.Time:
		if *v == nil {
			return append(document, null...), nil
		}
		return (*v).AppendFormat(document, timeLayout), nil
	case appender:
		return v.appendJSON(document)
	}
	value, err := json.Marshal(field)
	return append(document, value...), err
}

// appender appends itself to a document.
type appender interface {
	appendJSON(document []byte) ([]byte, error)
}

const (
	null       = "null"
	timeLayout = `"` + time.RFC3339Nano + `"`
)

// appendString appends a string; what is not UTF-8 in it is replaced, as encoding/json does.
func appendString(document []byte, s string) []byte {
	document, _ = jsontext.AppendQuote(document, s)
	return document
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

// appendJSON appends null for the zero value.
func (o *optional[V]) appendJSON(document []byte) ([]byte, error) {
	var zero V
	if *o.field == zero {
		return append(document, null...), nil
	}
	switch v := any(o.field).(type) {
	case *string:
		return appendString(document, *v), nil
	case *int64:
		return strconv.AppendInt(document, *v, 10), nil
	}
	value, err := json.Marshal(*o.field)
	return append(document, value...), err
}
