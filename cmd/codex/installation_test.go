package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
)

// Secrets of the installations of tests.
const (
	testStripeKey = "sk_test_0123456789abcdef0123456789abcdef"
	testCommands  = "command-secret-0123456789abcdef-01234"
	testEvents    = "event-secret-0123456789abcdef-0123456"
	testToken     = "token-secret-0123456789abcdef-0123456789"
	testCallbacks = "callback-secret-0123456789abcdef-012345"
	testBooking   = "whsec_Ym9va2luZy1zZWNyZXQtMDEyMzQ1Njc4OWFiY2RlZg=="
)

// installation is the parts that the roles of a test share, each replaceable.
type installation struct {
	t        *testing.T
	database string
	nats     *natstest.Instance
	storage  *s3test.Instance
	// edgeAddr is where the edges listen, one after the other.
	edgeAddr string
	payments string
}

// newInstallation starts the parts. The database is migrated.
func newInstallation(t *testing.T) *installation {
	t.Helper()
	in := &installation{
		t:        t,
		database: pgtest.Database(t),
		nats:     natstest.Embedded(t),
		storage:  s3test.Server(t),
		edgeAddr: freeAddress(t),
	}
	in.startPayments()
	return in
}

// startPayments starts a payments sandbox whose webhooks go to the edge.
func (in *installation) startPayments() {
	in.t.Helper()
	server, err := sandbox.Start(context.Background(), sandbox.Config{
		Addr:      "127.0.0.1:0",
		SecretKey: testStripeKey,
		Webhooks: []sandbox.Endpoint{{
			Name:   "booking",
			URL:    "http://" + in.edgeAddr + "/webhooks/stripe/booking",
			Secret: testBooking,
			Events: []string{"checkout.session.completed"},
		}},
	})
	if err != nil {
		in.t.Fatal(err)
	}
	in.payments = server.URL()
	in.t.Cleanup(func() { _ = server.Stop(context.Background()) })
}

// env is what a role needs; more comes after it, and wins.
func (in *installation) env(more ...string) []string {
	return append([]string{
		"CODEX_ADDR=" + in.edgeAddr,
		"CODEX_DATABASE_URL=" + in.database,
		"CODEX_NATS_URL=" + in.nats.URL(),
		"CODEX_S3_ENDPOINT=" + in.storage.Endpoint(),
		"CODEX_S3_ACCESS_KEY=" + s3test.AccessKey,
		"CODEX_S3_SECRET_KEY=" + s3test.SecretKey,
		"CODEX_STRIPE_BACKEND_URL=" + in.payments,
		"STRIPE_SECRET_KEY=" + testStripeKey,
		"STRIPE_WEBHOOK_SECRET_BOOKING=" + testBooking,
		"CODEX_COMMAND_SECRET=" + testCommands,
		"CODEX_EVENT_SECRET=" + testEvents,
		"CODEX_TOKEN_SECRET=" + testToken,
		"CODEX_TRANSCODER_SECRET=" + testCallbacks,
		"CODEX_SHUTDOWN_DELAY=0s",
	}, more...)
}

// process is a role of an installation in a process of its own.
type process struct {
	*running
	probes string
}

// serve starts roles, separated by commas.
func (in *installation) serve(roles string, more ...string) *process {
	in.t.Helper()
	probes := freeAddress(in.t)
	env := in.env(append([]string{"CODEX_INTERNAL_ADDR=" + probes}, more...)...)
	p := &process{launch(in.t, env, "serve", "--role", roles), "http://" + probes}
	in.t.Cleanup(func() {
		if in.t.Failed() {
			in.t.Logf("%s: %s", roles, p.out)
		}
	})
	return p
}

// readyz returns the status and the body of /readyz; 0 when it does not respond.
func (p *process) readyz() (int, probe) {
	response, err := (&http.Client{Timeout: 5 * time.Second}).Get(p.probes + "/readyz")
	if err != nil {
		return 0, probe{}
	}
	defer func() { _ = response.Body.Close() }()
	var body probe
	_ = json.NewDecoder(response.Body).Decode(&body)
	return response.StatusCode, body
}

// waitReady waits until the process is ready.
func (p *process) waitReady(t *testing.T) {
	t.Helper()
	waitFor(t, "a ready process", func() bool {
		select {
		case <-p.exited:
			t.Fatalf("it has ended: %s", p.out)
		default:
		}
		status, _ := p.readyz()
		return status == http.StatusOK
	})
}

// within waits for the end of a process that was asked to stop, and returns how long it took.
func (p *process) within(t *testing.T, limit time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	select {
	case <-p.exited:
	case <-time.After(limit):
		t.Fatalf("it has not ended within %s: %s", limit, p.out)
	}
	return time.Since(began)
}

// client is a client of the installation's edge.
func (in *installation) client() *client { return newClient(in.t, "http://"+in.edgeAddr) }

// connect opens a connection to the installation's database.
func (in *installation) connect() *pgx.Conn {
	in.t.Helper()
	conn, err := pgx.Connect(context.Background(), in.database)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// exec runs statements in the installation's database.
func (in *installation) exec(sql string) {
	in.t.Helper()
	if _, err := in.connect().Exec(context.Background(), sql); err != nil {
		in.t.Fatal(err)
	}
}

// number returns the number that a query finds.
func (in *installation) number(sql string) int {
	in.t.Helper()
	var n int
	if err := in.connect().QueryRow(context.Background(), sql).Scan(&n); err != nil {
		in.t.Fatal(err)
	}
	return n
}

// as returns an address of a database with another user.
func as(t *testing.T, address, user string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(user)
	return u.String()
}

func (p *process) logged(text string) bool { return strings.Contains(p.out.String(), text) }
