package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/migrations"
)

func TestMain(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// noon is the time of every test that does not say otherwise.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func newPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// within runs f in a transaction and returns what it returned.
func within(t *testing.T, pool *pgxpool.Pool, f func(tx pgx.Tx) error) error {
	t.Helper()
	return pgx.BeginFunc(t.Context(), pool, f)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// addUser stores a customer with a password hash.
func addUser(t *testing.T, pool *pgxpool.Pool, id, email string) identity.User {
	t.Helper()
	u, _ := identity.Register(id, identity.SignUp{Name: "Ada", Email: email}, identity.Customer, noon)
	must(t, within(t, pool, func(tx pgx.Tx) error {
		return postgres.InsertUser(t.Context(), tx, u, "hash-of-"+id, uuid.NewString())
	}))
	return u
}

func count(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) int {
	t.Helper()
	var n int
	must(t, pool.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}
