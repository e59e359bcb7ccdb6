package reactions

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/outbox"
)

// Config configures a [Runner]. Zero fields take the defaults.
type Config struct {
	Pool *pgxpool.Pool
	Conn *nats.Conn
	// Keys verify that the relay signed an event. One that no known secret signed is handled
	// only when the outbox has it.
	Keys *bus.Keys
	// Limits are used when the event stream must be created anew.
	Limits bus.StreamLimits
	// Now is the clock.
	Now func() time.Time
	// BatchSize is the most events that one transaction of a projection handles;
	// default 256.
	BatchSize int
	// MaxDeliveries is how often an event that fails for a reason of its own is
	// delivered before it becomes a dead letter; default 8.
	MaxDeliveries int
	Log           *slog.Logger
}

const (
	// handleTimeout bounds one attempt: a transaction of a projection, or one event in a
	// process.
	handleTimeout = 5 * time.Second
	// retriesInPlace is how often a failed event is tried again before it goes back to
	// the bus.
	retriesInPlace = 3
)

// Runner runs projections and processes.
type Runner struct {
	cfg         Config
	projections []Projection
	processes   []Process
}

// New returns a runner that does nothing until Run.
func New(cfg Config, projections []Projection, processes []Process) *Runner {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.BatchSize == 0 {
		cfg.BatchSize = 256
	}
	if cfg.MaxDeliveries == 0 {
		cfg.MaxDeliveries = 8
	}
	return &Runner{cfg: cfg, projections: projections, processes: processes}
}

// Run reacts to events until ctx is done, and finishes the events that it handles then.
func (r *Runner) Run(ctx context.Context) error {
	var (
		running sync.WaitGroup
		errs    = make(chan error, len(r.projections)+1)
	)
	for _, p := range r.projections {
		running.Go(func() { errs <- r.project(ctx, p) })
	}
	if len(r.processes) > 0 {
		running.Go(func() { errs <- r.route(ctx) })
	}
	running.Go(func() { r.retryLetters(ctx) })
	running.Wait()

	close(errs)
	var failed error
	for err := range errs {
		failed = errors.Join(failed, err)
	}
	return failed
}

// queue names the events of a reaction on the bus.
func (r *Runner) queue(durable string, types []string) bus.EventQueue {
	return bus.EventQueue{
		Durable: durable,
		Types:   types,
		Keys:    r.cfg.Keys,
		Recorded: func(ctx context.Context, batch []events.Event) ([]bool, error) {
			return outbox.Recorded(ctx, r.cfg.Pool, batch)
		},
		Limits: r.cfg.Limits,
		Log:    r.cfg.Log,
	}
}

// durable names the consumer of a reaction, and the consumer column of its dead letters.
func durable(name string) string { return "reaction-" + name }
