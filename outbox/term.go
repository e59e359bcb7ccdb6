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

// term is the time for which a relay holds the lease. Two goroutines share the work: one
// claims and publishes on reader, the other waits for the stream and marks on the lease's
// connection, so that the next batch is claimed while the last is on its way.
type term struct {
	relay  *Relay
	reader *pgx.Conn
	lease  *lease
	// chain is what publishes; nil until a batch was published without it.
	chain *bus.Chain
	sent  chan sentBatch
	// marked has a value when something of what follows has changed.
	marked chan struct{}

	mu sync.Mutex
	// inFlight are the positions of what was published and is not marked.
	inFlight map[int64]struct{}
	batches  int
	// broken says that the stream did not take a batch of the chain.
	broken bool

	// reconnects is the bus connection's count when the stream was last compared.
	reconnects uint64
	compared   time.Time
}

// sentBatch is a batch on its way. wait returns the sequence of its last event.
type sentBatch struct {
	rows []row
	wait func(context.Context) (uint64, error)
}

func newTerm(r *Relay, reader *pgx.Conn, l *lease) *term {
	return &term{
		relay:    r,
		reader:   reader,
		lease:    l,
		sent:     make(chan sentBatch, pipeline),
		marked:   make(chan struct{}, 1),
		inFlight: map[int64]struct{}{},
	}
}

// run works until ctx is done or something fails. What was published by then is marked.
func (t *term) run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var writing, maintaining sync.WaitGroup
	writing.Go(func() {
		if err := t.write(context.WithoutCancel(ctx)); err != nil {
			fail(err)
		}
	})
	maintaining.Go(func() { t.relay.maintain(ctx) })

	err := t.publish(ctx)
	if cause := context.Cause(ctx); err == nil || errors.Is(err, context.Canceled) && cause != nil {
		err = cause
	}
	close(t.sent)
	fail(nil)
	writing.Wait()
	maintaining.Wait()
	return err
}

// publish claims and publishes until ctx is done or something fails.
func (t *term) publish(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := t.recover(ctx); err != nil {
			return err
		}
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

// publishBatch claims and publishes one batch. full says that there may be more waiting.
func (t *term) publishBatch(ctx context.Context) (full bool, err error) {
	if err := t.waitBatches(ctx, pipeline-1); err != nil {
		return false, err
	}
	limit := t.relay.cfg.BatchSize
	claimed, rows, err := claim(ctx, t.reader, limit, t.positions())
	if err != nil || len(claimed) == 0 {
		return false, err
	}
	if !t.lease.valid() {
		return false, errLeaseLost
	}
	full = len(claimed) == limit
	if t.chain == nil {
		return full, t.publishConfirmed(ctx, claimed, rows)
	}
	ack, err := t.chain.Send(claimed)
	if err != nil {
		// What it has sent so far is sent again.
		t.setBroken()
		t.relay.cfg.Log.Warn("batch of events not published", "error", err)
		return true, nil
	}
	t.send(sentBatch{rows: rows, wait: ack.Wait})
	return full, nil
}

// publishConfirmed publishes a batch in waves, each confirmed before the next: it may
// contain what an earlier relay has published, which would break a chain. An event that
// the stream rejected holds back the later ones of its aggregate, and no others.
func (t *term) publishConfirmed(ctx context.Context, claimed []events.Event, rows []row) error {
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
		t.send(sentBatch{rows: published, wait: func(context.Context) (uint64, error) { return last, nil }})
	}
	if err := t.waitBatches(ctx, 0); err != nil || failure != nil {
		return errors.Join(failure, err)
	}
	state, err := t.relay.publisher.State(ctx)
	if err != nil {
		return err
	}
	t.chain = t.relay.publisher.Chain(state.Last)
	return nil
}

// recover begins anew after the stream did not take a batch of the chain: it compares the
// stream with the outbox before it publishes anything else.
func (t *term) recover(ctx context.Context) error {
	t.mu.Lock()
	broken := t.broken
	t.mu.Unlock()
	if !broken {
		return nil
	}
	if err := t.waitBatches(ctx, 0); err != nil {
		return err
	}
	t.mu.Lock()
	t.broken = false
	t.mu.Unlock()
	t.chain, t.compared = nil, time.Time{}
	return nil
}

func (t *term) setBroken() {
	t.mu.Lock()
	t.broken = true
	t.mu.Unlock()
}

// send hands a batch that was published to the goroutine that marks.
func (t *term) send(b sentBatch) {
	t.mu.Lock()
	t.batches++
	for _, r := range b.rows {
		t.inFlight[r.position] = struct{}{}
	}
	t.mu.Unlock()
	t.sent <- b // it has room for as many as there may be
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

// waitBatches waits until at most n batches are in flight.
func (t *term) waitBatches(ctx context.Context, n int) error {
	for {
		t.mu.Lock()
		batches := t.batches
		t.mu.Unlock()
		if batches <= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.marked:
		}
	}
}

// write marks what the stream has stored, and renews the lease, until there is nothing
// more to come or something fails.
func (t *term) write(ctx context.Context) error {
	heartbeat := time.NewTicker(renewEvery)
	defer heartbeat.Stop()
	for {
		select {
		case <-heartbeat.C:
			if err := t.lease.renew(ctx); err != nil {
				return err
			}
		case b, more := <-t.sent:
			if !more {
				return nil
			}
			if err := t.confirm(ctx, b); err != nil {
				return err
			}
		}
	}
}

// confirm waits until the stream stored a batch and marks it. One that broke the chain is
// no longer in flight.
func (t *term) confirm(ctx context.Context, b sentBatch) error {
	last, err := b.wait(ctx)
	switch {
	case errors.Is(err, bus.ErrChainBroken):
		t.relay.cfg.Log.Warn("batch of events published again", "error", err)
		t.setBroken()
	case err != nil:
		return err
	default:
		if t.relay.cfg.AfterPublish != nil {
			t.relay.cfg.AfterPublish()
		}
		if err := t.lease.mark(ctx, b.rows, last); err != nil {
			return err
		}
	}

	t.mu.Lock()
	t.batches--
	for _, r := range b.rows {
		delete(t.inFlight, r.position)
	}
	t.mu.Unlock()
	select {
	case t.marked <- struct{}{}:
	default:
	}
	return nil
}
