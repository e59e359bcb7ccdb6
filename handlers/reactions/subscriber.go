package reactions

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/events/bus"
)

// subscriber is the bus's loop as a Watermill subscriber: it hands a router the events of
// one durable consumer, as many at once as the queue has workers.
type subscriber struct {
	conn  *nats.Conn
	queue bus.EventQueue

	mu    sync.Mutex
	stops []context.CancelFunc
	loops sync.WaitGroup
}

var _ message.Subscriber = (*subscriber)(nil)

func newSubscriber(conn *nats.Conn, queue bus.EventQueue) *subscriber {
	return &subscriber{conn: conn, queue: queue}
}

// errNotAcknowledged says that the router returned a message; its handler's middleware
// knows why, and the router has logged it.
var errNotAcknowledged = errors.New("not acknowledged by its handler")

// Subscribe implements message.Subscriber. The topic is ignored: the queue names the
// events. The channel is closed when no worker can send on it any more.
func (s *subscriber) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	s.stops = append(s.stops, cancel)
	s.mu.Unlock()
	s.loops.Go(func() {
		defer close(out)
		defer cancel()
		err := bus.ConsumeEachEvent(ctx, s.conn, s.queue, func(ctx context.Context, d bus.EventDelivery) error {
			return deliver(ctx, out, d)
		})
		if err != nil {
			s.queue.Log.Error("process does not consume", "consumer", s.queue.Durable, "error", err)
		}
	})
	return out, nil
}

// Close implements message.Subscriber. It returns when the messages that are
// being handled are acknowledged or returned.
func (s *subscriber) Close() error {
	s.mu.Lock()
	for _, stop := range s.stops {
		stop()
	}
	s.mu.Unlock()
	s.loops.Wait()
	return nil
}

// stopGrace is how long a handler may go on after a stop before its context is
// cancelled; less than the router's closeTimeout.
const stopGrace = 3 * time.Second

// deliver hands one event to the router and waits for its acknowledgement.
func deliver(ctx context.Context, out chan<- *message.Message, d bus.EventDelivery) error {
	handling, cancel := bus.WithGrace(ctx, stopGrace)
	defer cancel()

	msg := message.NewMessage(d.MessageID(), d.Raw)
	msg.SetContext(context.WithValue(handling, deliveryKey{}, d))
	select {
	case out <- msg:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-msg.Acked():
		return nil
	case <-msg.Nacked():
		return errNotAcknowledged
	}
}

// deliveryKey is the context key of the delivery that a message was made from.
type deliveryKey struct{}

func deliveryOf(msg *message.Message) (bus.EventDelivery, error) {
	d, ok := msg.Context().Value(deliveryKey{}).(bus.EventDelivery)
	if !ok {
		return d, errors.New("message without its delivery")
	}
	return d, nil
}
