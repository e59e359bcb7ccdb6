package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// pipeline is how many batches may be published and not yet marked.
const pipeline = 4

// smallBatch is how many events are cheaper to confirm one by one: the server opens a store
// on disk for each atomic batch, which cost a third of all CPU time at one client.
const smallBatch = 64

// confirmTimeout bounds the publishing of one batch in waves.
const confirmTimeout = 5 * time.Second

// term is the time for which a relay holds the lease. Two goroutines share the work: one
// claims and publishes on reader, the other marks on the lease's connection. A batch is
// claimed while the stream stores the last one, and while the one before is marked.
type term struct {
	relay  *Relay
	reader *pgx.Conn
	lease  *lease
	// sent is on its way to the stream; nil when nothing is.
	sent *sentBatch
	// stored is what the stream has stored, on its way to being marked.
	stored chan storedBatch
	// marked has a value when something of what follows has changed.
	marked chan struct{}

	mu sync.Mutex
	// inFlight are the positions of what was sent and is not marked.
	inFlight map[int64]struct{}
	// unmarked is how many batches the stream has stored that are not marked.
	unmarked int

	// batches says that the stream takes batches.
	batches bool
	// careful says that the next batch may contain what the stream has already, so that
	// it would reject it.
	careful bool
	// reconnects is the bus connection's count when the stream was last compared.
	reconnects uint64
	compared   time.Time
}

type sentBatch struct {
	rows []row
	ack  bus.BatchAck
}

type storedBatch struct {
	rows []row
	// last is the stream's sequence of the last event.
	last uint64
}

func newTerm(r *Relay, reader *pgx.Conn, l *lease) *term {
	return &term{
		relay:    r,
		reader:   reader,
		lease:    l,
		stored:   make(chan storedBatch, pipeline),
		marked:   make(chan struct{}, 1),
		inFlight: map[int64]struct{}{},
		careful:  true,
	}
}

// run works until ctx is done or something fails. What was stored by then is marked.
func (t *term) run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var marking, maintaining sync.WaitGroup
	marking.Go(func() {
		if err := t.mark(context.WithoutCancel(ctx)); err != nil {
			fail(err)
		}
	})
	maintaining.Go(func() { t.relay.maintain(ctx) })

	err := t.publish(ctx)
	if errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
		if settled := t.settle(context.WithoutCancel(ctx)); settled != nil {
			t.relay.cfg.Log.Warn("last batch of events is published again", "error", settled)
		}
	}
	close(t.stored)
	fail(nil)
	marking.Wait()
	maintaining.Wait()
	return err
}

// publish claims and publishes until ctx is done or something fails.
func (t *term) publish(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := t.compareIfDue(ctx); err != nil {
			return err
		}
		began := time.Now()
		full, err := t.publishBatch(ctx)
		if err != nil {
			return err
		}
		if full {
			continue
		}
		if err := t.settle(ctx); err != nil {
			return err
		}
		timeout := time.NewTimer(t.relay.cfg.Poll)
		select {
		case <-ctx.Done():
		case <-t.relay.wake:
			bus.Pause(ctx, t.relay.cfg.Rest-time.Since(began))
		case <-timeout.C:
		}
		timeout.Stop()
	}
	return ctx.Err()
}

// publishBatch claims a batch, waits for the last one and sends it. full says that there
// may be more waiting.
func (t *term) publishBatch(ctx context.Context) (full bool, err error) {
	if err := t.waitMarked(ctx, pipeline-1); err != nil {
		return false, err
	}
	limit := t.relay.cfg.BatchSize
	claimed, rows, err := claim(ctx, t.reader, limit, t.positions())
	if err != nil {
		return false, err
	}
	if err := t.settle(ctx); err != nil {
		return false, err
	}
	if t.compared.IsZero() {
		return true, nil // what was not stored comes first
	}
	if len(claimed) == 0 {
		return false, nil
	}
	if !t.lease.valid() {
		return false, errLeaseLost
	}
	full = len(claimed) == limit
	if t.careful || !t.batches || len(claimed) > 1 && len(claimed) < smallBatch {
		return full, t.publishConfirmed(ctx, claimed, rows)
	}
	ack, err := t.relay.publisher.SendBatch(claimed)
	if err != nil {
		return false, err
	}
	t.sent = &sentBatch{rows: rows, ack: ack}
	t.setInFlight(rows)
	return full, nil
}

