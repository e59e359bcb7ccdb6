package commands_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// external is an external context whose commands make this call.
func external(call commands.Call) commands.External {
	prepare := func(
		context.Context, pgx.Tx, events.Command, *struct{}, time.Time,
	) (commands.Call, commands.Outcome, error) {
		return call, commands.Outcome{}, nil
	}
	return commands.NewExternal("upload", 0, commands.HandleExternal(media.CommandCompleteParts, prepare))
}

func completed(context.Context, pgx.Tx, time.Time) (commands.Outcome, error) {
	return commands.OK(struct{}{}), nil
}

// startExternal runs an external context with a lease of this length.
func (w *harness) startExternal(lease time.Duration, call commands.Call) (stop func()) {
	w.Helper()
	cfg := w.config()
	cfg.Lease = lease
	return w.Start(commands.NewRunner(cfg, nil, []commands.External{external(call)}).Run)
}

func (w *harness) completion() events.Command {
	return newCommand(media.CommandCompleteParts, w.creator, uuid.NewString(), struct{}{})
}

// redelivered waits until a command of the context was delivered a second time.
func (w *harness) redelivered() {
	w.Helper()
	js := handlertest.Must(jetstream.New(w.Conn))(w)
	for deadline := time.Now().Add(handlertest.Within); ; {
		n := 0
		for _, name := range []string{"commands-upload-0", "commands-upload-1"} {
			if c, err := js.Consumer(w.Context(), events.CommandStream, name); err == nil {
				n += c.CachedInfo().NumRedelivered
			}
		}
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			w.Fatal("nothing was redelivered")
		}
	}
}

func TestCommandThatIsSentTwiceDuringItsCallIsCalledOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	began, end := make(chan struct{}, 9), make(chan struct{})
	w.startExternal(0, func(context.Context) (commands.Finish, error) {
		began <- struct{}{}
		<-end
		return completed, nil
	})
	cmd := w.completion()
	replies := make(chan events.Reply, 2)
	go func() { replies <- w.send(cmd) }()
	<-began

	other := *w
	other.Harness = w.In(t)
	other.Dispatcher = w.NewDispatcher() // of another edge
	again := cmd
	again.AggregateID = uuid.NewString() // perhaps in another partition
	go func() { replies <- other.send(again) }()
	w.redelivered()
	close(end)
	for range 2 {
		if reply := <-replies; reply.Status != http.StatusOK {
			t.Errorf("reply = %d %s", reply.Status, reply.Body)
		}
	}
	if n := len(began) + 1; n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

func TestCommandOfADeadProcessIsTakenOverWhenItsLeaseEnds(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	cmd := w.completion()
	w.accept(cmd)
	w.Exec(`UPDATE commands SET lease = gen_random_uuid(), leased_until = clock_timestamp() + interval '2 seconds',
		payload_hash = payload_hash WHERE id = $1`, cmd.ID)
	until := handlertest.Value[time.Time](w.Harness, `SELECT leased_until FROM commands WHERE id = $1`, cmd.ID)
	called := make(chan time.Time, 9)
	w.startExternal(0, func(context.Context) (commands.Finish, error) {
		called <- time.Now()
		return completed, nil
	})
	if reply := w.send(cmd); reply.Status != http.StatusOK {
		t.Errorf("reply = %d %s", reply.Status, reply.Body)
	}
	if at := <-called; at.Before(until) || len(called) > 0 {
		t.Errorf("called at %s, the lease ended at %s; %d more calls", at, until, len(called))
	}
}

func TestAttemptThatLostItsLeaseIsCancelledAndStoresNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	began, cancelled := make(chan struct{}, 9), make(chan struct{}, 9)
	var calls atomic.Int32
	w.startExternal(time.Second, func(ctx context.Context) (commands.Finish, error) {
		if calls.Add(1) > 1 {
			return completed, nil
		}
		began <- struct{}{}
		<-ctx.Done()
		cancelled <- struct{}{}
		return func(context.Context, pgx.Tx, time.Time) (commands.Outcome, error) {
			return commands.NoContent(), nil
		}, nil
	})
	cmd := w.completion()
	w.accept(cmd)
	w.sweep()
	<-began
	w.Exec(`UPDATE commands SET lease = gen_random_uuid(), leased_until = clock_timestamp() + interval '1 second'
		WHERE id = $1`, cmd.ID)
	<-cancelled
	w.Eventually(1, `SELECT count(*) FROM commands WHERE id = $1 AND response_status = 200`, cmd.ID)
}

