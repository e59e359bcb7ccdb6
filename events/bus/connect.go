package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
)

// Connect opens a connection that never gives up on its server. While it is
// disconnected, publishing fails at once instead of being buffered: a buffered
// command would be sent after its client was told that it timed out. With
// nats.InProcessServer among the options url is not used.
func Connect(url, name string, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	conn, err := nats.Connect(url, append([]nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 200*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(true),
		nats.Timeout(5 * time.Second),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(3),
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
	}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	return conn, nil
}

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

// EnsureStreams creates the two streams where they are missing and brings their
// limits up to date. A stream that is as it should be is left alone, so any number
// of processes may ensure it at once.
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
		},
	} {
		cfg.Storage = jetstream.FileStorage
		cfg.Retention = jetstream.LimitsPolicy
		cfg.Discard = jetstream.DiscardOld
		cfg.Replicas = limits.Replicas
		cfg.DenyDelete = true
		cfg.DenyPurge = true
		if err := ensureStream(ctx, js, cfg); err != nil {
			return fmt.Errorf("create stream %s: %w", cfg.Name, err)
		}
	}
	return nil
}

func ensureStream(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) error {
	stream, err := js.Stream(ctx, cfg.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateStream(ctx, cfg) // the server takes the same stream twice
		return err
	}
	if err != nil {
		return err
	}
	is := stream.CachedInfo().Config
	if is.MaxAge == cfg.MaxAge && is.MaxBytes == cfg.MaxBytes && is.Replicas == cfg.Replicas &&
		slices.Equal(is.Subjects, cfg.Subjects) && is.Description == cfg.Description {
		return nil
	}
	_, err = js.UpdateStream(ctx, cfg)
	return err
}

// missing reports whether an error says that a stream or consumer is not there.
func missing(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) ||
		errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrNoStreamResponse)
}
