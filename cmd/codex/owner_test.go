package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The role of the running program reads and writes rows. It owns nothing and creates
// nothing, and all roles of the platform work with it.
func TestThePlatformRunsWithoutDDL(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	name := strings.TrimPrefix(mustParse(t, in.database).Path, "/")
	owner, program, database := name+"_owner", name+"_app", name+"_roles"
	in.exec(`CREATE ROLE ` + owner + ` LOGIN`)
	in.exec(`CREATE ROLE ` + program + ` LOGIN`)
	in.exec(`CREATE DATABASE ` + database + ` OWNER ` + owner)
	admin := in.database
	t.Cleanup(func() {
		in.database = admin
		in.exec(`DROP DATABASE ` + database + ` WITH (FORCE)`)
		in.exec(`DROP ROLE ` + owner + `, ` + program)
	})
	address := mustParse(t, in.database)
	address.Path = "/" + database
	in.database = as(t, address.String(), program)

	migrate := launch(t, in.env("CODEX_MIGRATE_DATABASE_URL="+as(t, address.String(), owner)), "migrate")
	select {
	case <-migrate.exited:
	case <-time.After(60 * time.Second):
		t.Fatal("codex migrate does not end")
	}
	if migrate.cmd.ProcessState.ExitCode() != 0 {
		t.Fatalf("codex migrate: %s", migrate.out)
	}
	if _, err := in.connect().Exec(context.Background(), `CREATE TABLE mine ()`); err == nil {
		t.Error("the program's role creates tables")
	}
	if _, err := in.connect().Exec(context.Background(), `DROP TABLE content`); err == nil {
		t.Error("the program's role drops tables")
	}

	roles := in.serve("edge,commands,relay,reactions")
	roles.waitReady(t)
	creator, buyer := in.client(), in.client()
	creator.signUp("creator@example.com", "creator")
	buyer.signUp("buyer@example.com", "user")
	organization, content := creator.sellFilm()
	event := completedSession(t, "evt_roles", "pi_roles", buyer.userID, content, organization, 2999)
	signature := sign(testBooking, event, time.Now())
	buyer.want(http.StatusOK, http.MethodPost, seedBooking, event, "Stripe-Signature", signature)
	waitFor(t, "access", func() bool {
		status, _, _ := buyer.do(http.MethodGet, "/api/access/content/"+content+"/stream", nil)
		return status == http.StatusOK
	})
	waitFor(t, "an empty outbox", func() bool {
		return in.number(`SELECT count(*) FROM outbox WHERE published_at IS NULL`) == 0
	})
	creator.want(http.StatusOK, http.MethodGet, "/health", nil)
	for _, complaint := range []string{"42501", "permission denied", "must be owner"} {
		if roles.logged(complaint) {
			t.Errorf("the role lacks a right: %s", roles.out)
		}
	}
}

// Health tells what does not work: a schema of another version, a database that cannot be
// written, a bus that is away.
func TestHealthNamesWhatDoesNotWork(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	roles := in.serve("edge,commands,relay,reactions")
	roles.waitReady(t)
	c := in.client()
	want := func(what, part, reason string) {
		t.Helper()
		waitFor(t, what, func() bool {
			status, body, _ := c.do(http.MethodGet, "/health", nil)
			shown, _ := field(body, "checks."+part).(string)
			return status == http.StatusServiceUnavailable && strings.Contains(shown, reason)
		})
	}
	healthy := func() {
		t.Helper()
		waitFor(t, "health", func() bool {
			status, _, _ := c.do(http.MethodGet, "/health", nil)
			return status == http.StatusOK
		})
	}
	healthy()
	in.exec(`INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, true)`)
	want("a newer schema", "schema", "newer")
	if status, body := roles.readyz(); status != http.StatusOK {
		t.Errorf("a newer schema makes the process unready: %+v", body)
	}
	in.exec(`DELETE FROM schema_versions WHERE version_id = 9999`)
	healthy()
	in.exec(`UPDATE schema_versions SET is_applied = false
WHERE version_id = (SELECT max(version_id) FROM schema_versions)`)
	want("an older schema", "schema", "older")
	in.exec(`UPDATE schema_versions SET is_applied = true`)
	healthy()

	name := pgx.Identifier{strings.TrimPrefix(mustParse(t, in.database).Path, "/")}.Sanitize()
	admin := in.connect()
	reconnected := func(change string) {
		t.Helper()
		for _, statement := range []string{change, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()`} {
			if _, err := admin.Exec(context.Background(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	reconnected(`ALTER DATABASE ` + name + ` SET default_transaction_read_only = on`)
	want("a read-only database", "database", "read-only")
	reconnected(`ALTER DATABASE ` + name + ` RESET default_transaction_read_only`)
	healthy()

	in.nats.Stop(t)
	want("a bus that is away", "bus", "not connected")
	in.nats.Restart(t)
	healthy()
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
