package commands_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/outbox"
)

// The test binary runs itself again as a runner or a relay that kills itself with
// SIGKILL at the point named here.
const (
	childRole     = "CODEX_TEST_CHILD"
	childDatabase = "CODEX_TEST_CHILD_DATABASE"
	childBus      = "CODEX_TEST_CHILD_BUS"
)

func runChild(role string) int {
	ctx := context.Background()
	die := func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }
	conn, err := bus.Connect(os.Getenv(childBus), "child", quiet())
	if err != nil {
		return 1
	}
	pool, err := pgxpool.New(ctx, os.Getenv(childDatabase))
	if err != nil {
		return 1
	}
	fmt.Println("ready")
	switch role {
	case "runner":
		err = commands.NewRunner(commands.Config{
			Pool: pool, Conn: conn, Partitions: 2, Limits: bus.DefaultStreamLimits(), Log: quiet(), AfterCommit: die,
		}, []commands.Context{commands.Content{}}, nil).Run(ctx)
	case "relay":
		var relay *outbox.Relay
		relay, err = outbox.NewRelay(outbox.RelayConfig{
			DatabaseURL: os.Getenv(childDatabase), Conn: conn, Limits: bus.DefaultStreamLimits(), Log: quiet(), AfterPublish: die,
		})
		if err == nil {
			err = relay.Run(ctx)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// startChild starts a role in a process of its own. wait returns when it died by
// its own SIGKILL.
func (w *world) startChild(t *testing.T, role string) (wait func()) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childRole+"="+role, childDatabase+"="+w.database, childBus+"="+w.bus.URL())
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("child said %q, %v", line, err)
	}
	return func() {
		t.Helper()
		died := make(chan error, 1)
		go func() { died <- child.Wait() }()
		select {
		case <-died:
			status, ok := child.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || status.Signal() != syscall.SIGKILL {
				t.Fatalf("the child ended otherwise: %v", child.ProcessState)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the child did not reach the point where it dies")
		}
	}
}

func TestARunnerKilledBetweenCommitAndAckAppliesNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startRelay(t)
	killed := w.startChild(t, "runner")
	cmd := w.create("killed")
	answered := make(chan events.Reply, 1)
	go func() { answered <- w.send(t, cmd) }()
	killed()
	// Committed, not acknowledged, not answered.
	if n := w.number(t, `SELECT count(*) FROM commands WHERE id = $1 AND status = 'applied'`, cmd.ID); n != 1 {
		t.Fatalf("the runner died before its commit")
	}
	w.startRunner(t)
	again := cmd // the client tries again with the same key
	if reply := w.send(t, again); reply.Status != 201 {
		t.Errorf("second try = %d %s", reply.Status, reply.Body)
	}
	<-answered // the same outcome reached the first one as well
	if n := w.number(t, `SELECT count(*) FROM content`); n != 1 {
		t.Errorf("%d items, want 1", n)
	}
	w.assertWhole(t)
}

func TestARelayKilledBetweenPublishAndMarkLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startRunner(t)
	for i := range 50 {
		w.send(t, w.create(slug(i)))
	}
	killed := w.startChild(t, "relay")
	killed()
	if n := len(w.onStream(t)); n == 0 {
		t.Fatal("the relay died before it published")
	}
	if n := w.number(t, `SELECT count(*) FROM outbox WHERE published_at IS NULL`); n == 0 {
		t.Fatal("the relay died after it marked")
	}
	w.startRelay(t)
	w.assertWhole(t)
	for id, n := range w.onStream(t) {
		if n != 1 {
			t.Errorf("event %s is on the stream %d times", id, n)
		}
	}
}

// Everything JetStream holds is deleted while commands and events are in flight.
func TestALostJetStreamDirectoryLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startRunner(t)
	w.startRelay(t)
	sweep(t, w)
	const total = 400
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := worker; i < total; i += 8 {
				cmd := w.create(slug(i))
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				if _, err := w.dispatcher.Send(ctx, cmd); err != nil {
					w.accept(t, cmd) // what the edge does before it says 202
				}
				cancel()
			}
		})
	}
	w.eventually(t, 1, `SELECT (count(*) > 100)::int FROM content`)
	w.bus.StopAndWipe(t)
	wait.Wait()
	w.eventually(t, 0, `SELECT count(*) FROM commands WHERE status = 'accepted'`)
	w.eventually(t, total, `SELECT count(*) FROM content`)
	if n := w.number(t, `SELECT count(*) FROM outbox`); n != total {
		t.Errorf("%d events, want %d", n, total)
	}
	w.assertWhole(t)
}
