package bus

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Connect opens a connection that reconnects for ever. While it is disconnected,
// publishing fails at once instead of being buffered: a buffered command would be sent
// after its client got a timeout. With nats.InProcessServer among the
// options url is not used.
func Connect(url, name string, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 200*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(true),
		nats.Timeout(3 * time.Second),
		// A server that was cut off or stopped is left after six seconds.
		nats.PingInterval(2 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(5 * time.Second), // also ends writes that block
		nats.DrainTimeout(5 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("bus disconnected", "connection", name, "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("bus reconnected", "connection", name) }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			log.Warn("bus error", "connection", name, "subject", subject, "error", err)
		}),
	}
	conn, err := nats.Connect(url, append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	return conn, nil
}

// apiTimeout is the deadline of every call of the JetStream API: a server that does not
// respond within it counts as unreachable.
const apiTimeout = 3 * time.Second

// ackTimeout ends the wait for an asynchronous acknowledgement. Acknowledgements that a
// change of leaders lost would otherwise count as outstanding for ever, until no more
// messages could be published.
const ackTimeout = 10 * time.Second

// newJetStream returns the JetStream API over conn; its calls end after apiTimeout.
func newJetStream(conn *nats.Conn, options ...jetstream.JetStreamOpt) (jetstream.JetStream, error) {
	return jetstream.New(conn, append(options,
		jetstream.WithDefaultTimeout(apiTimeout),
		jetstream.WithPublishAsyncTimeout(ackTimeout))...)
}

// neverDrop lets a subscription of ours keep whatever arrives: what it is sent is bounded
// by what its process waits for, and its handler only wakes who waits.
func neverDrop(sub *nats.Subscription) error {
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return fmt.Errorf("pending limits of %s: %w", sub.Subject, err)
	}
	return nil
}
