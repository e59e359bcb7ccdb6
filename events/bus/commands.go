package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

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

// MessageID identifies the message, for the dead letter of one that names no command.
func (d Delivery) MessageID() string { return messageID(d.msg) }

// Deliveries returns how often the message has been delivered, this time included.
func (d Delivery) Deliveries() uint64 { return deliveries(d.msg) }

func messageID(msg jetstream.Msg) string {
	meta, err := msg.Metadata()
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", meta.Stream, meta.Timestamp.UnixNano(), meta.Sequence.Stream)
}

// CommandQueue names the commands to consume, and how.
type CommandQueue struct {
	// Context and Partition select the commands.
	Context   string
	Partition int
	// BatchSize is the most commands of one call of the handler.
	BatchSize int
	// Keys verify that an edge sent the command. Without them all are refused.
	Keys *Keys
	// Limits are used when the stream must be created anew.
	Limits StreamLimits
	Log    *slog.Logger
}

// pinGroup is the priority group of the consumers of commands.
const pinGroup = "runner"

// ConsumeCommands feeds a queue's commands to handle, in batches of what is waiting,
// until ctx is done. Only one process consumes a queue at a time. A batch is acknowledged
// when handle returns nil; handle returns an error only to stop (ctx is done).
//
// A message that no edge signed is acknowledged, counted and logged, and never handled.
//
// When ctx is done, the current batch is finished, and what was fetched beyond it is
// returned, so that the next consumer gets it at once.
func ConsumeCommands(
	ctx context.Context, conn *nats.Conn, queue CommandQueue, handle func(context.Context, []Delivery) error,
) error {
	cfg := queue.consumer()
	cfg.AckPolicy = jetstream.AckAllPolicy
	cfg.PriorityPolicy = jetstream.PriorityPolicyPinned
	cfg.PriorityGroups = []string{pinGroup}
	cfg.PinnedTTL = pinTTL

	l := batches(events.CommandStream, cfg, queue.BatchSize, queue.Limits, queue.Log)
	l.pin = pinGroup
	return l.run(ctx, conn, func(ctx context.Context, batch []jetstream.Msg) ([]error, error) {
		deliveries := make([]Delivery, 0, len(batch))
		for _, msg := range batch {
			if queue.accepts(ctx, msg) {
				deliveries = append(deliveries, readCommand(msg))
			}
		}
		if len(deliveries) == 0 {
			return nil, nil
		}
		return nil, handle(ctx, deliveries)
	})
}

// ConsumeEach feeds a queue's commands to handle one by one, up to workers at once, until
// ctx is done. A nil error acknowledges the command; with an error it is redelivered after
// a growing delay (0.5 s, doubled up to 15 s). A command whose process died is delivered
// to another one within ten seconds. Of messages that no edge signed it is the same as for
// [ConsumeCommands].
func ConsumeEach(
	ctx context.Context, conn *nats.Conn, queue CommandQueue, workers int, handle func(context.Context, Delivery) error,
) error {
	cfg := queue.consumer()
	cfg.AckPolicy = jetstream.AckExplicitPolicy

	l := singles(events.CommandStream, cfg, workers, queue.Limits, queue.Log)
	return l.run(ctx, conn, func(ctx context.Context, batch []jetstream.Msg) ([]error, error) {
		if !queue.accepts(ctx, batch[0]) {
			return nil, nil
		}
		return []error{handle(ctx, readCommand(batch[0]))}, nil
	})
}

func (q CommandQueue) consumer() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       fmt.Sprintf("commands-%s-%d", q.Context, q.Partition),
		FilterSubject: events.CommandFilter(q.Context, q.Partition),
	}
}

// accepts reports whether an edge signed a message, and records those that none did. Their
// content is not logged: its sender chose it.
func (q CommandQueue) accepts(ctx context.Context, msg jetstream.Msg) bool {
	err := q.Keys.verifyFresh(commandAge, msg.Headers(), msg.Data(), forCommand)
	if err == nil {
		return true
	}
	refusedCommands.Add(ctx, 1, metric.WithAttributes(attribute.String("context", q.Context)))
	q.Log.WarnContext(ctx, "command refused", "context", q.Context, "message", messageID(msg), "reason", err)
	return false
}

var meter = otel.Meter("github.com/codex-platform/codex/events/bus")

var refusedCommands, _ = meter.Int64Counter("codex.commands.refused",
	metric.WithDescription("messages among the commands that no edge signed"))

func readCommand(msg jetstream.Msg) Delivery {
	d := Delivery{Raw: msg.Data(), msg: msg}
	if err := json.Unmarshal(msg.Data(), &d.Command); err != nil {
		d.Err = fmt.Errorf("read command: %w", err)
	}
	return d
}
