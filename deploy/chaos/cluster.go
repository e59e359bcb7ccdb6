package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/codex-platform/codex/deploy/embedded"
	"github.com/codex-platform/codex/deploy/embedded/s3"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/migrations"
)

// The roles, each of which runs twice.
var roleNames = []string{"edge", "commands", "relay", "reactions", "transcoder"}

// instances is how many processes of a role run.
const instances = 2

// stopWithin is how long a process may take to end after SIGTERM.
const stopWithin = 30 * time.Second

// cluster is the whole installation.
type cluster struct {
	data *embedded.DataDir
	logs string
	log  *slog.Logger

	database *database
	nodes    []*node
	storage  *s3.Server
	payments *sandbox.Server
	front    *front
	roles    map[string][]*role
	links    []*link

	// pool and bus are the harness's own connections, past every proxy.
	pool *pgxpool.Pool
	bus  *nats.Conn
}

// role is one process of a role.
type role struct {
	*process
	// probes is where /readyz is.
	probes string
	// links are the proxies on its way to Postgres and NATS, for a role that has them.
	links []*link
}

// The secrets of an installation that lives for minutes, on loopback.
const (
	storageKey    = "chaos"
	storageSecret = "chaos-storage-secret-0123456789"
	stripeKey     = "sk_test_chaos0123456789"
	webhookSecret = "whsec_Y2hhb3MtY2hhb3MtY2hhb3MtY2hhb3MtY2hhb3M=" //nolint:gosec // the sandbox's, see above
)

// startCluster starts everything and waits until it is ready. When it fails, stop still has
// to be called on what it returns.
func startCluster(ctx context.Context, codex, logs string, log *slog.Logger) (*cluster, error) {
	c := &cluster{logs: logs, log: log, roles: map[string][]*role{}}
	var err error
	if c.data, err = embedded.OpenEphemeral(); err != nil {
		return c, err
	}
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return c, err
	}
	if c.front, err = startFront(); err != nil {
		return c, err
	}
	if err := c.startParts(ctx); err != nil {
		return c, err
	}
	if _, err := migrations.Apply(ctx, c.database.server.URL()); err != nil {
		return c, err
	}
	if c.pool, err = pgxpool.New(ctx, c.database.server.URL()); err != nil {
		return c, err
	}
	if c.bus, err = nats.Connect(c.natsURL(), nats.Name("chaos"), nats.MaxReconnects(-1),
		nats.ReconnectWait(100*time.Millisecond), nats.RetryOnFailedConnect(true)); err != nil {
		return c, err
	}
	if err := c.startRoles(ctx, codex); err != nil {
		return c, err
	}
	return c, nil
}

// startParts starts what the platform stands on.
func (c *cluster) startParts(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if c.nodes, err = newNodes(self, c.data.Path(), c.logs); err != nil {
		return err
	}
	var starting errgroup.Group
	starting.Go(func() (err error) {
		c.database, err = startDatabase(ctx, c.data.Path(), c.log)
		return err
	})
	for _, n := range c.nodes {
		starting.Go(n.start)
	}
	starting.Go(func() (err error) {
		c.storage, err = s3.Start(ctx, s3.Config{
			Dir:       c.data.Path("s3"),
			AccessKey: storageKey,
			SecretKey: storageSecret,
			Buckets:   []string{"codex-media", "codex-assets"},
			Logger:    c.log,
		})
		return err
	})
	starting.Go(func() (err error) {
		c.payments, err = sandbox.Start(context.WithoutCancel(ctx), sandbox.Config{
			SecretKey: stripeKey,
			Webhooks:  webhooks(c.front.url()),
			Logger:    c.log,
		})
		return err
	})
	return starting.Wait()
}

// webhooks are the endpoints that the sandbox delivers to.
func webhooks(base string) []sandbox.Endpoint {
	var endpoints []sandbox.Endpoint
	for name, types := range map[string][]string{
		"booking": {"checkout.session.completed", "checkout.session.expired"},
		"payment": {"charge.refunded", "refund.created", "refund.updated", "refund.failed"},
		"dispute": {"charge.dispute.created", "charge.dispute.closed"},
	} {
		endpoints = append(endpoints, sandbox.Endpoint{
			Name:   name,
			URL:    base + "/webhooks/stripe/" + name,
			Secret: webhookSecret,
			Events: types,
		})
	}
	return endpoints
}

