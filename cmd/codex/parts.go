package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/codex-platform/codex/deploy/embedded"
	"github.com/codex-platform/codex/deploy/embedded/nats"
	"github.com/codex-platform/codex/deploy/embedded/postgres"
	"github.com/codex-platform/codex/deploy/embedded/s3"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe"
)

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
			ps.nats, err = startNATS(*cfg, data.Path("nats"), a)
			return err
		})
	}
	if cfg.S3Endpoint == "" {
		starting.Go(func() (err error) {
			ps.s3, err = s3.Start(a.ctx, s3.Config{
				Dir:         data.Path("s3"),
				Addr:        cfg.S3Addr,
				AccessKey:   cfg.S3AccessKey,
				SecretKey:   string(cfg.S3SecretKey),
				Region:      cfg.S3Region,
				Buckets:     []string{cfg.S3BucketMedia, cfg.S3BucketAssets},
				CORSOrigins: append([]string{cfg.PublicURL}, cfg.webOrigins()...),
				Logger:      a.log,
			})
			return err
		})
	}
	if ps.withSandbox {
		starting.Go(func() (err error) {
			ps.sandbox, err = sandbox.Start(context.WithoutCancel(a.ctx), sandbox.Config{
				Addr:      cfg.SandboxAddr,
				StateFile: data.Path("payments.journal"),
				SecretKey: string(cfg.StripeKey),
				Webhooks:  sandboxWebhooks(*cfg),
				Logger:    a.log,
			})
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		return err
	}
	ps.fill(cfg)
	return nil
}

// fill fills in the addresses of the parts that were started.
func (ps *parts) fill(cfg *config) {
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
}

func startNATS(cfg config, dir string, a *app) (*nats.Server, error) {
	host, portText, err := net.SplitHostPort(cfg.NATSAddr)
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
	var encryption *tls.Config
	if cfg.NATSServerCert != "" {
		certificate, err := tls.LoadX509KeyPair(cfg.NATSServerCert, cfg.NATSServerKey)
		if err != nil {
			return nil, fmt.Errorf("CODEX_NATS_SERVER_CERT: %w", err)
		}
		encryption = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	return nats.Start(nats.Config{
		Dir:    filepath.Clean(dir),
		Host:   host,
		Port:   port,
		Token:  string(cfg.NATSToken),
		TLS:    encryption,
		Logger: a.log,
	})
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
		{
			Name:   "booking",
			URL:    base + "booking",
			Secret: string(cfg.WebhookBooking),
			Events: stripe.CheckoutEvents,
		},
		{
			Name:   "payment",
			URL:    base + "payment",
			Secret: string(cfg.WebhookPayment),
			Events: stripe.RefundEvents,
		},
		{
			Name:   "dispute",
			URL:    base + "dispute",
			Secret: string(cfg.WebhookDispute),
			Events: stripe.DisputeEvents,
		},
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
