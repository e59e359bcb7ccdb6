// Package postgres is what all stores share about Postgres: which errors mean what,
// and the few methods that they need of a pool, a connection or a transaction. It
// knows no table and no context.
package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Execer runs statements: a pool, a connection or a transaction.
type Execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Queryer reads rows: a pool, a connection or a transaction.
type Queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// RowQueryer reads single rows: a pool, a connection or a transaction.
type RowQueryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// DB is all three.
type DB interface {
	Execer
	Queryer
	RowQueryer
}
