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

	"github.com/codex-platform/codex/events"
)

// EventQueue names the events that one kind of worker takes.
type EventQueue struct {
	// Durable names the consumer; workers of the same name share the events.
	Durable string
	// Types are the event types to take.
	Types []string
	// Workers is how many are in hand at once in this process.
	Workers int
	// Limits are used when the stream must be created anew.
	Limits StreamLimits
	Log    *slog.Logger
}

// WorkEvents feeds events to handle one by one, up to Workers at once, until ctx
// is done: for work that takes long, such as transcoding. A nil error acknowledges
// the event; with an error it comes again after a growing delay (0.5 s to 1 min).
// While handle runs the server is told every few seconds that the event is in
// hand, so an event whose worker died comes to another one within ten seconds.
// handle's context is cancelled when ctx is.
func WorkEvents(ctx context.Context, conn *nats.Conn, queue EventQueue, handle func(context.Context, events.Event) error) error {
	filters := make([]string, len(queue.Types))
	for i, t := range queue.Types {
		filters[i] = events.SubjectFor(t)
	}
	w := worker{
		stream: events.EventStream, workers: queue.Workers, limits: queue.Limits, log: queue.Log,
		consumer: jetstream.ConsumerConfig{Durable: queue.Durable, FilterSubjects: filters},
	}
	return w.run(ctx, conn, func(ctx context.Context, msg jetstream.Msg) error {
		event, err := events.FromMessage(msg.Headers(), msg.Data())
		if err != nil {
			queue.Log.Error("unreadable event passed over", "consumer", queue.Durable, "error", err)
			return nil
		}
		return handle(WithTraceParent(ctx, event.TraceParent), event)
	})
}

// ConsumeEach feeds a queue's commands to handle one by one, up to workers at
// once, until ctx is done; the ones in hand are finished. It acknowledges and
// repeats as WorkEvents does.
func ConsumeEach(ctx context.Context, conn *nats.Conn, queue CommandQueue, workers int, handle func(context.Context, Delivery) error) error {
	w := worker{
		stream: events.CommandStream, workers: workers, limits: queue.Limits, log: queue.Log,
		consumer: jetstream.ConsumerConfig{
			Durable:       fmt.Sprintf("commands-%s-%d", queue.Context, queue.Partition),
			FilterSubject: events.CommandFilter(queue.Context, queue.Partition),
		},
	}
	return w.run(ctx, conn, func(ctx context.Context, msg jetstream.Msg) error {
		return handle(ctx, read(msg))
	})
}

// Deliveries returns how often the message has been delivered, this time included.
func (d Delivery) Deliveries() uint64 { return deliveries(d.msg) }

func deliveries(msg jetstream.Msg) uint64 {
	meta, err := msg.Metadata()
	if err != nil {
		return 1
	}
	return meta.NumDelivered
}

// Backoff is the delay before a message is delivered again: 0.5 s, doubled with
// every delivery, one minute at most.
func Backoff(deliveries uint64) time.Duration {
	return min(500*time.Millisecond<<min(max(deliveries, 1)-1, 10), time.Minute)
}

// eachAckWait is how long the server waits for a sign of life of one message.
const eachAckWait = 10 * time.Second

// worker takes messages one by one with explicit acknowledgement.
type worker struct {
	stream   string
	consumer jetstream.ConsumerConfig
	workers  int
	limits   StreamLimits
	log      *slog.Logger
}

func (w worker) run(ctx context.Context, conn *nats.Conn, handle func(context.Context, jetstream.Msg) error) error {
	js, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("consume %s: %w", w.consumer.Durable, err)
	}
	w.consumer.AckPolicy = jetstream.AckExplicitPolicy
	w.consumer.AckWait = eachAckWait
	w.consumer.MaxAckPending = 4 * w.workers
	w.consumer.DeliverPolicy = jetstream.DeliverAllPolicy
	for ctx.Err() == nil {
		err := w.once(ctx, js, handle)
		if ctx.Err() != nil {
			break
		}
		w.log.Warn("consumer starts again", "consumer", w.consumer.Durable, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(restartAfter):
		}
	}
	return nil //nolint:nilerr // stopped, as asked
}

