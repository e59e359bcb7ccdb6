package reactions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// subscriber feeds the events of durable consumers to a Watermill router: one at a
// time per reaction, the next when the last was acknowledged or given back.
type subscriber struct {
	js     jetstream.JetStream
	limits bus.StreamLimits
	// filters are the event types per reaction.
	filters map[string][]string
	log     *slog.Logger

	closing chan struct{}
	once    sync.Once
	loops   sync.WaitGroup
}

var _ message.Subscriber = (*subscriber)(nil)

func newSubscriber(conn *nats.Conn, limits bus.StreamLimits, reactions map[string]Reaction, log *slog.Logger) (*subscriber, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("subscriber: %w", err)
	}
	s := &subscriber{js: js, limits: limits, filters: map[string][]string{}, log: log, closing: make(chan struct{})}
	for name, reaction := range reactions {
		for _, t := range reaction.Events {
			s.filters[name] = append(s.filters[name], events.SubjectFor(t))
		}
	}
	return s, nil
}

// Subscribe implements message.Subscriber. The topic is a reaction's name. The
// channel is closed by the one goroutine that sends on it.
func (s *subscriber) Subscribe(ctx context.Context, name string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	ctx, cancel := context.WithCancel(ctx)
	s.loops.Go(func() {
		defer close(out)
		defer cancel()
		s.loops.Go(func() {
			select {
			case <-s.closing:
				cancel()
			case <-ctx.Done():
			}
		})
		for ctx.Err() == nil {
			err := s.consume(ctx, name, out)
			if ctx.Err() != nil {
				return
			}
			s.log.Warn("reaction starts again", "reaction", name, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(restartAfter):
			}
		}
	})
	return out, nil
}

// Close implements message.Subscriber. It returns when the messages in hand were
// acknowledged or given back.
func (s *subscriber) Close() error {
	s.once.Do(func() { close(s.closing) })
	s.loops.Wait()
	return nil
}

const (
	restartAfter = 250 * time.Millisecond
	prefetch     = 16
	deliveredKey = "codex-deliveries"
)

// consume feeds one consumer's messages until ctx is done or the consumer is lost.
// Consumer and stream are created when they are missing.
func (s *subscriber) consume(ctx context.Context, name string, out chan<- *message.Message) error {
	consumer, err := bus.EnsureEventConsumer(ctx, s.js, s.limits, jetstream.ConsumerConfig{
		Durable:        "reaction-" + name,
		FilterSubjects: s.filters[name],
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        ackWait,
		MaxAckPending:  4 * prefetch,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(
		jetstream.PullMaxMessages(prefetch), jetstream.PullExpiry(5*time.Second), jetstream.PullHeartbeat(500*time.Millisecond))
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	defer messages.Stop()
	stop := context.AfterFunc(ctx, messages.Stop)
	defer stop()
	for {
		msg, err := messages.Next()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = msg.Nak() // for whoever comes next
			}
			return ctx.Err()
		case err == nil:
			s.deliver(ctx, msg, out)
		case errors.Is(err, jetstream.ErrMsgIteratorClosed), bus.Lost(ctx, consumer, err):
			return fmt.Errorf("consumer lost: %w", err)
		}
	}
}

// deliver hands one message to the router and waits for its verdict. A stop does
// not cut that short: the handler has its own time limit.
func (s *subscriber) deliver(ctx context.Context, msg jetstream.Msg, out chan<- *message.Message) {
	m := asMessage(msg)
	m.SetContext(context.WithoutCancel(ctx))
	select {
	case out <- m:
	case <-ctx.Done():
		_ = msg.Nak()
		return
	}
	timeout := time.NewTimer(ackWait)
	defer timeout.Stop()
	var err error
	select {
	case <-m.Acked():
		err = msg.DoubleAck(context.WithoutCancel(ctx))
	case <-m.Nacked():
		err = msg.NakWithDelay(bus.Backoff(uint64(max(deliveries(m), 1))))
	case <-timeout.C:
		err = errors.New("the handler did not return in time")
	}
	if err != nil {
		s.log.Warn("acknowledgement not sent", "event", m.UUID, "error", err)
	}
}

// asMessage hands on headers and body as they are, and how often the message was
// delivered. Whether it is an event of ours is decided where a dead letter can be
// written.
func asMessage(msg jetstream.Msg) *message.Message {
	id, n := msg.Headers().Get(events.HeaderID), uint64(1)
	if meta, err := msg.Metadata(); err == nil {
		n = meta.NumDelivered
		if id == "" {
			id = fmt.Sprintf("%s:%d:%d", meta.Stream, meta.Timestamp.UnixNano(), meta.Sequence.Stream)
		}
	}
	m := message.NewMessage(id, msg.Data())
	for name, values := range msg.Headers() {
		if len(values) > 0 {
			m.Metadata.Set(name, values[0])
		}
	}
	m.Metadata.Set(deliveredKey, strconv.FormatUint(n, 10))
	return m
}
