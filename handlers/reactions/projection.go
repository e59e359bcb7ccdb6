package reactions

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// Projection is a reaction that only reads and writes Postgres.
type Projection struct {
	// Name identifies it for ever: it names the durable consumer and the inbox marks.
	Name string
	// Events are the event types it follows.
	Events []string
	// Apply applies a batch in the order in which it arrived, inside the transaction of
	// the inbox marks; every event in it is new to the projection. What follows from an
	// event is added with [Event.Emit]. Apply may be called again with a part of a batch
	// whose transaction failed, so it keeps nothing outside the transaction.
	Apply func(ctx context.Context, tx pgx.Tx, batch []Event) error
}

// received is an event of a batch together with its delivery.
type received struct {
	Event
	delivery *bus.EventDelivery
}

// project feeds a projection until ctx is done.
func (r *Runner) project(ctx context.Context, p Projection) error {
	queue := r.queue(durable(p.Name), p.Events)
	queue.BatchSize = r.cfg.BatchSize
	return bus.ConsumeEvents(ctx, r.cfg.Conn, queue, func(ctx context.Context, deliveries []bus.EventDelivery) error {
		batch := r.readable(ctx, p, deliveries)
		failed, err := r.attempt(ctx, p, batch)
		for n := 0; err == nil && len(failed) > 0; n++ {
			failed, err = r.replay(ctx, p, failed, n)
		}
		return err
	})
}

// readable decodes a batch. What is no event that this build knows becomes a dead letter.
func (r *Runner) readable(ctx context.Context, p Projection, deliveries []bus.EventDelivery) []received {
	batch := make([]received, 0, len(deliveries))
	for i := range deliveries {
		d := &deliveries[i]
		event, err := decode(*d)
		if err != nil {
			r.giveUp(ctx, p, d, err)
			continue
		}
		batch = append(batch, received{event, d})
	}
	return batch
}

// attempt applies a batch in one transaction and returns the events that were not
// applied: none, or all of it. While the database does not respond, it keeps trying; it
// returns an error only when ctx is done before.
func (r *Runner) attempt(ctx context.Context, p Projection, batch []received) (failed []received, err error) {
	if len(batch) == 0 {
		return nil, nil
	}
	for n := 0; ; n++ {
		cause := r.transact(ctx, p, batch)
		if cause == nil {
			return nil, nil
		}
		if !transient(cause) || r.databaseResponds(ctx) {
			r.cfg.Log.WarnContext(ctx, "batch is replayed one by one",
				"projection", p.Name, "events", len(batch), "error", cause)
			return batch, nil
		}
		r.cfg.Log.WarnContext(ctx, "database does not respond, the batch waits",
			"projection", p.Name, "events", len(batch), "error", cause)
		if !bus.Pause(ctx, min(100*time.Millisecond<<min(n, 5), 2*time.Second)) {
			return nil, ctx.Err()
		}
	}
}

// replay applies the events of a failed batch one by one, each in its own transaction,
// and returns those that failed again, for the next round: they must not keep the others
// waiting. After the last round they go back to the bus, or become dead letters.
func (r *Runner) replay(ctx context.Context, p Projection, batch []received, round int) (failed []received, err error) {
	if round > 0 && !bus.Pause(ctx, min(50*time.Millisecond<<(2*(round-1)), time.Second)) {
		return nil, ctx.Err()
	}
	for _, e := range batch {
		if ctx.Err() != nil {
			return nil, ctx.Err() // the batch is delivered again; what was applied is marked
		}
		cause := r.transact(ctx, p, []received{e})
		for cause != nil && transient(cause) && !r.databaseResponds(ctx) {
			if !bus.Pause(ctx, time.Second) {
				return nil, ctx.Err()
			}
			cause = r.transact(ctx, p, []received{e})
		}
		switch {
		case cause == nil:
		case round < retriesInPlace:
			failed = append(failed, e)
		case transient(cause) || e.delivery.Deliveries() < uint64(r.cfg.MaxDeliveries):
			e.delivery.Retry(cause)
		default:
			r.giveUp(ctx, p, e.delivery, cause)
		}
	}
	return failed, nil
}

// giveUp makes a delivery a dead letter; if that fails it is redelivered.
func (r *Runner) giveUp(ctx context.Context, p Projection, d *bus.EventDelivery, cause error) {
	if err := r.deadLetter(ctx, p.Name, d, cause); err != nil {
		d.Retry(err)
	}
}

