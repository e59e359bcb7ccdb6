package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"go.opentelemetry.io/otel/metric"

	"github.com/codex-platform/codex/events"
)

// ErrNotPublished says that the bus did not store a command: it is applied only if its
// row in the commands table says that it was accepted.
var ErrNotPublished = errors.New("bus: the command was not published")

// ErrNotAcknowledged says that the bus did not confirm in time that it stored a command. It
// may be stored and applied all the same.
var ErrNotAcknowledged = errors.New("bus: the command was not acknowledged")

// acknowledgedWithin is how long the bus may take to confirm a command: a server whose disk
// is full, or a cluster without a leader, does not respond at all.
const acknowledgedWithin = 2 * time.Second

const (
	replySubject   = "codex.replies."
	handledSubject = "codex.handled"
)

// Dispatcher sends commands and delivers their outcomes to the callers that wait for
// them. One serves a whole process; it is safe for concurrent use.
type Dispatcher struct {
	conn       *nats.Conn
	js         jetstream.JetStream
	keys       *Keys
	name       string
	partitions int
	log        *slog.Logger

	mu      sync.Mutex
	replies map[string][]chan events.Reply
	handled map[handledKey][]chan struct{}
	subs    []*nats.Subscription
}

var refusedReplies, _ = meter.Int64Counter("codex.replies.refused",
	metric.WithDescription("messages among the outcomes that no consumer of commands signed"))

// local are the dispatchers of this process by name: outcomes of commands that are
// applied in the process that sent them need not travel.
var local sync.Map

// NewDispatcher starts to listen for outcomes. keys sign the commands and verify their
// outcomes; without them every command fails with [ErrNotPublished]. name identifies the
// process in subjects; partitions is the number of command partitions of this installation.
func NewDispatcher(
	conn *nats.Conn, keys *Keys, name string, partitions int, log *slog.Logger,
) (*Dispatcher, error) {
	js, err := newJetStream(conn, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		return nil, fmt.Errorf("dispatcher: %w", err)
	}
	name = events.Token(name) + "-" + nuid.Next()
	d := &Dispatcher{
		conn:       conn,
		js:         js,
		keys:       keys,
		name:       name,
		partitions: partitions,
		log:        log,
		replies:    map[string][]chan events.Reply{},
		handled:    map[handledKey][]chan struct{}{},
	}
	for subject, handler := range map[string]nats.MsgHandler{
		replySubject + name: d.onReplies,
		handledSubject:      d.onHandled,
	} {
		sub, err := conn.Subscribe(subject, handler)
		if err != nil {
			d.Close()
			return nil, fmt.Errorf("dispatcher: subscribe: %w", err)
		}
		d.subs = append(d.subs, sub)
		if err := neverDrop(sub); err != nil {
			d.Close()
			return nil, fmt.Errorf("dispatcher: %w", err)
		}
	}
	local.Store(name, d)
	return d, nil
}

// Close stops listening. Callers that still wait do so until their contexts are done.
func (d *Dispatcher) Close() {
	local.Delete(d.name)
	for _, sub := range d.subs {
		_ = sub.Unsubscribe()
	}
	d.js.CleanupPublisher()
}

// envelopeBytes is more than what a command has besides its payload.
const envelopeBytes = 4 << 10

// MaxPayload is the longest payload, in bytes, of a command that the bus accepts. Servers
// announce it: embedded ones allow 8 MiB, others 1 MiB unless configured otherwise.
func (d *Dispatcher) MaxPayload() int64 {
	if limit := d.conn.MaxPayload(); limit > 0 {
		return limit - envelopeBytes
	}
	return 1<<20 - envelopeBytes // no server has announced it yet
}

// Send publishes a command and waits for its outcome until ctx is done. It
// returns [ErrNotPublished] when the bus rejected the command, [ErrNotAcknowledged] when
// the bus does not respond, and ctx's error when there was no outcome in time; in the last
// two cases the command may be applied all the same.
func (d *Dispatcher) Send(ctx context.Context, cmd events.Command) (events.Reply, error) {
	cmd.ReplyTo = d.name
	outcome := make(chan events.Reply, 1)
	d.addReply(cmd.ID, outcome)
	defer d.dropReply(cmd.ID, outcome)

	ack, err := d.publish(cmd)
	if err != nil {
		return events.Reply{}, err
	}
	failed := ack.Err()
	unacknowledged := time.NewTimer(acknowledgedWithin)
	defer unacknowledged.Stop()
	for {
		select {
		case reply := <-outcome:
			return reply, nil
		case err := <-failed:
			if errors.Is(err, jetstream.ErrAsyncPublishTimeout) {
				failed = nil // it may be stored and applied all the same
				continue
			}
			return events.Reply{}, fmt.Errorf("%w: %w", ErrNotPublished, err)
		case <-unacknowledged.C:
			select {
			case <-ack.Ok():
			default:
				return events.Reply{}, fmt.Errorf("%w within %s", ErrNotAcknowledged, acknowledgedWithin)
			}
		case <-ctx.Done():
			return events.Reply{}, fmt.Errorf("wait for the outcome of %s: %w", cmd.Type, ctx.Err())
		}
	}
}

