package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
)

// Delivery is one message of the command stream. Err is set when it could not be
// read as a command; Raw is then all there is.
type Delivery struct {
	Command events.Command
	Raw     []byte
	Err     error
	msg     jetstream.Msg
}

// MessageID names the message, for a dead letter of one that names no command.
func (d Delivery) MessageID() string {
	meta, err := d.msg.Metadata()
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", meta.Stream, meta.Timestamp.UnixNano(), meta.Sequence.Stream)
}

// CommandQueue names what to consume, and how.
type CommandQueue struct {
	// Context and Partition select the commands.
	Context   string
	Partition int
	// BatchSize is the most that is handed over at once.
	BatchSize int
	// Limits are used when the stream must be created anew.
	Limits StreamLimits
	Log    *slog.Logger
}

const (
	pinGroup = "runner"
	// pinTTL is how long a silent consumer keeps its partition from others.
	pinTTL = 2 * time.Second
	// redeliverAfter is how long the server waits for an acknowledgement. A batch
	// that takes longer is delivered again and recognised by the commands table.
	redeliverAfter = 10 * time.Second
	// heartbeatEvery bounds how long a vanished consumer goes unnoticed.
	heartbeatEvery = 500 * time.Millisecond
	pullExpiry     = time.Second
	// restartAfter is the pause before a lost consumer is created again.
	restartAfter = 250 * time.Millisecond
)

// ConsumeCommands feeds a queue's commands to handle, in batches of what is
// waiting, until ctx is done. A batch is acknowledged when handle returns nil;
// handle returns an error only to stop (ctx is done). The consumer, and the
// stream, are created again whenever they are missing.
//
// When ctx is done the batch in hand is finished, and what was fetched beyond it
// is given back, so that the next consumer gets it at once.
func ConsumeCommands(ctx context.Context, conn *nats.Conn, queue CommandQueue, handle func(context.Context, []Delivery) error) error {
	js, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("consume %s: %w", queue.Context, err)
	}
	for ctx.Err() == nil {
		err := consumeOnce(ctx, js, queue, handle)
		if ctx.Err() != nil {
			break
		}
		queue.Log.Warn("command consumer starts again", "context", queue.Context, "partition", queue.Partition, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(restartAfter):
		}
	}
	return nil //nolint:nilerr // stopped, as asked
}

func consumeOnce(ctx context.Context, js jetstream.JetStream, queue CommandQueue, handle func(context.Context, []Delivery) error) error {
	consumer, err := commandConsumer(ctx, js, queue)
	if err != nil {
		return err
	}
	waiting := make(chan jetstream.Msg, 2*queue.BatchSize)
	broken := make(chan error, 1)
	stop := make(chan struct{})
	consuming, err := consumer.Consume(func(msg jetstream.Msg) {
		select {
		case <-stop:
			_ = msg.Nak()
		case waiting <- msg:
		}
	},
		jetstream.PullPriorityGroup(pinGroup),
		jetstream.PullMaxMessages(2*queue.BatchSize),
		jetstream.PullExpiry(pullExpiry),
		jetstream.PullHeartbeat(heartbeatEvery),
		jetstream.ConsumeErrHandler(reportLoss(ctx, consumer, broken)),
	)
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	defer giveBack(consuming, stop, waiting)

	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-broken:
			return fmt.Errorf("consumer lost: %w", err)
		case first := <-waiting:
			batch := drain(first, waiting, queue.BatchSize)
			if err := handle(ctx, batch); err != nil {
				return err
			}
			if err := batch[len(batch)-1].msg.Ack(); err != nil {
				queue.Log.Warn("acknowledgement not sent", "context", queue.Context, "error", err)
			}
		}
	}
}

// giveBack stops pulling and returns to the server what was fetched and not
// handled; without that it would come again only after redeliverAfter.
func giveBack(consuming jetstream.ConsumeContext, stop chan struct{}, waiting <-chan jetstream.Msg) {
	close(stop)
	consuming.Drain()
	drained := time.NewTimer(2 * time.Second)
	defer drained.Stop()
	for closed := consuming.Closed(); ; {
		select {
		case msg := <-waiting:
			_ = msg.Nak()
			continue
		default:
		}
		select {
		case msg := <-waiting:
			_ = msg.Nak()
		case <-closed:
			return
		case <-drained.C:
			return
		}
	}
}

func commandConsumer(ctx context.Context, js jetstream.JetStream, queue CommandQueue) (jetstream.Consumer, error) {
	cfg := jetstream.ConsumerConfig{
		Durable:        fmt.Sprintf("commands-%s-%d", queue.Context, queue.Partition),
		FilterSubject:  events.CommandFilter(queue.Context, queue.Partition),
		AckPolicy:      jetstream.AckAllPolicy,
		AckWait:        redeliverAfter,
		MaxAckPending:  8 * queue.BatchSize,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		PriorityPolicy: jetstream.PriorityPolicyPinned,
		PriorityGroups: []string{pinGroup},
		PinnedTTL:      pinTTL,
	}
	return ensureConsumer(ctx, js, events.CommandStream, queue.Limits, cfg)
}

// drain takes what is waiting, up to max, without waiting for more.
func drain(first jetstream.Msg, waiting <-chan jetstream.Msg, limit int) []Delivery {
	batch := []Delivery{read(first)}
	for len(batch) < limit {
		select {
		case msg := <-waiting:
			batch = append(batch, read(msg))
		default:
			return batch
		}
	}
	return batch
}

func read(msg jetstream.Msg) Delivery {
	d := Delivery{Raw: msg.Data(), msg: msg}
	if err := json.Unmarshal(msg.Data(), &d.Command); err != nil {
		d.Err = fmt.Errorf("read command: %w", err)
	}
	return d
}
