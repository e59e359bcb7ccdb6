package commands_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// slow is an external context whose calls say that they began, and last until they are
// let go.
type slow struct{ began, end chan struct{} }

func (slow) Name() string { return "upload" }

func (s slow) Prepare(context.Context, pgx.Tx, events.Command, time.Time) (commands.Call, commands.Outcome, error) {
	return func(context.Context) (commands.Finish, error) {
		s.began <- struct{}{}
		<-s.end
		return func(context.Context, pgx.Tx, time.Time) (commands.Outcome, error) {
			return commands.Outcome{Status: http.StatusOK, Body: struct{}{}}, nil
		}, nil
	}, commands.Outcome{}, nil
}

func TestTheSweeperWaitsForACallThatIsBeingMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	calls := slow{began: make(chan struct{}, 9), end: make(chan struct{})}
	w.Start(commands.NewRunner(w.config(), nil, []commands.External{calls}).Run)
	cmd := newCommand("upload.complete", w.creator, uuid.NewString(), struct{}{})
	w.accept(cmd)
	sweep(t, w)
	<-calls.began

	later := func(d time.Duration) *commands.Sweeper {
		return &commands.Sweeper{Pool: w.Pool, Dispatcher: w.Dispatcher, Now: func() time.Time { return time.Now().Add(d) }, Log: w.Logger}
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
