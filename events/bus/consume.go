package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// ackWait is how long the server waits for an acknowledgement or a report of
	// progress before it redelivers: twice the time limit of a handler's transaction.
	ackWait = 10 * time.Second
	// maxPending is how many messages of one consumer may be delivered and not yet
	// acknowledged, those that wait for their next delivery included.
	maxPending = 1024
	// pullSlack is how many more messages a batch puller requests than the server may
	// deliver, so that neither redeliveries nor a second open pull fill its buffer.
	pullSlack = 256
	// restartDelay is the pause before a lost consumer is created again.
	restartDelay = 250 * time.Millisecond
	// returnTimeout bounds the return of fetched messages on stop.
	returnTimeout = 2 * time.Second
)

// Timing of pulls. A consumer without a pin needs few of them. A pinned client keeps its
// pin by pulling, so it pulls within the pin's time to live.
const (
	pullExpiry       = 30 * time.Second
	pullHeartbeat    = 3 * time.Second
	pinTTL           = 2 * time.Second
	pinnedPullExpiry = time.Second
	pinnedHeartbeat  = 500 * time.Millisecond
)

// handler handles a batch. failed is nil, or has one error per message: those with an
// error are delivered again after a delay, but never with errRefused. err means that the handler was stopped and
// that none of the batch is handled.
type handler func(ctx context.Context, batch []jetstream.Msg) (failed []error, err error)

// loop is the one consumer loop. It ensures that the durable consumer exists, pulls, passes
// batches to the handler, reports progress while they are handled, acknowledges, detects
// when the consumer was lost, and on stop returns what it fetched and did not handle.
type loop struct {
	stream   string
	consumer jetstream.ConsumerConfig
	// pin is the priority group that confines the consumer to one client; "" for none.
	pin string
	// pullers is how many subscriptions pull in parallel; each handles one batch at a time.
	pullers int
	// batch is the most messages of one call of the handler.
	batch int
	// hold is the most messages that a puller has, those being handled included. With 1 a
	// message is requested only when the previous one is handled, so that none waits here
	// while another process is free.
	hold   int
	limits StreamLimits
	log    *slog.Logger
}

// batches returns a loop with one puller that holds as much as the server delivers.
func batches(stream string, consumer jetstream.ConsumerConfig, size int, limits StreamLimits, log *slog.Logger) loop {
	consumer.MaxAckPending = max(maxPending, 4*size)
	return loop{
		stream:   stream,
		consumer: consumer,
		pullers:  1,
		batch:    size,
		hold:     consumer.MaxAckPending + pullSlack,
		limits:   limits,
		log:      log,
	}
}

// singles returns a loop that handles up to workers messages at once, one by one.
func singles(
	stream string, consumer jetstream.ConsumerConfig, workers int, limits StreamLimits, log *slog.Logger,
) loop {
	consumer.MaxAckPending = max(maxPending, 4*workers)
	return loop{
		stream:   stream,
		consumer: consumer,
		pullers:  max(workers, 1),
		batch:    1,
		hold:     1,
		limits:   limits,
		log:      log,
	}
}

// run consumes until ctx is done; then it returns nil.
func (l loop) run(ctx context.Context, conn *nats.Conn, handle handler) error {
	js, err := newJetStream(conn)
	if err != nil {
		return fmt.Errorf("consume %s: %w", l.consumer.Durable, err)
	}
	l.consumer.AckWait = ackWait
	l.consumer.DeliverPolicy = jetstream.DeliverAllPolicy

	var pullers sync.WaitGroup
	for range l.pullers {
		pullers.Go(func() {
			for ctx.Err() == nil {
				if !conn.IsConnected() {
					Pause(ctx, restartDelay)
					continue
				}
				err := l.consume(ctx, conn, js, handle)
				if ctx.Err() != nil {
					return
				}
				l.log.Warn("consumer restarts", "consumer", l.consumer.Durable, "error", err)
				Pause(ctx, restartDelay)
			}
		})
	}
	pullers.Wait()
	return nil
}