// settle waits until the stream has stored the batch that is on its way, and hands it to
// the goroutine that marks. When the stream rejected it, the stream is compared with the
// outbox before anything else is published, and then the batch is claimed again.
func (t *term) settle(ctx context.Context) error {
	b := t.sent
	if b == nil {
		return nil
	}
	t.sent = nil
	last, err := b.ack.Wait(context.WithoutCancel(ctx)) // what is stored is marked
	if errors.Is(err, bus.ErrBatchRejected) {
		t.relay.cfg.Log.Info("batch of events is published one by one", "error", err)
		t.forget(b.rows)
		t.careful, t.compared = true, time.Time{}
		return nil
	}
	if err != nil {
		return err
	}
	t.store(b.rows, last)
	return nil
}

// publishConfirmed publishes a batch in waves, each confirmed before the next: for events
// of which the stream may have some, for small batches, and for servers without batches. An
// event that the stream rejected holds back the later ones of its aggregate, and no others.
func (t *term) publishConfirmed(ctx context.Context, claimed []events.Event, rows []row) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmTimeout)
	defer cancel()
	var (
		published []row
		last      uint64
		failure   error
		heldBack  = map[string]bool{}
	)
	for _, wave := range waves(claimed) {
		var batch []events.Event
		var indexes []int
		for _, i := range wave {
			if !heldBack[claimed[i].AggregateID] {
				batch, indexes = append(batch, claimed[i]), append(indexes, i)
			}
		}
		errs, seq := t.relay.publisher.Publish(ctx, batch)
		last = max(last, seq)
		for j, err := range errs {
			if err != nil {
				heldBack[batch[j].AggregateID] = true
				failure = fmt.Errorf("publish: %w", err)
				continue
			}
			published = append(published, rows[indexes[j]])
		}
	}
	if len(published) > 0 {
		t.setInFlight(published)
		t.store(published, last)
	}
	t.careful = false
	return failure
}

// setInFlight excludes rows from the next claims.
func (t *term) setInFlight(rows []row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range rows {
		t.inFlight[r.position] = struct{}{}
	}
}

// forget lets rows be claimed again if they are unpublished.
func (t *term) forget(rows []row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range rows {
		delete(t.inFlight, r.position)
	}
}

// positions returns what is in flight.
func (t *term) positions() []int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]int64, 0, len(t.inFlight))
	for position := range t.inFlight {
		list = append(list, position)
	}
	return list
}

// store hands rows that the stream has stored to the goroutine that marks.
func (t *term) store(rows []row, last uint64) {
	t.mu.Lock()
	t.unmarked++
	t.mu.Unlock()
	t.stored <- storedBatch{rows: rows, last: last} // it has room for as many as there may be
}

// waitMarked waits until at most n batches are stored and not marked.
func (t *term) waitMarked(ctx context.Context, n int) error {
	for {
		t.mu.Lock()
		unmarked := t.unmarked
		t.mu.Unlock()
		if unmarked <= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.marked:
		}
	}
}

// mark marks what the stream has stored, and renews the lease, until there is nothing more
// to come or something fails.
func (t *term) mark(ctx context.Context) error {
	heartbeat := time.NewTicker(renewEvery)
	defer heartbeat.Stop()
	for {
		select {
		case <-heartbeat.C:
			if err := t.lease.renew(ctx); err != nil {
				return err
			}
		case b, more := <-t.stored:
			if !more {
				return nil
			}
			if err := t.markBatch(ctx, b); err != nil {
				return err
			}
		}
	}
}

func (t *term) markBatch(ctx context.Context, b storedBatch) error {
	if t.relay.cfg.AfterPublish != nil {
		t.relay.cfg.AfterPublish()
	}
	if err := t.lease.mark(ctx, b.rows, b.last); err != nil {
		return err
	}

	t.forget(b.rows)
	t.mu.Lock()
	t.unmarked--
	t.mu.Unlock()
	select {
	case t.marked <- struct{}{}:
	default:
	}
	return nil
}
