package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/codex-platform/codex/handlers/edge"
)

type serveCmd struct {
	Role string `help:"Roles to run, separated by commas: edge, commands, relay, reactions, transcoder." required:""`
}

// Help implements kong's HelpProvider.
func (serveCmd) Help() string {
	return `Edges and reactions scale out freely: start as many as you like. Commands scale by
partitions (CODEX_COMMAND_PARTITIONS, the same everywhere); of several processes that
serve one partition, one works and the others stand by. The same holds for the relay.

The database must have this version's schema: run codex migrate first.`
}

// Run serves roles until it is interrupted.
func (s serveCmd) Run(a *app) error {
	roles, err := parseRoles(s.Role)
	if err != nil {
		return err
	}
	cfg, err := readConfig()
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"CODEX_DATABASE_URL": cfg.DatabaseURL, "CODEX_NATS_URL": cfg.NATSURL, "CODEX_S3_ENDPOINT": cfg.S3Endpoint,
		"CODEX_TOKEN_SECRET": string(cfg.TokenSecret), "CODEX_TRANSCODER_SECRET": string(cfg.TranscoderSecret),
		"STRIPE_SECRET_KEY": string(cfg.StripeKey),
	} {
		if value == "" {
			return fmt.Errorf("set %s: codex serve starts no part itself; codex up does", name)
		}
	}
	if cfg.PublicURL == "" {
		cfg.PublicURL = "http://" + cfg.Addr
	}
	if err := cfg.check(); err != nil {
		return err
	}
	stopTelemetry, err := startTelemetry(a.ctx)
	if err != nil {
		return err
	}
	defer stopTelemetry()
	p, err := connect(a.ctx, cfg, a.log)
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.ready(a.ctx); err != nil {
		return err
	}
	if slices.Contains(roles, roleTranscoder) {
		if p.workDir, err = os.MkdirTemp("", "codex-transcoder-"); err != nil {
			return fmt.Errorf("create the transcoder's work directory: %w", err)
		}
		defer func() { _ = os.RemoveAll(p.workDir) }()
	}
	if slices.Contains(roles, roleEdge) {
		if p.listener, err = listen(a.ctx, "CODEX_ADDR", cfg.Addr); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	probes, err := p.serveProbes(ctx)
	if err != nil {
		return err
	}
	defer probes()
	return p.run(ctx, roles, func() { fmt.Fprintf(a.out, "codex serves %s\n", s.Role) })
}

// listen opens a TCP listener and says in one sentence why it could not.
func listen(ctx context.Context, variable, addr string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: stop it, or set %s to a free address", addr, variable)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be listened on (%s): %w", addr, variable, err)
	}
	return listener, nil
}

// serveProbes answers /livez and /readyz on the internal address, when one is set.
func (p *platform) serveProbes(ctx context.Context) (stop func(), err error) {
	if p.cfg.Internal == "" {
		return func() {}, nil
	}
	listener, err := listen(ctx, "CODEX_INTERNAL_ADDR", p.cfg.Internal)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		switch err := p.pool.Ping(ctx); {
		case err != nil:
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		case !p.conn.IsConnected():
			http.Error(w, "the bus does not answer", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write([]byte("ok\n"))
		}
	})
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = edge.Server{Grace: time.Second}.Serve(ctx, listener, mux)
	}()
	return func() { cancel(); <-done }, nil
}
