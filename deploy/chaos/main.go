package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	codex   string
	form    string
	faults  string
	rate    int
	clients int
	within  time.Duration
	logs    string
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == nodeCommand {
		exit(runNode(os.Args[2]))
	}
	privateMounts()
	var o options
	flag.StringVar(&o.codex, "codex", "bin/codex", "the program under test")
	flag.StringVar(&o.form, "form", "long", "long: every fault; short: those that CI has time for")
	flag.StringVar(&o.faults, "faults", "", "these faults only, by name, separated by commas")
	flag.IntVar(&o.rate, "rate", 20, "operations a second, of two requests on average")
	flag.IntVar(&o.clients, "clients", 64, "operations at once, at most")
	flag.DurationVar(&o.within, "within", 15*time.Second, "longest recovery, and longest time from a payment to access")
	flag.StringVar(&o.logs, "logs", "", "directory for the logs of all processes; default a new one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, os.Stdout)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run starts the installation, runs the rows and prints the table. It fails when a row did.
func run(ctx context.Context, o options, out io.Writer) error {
	chosen, err := choose(o)
	if err != nil {
		return err
	}
	codex, err := filepath.Abs(o.codex)
	if err != nil {
		return err
	}
	if _, err := os.Stat(codex); err != nil {
		return fmt.Errorf("%w: build it with make build", err)
	}
	logs := o.logs
	if logs == "" {
		if logs, err = os.MkdirTemp("", "codex-chaos-logs-"); err != nil {
			return err
		}
	}
	rows, err := runRows(ctx, o, codex, logs, chosen, out)
	if len(rows) > 0 {
		fmt.Fprintln(out)
		writeTable(out, rows)
	}
	for _, r := range rows {
		if r.skipped == nil && !r.good() && err == nil {
			err = errors.New("at least one row failed")
		}
	}
	if err != nil {
		return fmt.Errorf("%w; the logs are in %s", err, logs)
	}
	if o.logs == "" {
		return os.RemoveAll(logs)
	}
	return nil
}

// runRows runs a row without a fault, then one per fault. A row that fails does not end the run.
func runRows(
	ctx context.Context, o options, codex, logs string, chosen []fault, out io.Writer,
) (rows []row, err error) {
	began := time.Now()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	c, err := startCluster(ctx, codex, logs, log)
	defer c.stop()
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	h, err := newHarness(ctx, c, out, o)
	if err != nil {
		return nil, err
	}
	defer h.load.close()
	fmt.Fprintf(out, "ready after %.1f s: %d operations/s, %d clients\n", time.Since(began).Seconds(), o.rate, o.clients)
	for _, f := range append([]fault{{name: "none", inject: nothing}}, chosen...) {
		r := h.run(ctx, f)
		if ctx.Err() != nil {
			return rows, errors.New("interrupted")
		}
		rows = append(rows, r)
		fmt.Fprintf(out, "%-22s %-7s %5.1f s: %d requests, %s %% refused, recovery %s s, paid to access %s s, rest %s s\n",
			r.fault, r.result(), r.took.Seconds(), r.stats.Requests, r.refused(), seconds(r.recovery),
			seconds(r.stats.PaidToAccess), seconds(r.toRest))
		r.details(out)
	}
	return rows, nil
}

// nothing is the fault of the first row, which shows the load alone.
func nothing(ctx context.Context, _ *harness) (time.Duration, error) {
	wait(ctx, leadOut)
	return 0, nil
}

// choose returns the faults that were asked for.
func choose(o options) ([]fault, error) {
	if o.form != "long" && o.form != "short" {
		return nil, fmt.Errorf("the form is %q: it is long or short", o.form)
	}
	if o.faults == "" {
		return slices.DeleteFunc(faults(), func(f fault) bool { return o.form == "short" && !f.short }), nil
	}
	var chosen []fault
	for name := range strings.SplitSeq(o.faults, ",") {
		name = strings.ReplaceAll(strings.TrimSpace(name), "-", " ")
		all := faults()
		place := slices.IndexFunc(all, func(f fault) bool { return f.name == name })
		if place < 0 {
			return nil, fmt.Errorf("there is no fault %q", name)
		}
		chosen = append(chosen, all[place])
	}
	return chosen, nil
}