func TestSweeperWaitsForARunningCall(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	began, end := make(chan struct{}, 9), make(chan struct{})
	w.startExternal(0, func(context.Context) (commands.Finish, error) {
		began <- struct{}{}
		<-end
		return completed, nil
	})
	cmd := w.completion()
	w.accept(cmd)
	w.sweep()
	<-began
	later := &commands.Sweeper{
		Pool:       w.Pool,
		Dispatcher: w.Dispatcher,
		Now:        func() time.Time { return time.Now().Add(time.Hour) },
	}
	if n, err := later.Sweep(t.Context()); err != nil || n != 0 {
		t.Errorf("%d commands were sent again during their call, %v", n, err)
	}
	close(end)
	w.Eventually(1, `SELECT count(*) FROM commands WHERE id = $1 AND status = 'applied'`, cmd.ID)
}

func TestUnreadableExternalCommandIsGivenUpAtOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.startExternal(0, func(context.Context) (commands.Finish, error) { panic("poison") })
	unknown := newCommand("upload.explode", w.creator, uuid.NewString(), struct{}{})
	garbled := newCommand(media.CommandCompleteParts, w.creator, uuid.NewString(), "no object")
	for _, cmd := range []events.Command{unknown, garbled, w.completion()} {
		if reply := w.send(cmd); reply.Status != http.StatusInternalServerError {
			t.Errorf("%s = %d %s", cmd.Type, reply.Status, reply.Body)
		}
	}
	w.Eventually(3, `SELECT count(*) FROM dead_letters WHERE consumer = 'upload' AND attempts = 1`)
}

var errOutage = domain.NewError(domain.Upstream, "", "The other company does not respond")

func TestOutageIsNoOutcome(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	var out atomic.Bool
	out.Store(true)
	w.startExternal(0, func(context.Context) (commands.Finish, error) {
		if out.Load() {
			return nil, errOutage
		}
		return completed, nil
	})
	cmd := w.completion()
	for range 2 {
		if reply := w.send(cmd); reply.Status != http.StatusBadGateway {
			t.Fatalf("during the outage: %d %s", reply.Status, reply.Body)
		}
	}
	ledger := commands.Ledger{DB: w.Pool}
	if _, found, err := ledger.Replay(t.Context(), cmd, commands.SamePayload); found || err != nil {
		t.Errorf("the outage is replayed: %v, %v", found, err)
	}
	other := cmd
	other.Payload = []byte(`{"other":true}`)
	if _, _, err := ledger.Replay(t.Context(), other, commands.SamePayload); !errors.Is(err, commands.ErrKeyReused) {
		t.Errorf("another request with the key: %v", err)
	}
	if reply := w.send(other); reply.PayloadHash != cmd.PayloadHash() {
		t.Errorf("another payload was applied: %d %s", reply.Status, reply.Body)
	}

	out.Store(false)
	if reply := w.send(cmd); reply.Status != http.StatusOK {
		t.Errorf("after the outage: %d %s", reply.Status, reply.Body)
	}
	if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

func TestAcceptedCommandIsTriedUntilItsOutcomeIsKnown(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"outage": errOutage, "unknown": errors.New("the response was lost")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newHarness(t)
			const failures = 20 // more than there ever were tries
			var calls atomic.Int32
			w.startExternal(0, func(context.Context) (commands.Finish, error) {
				if calls.Add(1) <= failures {
					return nil, failure
				}
				return completed, nil
			})
			cmd := w.completion()
			w.accept(cmd)
			// The sweeper's clock is ahead, so that no command waits for its time.
			s := &commands.Sweeper{
				Pool:       w.Pool,
				Dispatcher: w.Dispatcher,
				Now:        func() time.Time { return time.Now().Add(time.Hour) },
			}
			w.StartJobs([]string{"commands.sweep"}, handlers.Module{Jobs: s.Jobs()})
			w.Eventually(1, `SELECT count(*) FROM commands WHERE id = $1 AND response_status = 200`, cmd.ID)
			if n := w.Number(`SELECT count(*) FROM dead_letters`); n != 0 {
				t.Errorf("%d dead letters", n)
			}
		})
	}
}