// once lets every worker pull one message at a time: a message is asked for only
// when somebody is free to handle it, so none waits here while another process
// could have it.
func (w worker) once(ctx context.Context, js jetstream.JetStream, handle func(context.Context, jetstream.Msg) error) error {
	consumer, err := ensureConsumer(ctx, js, w.stream, w.limits, w.consumer)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var working sync.WaitGroup
	for range w.workers {
		working.Go(func() {
			for ctx.Err() == nil {
				if err := w.next(ctx, consumer, handle); err != nil {
					cancel(fmt.Errorf("consumer lost: %w", err))
				}
			}
		})
	}
	working.Wait()
	return context.Cause(ctx)
}

// pullWait is how long one pull waits for a message.
const pullWait = 5 * time.Second

// next pulls one message and handles it. It returns an error when the consumer is
// gone and must be created again.
func (w worker) next(ctx context.Context, consumer jetstream.Consumer, handle func(context.Context, jetstream.Msg) error) error {
	pulling, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	batch, err := consumer.Fetch(1, jetstream.FetchContext(pulling), jetstream.FetchHeartbeat(heartbeatEvery))
	if err == nil {
		for msg := range batch.Messages() {
			w.one(ctx, msg, handle)
		}
		err = batch.Error()
	}
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return nil
	case Lost(ctx, consumer, err):
		return err
	default: // the bus is away for a moment
		pause(ctx, restartAfter)
		return nil
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// one handles one message and keeps it alive meanwhile.
func (w worker) one(ctx context.Context, msg jetstream.Msg, handle func(context.Context, jetstream.Msg) error) {
	done := make(chan struct{})
	var alive sync.WaitGroup
	alive.Go(func() {
		tick := time.NewTicker(eachAckWait / 3)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				_ = msg.InProgress()
			}
		}
	})
	err := handle(ctx, msg)
	close(done)
	alive.Wait()
	if err == nil {
		err = msg.Ack()
	} else {
		w.log.Warn("message comes again", "consumer", w.consumer.Durable, "subject", msg.Subject(), "error", err)
		err = msg.NakWithDelay(Backoff(deliveries(msg)))
	}
	if err != nil {
		w.log.Warn("acknowledgement not sent", "consumer", w.consumer.Durable, "error", err)
	}
}

// ensureConsumer creates a durable consumer, and its stream when that is missing.
func ensureConsumer(ctx context.Context, js jetstream.JetStream, stream string, limits StreamLimits, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	consumer, err := js.CreateOrUpdateConsumer(ctx, stream, cfg)
	if missing(err) {
		if err := EnsureStreams(ctx, js, limits); err != nil {
			return nil, err
		}
		consumer, err = js.CreateOrUpdateConsumer(ctx, stream, cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("create consumer %s: %w", cfg.Durable, err)
	}
	return consumer, nil
}

// EnsureEventConsumer creates a durable consumer of events, and the stream when
// that is missing.
func EnsureEventConsumer(ctx context.Context, js jetstream.JetStream, limits StreamLimits, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	return ensureConsumer(ctx, js, events.EventStream, limits, cfg)
}

// reportLoss is an error handler that reports once that the consumer must be
// created again. Missed heartbeats alone may only mean that the server is busy or
// away, so the server is asked.
func reportLoss(ctx context.Context, consumer jetstream.Consumer, broken chan<- error) func(jetstream.ConsumeContext, error) {
	return func(_ jetstream.ConsumeContext, err error) {
		if !Lost(ctx, consumer, err) {
			return
		}
		select {
		case broken <- err:
		default:
		}
	}
}

// Lost reports whether an error of a running consumer means that it is gone and
// must be created again.
func Lost(ctx context.Context, consumer jetstream.Consumer, err error) bool {
	if missing(err) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err = consumer.Info(ctx)
	return missing(err)
}
