package handlertest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/outbox"
)

// StartBus makes a server the bus, with its streams, and connects the edge's dispatcher
// to it. Commands are spread over partitions.
func (w *Harness) StartBus(server *natstest.Instance, partitions int) {
	w.Helper()
	w.Bus, w.partitions = server, partitions
	w.Conn = w.connect()
	// Without the streams the response to a first request would be 202.
	js := Must(jetstream.New(w.Conn))(w)
	if err := bus.EnsureStreams(context.Background(), js, bus.DefaultStreamLimits()); err != nil {
		w.Fatal(err)
	}
	w.Dispatcher = w.NewDispatcher()
}

// NewDispatcher connects another edge to the bus.
func (w *Harness) NewDispatcher() *bus.Dispatcher {
	w.Helper()
	d := Must(bus.NewDispatcher(w.connect(), Keys(), uuid.NewString(), w.partitions, w.Logger))(w)
	w.Cleanup(d.Close)
	return d
}

// Keys are those that commands of the harness are signed with.
func Keys() *bus.Keys { return commandKeys }

// EventKeys are those that the relay of the harness signs events with.
func EventKeys() *bus.Keys { return eventKeys }

var (
	commandKeys, _ = bus.NewKeys("the secret that signs commands of a test")
	eventKeys, _   = bus.NewKeys("the secret that signs the events of a test")
)

func (w *Harness) connect() *nats.Conn {
	w.Helper()
	conn := Must(bus.Connect(w.Bus.URL(), "test", w.Logger))(w)
	w.Cleanup(conn.Close)
	return conn
}

// StartStore starts an object store with both buckets, to which pages of these origins may upload.
func (w *Harness) StartStore(origins ...string) {
	w.Helper()
	client := Must(s3.Open(s3.Config{
		Endpoint:  s3test.Server(w, origins...).Endpoint(),
		Region:    s3test.Region,
		AccessKey: s3test.AccessKey,
		SecretKey: s3test.SecretKey,
	}))(w)
	w.Cleanup(client.Close)
	w.Media, w.Assets = client.Bucket(s3test.MediaBucket), client.Bucket(s3test.AssetsBucket)
}

// StartSandbox starts the payments sandbox and its client. The
// secret key need not be given.
func (w *Harness) StartSandbox(cfg sandbox.Config) {
	w.Helper()
	cfg.SecretKey = "sk_test_harness"
	w.Sandbox = Must(sandbox.Start(context.Background(), cfg))(w)
	w.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Within)
		defer cancel()
		if err := w.Sandbox.Stop(ctx); err != nil {
			w.Errorf("stop the sandbox: %v", err)
		}
	})
	w.Stripe = Must(
		stripe.New(stripe.Config{SecretKey: cfg.SecretKey, BackendURL: w.Sandbox.URL(), Timeout: 5 * time.Second}))(
		w,
	)
	w.Cleanup(w.Stripe.Close)
}

// StartCommands starts the consumer of the commands of these contexts.
func (w *Harness) StartCommands(contexts []commands.Context, externals ...commands.External) {
	w.Helper()
	w.Start(commands.NewRunner(commands.Config{
		Pool:       w.Pool,
		Conn:       w.Conn,
		Keys:       Keys(),
		Partitions: w.partitions,
		Limits:     bus.DefaultStreamLimits(),
		Now:        w.Now,
		Log:        w.Logger,
	}, contexts, externals).Run)
}

// StartRelay starts the relay of events.
func (w *Harness) StartRelay() (stop func()) {
	w.Helper()
	return w.Start(Must(outbox.NewRelay(outbox.RelayConfig{
		DatabaseURL: w.Database,
		Conn:        w.Conn,
		Keys:        EventKeys(),
		Limits:      bus.DefaultStreamLimits(),
		Log:         w.Logger,
		Poll:        relayPoll,
	}))(w).Run)
}

// StartReactions starts the relay and reactions.
func (w *Harness) StartReactions(projections ...reactions.Projection) {
	w.Helper()
	w.StartRelay()
	w.start(projections, nil)
}

func (w *Harness) start(projections []reactions.Projection, processes []reactions.Process) {
	w.Helper()
	w.Start(reactions.New(reactions.Config{
		Pool:   w.Pool,
		Conn:   w.Conn,
		Keys:   EventKeys(),
		Limits: bus.DefaultStreamLimits(),
		Now:    w.Now,
		Log:    w.Logger,
	}, projections, processes).Run)
}

// Start runs f until the test ends, or until stop is called.
func (w *Harness) Start(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, context.Canceled) {
				w.Errorf("stopped with %v", err)
			}
		case <-time.After(Within):
			w.Errorf("did not stop within %s", Within)
		}
	}
	w.Cleanup(stop)
	return stop
}

// Install starts modules and serves their routes. Their commands and reactions need a bus,
// and are left out without one. Jobs are left out: see [Harness.StartJobs].
func (w *Harness) Install(change func(*edge.Config), modules ...handlers.Module) {
	w.Helper()
	if w.Conn != nil {
		w.StartModules(modules...)
	}
	w.Serve(w.Edge(change, modules...).Handler())
}

// StartModules starts the commands and the reactions of modules, and the relay.
func (w *Harness) StartModules(modules ...handlers.Module) {
	w.Helper()
	var all handlers.Module
	for _, m := range modules {
		all.Commands = append(all.Commands, m.Commands...)
		all.External = append(all.External, m.External...)
		all.Projections = append(all.Projections, m.Projections...)
		all.Processes = append(all.Processes, m.Processes...)
	}
	w.StartCommands(all.Commands, all.External...)
	w.StartRelay()
	w.start(all.Projections, all.Processes)
}

// StartJobs starts the named jobs of modules, at a short interval.
func (w *Harness) StartJobs(names []string, modules ...handlers.Module) {
	w.Helper()
	var started []jobs.Job
	for _, m := range modules {
		for _, job := range m.Jobs {
			if slices.Contains(names, job.Name) {
				job.Every = jobInterval
				started = append(started, job)
			}
		}
	}
	if len(started) != len(names) {
		w.Fatalf("%d of the jobs %v exist", len(started), names)
	}
	w.Start(func(ctx context.Context) error { return jobs.Run(ctx, w.Logger, started...) })
}

// Edge makes an edge of the harness that serves the routes of modules, for production and
// without limits of rates, unless change says otherwise.
func (w *Harness) Edge(change func(*edge.Config), modules ...handlers.Module) *edge.Edge {
	w.Helper()
	cfg := edge.Config{
		Pool:        w.Pool,
		Dispatcher:  w.Dispatcher,
		PublicURL:   w.URL,
		LimitFactor: edge.NoLimits,
		Workers:     w.Workers,
		Now:         w.Now,
		Log:         w.Logger,
	}
	var routes []edge.Route
	for _, m := range modules {
		routes = append(routes, m.Routes...)
		cfg.Resources = append(cfg.Resources, m.Resources...)
	}
	if change != nil {
		change(&cfg)
	}
	return Must(edge.New(cfg, routes))(w)
}

// Serve makes a handler the one at [Harness.URL].
func (w *Harness) Serve(h http.Handler) { w.handler.Store(served{h}) }
