package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/codex-platform/codex/cmd/codex/demo"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/migrations"
)

type migrateCmd struct{}

// Run migrates the configured database; codex up does it by itself.
func (migrateCmd) Run(a *app) error {
	cfg, err := readConfig()
	if err != nil {
		return err
	}
	if cfg.DatabaseURL == "" {
		return errors.New("set CODEX_DATABASE_URL to the database to migrate; the embedded one is migrated by codex up")
	}
	version, err := migrations.Apply(a.ctx, cfg.DatabaseURL)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "schema version %d\n", version)
	return nil
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
	return syscall.Exec(psql, append([]string{"psql", "--dbname=" + database}, p.args...), os.Environ())
}

type demoCmd struct {
	API      string `help:"Address of a running platform."`
	NATS     string `help:"Address of that platform's bus." default:"nats://127.0.0.1:4222"`
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
