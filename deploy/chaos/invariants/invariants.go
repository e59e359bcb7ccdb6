// Package invariants holds what must be true of an installation at rest, as SQL.
//
// Each file is one invariant, named by its number. Its first line gives the class of what
// breaks it (lost, doubled, reordered, stuck or wrong), the comment below says what holds, and the
// query returns the violating rows as subject and detail. No row: it holds.
//
// The queries compare the platform's tables with the records of others, which the caller loads
// into the tables of the schema chaos (see schema.sql): what clients were answered, what the payment
// provider believes, what is on the event stream and in the object store. They are meant for rest: no
// request in flight, and everything that was caused has happened.
//
// A query that never finds anything looks like one that cannot. The test of this package plants
// a violation for each, in a small consistent world in which all are silent.
package invariants

import (
	"context"
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed *.sql
var files embed.FS

// Class says how a violation harms.
type Class string

// The classes.
const (
	Lost      Class = "lost"
	Doubled   Class = "doubled"
	Reordered Class = "reordered"
	Stuck     Class = "stuck"
	Wrong     Class = "wrong"
)

var classes = []Class{Lost, Doubled, Reordered, Stuck, Wrong}

// Invariant is one file.
type Invariant struct {
	// ID is the number, for example I01.
	ID    string
	Class Class
	// Statement says what holds.
	Statement string
	query     string
}

// Violation is a row that must not be.
type Violation struct {
	Invariant Invariant
	Subject   string
	Detail    string
}

// String describes the violation in a line.
func (v Violation) String() string {
	return fmt.Sprintf("%s %s: %s: %s (%s)",
		v.Invariant.ID, v.Invariant.Class, v.Subject, v.Detail, v.Invariant.Statement)
}

const schemaFile = "schema.sql"

// All returns the invariants in the order of their numbers.
func All() ([]Invariant, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var all []Invariant
	for _, entry := range entries {
		if entry.Name() == schemaFile {
			continue
		}
		text, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil, err
		}
		one, err := parse(entry.Name(), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// parse reads the comment at the head of a file.
func parse(name, text string) (Invariant, error) {
	id, _, _ := strings.Cut(strings.TrimSuffix(path.Base(name), ".sql"), "_")
	one := Invariant{ID: id, query: text}
	var statement []string
	for i, line := range strings.Split(text, "\n") {
		comment, ok := strings.CutPrefix(line, "-- ")
		if !ok {
			break
		}
		if i == 0 {
			one.Class = Class(comment)
			continue
		}
		statement = append(statement, comment)
	}
	one.Statement = strings.Join(statement, " ")
	if !slices.Contains(classes, one.Class) || one.Statement == "" {
		return one, fmt.Errorf("%s: the first line is a class, the next ones say what holds", name)
	}
	return one, nil
}

// CreateSchema creates the tables for the records of others, empty.
func CreateSchema(ctx context.Context, db *pgxpool.Pool) error {
	text, err := files.ReadFile(schemaFile)
	if err != nil {
		return err
	}
	if _, err := db.Exec(ctx, string(text)); err != nil {
		return fmt.Errorf("create the checker's tables: %w", err)
	}
	return nil
}

// Querier is a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Check returns the violations of all invariants.
func Check(ctx context.Context, db Querier) ([]Violation, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	var found []Violation
	for _, one := range all {
		violations, err := one.Check(ctx, db)
		if err != nil {
			return nil, err
		}
		found = append(found, violations...)
	}
	return found, nil
}

// Check returns the violations of this invariant.
func (i Invariant) Check(ctx context.Context, db Querier) ([]Violation, error) {
	rows, err := db.Query(ctx, i.query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.ID, err)
	}
	violations, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Violation, error) {
		v := Violation{Invariant: i}
		return v, row.Scan(&v.Subject, &v.Detail)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.ID, err)
	}
	return violations, nil
}
