package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
)

// StreamLimits bound what the streams keep. Both discard their oldest messages:
// the authority for either is Postgres.
type StreamLimits struct {
	// Replicas is 1 for one server, 3 for a cluster.
	Replicas int
	// CommandAge and EventAge bound how long a message is kept.
	CommandAge, EventAge time.Duration
	// CommandBytes and EventBytes bound how much is kept.
	CommandBytes, EventBytes int64
}

// DefaultStreamLimits keep commands for a day and events for thirty.
func DefaultStreamLimits() StreamLimits {
	return StreamLimits{
		Replicas:     1,
		CommandAge:   24 * time.Hour,
		EventAge:     30 * 24 * time.Hour,
		CommandBytes: 1 << 30,
		EventBytes:   8 << 30,
	}
}

// EnsureStreams creates the two streams where they are missing and updates their
// limits. A stream that is already as configured is left alone, so any number of
// processes may call it at once.
func EnsureStreams(ctx context.Context, js jetstream.JetStream, limits StreamLimits) error {
	for _, cfg := range []jetstream.StreamConfig{
		{
			Name:        events.CommandStream,
			Description: "commands on their way to a consumer; the commands table is the record",
			Subjects:    []string{events.CommandSubjects},
			MaxAge:      limits.CommandAge,
			MaxBytes:    limits.CommandBytes,
		},
		{
			Name:        events.EventStream,
			Description: "published events; the outbox table is the record",
			Subjects:    []string{events.EventSubjects},
			MaxAge:      limits.EventAge,
			MaxBytes:    limits.EventBytes,
			Duplicates:  2 * time.Minute,
			// Servers before 2.12 ignore it.
			AllowAtomicPublish: true,
		},
	} {
		cfg.Storage = jetstream.FileStorage
		cfg.Retention = jetstream.LimitsPolicy
		cfg.Discard = jetstream.DiscardOld
		cfg.Replicas = limits.Replicas
		cfg.DenyDelete = true
		cfg.DenyPurge = true
		if err := ensureStream(ctx, js, cfg, limits); err != nil {
			return fmt.Errorf("create stream %s: %w", cfg.Name, err)
		}
	}
	return nil
}

func ensureStream(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig, limits StreamLimits) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	stream, err := js.Stream(ctx, cfg.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateStream(ctx, cfg) // the server accepts an equal stream twice
		return explainStorage(err, cfg, limits)
	}
	if err != nil {
		return err
	}

	current := stream.CachedInfo().Config
	if current.MaxAge == cfg.MaxAge && current.MaxBytes == cfg.MaxBytes && current.Replicas == cfg.Replicas &&
		slices.Equal(current.Subjects, cfg.Subjects) && current.Description == cfg.Description &&
		current.AllowAtomicPublish == cfg.AllowAtomicPublish {
		return nil
	}
	_, err = js.UpdateStream(ctx, cfg)
	return explainStorage(err, cfg, limits)
}

// ensureConsumer creates or updates a durable consumer, and creates its stream when that
// is missing.
func ensureConsumer(
	ctx context.Context, js jetstream.JetStream, stream string, limits StreamLimits, cfg jetstream.ConsumerConfig,
) (jetstream.Consumer, error) {
	consumer, err := createConsumer(ctx, js, stream, cfg)
	if isMissing(err) {
		if err := EnsureStreams(ctx, js, limits); err != nil {
			return nil, err
		}
		consumer, err = createConsumer(ctx, js, stream, cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("create consumer %s: %w", cfg.Durable, err)
	}
	return consumer, nil
}

func createConsumer(
	ctx context.Context, js jetstream.JetStream, stream string, cfg jetstream.ConsumerConfig,
) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return js.CreateOrUpdateConsumer(ctx, stream, cfg)
}

// isMissing reports whether an error says that a stream or consumer does not exist.
func isMissing(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) ||
		errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrNoStreamResponse)
}