// consume pulls and handles until ctx is done, the consumer is lost or handle stops.
func (l loop) consume(ctx context.Context, conn *nats.Conn, js jetstream.JetStream, handle handler) error {
	consumer, err := ensureConsumer(ctx, js, l.stream, l.limits, l.consumer)
	if err != nil {
		return err
	}
	var (
		fetched = make(chan jetstream.Msg, l.hold)
		held    = make(chan struct{}, l.hold-1)
		stopped = make(chan struct{})
		watched = newWatch(conn, consumer)
	)
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	receive := func(msg jetstream.Msg) {
		select {
		case <-stopped:
			_ = msg.Nak()
			return
		case fetched <- msg:
		}
		select { // returning lets nats.go pull the next message
		case <-stopped:
		case held <- struct{}{}:
		}
	}
	report := func(_ jetstream.ConsumeContext, err error) { watched.report(watching, err) }
	subscription, err := consumer.Consume(receive, append(l.pullOptions(), jetstream.ConsumeErrHandler(report))...)
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	defer returnFetched(subscription, stopped, fetched)

	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-watched.lost:
			return fmt.Errorf("consumer lost: %w", err)
		case first := <-fetched:
			batch := drain(first, fetched, l.batch)
			if err := l.process(ctx, batch, handle); err != nil {
				return err
			}
			for range batch {
				<-held
			}
		}
	}
}

func (l loop) pullOptions() []jetstream.PullConsumeOpt {
	options := []jetstream.PullConsumeOpt{jetstream.PullMaxMessages(l.hold)}
	if l.pin == "" {
		return append(options, jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	}
	return append(options,
		jetstream.PullPriorityGroup(l.pin),
		jetstream.PullExpiry(pinnedPullExpiry),
		jetstream.PullHeartbeat(pinnedHeartbeat))
}

// drain returns first and what is fetched already, up to limit, without waiting for more.
func drain(first jetstream.Msg, fetched <-chan jetstream.Msg, limit int) []jetstream.Msg {
	batch := []jetstream.Msg{first}
	for len(batch) < limit {
		select {
		case msg := <-fetched:
			batch = append(batch, msg)
		default:
			return batch
		}
	}
	return batch
}

// process calls the handler with a batch and acknowledges it. An error means that handle stopped.
func (l loop) process(ctx context.Context, batch []jetstream.Msg, handle handler) error {
	finished := keepAlive(batch)
	failed, err := handle(ctx, batch)
	finished()
	if err != nil {
		for _, msg := range batch {
			_ = msg.Nak()
		}
		return err
	}

	if err := l.acknowledge(batch, failed); err != nil {
		l.log.Warn("acknowledgement not sent", "consumer", l.consumer.Durable, "error", err)
	}
	return nil
}

// acknowledge acknowledges a batch, or has its failed messages redelivered: with one
// message where the last covers all (AckAll), otherwise one by one in one flush, without
// waiting for the server.
func (l loop) acknowledge(batch []jetstream.Msg, failed []error) (err error) {
	if l.consumer.AckPolicy == jetstream.AckAllPolicy {
		return batch[len(batch)-1].Ack()
	}
	for i, msg := range batch {
		var sent error
		switch {
		case failed == nil || failed[i] == nil:
			sent = msg.Ack()
		case errors.Is(failed[i], errRefused):
			sent = msg.Term()
		default:
			l.log.Warn("message is redelivered later",
				"consumer", l.consumer.Durable, "subject", msg.Subject(), "error", failed[i])
			sent = msg.NakWithDelay(backoff(deliveries(msg)))
		}
		if sent != nil {
			err = sent
		}
	}
	return err
}

// keepAlive tells the server that a batch is still being handled, from a third of
// ackWait on and until finished is called.
func keepAlive(batch []jetstream.Msg) (finished func()) {
	done := make(chan struct{})
	timer := time.AfterFunc(ackWait/3, func() {
		tick := time.NewTicker(ackWait / 3)
		defer tick.Stop()
		for {
			for _, msg := range batch {
				_ = msg.InProgress()
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		timer.Stop()
		close(done)
	}
}

// returnFetched stops pulling and returns to the server what was fetched and not handled;
// without that the server would redeliver it only after ackWait.
func returnFetched(subscription jetstream.ConsumeContext, stopped chan struct{}, fetched <-chan jetstream.Msg) {
	close(stopped)
	subscription.Drain()
	timeout := time.NewTimer(returnTimeout)
	defer timeout.Stop()
	for closed := subscription.Closed(); ; {
		select {
		case msg := <-fetched:
			_ = msg.Nak()
			continue
		default:
		}
		select {
		case msg := <-fetched:
			_ = msg.Nak()
		case <-closed:
			return
		case <-timeout.C:
			return
		}
	}
}

// deliveries returns how often a message has been delivered, this time included.
func deliveries(msg jetstream.Msg) uint64 {
	meta, err := msg.Metadata()
	if err != nil {
		return 1
	}
	return meta.NumDelivered
}
