// Command codex is the platform, in one binary: everything embedded (codex up), or
// the roles of a larger installation one by one (codex serve).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/codex-platform/codex/cmd/codex/redact"
)

// cli is the command line. Everything that is not about one start is configured by
// the environment; codex config lists it.
type cli struct {
	Up       upCmd       `cmd:"" help:"Start the whole platform on this machine, with everything that it needs."`
	Serve    serveCmd    `cmd:"" help:"Start some roles of an installation whose database, bus and storage run elsewhere."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the database's schema up to this version."`
	Config   configCmd   `cmd:"" help:"Print the effective configuration, with secrets masked unless they are asked for."`
	Events   eventsCmd   `cmd:"" help:"Look at events."`
	Payments paymentsCmd `cmd:"" help:"Look after payments."`
	Psql     psqlCmd     `cmd:"" help:"Open the database in psql."`

	DeadLetters deadLettersCmd `cmd:"" help:"Look at commands and events that were given up, and have them tried again."`

	Demo    demoCmd    `cmd:"" help:"Drive the main job, from upload to refund, through a platform."`
	Version versionCmd `cmd:"" help:"Print the version."`

	LogLevel string `help:"Lowest level to log." enum:"debug,info,warn,error" default:"warn" env:"CODEX_LOG_LEVEL"`
	LogJSON  bool   `help:"Log JSON instead of text." env:"CODEX_LOG_JSON"`
}

const description = `Codex: upload video, audio and writing, have it transcoded, sell it, and stream it to buyers.

Start here: codex up`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "codex:", safeText(err.Error()))
		os.Exit(1)
	}
}

// app is what every command gets.
type app struct {
	ctx    context.Context //nolint:containedctx // one per process: the command's lifetime
	out    io.Writer
	errOut io.Writer
	log    *slog.Logger
	start  time.Time
}

// run parses the arguments and runs the command until it is done or ctx is. Tests
// call it as main does.
func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	start := time.Now()
	var c cli
	exited := false
	parser, err := kong.New(&c, kong.Name("codex"), kong.Description(description),
		kong.Writers(out, errOut), kong.Exit(func(int) { exited = true }), kong.UsageOnError())
	if err != nil {
		return err
	}
	// psql's own flags are not ours to read.
	var forPsql []string
	if len(args) > 1 && args[0] == "psql" && args[1] != "--help" {
		args, forPsql = args[:1], args[1:]
	}
	command, err := parser.Parse(args)
	if exited {
		return nil // --help was asked for, and shown
	}
	if err != nil {
		return err
	}
	c.Psql.args = forPsql
	a := &app{
		ctx:    ctx,
		out:    out,
		errOut: errOut,
		log:    newLogger(errOut, c.LogLevel, c.LogJSON),
		start:  start,
	}
	slog.SetDefault(a.log)
	err = command.Run(a)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil //nolint:nilerr // it was interrupted, as asked
	}
	return err
}

func newLogger(w io.Writer, level string, asJSON bool) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelWarn
	}
	options := &slog.HandlerOptions{Level: l}
	mode := redact.Mask
	if os.Getenv("CODEX_ENV") == "production" {
		mode = redact.Hash
	}
	if asJSON {
		return slog.New(redact.New(slog.NewJSONHandler(w, options), mode))
	}
	return slog.New(redact.New(slog.NewTextHandler(w, options), mode))
}
