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
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/identity/argon2id"
	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/migrations"
)

// Within is how long anything may take. It is long because machines are busy; only a
// test that fails waits for it.
const Within = 30 * time.Second

// jobInterval is how often jobs run in tests.
const jobInterval = 20 * time.Millisecond

// relayPoll is how often the relay polls.
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
	// Sandbox is the payments sandbox, and Stripe its client.
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
	maps.Copy(cfg.ConnConfig.RuntimeParams, postgres.Planner())
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
