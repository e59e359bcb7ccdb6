package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// RelayConfig configures a [Relay]. Zero fields take the defaults.
type RelayConfig struct {
	// DatabaseURL is where the outbox is. The relay keeps one connection of its own.
	DatabaseURL string
	// Conn is the bus.
	Conn *nats.Conn
	// Limits are used when the event stream must be created anew.
	Limits bus.StreamLimits
	// BatchSize is the most that one claim takes; default 1000.
	BatchSize int
	// Poll is how long a row waits at most when the hint to publish it got lost;
	// default 250 ms.
	Poll time.Duration
	// Rest is the shortest time between the beginnings of two batches that are not
	// full; default 10 ms. The first event after a rest is published at once; under
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
	wake      chan struct{}
	// reconnects is the bus connection's count when the stream was last compared.
	reconnects uint64
	compared   time.Time
	maintained time.Time
}

// lockKey is the advisory lock that makes one relay the active one.
const lockKey = 0x636f6465785f7231

const (
	publishTimeout = 10 * time.Second
	retryAfter     = 200 * time.Millisecond
	standbyPoll    = 500 * time.Millisecond
)

// NewRelay returns a relay that does nothing until Run.
func NewRelay(cfg RelayConfig) (*Relay, error) {
	if cfg.BatchSize == 0 {
		cfg.BatchSize = 1000
	}
	if cfg.Poll == 0 {
		cfg.Poll = 250 * time.Millisecond
	}
	if cfg.Rest == 0 {
		cfg.Rest = 10 * time.Millisecond
	}
	if cfg.Check == 0 {
		cfg.Check = time.Minute
	}
	publisher, err := bus.NewEventPublisher(cfg.Conn, cfg.Limits)
	if err != nil {
		return nil, err
	}
	return &Relay{cfg: cfg, publisher: publisher, wake: make(chan struct{}, 1)}, nil
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
	conn, err := connect(ctx, r.cfg.DatabaseURL)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if err := waitForLock(ctx, conn); err != nil {
		return err
	}

	r.compared = time.Time{}
	for ctx.Err() == nil {
		if err := r.maintainIfDue(ctx, conn); err != nil {
			return err
		}
		if err := r.compareIfDue(ctx, conn); err != nil {
			return err
		}
		began := time.Now()
		full, err := r.drain(ctx, conn)
		if err != nil {
			return err
		}
		if full {
			continue
		}
		select {
		case <-ctx.Done():
		case <-r.wake:
			bus.Pause(ctx, r.cfg.Rest-time.Since(began))
		case <-time.After(r.cfg.Poll):
		}
	}
	return ctx.Err()
}

// waitForLock waits until conn holds the lock of the active relay.
func waitForLock(ctx context.Context, conn *pgx.Conn) error {
	for {
		var active bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockKey)).Scan(&active); err != nil {
			return fmt.Errorf("acquire the lock: %w", err)
		}
		if active {
			return nil
		}
		if !bus.Pause(ctx, standbyPoll) {
			return ctx.Err()
		}
	}
}

// connect opens the relay's own connection. Its statements name their rows through
// indexes; without statistics (a new database, a new day's partition) the planner
// would take a table for tiny, read it whole, and keep that plan while it grows.
func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = "codex relay"
	cfg.RuntimeParams["enable_seqscan"] = "off"
	// A mark that a crash undoes costs a second publication, which every consumer
	// recognises. So the marks need not wait for the disk, where commands wait.
	cfg.RuntimeParams["synchronous_commit"] = "off"
	cfg.ConnectTimeout = 5 * time.Second
	return pgx.ConnectConfig(ctx, cfg)
}

const claimSQL = `
SELECT tableoid::regclass::text, ctid::text, event_id, type, tenant, aggregate_id, version, causation_id,
       correlation_id, actor_id, traceparent, data, occurred_at
FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED`

