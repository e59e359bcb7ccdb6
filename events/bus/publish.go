package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
)

// EventPublisher publishes events to their stream.
type EventPublisher struct {
	js     jetstream.JetStream
	limits StreamLimits
}

// NewEventPublisher publishes over conn. limits are used when the stream must be
// created anew.
func NewEventPublisher(conn *nats.Conn, limits StreamLimits) (*EventPublisher, error) {
	js, err := newJetStream(conn, jetstream.WithPublishAsyncMaxPending(8192))
	if err != nil {
		return nil, fmt.Errorf("event publisher: %w", err)
	}
	return &EventPublisher{js: js, limits: limits}, nil
}

// Close ends the goroutines of asynchronous publishing.
func (p *EventPublisher) Close() { p.js.CleanupPublisher() }

// Publish publishes a batch and waits until the stream stored it, or ctx is done.
// It returns one error per event, nil for those that are stored, and the stream's
// highest sequence among them.
func (p *EventPublisher) Publish(ctx context.Context, batch []events.Event) (errs []error, last uint64) {
	errs = make([]error, len(batch))
	acks := make([]jetstream.PubAckFuture, len(batch))
	for i, e := range batch {
		acks[i], errs[i] = p.js.PublishMsgAsync(&nats.Msg{
			Subject: events.Subject(e.Tenant, e.Type),
			Header:  e.Headers(),
			Data:    e.Data,
		}, jetstream.WithRetryAttempts(0))
	}
	for i, ack := range acks {
		if errs[i] != nil {
			continue
		}
		select {
		case stored := <-ack.Ok():
			last = max(last, stored.Sequence)
		case errs[i] = <-ack.Err():
		case <-ctx.Done():
			errs[i] = ctx.Err()
		}
	}
	return errs, last
}

// StreamState is what the relay compares with its own memory of the stream.
type StreamState struct {
	// Created identifies the stream: a stream that was lost and created again has
	// another time.
	Created time.Time
	// First and Last are the lowest and the highest sequence, Messages how many there are.
	First, Last, Messages uint64
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
	}, nil
}

func (p *EventPublisher) stream(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return p.js.Stream(ctx, events.EventStream)
}

// EachID calls f with the id of every event on the stream since a time, oldest
// first, reading headers only.
func (p *EventPublisher) EachID(ctx context.Context, since time.Time, f func(id string)) error {
	state, err := p.State(ctx)
	if err != nil || state.Messages == 0 {
		return err
	}
	consumer, err := p.headersSince(ctx, since)
	if err != nil {
		return fmt.Errorf("read the event stream: %w", err)
	}
	for {
		batch, err := consumer.FetchNoWait(1000)
		if err != nil {
			return fmt.Errorf("read the event stream: %w", err)
		}
		var last, seen uint64
		for msg := range batch.Messages() {
			seen++
			f(msg.Headers().Get(events.HeaderMsgID))
			if meta, err := msg.Metadata(); err == nil {
				last = meta.Sequence.Stream
			}
		}
		if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
			return fmt.Errorf("read the event stream: %w", err)
		}
		if seen == 0 || last >= state.Last {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (p *EventPublisher) headersSince(ctx context.Context, since time.Time) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return p.js.OrderedConsumer(ctx, events.EventStream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy,
		OptStartTime:  &since,
		HeadersOnly:   true,
	})
}
