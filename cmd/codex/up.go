package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/codex-platform/codex/cmd/codex/redact"
	"github.com/codex-platform/codex/deploy/embedded"
	"github.com/codex-platform/codex/migrations"
)

type upCmd struct {
	Data      string `help:"Directory of the embedded parts; .codex unless CODEX_DATA says otherwise." placeholder:"DIR"`
	Ephemeral bool   `help:"Use a temporary directory and remove it at the end."`

	Addr         string      `help:"Where pages and API listen." placeholder:"HOST:PORT"`
	StorageAddr  string      `help:"Where the embedded storage listens." placeholder:"HOST:PORT"`
	NATSAddr     string      `name:"nats-addr" help:"Where the embedded bus listens." placeholder:"HOST:PORT"`
	PaymentsAddr string      `help:"Where the payments sandbox listens." placeholder:"HOST:PORT"`
	Addresses    string      `help:"Write the addresses to this file, as JSON, when all is ready." placeholder:"FILE"`
	CompatPorts  compatPorts `help:"Listen also on the ports of the original's services, or a list." placeholder:"PORTS"`
}

// Help implements kong's HelpProvider.
func (upCmd) Help() string {
	return `Everything is kept in the data directory (.codex): stop it with Ctrl-C, start it again, and
it goes on where it was. Delete the directory to start from scratch.

Clients of the original expect one port per service: --compat-ports listens also on 42069,
4001, 42071, 42072, 42074, 4002, 42073 and 42075, or on a list of other ports in this order.

Any part can be replaced by a real one: CODEX_DATABASE_URL, CODEX_NATS_URL,
CODEX_S3_ENDPOINT, STRIPE_SECRET_KEY, CODEX_SMTP_URL. codex config lists everything.`
}

// Run starts everything and runs it until it is interrupted.
func (u upCmd) Run(a *app) error {
	cfg, err := readConfig()
	if err != nil {
		return err
	}
	u.override(&cfg)
	if err := cfg.check(allRoles); err != nil {
		return err
	}
	stopTelemetry, err := startTelemetry(a.ctx)
	if err != nil {
		return err
	}
	defer stopTelemetry()

	var data *embedded.DataDir
	if u.Ephemeral {
		data, err = embedded.OpenEphemeral()
	} else {
		data, err = embedded.OpenDataDir(cfg.Data)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err := data.Close(); err != nil {
			a.log.Warn("data directory not released", "error", err)
		}
	}()
	ps := &parts{withSandbox: cfg.development() && cfg.StripeKey == "" && cfg.StripeBackend == ""}
	if err := cfg.fillSecrets(data); err != nil {
		return err
	}
	return u.runIn(a, cfg, data, ps)
}

func (u upCmd) override(cfg *config) {
	for _, o := range []struct {
		flag string
		to   *string
	}{
		{u.Data, &cfg.Data},
		{u.Addr, &cfg.Addr},
		{u.StorageAddr, &cfg.S3Addr},
		{u.NATSAddr, &cfg.NATSAddr},
		{u.PaymentsAddr, &cfg.SandboxAddr},
		{string(u.CompatPorts), &cfg.CompatPorts},
	} {
		if o.flag != "" {
			*o.to = o.flag
		}
	}
}

// runIn starts the parts in a data directory, then the roles on top of them.
func (u upCmd) runIn(a *app, cfg config, data *embedded.DataDir, ps *parts) error {
	listener, err := listen(a.ctx, "CODEX_ADDR", cfg.Addr)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	chosen, err := compatServices(cfg.CompatPorts)
	if err != nil {
		return err
	}
	compat, err := listenCompat(a.ctx, chosen)
	if err != nil {
		return err
	}
	defer closeAll(compat)

	cfg.Addr = listener.Addr().String()
	if cfg.PublicURL == "" {
		cfg.PublicURL = "http://" + cfg.Addr
	}
	defer ps.stop(a)
	if err := ps.start(a, &cfg, data); err != nil {
		return err
	}
	if _, err := migrations.Apply(a.ctx, cfg.DatabaseURL); err != nil {
		return err
	}
	p, err := connect(a.ctx, cfg, a.log, ps.busOptions()...)
	if err != nil {
		return err
	}
	defer p.close()

	p.listener, p.compat, p.workDir = listener, compat, data.Path("transcoder")
	p.stopping = stoppingUp()
	ctx, cancel := context.WithCancelCause(a.ctx)
	defer cancel(nil)
	probes, err := p.serveProbes(ctx, allRoles)
	if err != nil {
		return err
	}
	defer probes()

	go ps.watch(ctx, cancel)
	err = p.run(ctx, allRoles, func() { u.announce(a, cfg, data, chosen) })
	if cause := context.Cause(ctx); err == nil && a.ctx.Err() == nil {
		err = cause
	}
	return err
}

// announce prints the addresses, and writes them to the file that was asked for.
func (u upCmd) announce(a *app, cfg config, data *embedded.DataDir, compat []service) {
	fmt.Fprintln(a.out)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "  pages and API\t%s\n", cfg.PublicURL)
	for _, s := range compat {
		fmt.Fprintf(w, "  as %s\thttp://127.0.0.1:%s\n", s.name, s.port)
	}
	if cfg.SMTPURL == "" {
		fmt.Fprintf(w, "  mailbox\t%s/mailbox\n", cfg.PublicURL)
	}
	if cfg.StripeBackend != "" {
		fmt.Fprintf(w, "  payments sandbox\t%s\n", cfg.StripeBackend)
	}
	fmt.Fprintf(w, "  storage (S3)\t%s\n", cfg.S3Endpoint)
	fmt.Fprintf(w, "  events (NATS)\t%s\n", redact.Credentials(cfg.NATSURL))
	fmt.Fprintf(w, "  database\t%s\n", redact.Credentials(cfg.DatabaseURL))
	fmt.Fprintf(w, "  data\t%s\n", data.Path())
	_ = w.Flush()
	fmt.Fprintf(a.out, "\nready in %.1f s; Ctrl-C stops everything\n", time.Since(a.start).Seconds())
	if u.Addresses == "" {
		return
	}
	if err := writeAddresses(u.Addresses, map[string]string{
		"api":      cfg.PublicURL,
		"storage":  cfg.S3Endpoint,
		"nats":     cfg.NATSURL,
		"payments": cfg.StripeBackend,
		"mailbox":  cfg.PublicURL + "/mailbox",
		"database": cfg.DatabaseURL,
	}); err != nil {
		a.log.Error("addresses not written", "file", u.Addresses, "error", err)
	}
}

// writeAddresses writes the file in one step: a program that waits for it reads all of it.
func writeAddresses(path string, addresses map[string]string) error {
	body, err := json.MarshalIndent(addresses, "", "  ")
	if err != nil {
		return err
	}
	draft := path + ".part"
	if err := os.WriteFile(draft, append(body, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(draft, path)
}
