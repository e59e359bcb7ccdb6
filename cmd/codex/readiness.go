package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/migrations"
)

// readiness knows which of the parts that all roles need work: the database with its
// schema, and the bus with its streams.
type readiness struct {
	pool   *pgxpool.Pool
	conn   *nats.Conn
	link   *link
	limits bus.StreamLimits
	log    *slog.Logger

	stopping atomic.Bool
	// streams says that the streams exist; streamsErr is why they do not.
	streams    atomic.Bool
	mu         sync.Mutex
	streamsErr error
}

const (
	// prepareEvery is the pause between two attempts to reach a part at start.
	prepareEvery = 500 * time.Millisecond
	// remindEvery is how often the log repeats what a process waits for.
	remindEvery = 30 * time.Second
	// askTimeout bounds one check of a part.
	askTimeout = 2 * time.Second
)

var errStopping = errors.New("the process is stopping")

// stop makes the process unready.
func (r *readiness) stop() { r.stopping.Store(true) }

// prepare waits until the database has a schema that this program can work with, and the
// bus its streams. It reports false when ctx is done before.
func (r *readiness) prepare(ctx context.Context) bool {
	var waiting sync.WaitGroup
	waiting.Go(func() { r.await(ctx, "database", r.database) })
	waiting.Go(func() { r.await(ctx, "bus", r.ensureStreams) })
	waiting.Wait()
	return ctx.Err() == nil
}

// await repeats attempt until it succeeds or ctx is done. It logs why it waits.
func (r *readiness) await(ctx context.Context, part string, attempt func(context.Context) error) {
	var logged string
	var at time.Time
	for {
		err := attempt(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if reason := err.Error(); reason != logged || time.Since(at) > remindEvery {
			r.log.Warn("waiting for a part", "part", part, "reason", reason)
			logged, at = reason, time.Now()
		}
		bus.Pause(ctx, prepareEvery)
	}
}

// database returns nil when the database responds and its schema is this program's or newer:
// a migration keeps the version before working.
func (r *readiness) database(ctx context.Context) error {
	version, err := r.schema(ctx)
	if err != nil {
		return err
	}
	if version < migrations.Newest() {
		return errOldSchema(version)
	}
	return nil
}

func (r *readiness) schema(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	version, err := migrations.Version(ctx, r.pool)
	if err != nil {
		return 0, fmt.Errorf("the database does not respond: %w", err)
	}
	return version, nil
}

// bus returns nil when the bus is connected and has its streams.
func (r *readiness) bus() error {
	if err := r.link.err(r.conn); err != nil {
		return err
	}
	if r.streams.Load() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streamsErr != nil {
		return r.streamsErr
	}
	return errors.New("the streams are being created")
}

func (r *readiness) ensureStreams(ctx context.Context) error {
	if err := r.link.err(r.conn); err != nil {
		return err
	}
	js, err := jetstream.New(r.conn)
	if err == nil {
		err = bus.EnsureStreams(ctx, js, r.limits)
	}
	if err == nil {
		r.streams.Store(true)
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(err, r.conn.LastError()) // such as a missing permission
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streamsErr = fmt.Errorf("the bus has no streams yet: %w", err)
	return r.streamsErr
}

// errOldSchema is a database that has not been migrated yet.
func errOldSchema(version int64) error {
	return fmt.Errorf("the schema has version %d, and this program needs %d: run codex migrate",
		version, migrations.Newest())
}
