package bus_test

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

const (
	stallTime = 3 * time.Second
	// promptly is less than the time after which the server redelivers.
	promptly = 8 * time.Second
	burst    = 1500
)

// pausableProxy stands between a client and its server and can hold back everything
// that either sends, as a server that is stopped for a while does.
type pausableProxy struct {
	address string
	gate    sync.RWMutex
}

func newPausableProxy(t *testing.T, server string) *pausableProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	address, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	host := address.Host
	address.Host = listener.Addr().String()
	p := &pausableProxy{address: address.String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", host)
			if err != nil {
				_ = client.Close()
				continue
			}
			go p.forward(client, upstream)
			go p.forward(upstream, client)
		}
	}()
	return p
}

func (p *pausableProxy) forward(from, to net.Conn) {
	defer func() { _ = from.Close(); _ = to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.gate.RLock()
		_, failed := to.Write(buffer[:n])
		p.gate.RUnlock()
		if err != nil || failed != nil {
			return
		}
	}
}

func (p *pausableProxy) pause(d time.Duration) {
	p.gate.Lock()
	defer p.gate.Unlock()
	<-time.After(d)
}

// stalls are the ways in which a server is unavailable for a while. Each returns the
// connection of the consumer, which the stall hits, and that of the publisher.
var stalls = map[string]func(t *testing.T) (consumer, publisher *nats.Conn, stall func()){
	"paused": func(t *testing.T) (consumer, publisher *nats.Conn, stall func()) {
		server := natstest.Embedded(t)
		publisher = connect(t, server)
		proxy := newPausableProxy(t, server.URL())
		consumer, err := bus.Connect(proxy.address, "test", log)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(consumer.Close)
		return consumer, publisher, func() { proxy.pause(stallTime) }
	},
	"restarted": func(t *testing.T) (consumer, publisher *nats.Conn, stall func()) {
		server := natstest.Embedded(t)
		conn := connect(t, server)
		return conn, conn, func() {
			server.Stop(t)
			<-time.After(stallTime)
			server.Restart(t)
			if err := conn.FlushTimeout(20 * time.Second); err != nil {
				t.Fatal(err)
			}
		}
	},
}

func TestBurstOfEventsAfterAStallIsHandledPromptly(t *testing.T) {
	t.Parallel()
	for name, begin := range stalls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			consumer, publisher, stall := begin(t)
			h := newHandled()
			stop := background(t, func(ctx context.Context) error {
				return bus.ConsumeEvents(ctx, consumer, queue("batches"), func(_ context.Context, batch []bus.EventDelivery) error {
					for i := range batch {
						h.add(batch[i].Event.AggregateID)
						h.done <- batch[i].Event.AggregateID
					}
					return nil
				})
			})
			publish(t, publisher, "before")
			h.wait(t, 1, 20*time.Second)

			stall()
			publish(t, publisher, numbers(burst)...)
			h.wait(t, burst, promptly)
			stop()
			for _, id := range numbers(burst) {
				h.want(t, map[string]int{id: 1})
			}
		})
	}
}

func TestBurstOfCommandsAfterAStallIsHandledPromptly(t *testing.T) {
	t.Parallel()
	for name, begin := range stalls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			consumer, publisher, stall := begin(t)
			h := newHandled()
			consume(t, consumer, func(c events.Command) {
				if h.add(c.ID) == 1 {
					h.done <- c.ID
				}
			})
			d := dispatcher(t, publisher, "edge")
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := d.Publish(ctx, command()); err != nil {
				t.Fatal(err)
			}
			h.wait(t, 1, 20*time.Second)

			stall()
			var sending sync.WaitGroup
			for range burst {
				sending.Go(func() {
					if err := d.Publish(ctx, command()); err != nil {
						t.Error(err)
					}
				})
			}
			sending.Wait()
			h.wait(t, burst, promptly)
		})
	}
}
