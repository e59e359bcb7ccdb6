package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers"
)

// role is one part of the platform that can run in a process of its own.
type role string

// The roles, in the order in which a process stops them.
const (
	roleEdge       role = "edge"
	roleTranscoder role = "transcoder"
	roleCommands   role = "commands"
	roleReactions  role = "reactions"
	roleRelay      role = "relay"
)

var allRoles = []role{roleEdge, roleTranscoder, roleCommands, roleReactions, roleRelay}

// platform is the roles of one process, wired by hand: this file says what talks
// to what.
type platform struct {
	cfg  config
	log  *slog.Logger
	pool *pgxpool.Pool
	// batchPool is for the transactions that apply commands.
	batchPool *pgxpool.Pool
	conn      *nats.Conn
	limits    bus.StreamLimits
	ready     *readiness
	stopping  stopping
	// commandKeys are for commands and their outcomes, eventKeys for events; nil in a role
	// that has no need of them.
	commandKeys, eventKeys *bus.Keys
	// dispatcher sends commands, for the edge and for jobs.
	dispatcher *bus.Dispatcher
	// listener serves the edge; nil without that role.
	listener net.Listener
	// compat are more addresses of the edge, under the names of services.
	compat []compatListener
	// workDir holds the transcoder's files; this process alone uses it.
	workDir string
	// mailWritten wakes the mailer when both run in this process.
	mailWritten chan struct{}
}

// connect prepares the connections that every role needs; none of them has to respond yet.
func connect(ctx context.Context, cfg config, log *slog.Logger, busOptions ...nats.Option) (*platform, error) {
	p := &platform{cfg: cfg, log: log, limits: cfg.streamLimits(), mailWritten: make(chan struct{}, 1)}
	var err error
	if p.pool, err = openPool(ctx, cfg.DatabaseURL, cfg.PoolSize); err != nil {
		return nil, err
	}
	if p.batchPool, err = openPool(ctx, cfg.DatabaseURL, cfg.BatchPoolSize); err != nil {
		p.close()
		return nil, err
	}
	credentials, err := natsOptions(cfg)
	if err != nil {
		p.close()
		return nil, err
	}
	l := &link{}
	p.conn, err = bus.Connect(cfg.NATSURL, "codex", log, slices.Concat(l.options(), credentials, busOptions)...)
	if err != nil {
		p.close()
		return nil, err
	}
	host, _ := os.Hostname()
	if p.commandKeys, err = busKeys("CODEX_COMMAND_SECRET", cfg.CommandSecret); err != nil {
		p.close()
		return nil, err
	}
	if p.eventKeys, err = busKeys("CODEX_EVENT_SECRET", cfg.EventSecret); err != nil {
		p.close()
		return nil, err
	}
	name := host + "-" + uuid.NewString()
	if p.dispatcher, err = bus.NewDispatcher(p.conn, p.commandKeys, name, cfg.Partitions, log); err != nil {
		p.close()
		return nil, err
	}
	p.ready = &readiness{
		pool:   p.pool,
		conn:   p.conn,
		link:   l,
		limits: p.limits,
		log:    log,
	}
	return p, nil
}

// busKeys returns the keys of a list of secrets, nil for an empty one.
func busKeys(variable string, list secret) (*bus.Keys, error) {
	secrets := several(list)
	if len(secrets) == 0 {
		return nil, nil
	}
	keys, err := bus.NewKeys(secrets...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return keys, nil
}

// openPool opens a pool whose sessions are safe: nothing waits for ever.
func openPool(ctx context.Context, databaseURL string, size int32) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("CODEX_DATABASE_URL: %w", err)
	}
	params := map[string]string{
		"application_name":                    "codex",
		"statement_timeout":                   "10s",
		"lock_timeout":                        "4s",
		"idle_in_transaction_session_timeout": "30s",
	}
	maps.Copy(params, postgres.Planner())
	for name, value := range params {
		if _, set := cfg.ConnConfig.RuntimeParams[name]; !set {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	cfg.MaxConns = size
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return pool, nil
}

// close closes the connections. It does not wait for a database that does not respond: the
// end of the process closes those, too.
func (p *platform) close() {
	if p.dispatcher != nil {
		p.dispatcher.Close()
	}
	if p.conn != nil {
		p.conn.Close()
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if p.batchPool != nil {
			p.batchPool.Close()
		}
		p.pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
		p.log.Warn("connections to the database are left open: it does not respond")
	}
}

// stages builds the roles, in stopping order.
func (p *platform) stages(roles []role) ([]*stage, error) {
	modules, err := p.modules()
	if err != nil {
		return nil, err
	}
	builders := map[role]func([]handlers.Module) (func(context.Context) error, error){
		roleEdge:       p.edge,
		roleCommands:   p.commands,
		roleRelay:      p.relay,
		roleReactions:  p.reactions,
		roleTranscoder: p.transcoder,
	}
	var stages []*stage
	for _, r := range allRoles {
		for _, wanted := range roles {
			if wanted != r {
				continue
			}
			run, err := builders[r](modules)
			if err != nil {
				return nil, fmt.Errorf("role %s: %w", r, err)
			}
			stages = append(stages, &stage{role: r, run: run})
		}
	}
	return stages, nil
}

// together runs loops until all have returned; one that fails stops the others.
func together(ctx context.Context, loops ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(loops))
	var running sync.WaitGroup
	for i, loop := range loops {
		running.Go(func() {
			if errs[i] = loop(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

func parseRoles(names string) ([]role, error) {
	var roles []role
	for name := range strings.SplitSeq(names, ",") {
		r := role(strings.TrimSpace(name))
		known := false
		for _, k := range allRoles {
			known = known || k == r
		}
		if !known {
			return nil, fmt.Errorf("there is no role %q: the roles are edge, commands, relay, reactions and transcoder", name)
		}
		roles = append(roles, r)
	}
	return roles, nil
}
