package bus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// lostAfter is how long a consumer may not answer before it is created again. A server
	// that only stalls for a few seconds keeps its consumers, and who is pinned to them.
	lostAfter    = 6 * time.Second
	checkTimeout = 1500 * time.Millisecond
)

// watch decides whether a running consumer must be created again.
type watch struct {
	conn     *nats.Conn
	consumer jetstream.Consumer
	// lost receives the reason.
	lost     chan error
	checking atomic.Bool
}

func newWatch(conn *nats.Conn, consumer jetstream.Consumer) *watch {
	return &watch{conn: conn, consumer: consumer, lost: make(chan error, 1)}
}

// report takes an error of the running consumer. It does not block: nats.go calls it where
// it receives messages. What it starts ends with ctx.
func (w *watch) report(ctx context.Context, err error) {
	if isLost(err) {
		w.declare(err)
		return
	}
	if !w.checking.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer w.checking.Store(false)
		if err := w.check(ctx); err != nil {
			w.declare(err)
		}
	}()
}

func (w *watch) declare(err error) {
	select {
	case w.lost <- err:
	default:
	}
}

// check returns nil when the consumer exists, or will be pulled from anew because the
// connection broke. Missed heartbeats alone may only mean that the server is busy.
func (w *watch) check(ctx context.Context) error {
	for began := time.Now(); ; {
		if !w.conn.IsConnected() {
			return nil
		}
		asked, cancel := context.WithTimeout(ctx, checkTimeout)
		_, err := w.consumer.Info(asked)
		cancel()
		switch {
		case err == nil:
			return nil
		case isMissing(err):
			return err
		case time.Since(began) > lostAfter:
			return fmt.Errorf("no answer for %s: %w", lostAfter, err)
		}
		if !Pause(ctx, restartDelay) {
			return nil
		}
	}
}

// isLost reports whether an error of a running consumer means that its pull requests are
// gone: it does not exist, has no leader, or was on a server that shuts down. nats.go would
// pull again after missed heartbeats only.
func isLost(err error) bool {
	return isMissing(err) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrServerShutdown)
}
