package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
)

type serveCmd struct {
	Role string `help:"Roles to run, separated by commas: edge, commands, relay, reactions, transcoder." required:""`
}

// Help implements kong's HelpProvider.
func (serveCmd) Help() string {
	return `Edges and reactions scale out freely: start as many as you like. Commands scale by
partitions (CODEX_COMMAND_PARTITIONS, the same everywhere); of several processes that
serve one partition, one works and the others stand by. The same holds for the relay.

The database must have this version's schema: run codex migrate first. Until the database
and the bus respond, the roles wait; an edge without the bus serves reads, and accepts
writes with 202.

SIGTERM stops it: an edge turns unready, serves for CODEX_SHUTDOWN_DELAY more, and then
finishes its requests; all of it takes CODEX_SHUTDOWN_TIMEOUT at most. A second signal
ends it at once.`
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
	cfg.hideOthers(roles)
	if err := cfg.missing(roles); err != nil {
		return err
	}
	if cfg.PublicURL == "" {
		cfg.PublicURL = "http://" + cfg.Addr
	}
	if err := cfg.check(roles); err != nil {
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
	p.stopping = stopping{
		notice:   cfg.ShutdownDelay,
		linger:   lingerServe,
		requests: requestsServe,
		total:    cfg.ShutdownTimeout,
	}
	if slices.Contains(roles, roleTranscoder) {
		var remove func()
		if p.workDir, remove, err = newWorkDir(); err != nil {
			return err
		}
		defer remove()
	}
	if slices.Contains(roles, roleEdge) {
		if p.listener, err = listen(a.ctx, "CODEX_ADDR", cfg.Addr); err != nil {
			return err
		}
	}
	probes, err := p.serveProbes(a.ctx, roles)
	if err != nil {
		return err
	}
	defer probes()
	return p.run(a.ctx, roles, func() { fmt.Fprintf(a.out, "codex serves %s\n", s.Role) })
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
