package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/codex-platform/codex/events"
)

// EventPublisher publishes events to their stream.
type EventPublisher struct {
	conn   *nats.Conn
	js     jetstream.JetStream
	keys   *Keys
	limits StreamLimits
}

// NewEventPublisher publishes over conn what keys sign. limits are used when the stream must
// be created anew.
func NewEventPublisher(conn *nats.Conn, keys *Keys, limits StreamLimits) (*EventPublisher, error) {
	if keys == nil {
		return nil, fmt.Errorf("event publisher: %w", errNoKeys)
	}
	js, err := newJetStream(conn, jetstream.WithPublishAsyncMaxPending(8192))
	if err != nil {
		return nil, fmt.Errorf("event publisher: %w", err)
	}
	return &EventPublisher{conn: conn, js: js, keys: keys, limits: limits}, nil
}

// Close ends the goroutines of asynchronous publishing.
func (p *EventPublisher) Close() { p.js.CleanupPublisher() }

// Publish publishes a batch and waits until the stream stored it, three seconds at most,
// or until ctx is done. It returns one error per event, nil for those that are stored, and
// the stream's highest sequence among them. When one is not stored, later ones may be.
func (p *EventPublisher) Publish(ctx context.Context, batch []events.Event) (errs []error, last uint64) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	errs = make([]error, len(batch))
	acks := make([]jetstream.PubAckFuture, len(batch))
	for i, e := range batch {
		msg, err := p.message(e)
		if err != nil {
			errs[i] = err
			continue
		}
		acks[i], errs[i] = p.js.PublishMsgAsync(msg, jetstream.WithRetryAttempts(0))
	}
	for i, ack := range acks {
		if errs[i] != nil {
			continue
		}
		var stored *jetstream.PubAck
		if stored, errs[i] = waitAck(ctx, ack); errs[i] == nil {
			last = max(last, stored.Sequence)
		}
	}
	return errs, last
}

// message returns the signed message of an event.
func (p *EventPublisher) message(e events.Event) (*nats.Msg, error) {
	msg := &nats.Msg{
		Subject: events.Subject(e.Tenant, e.Type),
		Header:  e.Headers(),
		Data:    e.Data,
	}
	if err := p.keys.SignEvent(msg); err != nil {
		return nil, fmt.Errorf("sign event %s: %w", e.ID, err)
	}
	return msg, nil
}

// waitAck waits for an acknowledgement until ctx is done. One that is there already counts
// also when ctx is done.
func waitAck(ctx context.Context, ack jetstream.PubAckFuture) (*jetstream.PubAck, error) {
	select {
	case stored := <-ack.Ok():
		return stored, nil
	case err := <-ack.Err():
		return nil, err
	default:
	}
	select {
	case stored := <-ack.Ok():
		return stored, nil
	case err := <-ack.Err():
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ErrBatchRejected says that the stream stored none of a batch: it has one of the events
// already, or a message got lost on its way.
var ErrBatchRejected = errors.New("bus: the batch of events was rejected")

// MaxBatch is the most events that [EventPublisher.SendBatch] takes: a limit of the server.
const MaxBatch = 1000

// Headers of the server's atomic batches (its ADR-50).
const (
	headerBatchID       = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"
)

// BatchAck is the outcome of a batch on its way.
type BatchAck struct{ ack jetstream.PubAckFuture }

// SendBatch publishes up to [MaxBatch] events, at least one, without waiting. The stream
// stores all of them, in their order, or none, and acknowledges the last. It needs a
// stream whose [StreamState] says that it takes batches.
func (p *EventPublisher) SendBatch(batch []events.Event) (BatchAck, error) {
	id, last := nuid.Next(), len(batch)-1
	for i, e := range batch {
		msg, err := p.message(e)
		if err != nil {
			return BatchAck{}, err
		}
		if last > 0 {
			msg.Header[headerBatchID] = []string{id}
			msg.Header[headerBatchSequence] = []string{strconv.Itoa(i + 1)}
		}
		if i < last {
			if err := p.conn.PublishMsg(msg); err != nil {
				return BatchAck{}, fmt.Errorf("publish: %w", err)
			}
			continue
		}
		if last > 0 {
			msg.Header[headerBatchCommit] = []string{"1"}
		}
		ack, err := p.js.PublishMsgAsync(msg, jetstream.WithRetryAttempts(0))
		if err != nil {
			return BatchAck{}, fmt.Errorf("publish: %w", err)
		}
		return BatchAck{ack}, nil
	}
	return BatchAck{}, errors.New("publish: empty batch")
}

// Wait waits until the stream stored the batch, three seconds at most, or until ctx is
// done, and returns the sequence of its last event. After [ErrBatchRejected] the stream
// has none of it; after another error it may have all.
func (a BatchAck) Wait(ctx context.Context) (last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	stored, err := waitAck(ctx, a.ack)
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api):
		return 0, fmt.Errorf("%w: %w", ErrBatchRejected, err)
	case err != nil:
		return 0, fmt.Errorf("publish: %w", err)
	}
	return stored.Sequence, nil
}

