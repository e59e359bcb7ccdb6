package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/events/bus"
)

// RelayConfig configures a [Relay]. Zero fields take the defaults.
type RelayConfig struct {
	// DatabaseURL is where the outbox is. The relay keeps two connections of its own.
	DatabaseURL string
	// Conn is the bus.
	Conn *nats.Conn
	// Keys sign the events.
	Keys *bus.Keys
	// Limits are used when the event stream must be created anew.
	Limits bus.StreamLimits
	// BatchSize is the most that one claim takes; default and most [bus.MaxBatch].
	BatchSize int
	// Poll is how long a row waits at most when the hint to publish it got lost;
	// default 250 ms.
	Poll time.Duration
	// Rest is the shortest time between the beginnings of two batches that are not
	// full; default 5 ms. The first event after a rest is published at once; under
	// load batches grow instead of following each other so closely that they compete
	// with the commands for the database.
	Rest time.Duration
	// Check is how often the stream is compared with the outbox; default 1 min.
	Check time.Duration
	// AfterPublish is called between publishing a batch and marking it. Tests use
	// it to die there.
	AfterPublish func()
	Log          *slog.Logger
}

// Relay publishes what the outbox holds. Any number may run; one works at a time.
type Relay struct {
	cfg       RelayConfig
	publisher *bus.EventPublisher
	// holder names this relay in the lease.
	holder string
	wake   chan struct{}
}

const (
	// databaseTimeout ends every statement of the relay, but for those of a comparison
	// that found a difference.
	databaseTimeout = 5 * time.Second
	// retryAfter is the pause after a failure: longer than standbyPoll, so that another
	// relay takes over from one that cannot work.
	retryAfter  = 500 * time.Millisecond
	standbyPoll = 250 * time.Millisecond
)

// NewRelay returns a relay that does nothing until Run.
func NewRelay(cfg RelayConfig) (*Relay, error) {
	if cfg.BatchSize <= 0 || cfg.BatchSize > bus.MaxBatch {
		cfg.BatchSize = bus.MaxBatch
	}
	if cfg.Poll == 0 {
		cfg.Poll = 250 * time.Millisecond
	}
	if cfg.Rest == 0 {
		cfg.Rest = 5 * time.Millisecond
	}
	if cfg.Check == 0 {
		cfg.Check = time.Minute
	}
	publisher, err := bus.NewEventPublisher(cfg.Conn, cfg.Keys, cfg.Limits)
	if err != nil {
		return nil, err
	}
	return &Relay{
		cfg:       cfg,
		publisher: publisher,
		holder:    uuid.NewString(),
		wake:      make(chan struct{}, 1),
	}, nil
}

// Run publishes until ctx is done. A failure restarts it after a pause.
func (r *Relay) Run(ctx context.Context) error {
	sub, err := bus.OnWake(r.cfg.Conn, func() {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	defer r.publisher.Close()
	for ctx.Err() == nil {
		if err := r.lead(ctx); err != nil && ctx.Err() == nil {
			r.cfg.Log.Warn("relay restarts", "error", err)
			bus.Pause(ctx, retryAfter)
		}
	}
	return nil
}

// lead waits until this relay is the active one and works until something fails.
func (r *Relay) lead(ctx context.Context) error {
	reader, err := connect(ctx, r.cfg.DatabaseURL, nil)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer closeConnection(ctx, reader)
	writer, err := connect(ctx, r.cfg.DatabaseURL, writerParams)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer closeConnection(ctx, writer)

	l, err := r.waitForLease(ctx, reader, writer)
	if err != nil {
		return err
	}
	defer l.release(ctx)
	return newTerm(r, reader, l).run(ctx)
}

// writerParams leave the planner one way to find rows that are named by their tid.
// Without statistics it would walk an index of the whole day, which it estimates as cheap
// while the day has few rows.
var writerParams = map[string]string{
	"enable_indexscan":     "off",
	"enable_indexonlyscan": "off",
	"enable_bitmapscan":    "off",
}

// connect opens one of the relay's own connections. Its statements name their rows through
// indexes; without statistics (a new database, a new day's partition) the planner would
// take a table for tiny, read it whole, and keep that plan while it grows.
func connect(ctx context.Context, url string, params map[string]string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = "codex relay"
	cfg.RuntimeParams["enable_seqscan"] = "off"
	// A plan names every partition and takes longer to make than to run; and the high
	// costs that stand for "off" would have it compiled.
	cfg.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	cfg.RuntimeParams["jit"] = "off"
	cfg.RuntimeParams["lock_timeout"] = "3s"
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "30s"
	// A mark that a crash undoes costs a second publication, which every consumer
	// recognises. So the marks need not wait for the disk, where commands wait.
	cfg.RuntimeParams["synchronous_commit"] = "off"
	for name, value := range params {
		cfg.RuntimeParams[name] = value
	}
	cfg.ConnectTimeout = databaseTimeout
	return pgx.ConnectConfig(ctx, cfg)
}

func closeConnection(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

var errNotConnected = errors.New("the bus is not connected")
