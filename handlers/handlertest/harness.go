// Package handlertest is the test harness of the handlers: it starts an installation for
// one test, out of the platform's own parts, and sends requests to it over HTTP. Nothing in
// it is a fake but Stripe, which is the payments sandbox.
//
// A test binary wraps its tests in [Main]. A package's own harness embeds a [Harness],
// starts what the modules need, and installs them:
//
//	h := handlertest.New(t, handlertest.Options{})
//	h.StartBus(natstest.Server(t), 1)
//	h.StartStore()
//	h.Install(nil, publishing.New(publishing.Config{Pool: h.Pool}))
//	got := h.Send(handlertest.Request{Method: http.MethodGet, Path: "/api/content", Session: h.User("creator")})
//
// It promises that:
//   - every harness has a database, a bus, a store and a sandbox of its own, and only those
//     that were started; the cluster behind the databases is the test binary's, see pgtest;
//   - all of it has stopped, in the opposite order, when the test has ended, and what
//     stops with an error or not at all makes the test fail;
//   - waiting ends with its condition, or after [Within] with a failure that names it;
//   - what fails, fails the test that the harness is for: see [Harness.In] for subtests.
//
// CODEX_TEST_LOG=1 writes what the parts log to the standard error.
//
// Only tests import it. What one package's tests alone need stays with them.
package handlertest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/identity/argon2id"
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/migrations"
	"github.com/codex-platform/codex/outbox"
)

// Within is how long anything may take. It is long because machines are busy; only a
// test that fails waits for it.
const Within = 30 * time.Second

// jobInterval is how often jobs run in tests.
const jobInterval = 20 * time.Millisecond

// relayPoll is how often the relay looks for what its notifications missed.
const relayPoll = 50 * time.Millisecond

// Main runs the tests of a binary; each database starts as the migrations leave it.
func Main(m *testing.M) {
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// Options say how the parts of a harness begin that are there from the beginning.
type Options struct {
	// StandStill stops the clock at the whole second, until [Harness.Pass] moves it.
	StandStill bool
	// Pool changes the configuration of the connections to the database.
	Pool func(*pgxpool.Config)
	// Server changes the HTTP server.
	Server func(*http.Server)
}

// Harness is one installation. Its fields are nil until what makes them was started.
type Harness struct {
	// T is the test that it is for, or the part of it.
	*testing.T
	// Database is the URL of the database, and Pool the connections to it.
	Database string
	Pool     *pgxpool.Pool
	// URL is where [Harness.Serve] serves, known before anything is served.
	URL string
	// Workers are the keys with which programs of the installation sign.
	Workers *workersig.Keys
	Logger  *slog.Logger

	// Bus is the server, with which come Conn and Dispatcher.
	Bus        *natstest.Instance
	Conn       *nats.Conn
	Dispatcher *bus.Dispatcher
	// Media and Assets are the buckets of the store.
	Media, Assets *s3.Bucket
	// Sandbox is what Stripe asks.
	Sandbox *sandbox.Server
	Stripe  *stripe.Client

	client     *http.Client
	handler    *atomic.Value // of type served
	partitions int
	// stood is when the clock stands, zero when it goes, and shift is what it is ahead.
	stood time.Time
	shift *atomic.Int64
}

type served struct{ http.Handler }

// New makes a harness with a migrated database and a server that has nothing to serve
// yet.
func New(t *testing.T, o Options) *Harness {
	t.Helper()
	w := &Harness{
		T:        t,
		Database: pgtest.Database(t),
		Logger:   Logger(),
		handler:  &atomic.Value{},
		shift:    &atomic.Int64{},
	}
	if o.StandStill {
		w.stood = time.Now().UTC().Truncate(time.Second)
	}
	cfg := Must(pgxpool.ParseConfig(w.Database))(t)
	if o.Pool != nil {
		o.Pool(cfg)
	}
	w.Pool = Must(pgxpool.NewWithConfig(context.Background(), cfg))(t)
	t.Cleanup(w.Pool.Close)
	w.Workers = Must(workersig.NewKeys([]byte("the secret of the installation")))(t)

	w.Serve(http.NotFoundHandler())
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.handler.Load().(served).ServeHTTP(rw, r)
	}))
	if o.Server != nil {
		o.Server(server.Config)
	}
	server.Start()
	t.Cleanup(server.Close)
	w.URL = server.URL
	connections := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(connections.CloseIdleConnections)
	w.client = &http.Client{
		Transport: connections,
		Timeout:   Within,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	return w
}

