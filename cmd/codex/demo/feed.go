package demo

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
)

// feed holds the events of some tenants, in the order of the stream, from the first one:
// a reader that starts late misses none.
type feed struct {
	conn *nats.Conn
	stop func()

	mu   sync.Mutex
	seen []arrival
	err  error
	more chan struct{} // closed, and replaced, when there is more
}

// arrival is an event and when it reached us.
type arrival struct {
	events.Event
	payload events.Payload
	at      time.Time
}

// listen subscribes to the events of the three tenants that take part.
func (s *show) listen(ctx context.Context, address string) (string, error) {
	f, err := subscribe(ctx, address, s.organization, s.creator.id, s.buyer.id)
	if err != nil {
		return "", err
	}
	s.feed = f
	return "codex.events.<tenant>.>", nil
}

func subscribe(ctx context.Context, address string, tenants ...string) (*feed, error) {
	conn, err := nats.Connect(address, nats.Name("codex-demo"), nats.Timeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("connect to the bus at %s: %w", address, err)
	}
	f := &feed{conn: conn, stop: func() {}, more: make(chan struct{})}
	js, err := jetstream.New(conn)
	if err != nil {
		f.close()
		return nil, err
	}
	filters := make([]string, len(tenants))
	for i, tenant := range tenants {
		filters[i] = "codex.events." + events.Token(tenant) + ".>"
	}
	consumer, err := js.OrderedConsumer(ctx, events.EventStream, jetstream.OrderedConsumerConfig{
		FilterSubjects: filters, DeliverPolicy: jetstream.DeliverAllPolicy,
	})
	if err != nil {
		f.close()
		return nil, fmt.Errorf("read the stream %s: %w", events.EventStream, err)
	}
	consuming, err := consumer.Consume(f.take)
	if err != nil {
		f.close()
		return nil, fmt.Errorf("read the stream %s: %w", events.EventStream, err)
	}
	f.stop = consuming.Stop
	return f, nil
}

func (f *feed) take(msg jetstream.Msg) {
	a := arrival{at: time.Now()}
	var err error
	if a.Event, err = events.FromMessage(msg.Headers(), msg.Data()); err == nil {
		// A newer platform tells more than we know of.
		if _, known := events.Lookup(a.Type); known {
			a.payload, err = a.Decode()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.err = fmt.Errorf("message on %s: %w", msg.Subject(), err)
	} else {
		f.seen = append(f.seen, a)
	}
	close(f.more)
	f.more = make(chan struct{})
}

// each yields every event, the old ones and those to come, until yield returns
// false or ctx is done.
func (f *feed) each(ctx context.Context, yield func(arrival) bool) error {
	for next := 0; ; {
		f.mu.Lock()
		fresh, err, more := f.seen[next:], f.err, f.more
		f.mu.Unlock()
		for _, a := range fresh {
			if !yield(a) {
				return nil
			}
		}
		next += len(fresh)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		}
	}
}

// await returns the first event of type P that matches.
func await[P events.Payload](
	ctx context.Context, f *feed, limit time.Duration, match func(P) bool,
) (P, arrival, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var found P
	var at arrival
	err := f.each(ctx, func(a arrival) bool {
		p, ok := a.payload.(P)
		if !ok || !match(p) {
			return true
		}
		found, at = p, a
		return false
	})
	if err != nil {
		name := strings.TrimPrefix(fmt.Sprintf("%T", found), "*events.")
		err = fmt.Errorf("waited %s for the event %s: %w", duration(limit), name, err)
	}
	return found, at, err
}

func (f *feed) close() {
	f.stop()
	f.conn.Close()
}
