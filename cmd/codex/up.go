package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/codex-platform/codex/deploy/embedded"
	"github.com/codex-platform/codex/deploy/embedded/nats"
	"github.com/codex-platform/codex/deploy/embedded/postgres"
	"github.com/codex-platform/codex/deploy/embedded/s3"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/migrations"
)

type upCmd struct {
	Data      string `help:"Directory of the embedded parts; .codex unless CODEX_DATA says otherwise." placeholder:"DIR"`
	Ephemeral bool   `help:"Use a throw-away directory and remove it at the end."`

	Addr         string      `help:"Where pages and API listen." placeholder:"HOST:PORT"`
	StorageAddr  string      `help:"Where the embedded storage listens." placeholder:"HOST:PORT"`
	NATSAddr     string      `name:"nats-addr" help:"Where the embedded bus listens." placeholder:"HOST:PORT"`
	PaymentsAddr string      `help:"Where the payments sandbox listens." placeholder:"HOST:PORT"`
	CompatPorts  compatPorts `help:"Listen also where clients of the original expect its services (42069, 4001, 42071, 42072, 42074, 4002), or on a list of other ports in this order." placeholder:"PORTS"`
	Addresses    string      `help:"Write the addresses to this file, as JSON, once everything is ready." placeholder:"FILE"`
}