// databaseResponds reports whether the database responds.
func (r *Runner) databaseResponds(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return r.cfg.Pool.Ping(ctx) == nil
}

// transact applies a batch in one transaction; after the commit it reports the causes
// that were handled and wakes the relay. A stop does not interrupt it: it has its own
// time limit.
func (r *Runner) transact(ctx context.Context, p Projection, batch []received) (err error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handleTimeout)
	defer cancel()
	spans, traceParents := startSpans(ctx, p.Name, batch)
	emitted, err := r.apply(ctx, p, batch, traceParents)
	for _, span := range spans {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
	observe(ctx, p.Name, start, err)
	if err != nil {
		return err
	}
	batchSizes.Record(ctx, int64(len(batch)), metric.WithAttributes(attribute.String("reaction", p.Name)))

	// Hints, both of them; see package bus.
	_ = bus.ReportHandled(r.cfg.Conn, p.Name, causes(batch))
	if emitted {
		_ = bus.WakeRelay(r.cfg.Conn)
	}
	return nil
}

// apply marks a batch, lets the projection apply what is new in it, and appends what
// follows, in one transaction.
func (r *Runner) apply(
	ctx context.Context, p Projection, batch []received, traceParents map[string]string,
) (emitted bool, err error) {
	conn, err := r.cfg.Pool.Acquire(ctx)
	if err != nil {
		return false, &databaseError{fmt.Errorf("acquire: %w", err)}
	}
	defer conn.Release()

	emitted, err = r.applyOn(ctx, conn.Conn(), p, batch, traceParents)
	if err == nil {
		return emitted, nil
	}
	if conn.Conn().IsClosed() || ctx.Err() != nil {
		err = &databaseError{err}
	}
	rollback(ctx, conn.Conn())
	return false, err
}

// rollback ends a failed transaction; the pool drops a connection that it closes.
func rollback(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = conn.Close(ctx)
	}
}

func (r *Runner) applyOn(
	ctx context.Context, conn *pgx.Conn, p Projection, batch []received, traceParents map[string]string,
) (emitted bool, err error) {
	now := r.cfg.Now().UTC()
	envelopes := make([]events.Event, len(batch))
	for i, e := range batch {
		envelopes[i] = e.Event.Event
	}
	tx, unhandled, err := begin(ctx, conn, p.Name, now, envelopes)
	if err != nil {
		return false, err
	}

	var fresh []Event
	for _, e := range batch {
		if unhandled[e.ID] {
			delete(unhandled, e.ID) // a batch may hold two deliveries of one event
			*e.emitted = nil        // of an attempt that failed
			fresh = append(fresh, e.Event)
		}
	}
	if len(fresh) > 0 {
		if err := applySafely(ctx, tx, p, fresh); err != nil {
			return false, fmt.Errorf("projection %s: %w", p.Name, err)
		}
	}
	journal, err := journalOf(fresh, traceParents, now)
	if err != nil {
		return false, err
	}
	return len(journal) > 0, tx.commit(ctx, journal)
}

// applySafely turns a panic of a projection into an error of its events.
func applySafely(ctx context.Context, tx pgx.Tx, p Projection, batch []Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return p.Apply(ctx, tx, batch)
}

// startSpans starts a span for every event that is traced, in its trace.
func startSpans(
	ctx context.Context, name string, batch []received,
) (spans []trace.Span, traceParents map[string]string) {
	for _, e := range batch {
		if e.TraceParent == "" {
			continue
		}
		if traceParents == nil {
			traceParents = make(map[string]string, len(batch))
		}
		inSpan, span := startSpan(bus.WithTraceParent(ctx, e.TraceParent), name, e.Event.Event)
		spans, traceParents[e.ID] = append(spans, span), bus.TraceParent(inSpan)
	}
	return spans, traceParents
}

func startSpan(ctx context.Context, name string, e events.Event) (context.Context, trace.Span) {
	return tracer.Start(ctx, "react "+name, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("event.type", e.Type), attribute.String("event.id", e.ID)))
}

// causes returns what led to a batch, each once.
func causes(batch []received) []string {
	list := make([]string, len(batch))
	for i, e := range batch {
		list[i] = e.CausationID
	}
	slices.Sort(list)
	return slices.Compact(list)
}
