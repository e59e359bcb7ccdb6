package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	localAPI  = "http://127.0.0.1:8080"
	localNATS = "nats://127.0.0.1:4222"
	// startLimit covers the first start on a slow machine, which creates a database.
	startLimit = 2 * time.Minute
	// stopLimit is how long an orderly stop may take before the child is killed.
	stopLimit = 20 * time.Second
)

// platform is the addresses of what is driven, and the process behind them when it
// is ours.
type platform struct {
	api, nats, payments string
	child               *child // nil for a platform that was there already
}

// findPlatform takes the platform it is told, the one on this machine, or starts one.
func findPlatform(ctx context.Context, o Options, dir string) (*platform, string, error) {
	p := &platform{api: strings.TrimRight(o.API, "/"), nats: o.NATS, payments: strings.TrimRight(o.Payments, "/")}
	if p.nats == "" {
		p.nats = localNATS
	}
	if p.api != "" {
		if err := healthy(ctx, p.api); err != nil {
			return nil, "", err
		}
		return p, p.api, nil
	}
	if healthy(ctx, localAPI) == nil {
		p.api = localAPI
		return p, "the running one at " + p.api, nil
	}
	p, err := startPlatform(ctx, o.Binary, dir)
	if err != nil {
		return nil, "", err
	}
	return p, "a temporary one at " + p.api, nil
}

// healthy asks whether a codex platform answers there.
func healthy(ctx context.Context, api string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	a, err := newClient(api).must(ctx, http.StatusOK, http.MethodGet, "/health", nil)
	if err != nil {
		return err
	}
	var health struct {
		Service string `json:"service"`
	}
	if json.Unmarshal(a.body, &health) != nil || health.Service != "codex" {
		return differs("a codex platform at "+api, "%s", a.summary())
	}
	return nil
}

// startPlatform starts a temporary platform and waits for its addresses.
func startPlatform(ctx context.Context, binary, dir string) (*platform, error) {
	file := filepath.Join(dir, "addresses.json")
	c, err := startChild(exec.Command(binary, //nolint:noctx // our own program; stop ends it in order
		"up", "--ephemeral", "--addr", "127.0.0.1:0", "--storage-addr", "127.0.0.1:0",
		"--nats-addr", "127.0.0.1:0", "--payments-addr", "127.0.0.1:0", "--addresses", file))
	if err != nil {
		return nil, fmt.Errorf("start a temporary platform: %w", err)
	}
	var addresses struct{ API, NATS, Payments string }
	err = until(ctx, startLimit, func(context.Context) (bool, error) {
		if c.ended() {
			return true, fmt.Errorf("the temporary platform ended while it started: %w", c.err)
		}
		body, err := os.ReadFile(file)
		if err != nil {
			return false, errors.New("the temporary platform is not ready")
		}
		return json.Unmarshal(body, &addresses) == nil, nil
	})
	if err != nil {
		_ = c.stop()
		if said := strings.TrimSpace(c.output.String()); said != "" {
			err = fmt.Errorf("%w; it said:\n%s", err, said)
		}
		return nil, err
	}
	return &platform{
		api:      strings.TrimRight(addresses.API, "/"),
		nats:     addresses.NATS,
		payments: strings.TrimRight(addresses.Payments, "/"),
		child:    c,
	}, nil
}

// stop ends the platform if it is ours.
func (p *platform) stop() error {
	if p.child == nil {
		return nil
	}
	return p.child.stop()
}

// output is what the platform wrote, if it is ours.
func (p *platform) output() string {
	if p.child == nil {
		return ""
	}
	return p.child.output.String()
}

// child is a process that we started and have to end.
type child struct {
	cmd    *exec.Cmd
	output *tail
	gone   chan struct{}
	err    error // valid once gone is closed
}

// startChild starts a process that knows nothing of the configuration of the
// platform it must not touch.
func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd: cmd, output: &tail{}, gone: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = c.output, c.output
	cmd.Env = withoutConfiguration(os.Environ())
	cmd.WaitDelay = time.Second // a grandchild may hold the pipe
	endWithParent(cmd)
	started := make(chan error, 1)
	go func() {
		// On Linux the signal that endWithParent asks for comes when the thread that
		// started the child ends; so that thread stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.gone)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

func (c *child) ended() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// stop asks the child to end, and makes it end when it does not listen. A child that
// ended by itself is an error.
func (c *child) stop() error {
	if c.ended() {
		return fmt.Errorf("it ended before it was asked to: %w", c.err)
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-c.gone:
		return c.err
	case <-timer.C:
		_ = c.cmd.Process.Kill()
		<-c.gone
		return fmt.Errorf("it did not stop within %s", duration(stopLimit))
	}
}

// withoutConfiguration drops the variables that would point the temporary platform
// at real data, real money or a real mail server; the currency stays.
func withoutConfiguration(environment []string) []string {
	var kept []string
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		ours := strings.HasPrefix(name, "CODEX_") || strings.HasPrefix(name, "STRIPE_")
		if !ours || name == "CODEX_CACHE_DIR" || name == "CODEX_CURRENCY" {
			kept = append(kept, variable)
		}
	}
	return kept
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailLimit = 16 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailLimit; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
