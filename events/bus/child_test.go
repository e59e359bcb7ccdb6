package bus_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/embedded/nats"
)

// Variables that make the test binary a NATS server: its directory, and the longest file
// that it may write.
const (
	childDir       = "CODEX_TEST_NATS_DIR"
	childFileLimit = "CODEX_TEST_NATS_FILE_LIMIT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := serveChild(dir, os.Getenv(childFileLimit)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serveChild prints the server's URL and serves until its standard input ends.
func serveChild(dir, fileLimit string) error {
	s, err := nats.Start(nats.Config{
		Dir:    dir,
		Port:   -1,
		Token:  "the-token-of-a-test",
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	if fileLimit != "" {
		limit, err := strconv.ParseUint(fileLimit, 10, 64)
		if err != nil {
			return err
		}
		signal.Ignore(syscall.SIGXFSZ) // writes return an error instead
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	fmt.Println(s.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return s.Stop(context.Background())
}

// child is a NATS server in a process of its own.
type child struct {
	url     string
	process *os.Process
}

// startChild starts a server that ends with the test.
func startChild(t *testing.T, env ...string) child {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(append(os.Environ(), childDir+"="+t.TempDir()), env...)
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
		_ = command.Wait()
	})
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server does not start: %v", err)
	}
	return child{url: strings.TrimSpace(url), process: command.Process}
}

// stall stops the server's process for a while.
func (c child) stall(t *testing.T) {
	t.Helper()
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := c.process.Signal(s); err != nil {
			t.Fatal(err)
		}
		if s == syscall.SIGSTOP {
			<-time.After(stallTime)
		}
	}
}