// Publish sends a command without waiting for its outcome. It returns when the bus stored
// it, or after three seconds.
func (d *Dispatcher) Publish(ctx context.Context, cmd events.Command) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	cmd.ReplyTo = ""
	ack, err := d.publish(cmd)
	if err != nil {
		return err
	}
	select {
	case <-ack.Ok():
		return nil
	case err := <-ack.Err():
		return fmt.Errorf("%w: %w", ErrNotPublished, err)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNotPublished, ctx.Err())
	}
}

func (d *Dispatcher) publish(cmd events.Command) (jetstream.PubAckFuture, error) {
	body, err := json.Marshal(cmd)
	if err != nil {
		return nil, fmt.Errorf("marshal command %s: %w", cmd.Type, err)
	}
	subject := events.CommandSubject(cmd.Type, events.Partition(cmd.AggregateID, d.partitions))
	msg := &nats.Msg{Subject: subject, Data: body}
	if err := d.keys.Sign(msg); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotPublished, err)
	}
	ack, err := d.js.PublishMsgAsync(msg, jetstream.WithRetryAttempts(0))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotPublished, err)
	}
	return ack, nil
}

func (d *Dispatcher) addReply(id string, ch chan events.Reply) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.replies[id] = append(d.replies[id], ch)
}

func (d *Dispatcher) dropReply(id string, ch chan events.Reply) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.replies[id] = without(d.replies[id], ch)
	if len(d.replies[id]) == 0 {
		delete(d.replies, id)
	}
}

func without[T comparable](list []T, removed T) []T {
	for i, v := range list {
		if v == removed {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}

// onReplies delivers outcomes that a consumer of commands signed for this edge. Others are
// recorded; who waits goes on waiting.
func (d *Dispatcher) onReplies(msg *nats.Msg) {
	if err := d.keys.verifyFresh(replyAge, msg.Header, msg.Data, forReplies, msg.Subject); err != nil {
		refusedReplies.Add(context.Background(), 1)
		d.log.Warn("outcomes refused", "reason", err)
		return
	}
	var batch []events.Reply
	if err := json.Unmarshal(msg.Data, &batch); err != nil {
		d.log.Error("unreadable outcomes", "error", err)
		return
	}
	d.deliver(batch)
}

// deliver gives outcomes to the callers that wait for them.
func (d *Dispatcher) deliver(batch []events.Reply) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, reply := range batch {
		for _, ch := range d.replies[reply.CommandID] {
			select {
			case ch <- reply:
			default: // it has one already
			}
		}
	}
}

// SendReplies sends the outcomes of a batch to one edge, signed with the keys of commands: an
// edge believes no other.
func SendReplies(conn *nats.Conn, keys *Keys, edge string, replies []events.Reply) error {
	if d, ok := local.Load(edge); ok {
		d.(*Dispatcher).deliver(replies)
		return nil
	}
	return publishReplies(conn, keys, edge, replies)
}

func publishReplies(conn *nats.Conn, keys *Keys, edge string, replies []events.Reply) error {
	body, err := json.Marshal(replies)
	if err != nil {
		return fmt.Errorf("marshal outcomes: %w", err)
	}
	if limit := conn.MaxPayload(); len(replies) > 1 && limit > 0 && int64(len(body)) > limit {
		half := len(replies) / 2
		return errors.Join(
			publishReplies(conn, keys, edge, replies[:half]),
			publishReplies(conn, keys, edge, replies[half:]),
		)
	}
	msg := &nats.Msg{Subject: replySubject + events.Token(edge), Data: body}
	if err := keys.sign(msg, forReplies, msg.Subject); err != nil {
		return fmt.Errorf("sign outcomes: %w", err)
	}
	return conn.PublishMsg(msg)
}
