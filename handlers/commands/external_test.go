package commands_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// slowCalls reports that a call began, and makes it last until end is closed.
type slowCalls struct{ began, end chan struct{} }

func (s slowCalls) commands() commands.External {
	prepare := func(
		context.Context, pgx.Tx, events.Command, *struct{}, time.Time,
	) (commands.Call, commands.Outcome, error) {
		return s.call, commands.Outcome{}, nil
	}
	return commands.NewExternal("upload", 0, commands.HandleExternal(media.CommandCompleteParts, prepare))
}

func (s slowCalls) call(context.Context) (commands.Finish, error) {
	s.began <- struct{}{}
	<-s.end
	return func(context.Context, pgx.Tx, time.Time) (commands.Outcome, error) {
		return commands.OK(struct{}{}), nil
	}, nil
}

func TestSweeperWaitsForARunningCall(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	calls := slowCalls{began: make(chan struct{}, 9), end: make(chan struct{})}
	w.Start(commands.NewRunner(w.config(), nil, []commands.External{calls.commands()}).Run)
	cmd := newCommand(media.CommandCompleteParts, w.creator, uuid.NewString(), struct{}{})
	w.accept(cmd)
	w.sweep()
	<-calls.began

	later := func(d time.Duration) *commands.Sweeper {
		return &commands.Sweeper{Pool: w.Pool, Dispatcher: w.Dispatcher, Now: func() time.Time { return time.Now().Add(d) }}
	}
	if n, err := later(30 * time.Second).Sweep(t.Context()); err != nil || n != 0 {
		t.Errorf("%d commands were sent again during their call, %v", n, err)
	}
	// The runner may have died meanwhile.
	if n, err := later(36 * time.Second).Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("%d commands were sent again after the call's time, want 1 (%v)", n, err)
	}
	close(calls.end)
	w.Eventually(1, `SELECT count(*) FROM commands WHERE id = $1 AND status = 'applied'`, cmd.ID)
}

func TestUnreadableExternalCommandIsGivenUpAtOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	calls := slowCalls{}
	w.Start(commands.NewRunner(w.config(), nil, []commands.External{calls.commands()}).Run)
	unknown := newCommand("upload.explode", w.creator, uuid.NewString(), struct{}{})
	garbled := newCommand(media.CommandCompleteParts, w.creator, uuid.NewString(), "no object")
	for _, cmd := range []events.Command{unknown, garbled} {
		if reply := w.send(cmd); reply.Status != http.StatusInternalServerError {
			t.Errorf("%s = %d %s", cmd.Type, reply.Status, reply.Body)
		}
	}
	w.Eventually(2, `SELECT count(*) FROM dead_letters WHERE consumer = 'upload' AND attempts = 1`)
}