// StreamState is what the relay compares with its own memory of the stream.
type StreamState struct {
	// Created identifies the stream: a stream that was lost and created again has
	// another time.
	Created time.Time
	// First and Last are the lowest and the highest sequence, Messages how many there are.
	First, Last, Messages uint64
	// Batches says that the stream takes atomic batches: servers before 2.12 do not.
	Batches bool
}

// State returns the event stream's state. A missing stream is created.
func (p *EventPublisher) State(ctx context.Context) (StreamState, error) {
	stream, err := p.stream(ctx)
	if isMissing(err) {
		if err := EnsureStreams(ctx, p.js, p.limits); err != nil {
			return StreamState{}, err
		}
		stream, err = p.stream(ctx)
	}
	if err != nil {
		return StreamState{}, fmt.Errorf("event stream: %w", err)
	}
	info := stream.CachedInfo()
	return StreamState{
		Created:  info.Created,
		First:    info.State.FirstSeq,
		Last:     info.State.LastSeq,
		Messages: info.State.Msgs,
		Batches:  info.Config.AllowAtomicPublish,
	}, nil
}

func (p *EventPublisher) stream(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return p.js.Stream(ctx, events.EventStream)
}

// EachID calls f with the id of every event on the stream since a time, oldest first,
// reading headers only. It fails when the server does not respond for three seconds, or
// when a message got lost on its way.
func (p *EventPublisher) EachID(ctx context.Context, since time.Time, f func(id string)) error {
	state, err := p.State(ctx)
	if err != nil || state.Messages == 0 {
		return err
	}
	consumer, err := p.headersSince(ctx, since)
	if err != nil {
		return fmt.Errorf("read the event stream: %w", err)
	}
	defer p.deleteConsumer(ctx, consumer)

	// nats.go's ordered consumer would recreate itself for ever, without a deadline, while
	// the stream has no leader.
	left := consumer.CachedInfo().NumPending
	for next := uint64(1); left > 0; {
		fetchCtx, cancel := context.WithTimeout(ctx, apiTimeout)
		batch, err := consumer.Fetch(int(min(left, 1000)), jetstream.FetchContext(fetchCtx))
		if err != nil {
			cancel()
			return fmt.Errorf("read the event stream: %w", err)
		}
		before := next
		for msg := range batch.Messages() {
			meta, err := msg.Metadata()
			if err != nil || meta.Sequence.Consumer != next {
				cancel()
				return fmt.Errorf("read the event stream: message %d of the consumer is missing", next)
			}
			next++
			left = min(left-1, meta.NumPending)
			f(msg.Headers().Get(events.HeaderMsgID))
		}
		cancel()
		if next == before {
			return fmt.Errorf("read the event stream: %w", errors.Join(errNoProgress, batch.Error()))
		}
	}
	return nil
}

var errNoProgress = errors.New("the server does not respond")

func (p *EventPublisher) headersSince(ctx context.Context, since time.Time) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return p.js.CreateConsumer(ctx, events.EventStream, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartTimePolicy,
		OptStartTime:      &since,
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        1,
		HeadersOnly:       true,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: time.Minute,
	})
}

func (p *EventPublisher) deleteConsumer(ctx context.Context, consumer jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = p.js.DeleteConsumer(ctx, events.EventStream, consumer.CachedInfo().Name) // it expires otherwise
}