// startRoles starts all roles and waits until each is ready.
func (c *cluster) startRoles(ctx context.Context, codex string) error {
	for _, name := range roleNames {
		for number := 1; number <= instances; number++ {
			r, err := c.newRole(codex, name, number)
			if err != nil {
				return err
			}
			c.roles[name] = append(c.roles[name], r)
			if err := r.start(); err != nil {
				return err
			}
		}
	}
	for _, r := range c.allRoles() {
		if err := r.awaitReady(ctx, time.Minute); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) newRole(codex, name string, number int) (*role, error) {
	instance := fmt.Sprintf("%s-%d", name, number)
	probes, err := freeAddress()
	if err != nil {
		return nil, err
	}
	r := &role{
		probes: probes,
		process: &process{
			name: instance,
			path: codex,
			args: []string{"serve", "--role", name},
			log:  filepath.Join(c.logs, instance+".log"),
		},
	}
	databaseURL, natsURL := c.database.server.URL(), c.natsURL()
	if name == "relay" {
		if databaseURL, natsURL, err = c.linkRole(r); err != nil {
			return nil, err
		}
	}
	r.env = append(c.environment(),
		"CODEX_INTERNAL_ADDR="+probes,
		"CODEX_DATABASE_URL="+databaseURL,
		"CODEX_NATS_URL="+natsURL,
	)
	if name == "edge" {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		r.env = append(r.env, "CODEX_ADDR="+address)
		c.front.add(address, probes)
	}
	return r, nil
}

// linkRole puts proxies between a role and the servers that it uses.
func (c *cluster) linkRole(r *role) (databaseURL, natsURL string, err error) {
	toDatabase, err := newLink("unix", c.database.socket())
	if err != nil {
		return "", "", err
	}
	r.links = append(r.links, toDatabase)
	var urls []string
	for _, n := range c.nodes {
		toNode, err := newLink("tcp", n.client)
		if err != nil {
			return "", "", err
		}
		r.links = append(r.links, toNode)
		urls = append(urls, "nats://"+toNode.addr())
	}
	c.links = append(c.links, r.links...)
	return "postgres://codex@" + toDatabase.addr() + "/codex?sslmode=disable", strings.Join(urls, ","), nil
}

func (c *cluster) natsURL() string {
	var urls []string
	for _, n := range c.nodes {
		urls = append(urls, "nats://"+n.client)
	}
	return strings.Join(urls, ",")
}

// environment configures what all roles share. It inherits no configuration of another
// installation.
func (c *cluster) environment() []string {
	var environment []string
	for _, variable := range os.Environ() {
		inherited := !strings.HasPrefix(variable, "CODEX_") && !strings.HasPrefix(variable, "STRIPE_")
		if inherited || strings.HasPrefix(variable, "CODEX_CACHE_DIR=") {
			environment = append(environment, variable)
		}
	}
	return append(environment,
		"CODEX_ENV=development",
		"CODEX_PUBLIC_URL="+c.front.url(),
		"CODEX_RATE_LIMIT_FACTOR=10000",
		"CODEX_NATS_REPLICAS="+strconv.Itoa(nodes),
		"CODEX_COMMAND_PARTITIONS=2",
		"CODEX_ORGANIZATION_FEE_BPS=1000",
		"CODEX_S3_ENDPOINT="+c.storage.Endpoint(),
		"CODEX_S3_ACCESS_KEY="+storageKey,
		"CODEX_S3_SECRET_KEY="+storageSecret,
		"CODEX_STRIPE_BACKEND_URL="+c.payments.URL(),
		"STRIPE_SECRET_KEY="+stripeKey,
		"STRIPE_WEBHOOK_SECRET_BOOKING="+webhookSecret,
		"STRIPE_WEBHOOK_SECRET_PAYMENT="+webhookSecret,
		"STRIPE_WEBHOOK_SECRET_DISPUTE="+webhookSecret,
		"CODEX_COMMAND_SECRET=chaos-command-secret-0123456789abcdef",
		"CODEX_EVENT_SECRET=chaos-event-secret-0123456789abcdefgh",
		"CODEX_TOKEN_SECRET=chaos-token-secret-0123456789abcdef",
		"CODEX_TRANSCODER_SECRET=chaos-transcoder-secret-0123456789",
		"CODEX_WORKER_SECRET=chaos-worker-secret-0123456789abcdef",
	)
}

func (c *cluster) allRoles() []*role {
	var all []*role
	for _, name := range roleNames {
		all = append(all, c.roles[name]...)
	}
	return all
}

// awaitReady waits until the role answers that it is ready.
func (r *role) awaitReady(ctx context.Context, limit time.Duration) error {
	err := until(ctx, limit, 50*time.Millisecond, func(ctx context.Context) error {
		if r.life() == nil {
			return errNotRunning
		}
		return ready(ctx, r.probes)
	})
	if err != nil {
		return fmt.Errorf("%s is not ready: %w", r.name, err)
	}
	return nil
}

// probeClient asks /readyz. It keeps no connection: a stopped process must not be asked over
// one that it answered before.
var probeClient = &http.Client{
	Timeout:   time.Second,
	Transport: &http.Transport{DisableKeepAlives: true},
}

func ready(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := probeClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s", response.Status)
	}
	return nil
}

// stop ends everything, the database last, and removes the data.
func (c *cluster) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if c.bus != nil {
		c.bus.Close()
	}
	var ending errgroup.Group
	for _, r := range c.allRoles() {
		ending.Go(r.kill)
	}
	for _, n := range c.nodes {
		ending.Go(n.kill)
	}
	_ = ending.Wait()
	for _, l := range c.links {
		l.close()
	}
	if c.front != nil {
		c.front.close()
	}
	var err error
	if c.payments != nil {
		err = errors.Join(err, c.payments.Stop(ctx))
	}
	if c.storage != nil {
		err = errors.Join(err, c.storage.Stop(ctx))
	}
	if c.pool != nil {
		c.pool.Close()
	}
	if c.database != nil {
		c.database.stop(ctx)
	}
	for _, n := range c.nodes {
		err = errors.Join(err, n.disk.close())
	}
	if c.data != nil {
		err = errors.Join(err, c.data.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos: clean up:", err)
	}
}
