package bus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
)

// Deliveries returns how often the message has been delivered, this time included.
func (d Delivery) Deliveries() uint64 {
	meta, err := d.msg.Metadata()
	if err != nil {
		return 1
	}
	return meta.NumDelivered
}

// eachAckWait is how long the server waits for a sign of life of one message.
const eachAckWait = 10 * time.Second

// ConsumeEach feeds a queue's commands to handle one by one, up to workers at
// once, until ctx is done. A nil error acknowledges the message; with an error it
// comes again after a growing delay (0.5 s to 1 min). While handle runs the server
// is told every few seconds that the message is in hand.
func ConsumeEach(ctx context.Context, conn *nats.Conn, queue CommandQueue, workers int, handle func(context.Context, Delivery) error) error {
	js, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("consume %s: %w", queue.Context, err)
	}
	for ctx.Err() == nil {
		err := eachOnce(ctx, js, queue, workers, handle)
		if ctx.Err() != nil {
			break
		}
		queue.Log.Warn("command consumer starts again", "context", queue.Context, "partition", queue.Partition, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}
	return nil
}

func eachOnce(ctx context.Context, js jetstream.JetStream, queue CommandQueue, workers int, handle func(context.Context, Delivery) error) error {
	consumer, err := eachConsumer(ctx, js, queue, workers)
	if err != nil {
		return err
	}
	broken := make(chan error, 1)
	slots := make(chan struct{}, workers)
	var inHand sync.WaitGroup
	consuming, err := consumer.Consume(func(msg jetstream.Msg) {
		slots <- struct{}{}
		inHand.Go(func() {
			defer func() { <-slots }()
			one(ctx, msg, queue, handle)
		})
	},
		jetstream.PullMaxMessages(workers),
		jetstream.PullExpiry(5*time.Second),
		jetstream.PullHeartbeat(heartbeatEvery),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			if fatal(ctx, consumer, err) {
				select {
				case broken <- err:
				default:
				}
			}
		}),
	)
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	defer inHand.Wait()
	defer consuming.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-broken:
		return fmt.Errorf("consumer lost: %w", err)
	}
}

// one handles one message and keeps it alive meanwhile.
func one(ctx context.Context, msg jetstream.Msg, queue CommandQueue, handle func(context.Context, Delivery) error) {
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
	d := read(msg)
	err := handle(ctx, d)
	close(done)
	alive.Wait()
	if err == nil {
		err = msg.Ack()
	} else {
		queue.Log.Warn("command comes again", "context", queue.Context, "type", d.Command.Type, "command", d.Command.ID, "error", err)
		err = msg.NakWithDelay(Backoff(d.Deliveries()))
	}
	if err != nil {
		queue.Log.Warn("acknowledgement not sent", "context", queue.Context, "error", err)
	}
}

// Backoff is the delay before a message is delivered again: 0.5 s, doubled with
// every delivery, one minute at most.
func Backoff(deliveries uint64) time.Duration {
	return min(500*time.Millisecond<<min(max(deliveries, 1)-1, 10), time.Minute)
}

func eachConsumer(ctx context.Context, js jetstream.JetStream, queue CommandQueue, workers int) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return ensureConsumer(ctx, js, events.CommandStream, queue.Limits, jetstream.ConsumerConfig{
		Durable:       fmt.Sprintf("commands-%s-%d", queue.Context, queue.Partition),
		FilterSubject: events.CommandFilter(queue.Context, queue.Partition),
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       eachAckWait,
		MaxAckPending: 4 * workers,
		DeliverPolicy: jetstream.DeliverAllPolicy,
	})
}

// ensureConsumer creates a durable consumer, and its stream when that is missing.
func ensureConsumer(ctx context.Context, js jetstream.JetStream, stream string, limits StreamLimits, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
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
