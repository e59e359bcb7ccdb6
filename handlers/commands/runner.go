package commands

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// Config configures a [Runner]. Zero fields take the defaults.
type Config struct {
	Pool *pgxpool.Pool
	Conn *nats.Conn
	// Keys verify that an edge sent a command. Without them all are refused.
	Keys *bus.Keys
	// Partitions is the number of command partitions; the edges must agree.
	Partitions int
	// BatchSize is the most that one transaction applies; default 256.
	BatchSize int
	// Workers is how many commands of an external context are applied at once;
	// default 16.
	Workers int
	// Lease is how long a command stays with an attempt at it that calls the outside, once
	// its process is dead; default 10 s.
	Lease  time.Duration
	Limits bus.StreamLimits
	// Now is the clock.
	Now func() time.Time
	// AfterCommit is called between commit and acknowledgement. Tests use it to
	// die there.
	AfterCommit func()
	Log         *slog.Logger
}

// Runner applies the commands of its contexts.
type Runner struct {
	cfg       Config
	contexts  []Context
	externals []External
	parked    parked
}

// tries is how often a single command that fails by itself is attempted.
const tries = 3

// NewRunner returns a runner that does nothing until Run.
func NewRunner(cfg Config, contexts []Context, externals []External) *Runner {
	if cfg.BatchSize == 0 {
		cfg.BatchSize = 256
	}
	if cfg.Workers == 0 {
		cfg.Workers = 16
	}
	if cfg.Lease == 0 {
		cfg.Lease = defaultLease
	}
	if cfg.Partitions == 0 {
		cfg.Partitions = 1
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Runner{cfg: cfg, contexts: contexts, externals: externals}
}

// now is the time in the precision of the database, so that a response has the times that
// are read later.
func (r *Runner) now() time.Time { return r.cfg.Now().UTC().Truncate(time.Microsecond) }

// Run applies commands until ctx is done; the batches that were begun are finished first.
func (r *Runner) Run(ctx context.Context) error {
	var running sync.WaitGroup
	errs := make(chan error, (len(r.contexts)+len(r.externals))*r.cfg.Partitions)
	for partition := range r.cfg.Partitions {
		for _, c := range r.contexts {
			running.Go(func() {
				errs <- bus.ConsumeCommands(ctx, r.cfg.Conn, r.queue(c.Name(), partition),
					func(ctx context.Context, batch []bus.Delivery) error { return r.handle(ctx, c, batch) })
			})
		}
		for _, x := range r.externals {
			running.Go(func() {
				errs <- bus.ConsumeEach(ctx, r.cfg.Conn, r.queue(x.Name(), partition), r.cfg.Workers,
					func(ctx context.Context, d bus.Delivery) error { return r.handleExternal(ctx, x, d) })
			})
		}
	}
	running.Wait()
	close(errs)
	var failed error
	for err := range errs {
		failed = errors.Join(failed, err)
	}
	return failed
}

func (r *Runner) queue(name string, partition int) bus.CommandQueue {
	return bus.CommandQueue{
		Context:   name,
		Partition: partition,
		BatchSize: r.cfg.BatchSize,
		Keys:      r.cfg.Keys,
		Limits:    r.cfg.Limits,
		Log:       r.cfg.Log,
	}
}

// handle applies a batch until every command has an outcome, or is parked. It returns an
// error only when ctx is done before the database could be reached.
func (r *Runner) handle(ctx context.Context, c Context, batch []bus.Delivery) (err error) {
	cmds := r.readable(ctx, c.Name(), batch)
	if len(cmds) == 0 {
		return nil
	}
	if cmds, err = r.parked.admit(ctx, r, c, cmds); err != nil || len(cmds) == 0 {
		return err
	}
	results, err := r.apply(ctx, c, cmds, slices.ContainsFunc(batch, seenBefore))
	if err != nil {
		return r.replay(ctx, c, cmds, err)
	}
	r.parked.remove(ctx, r, c, cmds)
	r.publishOutcomes(ctx, results)
	return nil
}

// publishOutcomes sends outcomes to the edges that wait for them, and wakes the relay.
func (r *Runner) publishOutcomes(ctx context.Context, results []result) {
	if r.cfg.AfterCommit != nil {
		r.cfg.AfterCommit()
	}
	replies := map[string][]events.Reply{}
	wake := false
	for _, res := range results {
		wake = wake || res.emitted
		if res.cmd.ReplyTo != "" {
			replies[res.cmd.ReplyTo] = append(replies[res.cmd.ReplyTo], res.reply)
		}
	}
	for edge, list := range replies {
		if err := bus.SendReplies(r.cfg.Conn, r.cfg.Keys, edge, list); err != nil {
			// The edge's wait runs out, it writes the row and finds the outcome.
			r.cfg.Log.WarnContext(ctx, "outcomes not sent", "error", err)
		}
	}
	if wake {
		_ = bus.WakeRelay(r.cfg.Conn) // a hint; the relay polls as well
	}
}

// pauses are those between the attempts at one command: 25 ms, doubled every time to at
// most 5 s, each half as long or as long again at random.
type pauses struct{ next *backoff.ExponentialBackOff }

func newPauses() pauses {
	return pauses{&backoff.ExponentialBackOff{
		InitialInterval:     25 * time.Millisecond,
		RandomizationFactor: backoff.DefaultRandomizationFactor,
		Multiplier:          2,
		MaxInterval:         5 * time.Second,
	}}
}

// wait pauses. It returns the error of ctx once that is done.
func (p pauses) wait(ctx context.Context) error {
	timer := time.NewTimer(p.next.NextBackOff())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