// Help implements kong's HelpProvider.
func (upCmd) Help() string {
	return `Everything is kept in the data directory (.codex): stop it with Ctrl-C, start it again, and
it goes on where it was. Delete the directory to begin anew.

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
	if err := cfg.check(); err != nil {
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
	if err := p.ready(a.ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(a.ctx)
	defer cancel(nil)
	probes, err := p.serveProbes(ctx)
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

// announce prints where to look.
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
	fmt.Fprintf(w, "  events (NATS)\t%s\n", maskPassword(cfg.NATSURL))
	fmt.Fprintf(w, "  database\t%s\n", maskPassword(cfg.DatabaseURL))
	fmt.Fprintf(w, "  data\t%s\n", data.Path())
	_ = w.Flush()
	fmt.Fprintf(a.out, "\nready in %.1f s; Ctrl-C stops everything\n", time.Since(a.start).Seconds())
	if u.Addresses == "" {
		return
	}
	if err := writeAddresses(u.Addresses, map[string]string{
		"api": cfg.PublicURL, "storage": cfg.S3Endpoint, "nats": cfg.NATSURL, "payments": cfg.StripeBackend, "mailbox": cfg.PublicURL + "/mailbox",
		"database": cfg.DatabaseURL,
	}); err != nil {
		a.log.Error("addresses not written", "file", u.Addresses, "error", err)
	}
}

// writeAddresses writes the file in one step: whoever waits for it sees all of it.
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

// parts are the outside parts that this process runs itself.
type parts struct {
	// withSandbox asks for the payments sandbox.
	withSandbox bool

	postgres *postgres.Server
	nats     *nats.Server
	s3       *s3.Server
	sandbox  *sandbox.Server
}

// start starts the parts that the configuration names no address for, at the same
// time, and fills in their addresses.
func (ps *parts) start(a *app, cfg *config, data *embedded.DataDir) error {
	var starting errgroup.Group
	if cfg.DatabaseURL == "" {
		starting.Go(func() (err error) {
			ps.postgres, err = postgres.Start(a.ctx, postgres.Config{Dir: data.Path("postgres"), Logger: a.log})
			return err
		})
	}
	if cfg.NATSURL == "" {
		starting.Go(func() (err error) {
			ps.nats, err = startNATS(cfg.NATSAddr, data.Path("nats"), a)
			return err
		})
	}
	if cfg.S3Endpoint == "" {
		starting.Go(func() (err error) {
			ps.s3, err = s3.Start(a.ctx, s3.Config{
				Dir: data.Path("s3"), Addr: cfg.S3Addr, AccessKey: cfg.S3AccessKey, SecretKey: string(cfg.S3SecretKey), Region: cfg.S3Region,
				Buckets: []string{cfg.S3BucketMedia, cfg.S3BucketAssets}, CORSOrigins: append([]string{cfg.PublicURL}, cfg.webOrigins()...), Logger: a.log,
			})
			return err
		})
	}
	if ps.withSandbox {
		starting.Go(func() (err error) {
			ps.sandbox, err = sandbox.Start(context.WithoutCancel(a.ctx), sandbox.Config{
				Addr: cfg.SandboxAddr, StateFile: data.Path("payments.journal"), SecretKey: string(cfg.StripeKey),
				Webhooks: sandboxWebhooks(*cfg), Logger: a.log,
			})
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		return err
	}
	if ps.postgres != nil {
		cfg.DatabaseURL = ps.postgres.URL()
	}
	if ps.nats != nil {
		cfg.NATSURL = ps.nats.URL()
	}
	if ps.s3 != nil {
		cfg.S3Endpoint = ps.s3.Endpoint()
	}
	if ps.sandbox != nil {
		cfg.StripeBackend = ps.sandbox.URL()
	}
	return nil
}

func startNATS(addr, dir string, a *app) (*nats.Server, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("CODEX_NATS_ADDR: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("CODEX_NATS_ADDR: %q is no port", portText)
	}
	if port == 0 {
		port = -1
	}
	return nats.Start(nats.Config{Dir: filepath.Clean(dir), Host: host, Port: port, Logger: a.log})
}

// busOptions connects the roles to the embedded server without a socket.
func (ps *parts) busOptions() []natsgo.Option {
	if ps.nats == nil {
		return nil
	}
	return []natsgo.Option{natsgo.InProcessServer(ps.nats)}
}

// sandboxWebhooks are the endpoints that the sandbox delivers to, as they would be
// registered at Stripe.
func sandboxWebhooks(cfg config) []sandbox.Endpoint {
	base := cfg.PublicURL + "/webhooks/stripe/"
	return []sandbox.Endpoint{
		{Name: "booking", URL: base + "booking", Secret: string(cfg.WebhookBooking), Events: []string{
			"checkout.session.completed", "checkout.session.expired", "checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed",
		}},
		{Name: "payment", URL: base + "payment", Secret: string(cfg.WebhookPayment), Events: []string{"charge.refunded"}},
		{Name: "dispute", URL: base + "dispute", Secret: string(cfg.WebhookDispute), Events: []string{"charge.dispute.created", "charge.dispute.closed"}},
	}
}

// watch cancels when a part ends by itself.
func (ps *parts) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	var database, messages, storage <-chan struct{}
	if ps.postgres != nil {
		database = ps.postgres.Done()
	}
	if ps.nats != nil {
		messages = ps.nats.Done()
	}
	if ps.s3 != nil {
		storage = ps.s3.Done()
	}
	select {
	case <-ctx.Done():
	case <-database:
		cancel(errors.Join(errors.New("the database ended unexpectedly; start again and it recovers"), ps.postgres.Err()))
	case <-messages:
		cancel(errors.New("the bus ended unexpectedly; start again and nothing is lost"))
	case <-storage:
		cancel(errors.New("the storage ended unexpectedly; start again"))
	}
}

// stop stops the parts, the database last.
func (ps *parts) stop(a *app) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), 5*time.Second)
	defer cancel()
	var stopping errgroup.Group
	if ps.sandbox != nil {
		stopping.Go(func() error { return ps.sandbox.Stop(ctx) })
	}
	if ps.s3 != nil {
		stopping.Go(func() error { return ps.s3.Stop(ctx) })
	}
	if ps.nats != nil {
		stopping.Go(func() error { return ps.nats.Stop(ctx) })
	}
	err := stopping.Wait()
	if ps.postgres != nil {
		err = errors.Join(err, ps.postgres.Stop(ctx))
	}
	if err != nil {
		a.log.Warn("a part did not stop cleanly", "error", err)
	}
}
