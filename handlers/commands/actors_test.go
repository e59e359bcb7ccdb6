package commands_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestTheLookUpOfActorsReadsNoOtherUsers(t *testing.T) {
	t.Parallel()
	w := &harness{Harness: handlertest.New(t, handlertest.Options{})}
	creator, customer := w.User("creator"), w.User("customer")
	w.Exec(`INSERT INTO users (id, name, email)
		SELECT 'other' || i, 'Other', i || '@example.test' FROM generate_series(1, 2000) i`)

	actors := commands.NewActors()
	for _, user := range []string{creator, customer, creator, "a stranger"} {
		actors.Want(user, "")
	}
	var read int
	err := pgx.BeginFunc(context.Background(), w.Pool, func(tx pgx.Tx) error {
		load := &pgx.Batch{}
		load.Queue("SET LOCAL plan_cache_mode = force_generic_plan")
		actors.Load(load)
		load.Queue(`SELECT COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0)
			FROM pg_stat_xact_user_tables WHERE relid = 'users'::regclass`).
			QueryRow(func(row pgx.Row) error { return row.Scan(&read) })
		return tx.SendBatch(context.Background(), load).Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	if actors.Role(creator) != "creator" || actors.Role(customer) != "customer" || actors.Role("a stranger") != "" {
		t.Errorf("roles %q, %q, %q", actors.Role(creator), actors.Role(customer), actors.Role("a stranger"))
	}
	if read > 10 { // the planner may read some as well
		t.Errorf("%d of 2002 users were read for 2", read)
	}
}
