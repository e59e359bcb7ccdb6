package bus

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// work is what there is to do for a batch.
type work struct {
	// keys name what the batch changes: it is not handled at once with one that shares a key.
	keys []string
	// handle handles the batch. failed is nil, or has one error per message: those with an
	// error are delivered again after a delay. err means that the handler was stopped and
	// that none of the batch is handled.
	handle func(ctx context.Context) (failed []error, err error)
}

// reader reads a batch.
type reader func(batch []jetstream.Msg) work

// flight is a batch that is being handled.
type flight struct {
	keys map[string]bool
	done chan struct{}
	// err is why the batch was not handled; it is set before done is closed.
	err error
}

// flights are the batches of one puller that are being handled, the oldest first. They are
// acknowledged in this order, whichever is done first: an acknowledgement may cover all
// before it (AckAll).
type flights struct {
	loop    loop
	read    reader
	handled func(n int) // called with the size of each batch
	flying  []*flight
}

// admit waits until another batch may begin. It fails when a handler was stopped.
func (fs *flights) admit() error {
	for len(fs.flying) >= fs.loop.atOnce {
		oldest := fs.flying[0]
		<-oldest.done
		if oldest.err != nil {
			return oldest.err
		}
		fs.flying = fs.flying[1:]
	}
	return nil
}

// wait waits until no batch is being handled.
func (fs *flights) wait() {
	for _, f := range fs.flying {
		<-f.done
	}
}

// begin has a batch handled, once no batch before it shares a key with it.
func (fs *flights) begin(ctx context.Context, batch []jetstream.Msg) {
	todo := fs.read(batch)
	f := &flight{keys: make(map[string]bool, len(todo.keys)), done: make(chan struct{})}
	for _, key := range todo.keys {
		f.keys[key] = true
	}
	var before *flight
	for _, other := range fs.flying {
		if shareKey(other.keys, f.keys) {
			<-other.done
		}
		before = other
	}
	fs.flying = append(fs.flying, f)

	run := func() {
		defer close(f.done)
		f.err = fs.loop.process(ctx, batch, todo, before)
		fs.handled(len(batch))
	}
	if fs.loop.atOnce == 1 {
		run()
		return
	}
	go run()
}

func shareKey(a, b map[string]bool) bool {
	for key := range a {
		if b[key] {
			return true
		}
	}
	return false
}

// process handles a batch and acknowledges it, after the one before it. An error means that
// a handler stopped: this one, or the one before, whose batch must stay unacknowledged.
func (l loop) process(ctx context.Context, batch []jetstream.Msg, todo work, before *flight) error {
	finished := keepAlive(batch)
	failed, err := todo.handle(ctx)
	if before != nil {
		<-before.done
		if err == nil {
			err = before.err
		}
	}
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
