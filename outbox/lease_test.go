package outbox_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/outbox"
)

// takeover is how long another relay may take to replace one that does not work any more.
const takeover = 10 * time.Second

// Variables that make the test binary a relay: its database and bus, and after how many
// batches it stops in the middle of one.
const (
	childDatabase = "CODEX_TEST_RELAY_DATABASE"
	childBus      = "CODEX_TEST_RELAY_BUS"
)

// runChild runs a relay until its standard input ends.
func runChild() int {
	conn, err := bus.Connect(os.Getenv(childBus), "child", quiet())
	if err != nil {
		return 1
	}
	relay, err := outbox.NewRelay(outbox.RelayConfig{
		DatabaseURL:  os.Getenv(childDatabase),
		Conn:         conn,
		Keys:         keys,
		Limits:       bus.DefaultStreamLimits(),
		Log:          quiet(),
		BatchSize:    8,
		Poll:         10 * time.Millisecond,
		AfterPublish: func() { fmt.Println("published") },
	})
	if err != nil {
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }()
	_ = relay.Run(ctx)
	return 0
}

// childRelay is a relay in a process of its own.
type childRelay struct {
	process *os.Process
	output  *bufio.Reader
}

func (w *world) startChild(t *testing.T) childRelay {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childDatabase+"="+w.url, childBus+"="+w.bus.URL())
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGCONT)
		_ = stdin.Close()
		_, _ = io.Copy(io.Discard, stdout)
		_ = command.Wait()
	})
	return childRelay{process: command.Process, output: bufio.NewReader(stdout)}
}

func (c childRelay) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := c.process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// awaitPublished waits until the child has published a batch.
func (c childRelay) awaitPublished(t *testing.T) {
	t.Helper()
	if line, err := c.output.ReadString('\n'); err != nil || line != "published\n" {
		t.Fatalf("the relay said %q, %v", line, err)
	}
}

// holder returns who holds the lease, and its epoch.
func (w *world) holder(t *testing.T) (name string, epoch int64) {
	t.Helper()
	if err := w.db.QueryRow(context.Background(), `SELECT lease_holder, lease_epoch FROM relay_state`).
		Scan(&name, &epoch); err != nil {
		t.Fatal(err)
	}
	return name, epoch
}

// versions appends versions from … to of ten aggregates.
func (w *world) appendVersions(t *testing.T, from, to int64) {
	t.Helper()
	for version := from; version <= to; version++ {
		for a := range 10 {
			w.append(t, event(fmt.Sprint("aggregate-", a), version))
		}
	}
}

func TestAStoppedRelayProcessIsReplacedAndWakesUpHarmlessly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.startChild(t)
	w.appendVersions(t, 1, 1)
	first.awaitPublished(t)
	w.appendVersions(t, 2, 20)
	first.awaitPublished(t)
	first.signal(t, syscall.SIGSTOP)
	_, before := w.holder(t)

	began := time.Now()
	w.relay(t)
	w.waitPublished(t, 200)
	if took := time.Since(began); took > takeover {
		t.Errorf("the stopped relay was replaced after %s", took)
	}
	name, epoch := w.holder(t)
	if epoch <= before {
		t.Errorf("epoch %d after %d", epoch, before)
	}

	first.signal(t, syscall.SIGCONT)
	w.appendVersions(t, 21, 40)
	w.waitPublished(t, 400)
	assertOrdered(t, w.stream(t))
	if now, e := w.holder(t); now != name || e != epoch {
		t.Errorf("the woken relay took the lease back")
	}
}

// A relay that was stopped within a transaction holds its row locks.
func TestLocksOfAStoppedRelayAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.appendVersions(t, 1, 2)
	cfg, err := pgx.ParseConfig(w.url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["application_name"] = "codex relay"
	stopped, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stopped.Close(ctx) }()
	if _, err := stopped.Exec(ctx, `UPDATE relay_state SET lease_holder = 'stopped', lease_epoch = 7,
		lease_expires_at = clock_timestamp() + interval '1 second', lease_backends = ARRAY[pg_backend_pid()]`); err != nil {
		t.Fatal(err)
	}
	if _, err := stopped.Exec(ctx, `BEGIN; UPDATE relay_state SET last_sequence = 1;
		UPDATE outbox SET published_at = now() WHERE aggregate_id = 'aggregate-1'`); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	w.relay(t)
	w.waitPublished(t, 20)
	if took := time.Since(began); took > takeover {
		t.Errorf("the stopped relay was replaced after %s", took)
	}
	if got := w.stream(t); len(got) != 20 {
		t.Errorf("%d events on the stream, want 20", len(got))
	}
	assertOrdered(t, w.stream(t))
}

func TestARelayThatIsCutOffFromTheDatabaseIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxy := newProxy(t, w.url)
	w.relay(t, func(c *outbox.RelayConfig) { c.DatabaseURL = proxy.url })
	w.appendVersions(t, 1, 1)
	w.waitPublished(t, 10)
	_, before := w.holder(t)

	proxy.cut.Store(true)
	began := time.Now()
	w.relay(t)
	w.appendVersions(t, 2, 2)
	w.waitPublished(t, 20)
	if took := time.Since(began); took > takeover {
		t.Errorf("the relay was replaced after %s", took)
	}
	if _, epoch := w.holder(t); epoch <= before {
		t.Errorf("epoch %d after %d", epoch, before)
	}
	proxy.cut.Store(false)
	w.appendVersions(t, 3, 20)
	w.waitPublished(t, 200)
	assertOrdered(t, w.stream(t))
}

// atOnce is less than the time for which a lease is valid.
const atOnce = 4 * time.Second

func TestAKilledRelayIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.startChild(t)
	w.appendVersions(t, 1, 1)
	first.awaitPublished(t)
	_, before := w.holder(t)
	w.relay(t)
	first.signal(t, syscall.SIGKILL)
	w.awaitEpoch(t, before+1, atOnce)
}

func TestARelayThatStopsReleasesItsLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.relay(t)
	w.appendVersions(t, 1, 1)
	w.waitPublished(t, 10)
	_, before := w.holder(t)
	w.relay(t)
	stop()
	w.awaitEpoch(t, before+1, atOnce)
}

func (w *world) awaitEpoch(t *testing.T, want int64, within time.Duration) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		if _, epoch := w.holder(t); epoch >= want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no other relay has taken over after %s", within)
		}
		time.Sleep(10 * time.Millisecond) // between two looks at the condition
	}
}

// proxy forwards connections to a database. While it is cut it swallows what either side
// sends, as a network does that lost its way.
type proxy struct {
	url string
	cut atomic.Bool
}

func newProxy(t *testing.T, database string) *proxy {
	t.Helper()
	cfg, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	address := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(cfg.User, cfg.Password),
		Host:     listener.Addr().String(),
		Path:     "/" + cfg.Database,
		RawQuery: "sslmode=disable",
	}
	p := &proxy{url: address.String()}
	network, target := "tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	if strings.HasPrefix(cfg.Host, "/") {
		network, target = "unix", filepath.Join(cfg.Host, fmt.Sprintf(".s.PGSQL.%d", cfg.Port))
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, target)
			if err != nil {
				_ = client.Close()
				continue
			}
			go p.forward(client, server)
			go p.forward(server, client)
		}
	}()
	return p
}

func (p *proxy) forward(from, to net.Conn) {
	lost := false
	defer func() {
		if !p.cut.Load() && !lost {
			_ = from.Close()
			_ = to.Close()
		}
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if p.cut.Load() {
			lost = true // a connection that lost something stays silent for ever
		}
		if !lost && n > 0 {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
