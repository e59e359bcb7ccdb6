package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"time"
)

// patience is how long an orphan gets for each kind of shutdown, mildest first:
// a fast one with checkpoint, an immediate one, none.
var patience = []struct {
	signal syscall.Signal
	within time.Duration
}{
	{syscall.SIGINT, 10 * time.Second},
	{syscall.SIGQUIT, 5 * time.Second},
	{syscall.SIGKILL, 5 * time.Second},
}

// endOrphans ends what a killed run left working in the data directory and
// returns when it is gone. The caller holds the lock, so no other program uses it.
//
// A backend whose postmaster was killed takes SIGINT as "cancel the query" and
// then notices that it is alone; the harder signals are for one that does not.
func endOrphans(ctx context.Context, data string, logger *slog.Logger) error {
	pids, err := workingIn(data)
	if err != nil {
		return fmt.Errorf("look for a postgres left behind in %s: %w", data, err)
	}
	if len(pids) == 0 {
		return nil
	}
	logger.Warn("postgres of an earlier run still works, ending it", "processes", len(pids))

	for _, try := range patience {
		for _, pid := range pids {
			_ = syscall.Kill(pid, try.signal) // already gone is fine
		}
		pids, err = waitUntilGone(ctx, data, try.within)
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return nil
		}
	}
	return fmt.Errorf("a postgres of an earlier run (pid %d) still works in %s and cannot be ended: end it by hand",
		pids[0], data)
}

func waitUntilGone(ctx context.Context, data string, within time.Duration) ([]int, error) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		pids, err := workingIn(data)
		if err != nil || len(pids) == 0 {
			return nil, err
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return pids, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the postgres of an earlier run: %w", ctx.Err())
		}
	}
}
