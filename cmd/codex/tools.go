package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/cmd/codex/demo"
	"github.com/codex-platform/codex/cmd/codex/redact"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/migrations"
)

type migrateCmd struct{}

// Help implements kong's HelpProvider.
func (migrateCmd) Help() string {
	return `With CODEX_MIGRATE_DATABASE_URL, the schema belongs to that role, and the role of
CODEX_DATABASE_URL is granted what the running program needs: rows, no DDL. Both roles
exist already.`
}

// Run migrates the configured database; codex up does it by itself.
func (migrateCmd) Run(a *app) error {
	cfg, err := readConfig()
	if err != nil {
		return err
	}
	owner := cmp.Or(cfg.MigrateURL, cfg.DatabaseURL)
	if owner == "" {
		return errors.New("set CODEX_DATABASE_URL to the database to migrate; the embedded one is migrated by codex up")
	}
	version, err := migrations.Apply(a.ctx, owner)
	if err != nil {
		return err
	}
	if cfg.MigrateURL != "" && cfg.DatabaseURL != "" {
		if err := grantToProgram(a.ctx, cfg.MigrateURL, cfg.DatabaseURL); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.out, "schema version %d\n", version)
	return nil
}

// grantToProgram grants the role of the running program what it needs, unless it is the
// owner itself.
func grantToProgram(ctx context.Context, owner, program string) error {
	as, err := pgx.ParseConfig(owner)
	if err != nil {
		return fmt.Errorf("CODEX_MIGRATE_DATABASE_URL: %w", err)
	}
	to, err := pgx.ParseConfig(program)
	if err != nil {
		return fmt.Errorf("CODEX_DATABASE_URL: %w", err)
	}
	if as.User == to.User {
		return nil
	}
	return migrations.Grant(ctx, owner, to.User)
}

type psqlCmd struct {
	// args go to psql as they are.
	args []string
}

// Help implements kong's HelpProvider.
func (psqlCmd) Help() string {
	return `Everything after psql is for psql: codex psql -c 'SELECT count(*) FROM purchases'`
}

// Run replaces this process by psql.
func (p psqlCmd) Run(*app) error {
	cfg, err := readConfig()
	if err != nil {
		return err
	}
	database := cfg.DatabaseURL
	if database == "" {
		if database, err = embeddedDatabase(cfg.Data); err != nil {
			return err
		}
	}
	psql, err := exec.LookPath("psql")
	if err != nil {
		return errors.New("psql is not installed: on Debian, apt-get install postgresql-client; " +
			"or use another client with the URL that codex config prints")
	}
	database, password := withoutPassword(database)
	environment := os.Environ()
	if password != "" {
		environment = append(environment, "PGPASSWORD="+password)
	}
	return syscall.Exec(psql, append([]string{"psql", "--dbname=" + database}, p.args...), environment)
}

// withoutPassword takes the password out of an address of a database: other users of the
// machine can read the arguments of a process, not its environment. In what cannot be
// parsed it is masked, and psql rejects the rest.
func withoutPassword(database string) (address, password string) {
	parsed, err := pgx.ParseConfig(database)
	if err != nil {
		return redact.Credentials(database), ""
	}
	u, err := url.Parse(database)
	if err != nil || u.Scheme == "" { // key=value
		return dsnPassword.ReplaceAllString(database, ""), parsed.Password
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	query.Del("password")
	u.RawQuery = query.Encode()
	return u.String(), parsed.Password
}

// dsnPassword is the password in a connection string of the form key=value.
var dsnPassword = regexp.MustCompile(`\bpassword\s*=\s*('(?:\\.|[^'\\])*'|\S*)`)

type demoCmd struct {
	API      string `help:"Address of a running platform."`
	NATS     string `help:"Address of that platform's bus; that of codex config unless given." placeholder:"URL"`
	Payments string `help:"Address of that platform's payments sandbox." default:"http://127.0.0.1:8090"`
}

// Help implements kong's HelpProvider.
func (demoCmd) Help() string {
	return `Without --api the platform on this machine is used when it responds; otherwise a temporary
one is started and removed.`
}

// Run runs the demonstration.
func (d demoCmd) Run(a *app) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	if d.NATS == "" {
		cfg, err := readConfig()
		if err != nil {
			return err
		}
		if d.NATS, err = cfg.natsAddress(); err != nil {
			return err
		}
	}
	return demo.Run(a.ctx, demo.Options{
		API:      d.API,
		NATS:     d.NATS,
		Payments: d.Payments,
		Binary:   binary,
		Out:      a.out,
	})
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(a *app) error {
	_, err := fmt.Fprintln(a.out, "codex", edge.Version)
	return err
}