// markSQL names rows by their tid: they are locked since they were claimed, so it has not
// changed. It names the partition itself; a condition on the day would let the planner
// walk an index of the whole day, which it estimates as cheap while the day has few rows.
const markSQL = `UPDATE %s SET published_at = clock_timestamp() WHERE ctid = ANY($1::text[]::tid[])`

// row identifies a row of the outbox: its partition (quoted) and its tid there.
type row struct{ partition, tid string }

// drain publishes one batch. full says that there may be more waiting.
func (r *Relay) drain(ctx context.Context, conn *pgx.Conn) (full bool, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	claimed, rows, err := claim(ctx, tx, r.cfg.BatchSize)
	if err != nil || len(claimed) == 0 {
		return false, err
	}
	published, last, failure := r.publish(ctx, claimed)
	if r.cfg.AfterPublish != nil {
		r.cfg.AfterPublish()
	}
	if len(published) > 0 {
		if err := mark(ctx, tx, rows, published, last); err != nil {
			return false, err
		}
		if err := tx.Commit(ctx); err != nil {
			return false, fmt.Errorf("commit: %w", err)
		}
	}
	return len(claimed) == r.cfg.BatchSize, failure
}

func claim(ctx context.Context, tx pgx.Tx, limit int) (claimed []events.Event, claimedRows []row, err error) {
	rows, err := tx.Query(ctx, claimSQL, limit)
	if err != nil {
		return nil, nil, fmt.Errorf("claim: %w", err)
	}
	var e events.Event
	var at row
	_, err = pgx.ForEachRow(rows, []any{
		&at.partition, &at.tid, &e.ID, &e.Type, &e.Tenant, &e.AggregateID, &e.Version, &e.CausationID, &e.CorrelationID,
		&e.ActorID, &e.TraceParent, &e.Data, &e.Time,
	}, func() error {
		e.Data = append([]byte(nil), e.Data...)
		claimed, claimedRows = append(claimed, e), append(claimedRows, at)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("claim: %w", err)
	}
	return claimed, claimedRows, nil
}

// publish publishes in waves and returns the indexes of what the stream stored.
func (r *Relay) publish(ctx context.Context, claimed []events.Event) (published []int, last uint64, failure error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	heldBack := map[string]bool{}
	for _, wave := range waves(claimed) {
		var batch []events.Event
		var indexes []int
		for _, i := range wave {
			if !heldBack[claimed[i].AggregateID] {
				batch, indexes = append(batch, claimed[i]), append(indexes, i)
			}
		}
		errs, seq := r.publisher.Publish(ctx, batch)
		last = max(last, seq)
		for j, err := range errs {
			if err != nil {
				heldBack[batch[j].AggregateID] = true
				failure = fmt.Errorf("publish: %w", err)
				continue
			}
			published = append(published, indexes[j])
		}
	}
	return published, last, failure
}

// waves groups a batch: the n-th event of every aggregate is in wave n.
func waves(claimed []events.Event) [][]int {
	var result [][]int
	count := make(map[string]int, len(claimed))
	for i, e := range claimed {
		n := count[e.AggregateID]
		count[e.AggregateID]++
		if n == len(result) {
			result = append(result, nil)
		}
		result[n] = append(result[n], i)
	}
	return result
}

// mark marks the published rows, one statement per partition: usually one.
func mark(ctx context.Context, tx pgx.Tx, rows []row, published []int, last uint64) error {
	tids := map[string][]string{}
	for _, p := range published {
		tids[rows[p].partition] = append(tids[rows[p].partition], rows[p].tid)
	}
	batch := &pgx.Batch{}
	for partition := range tids {
		batch.Queue(fmt.Sprintf(markSQL, partition), tids[partition])
	}
	// Sequences stay far below 2^63.
	batch.Queue("UPDATE relay_state SET last_sequence = GREATEST(last_sequence, $1)", int64(last))
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("mark: %w", err)
	}
	return nil
}

var errNotConnected = errors.New("the bus is not connected")