// In is the same harness for a subtest, which then is what fails.
func (w *Harness) In(t *testing.T) *Harness {
	inner := *w
	inner.T = t
	return &inner
}

// Now is the clock of the installation.
func (w *Harness) Now() time.Time {
	now := w.stood
	if now.IsZero() {
		now = time.Now()
	}
	return now.Add(time.Duration(w.shift.Load()))
}

// Pass moves the clock on.
func (w *Harness) Pass(d time.Duration) { w.shift.Add(int64(d)) }

// StartBus makes a server the bus, with its streams, and connects the edge's dispatcher
// to it. Commands are spread over partitions.
func (w *Harness) StartBus(server *natstest.Instance, partitions int) {
	w.Helper()
	w.Bus, w.partitions = server, partitions
	w.Conn = w.connect()
	// Whoever comes first makes the streams; a request that is faster is answered with 202.
	if err := bus.EnsureStreams(context.Background(), Must(jetstream.New(w.Conn))(w),
		bus.DefaultStreamLimits()); err != nil {
		w.Fatal(err)
	}
	w.Dispatcher = w.NewDispatcher()
}

// NewDispatcher connects another edge to the bus.
func (w *Harness) NewDispatcher() *bus.Dispatcher {
	w.Helper()
	d := Must(bus.NewDispatcher(w.connect(), uuid.NewString(), w.partitions, w.Logger))(w)
	w.Cleanup(d.Close)
	return d
}

func (w *Harness) connect() *nats.Conn {
	w.Helper()
	conn := Must(bus.Connect(w.Bus.URL(), "test", w.Logger))(w)
	w.Cleanup(conn.Close)
	return conn
}

// StartStore starts an object store with both buckets.
func (w *Harness) StartStore() {
	w.Helper()
	client := Must(s3.Open(s3.Config{
		Endpoint: s3test.Server(w).
			Endpoint(),
		Region:    s3test.Region,
		AccessKey: s3test.AccessKey,
		SecretKey: s3test.SecretKey,
	}))(w)
	w.Cleanup(client.Close)
	w.Media, w.Assets = client.Bucket(s3test.MediaBucket), client.Bucket(s3test.AssetsBucket)
}

// StartSandbox starts the payments sandbox and the client of Stripe that asks it. The
// secret key need not be given.
func (w *Harness) StartSandbox(cfg sandbox.Config) {
	w.Helper()
	cfg.SecretKey = "sk_test_world"
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
	if change != nil {
		change(&cfg)
	}
	var routes []edge.Route
	for _, m := range modules {
		routes = append(routes, m.Routes...)
	}
	return Must(edge.New(cfg, routes))(w)
}

// Serve makes a handler what answers at [Harness.URL].
func (w *Harness) Serve(h http.Handler) { w.handler.Store(served{h}) }

// Passwords hash as cheaply as argon2id can.
func Passwords(t testing.TB) *argon2id.Hasher {
	t.Helper()
	return Must(argon2id.New(argon2id.Config{Memory: 64, Iterations: 1}))(t)
}

// Must ends the test when making something failed: Must(url.Parse(s))(t).
func Must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Logger is where the parts of a harness log to: nowhere, unless CODEX_TEST_LOG is set.
func Logger() *slog.Logger {
	if os.Getenv("CODEX_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}
