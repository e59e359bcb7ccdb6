package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/embedded/postgres/pgtest"
	"github.com/codex-platform/codex/migrations"
)

// childArgs makes the test binary run codex with these arguments instead of tests.
const childArgs = "CODEX_TEST_ARGS"

func TestMain(m *testing.M) {
	if args := os.Getenv(childArgs); args != "" {
		os.Args = append([]string{"codex"}, strings.Split(args, "\n")...)
		main()
		os.Exit(0)
	}
	pgtest.Main(m, pgtest.WithTemplate(func(ctx context.Context, url string) error {
		_, err := migrations.Apply(ctx, url)
		return err
	}))
}

// running is a codex process that a test started.
type running struct {
	cmd       *exec.Cmd
	addresses map[string]string
	out       *lockedBuffer
	exited    chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// startUp starts codex up in a process of its own on free ports and waits until it
// is ready. It ends with the test.
func startUp(t *testing.T, data string, extra ...string) *running {
	t.Helper()
	file := filepath.Join(t.TempDir(), "addresses.json")
	args := append([]string{
		"up", "--addr", "127.0.0.1:0", "--storage-addr", "127.0.0.1:0", "--nats-addr", "127.0.0.1:0",
		"--payments-addr", "127.0.0.1:0", "--addresses", file, "--data", data,
	}, extra...)
	r := launch(t, nil, args...)
	deadline := time.Now().Add(60 * time.Second)
	for {
		if body, err := os.ReadFile(file); err == nil {
			if err := json.Unmarshal(body, &r.addresses); err != nil {
				t.Fatal(err)
			}
			return r
		}
		select {
		case <-r.exited:
			t.Fatalf("codex up ended: %s", r.out)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("codex up is not ready after 60 s: %s", r.out)
		}
		time.Sleep(20 * time.Millisecond) // between two looks at the condition
	}
}

func launch(t *testing.T, env []string, args ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command(os.Args[0]), out: &lockedBuffer{}, exited: make(chan struct{})}
	r.cmd.Env = append(append(os.Environ(), childArgs+"="+strings.Join(args, "\n")), env...)
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(r.exited); _ = r.cmd.Wait() }()
	t.Cleanup(func() { r.stop(t) })
	return r
}

// stop asks the process to end and waits for it.
func (r *running) stop(t *testing.T) {
	t.Helper()
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.exited:
	case <-time.After(20 * time.Second):
		_ = r.cmd.Process.Kill()
		t.Errorf("codex did not stop within 20 s: %s", r.out)
	}
}

func (r *running) kill(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-r.exited
}

func TestUpStartsStopsAndKeepsItsData(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := startUp(t, data)
	c := newClient(t, first.addresses["api"])
	c.signUp("keeper@example.com", "creator")
	id := c.createWritten("kept", nil)
	first.stop(t)
	if first.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("exit code %d: %s", first.cmd.ProcessState.ExitCode(), first.out)
	}
	assertFree(t, first.addresses["api"], first.addresses["storage"], first.addresses["payments"])

	second := startUp(t, data)
	c.base = second.addresses["api"]
	c.want(http.StatusOK, http.MethodGet, "/api/content/"+id, nil)

	psql := launch(t, []string{"CODEX_DATA=" + data}, "psql", "-Atc", "SELECT slug FROM content")
	select {
	case <-psql.exited:
	case <-time.After(30 * time.Second):
		t.Fatal("psql does not end")
	}
	if got := strings.TrimSpace(psql.out.String()); got != "kept" {
		t.Errorf("codex psql says %q, want the slug", got)
	}
}

func TestAfterAKillAllDataIsThereAndNoPortIsHeld(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := startUp(t, data)
	c := newClient(t, first.addresses["api"])
	c.signUp("survivor@example.com", "creator")
	var ids []string
	for i := range 20 {
		ids = append(ids, c.createWritten(fmt.Sprint("kept-", i), nil))
	}
	first.kill(t)
	assertFree(t, first.addresses["api"], first.addresses["storage"], first.addresses["payments"])

	second := startUp(t, data)
	c.base = second.addresses["api"]
	for _, id := range ids {
		c.want(http.StatusOK, http.MethodGet, "/api/content/"+id, nil)
	}
	c.createWritten("after", nil)
}

func assertFree(t *testing.T, urls ...string) {
	t.Helper()
	for _, u := range urls {
		addr := strings.TrimPrefix(u, "http://")
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			t.Errorf("%s is still held: %v", addr, err)
			continue
		}
		_ = listener.Close()
	}
}

func TestStartUpErrorsAreOneSentence(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := startUp(t, data)

	newer := filepath.Join(t.TempDir(), "newer")
	if err := os.MkdirAll(newer, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(newer, "VERSION"), []byte("999\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const anyPort = "127.0.0.1:0"
	free := []string{"--addr", anyPort, "--storage-addr", anyPort, "--nats-addr", anyPort, "--payments-addr", anyPort}
	up := func(args ...string) []string { return append(append([]string{"up"}, args...), free...) }
	at := func(address string) []string { return replaced(up("--ephemeral"), "--addr", address) }
	taken := strings.TrimPrefix(first.addresses["api"], "http://")
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want string
	}{
		{"a second instance", nil, up("--data", data), fmt.Sprint(first.cmd.Process.Pid)},
		{"a newer data directory", nil, up("--data", newer), "newer"},
		{"a directory that cannot be made", nil, up("--data", filepath.Join(file, "data")), "not a directory"},
		{"a taken port", nil, at(taken), "in use"},
		{"development on all interfaces", nil, at("0.0.0.0:0"), "CODEX_ENV=production"},
		{"production unconfigured", []string{"CODEX_ENV=production"}, up("--ephemeral"), "STRIPE_SECRET_KEY"},
		{"an unknown environment", []string{"CODEX_ENV=prod"}, up("--ephemeral"), "development or production"},
		{"an unknown role", nil, []string{"serve", "--role", "cook"}, "transcoder"},
		{"a role without a database", nil, []string{"serve", "--role", "relay"}, "set "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := launch(t, c.env, c.args...)
			select {
			case <-r.exited:
			case <-time.After(30 * time.Second):
				t.Fatalf("it runs: %s", r.out)
			}
			if r.cmd.ProcessState.ExitCode() == 0 || !strings.Contains(r.out.String(), c.want) {
				t.Errorf("exit code %d, output %q, want a sentence with %q", r.cmd.ProcessState.ExitCode(), r.out, c.want)
			}
			if strings.Contains(r.out.String(), "goroutine ") {
				t.Errorf("it panicked: %s", r.out)
			}
		})
	}
}

func replaced(args []string, flag, value string) []string {
	out := append([]string(nil), args...)
	for i := range out {
		if out[i] == flag {
			out[i+1] = value
		}
	}
	return out
}

func TestConfigShowsNoSecret(t *testing.T) {
	t.Setenv("STRIPE_SECRET_KEY", "sk_test_hush_hush")
	t.Setenv("CODEX_DATABASE_URL", "postgres://codex:hush@db/codex")
	var out bytes.Buffer
	if err := run(context.Background(), []string{"config"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hush") {
		t.Errorf("a secret is shown: %s", out.String())
	}
	if !strings.Contains(out.String(), "CODEX_NATS_URL=") || !strings.Contains(out.String(), "STRIPE_SECRET_KEY=(set)") {
		t.Errorf("variables are missing: %s", out.String())
	}
}

func TestHelpIsNoError(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := run(context.Background(), []string{"--help"}, &out, io.Discard)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "codex up") {
		t.Errorf("help = %s", out.String())
	}
}
