package reactions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmjetstream "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/jetstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// Reaction is what follows from some types of events.
type Reaction struct {
	// Name identifies it for ever: it names the durable consumer and the inbox marks.
	Name string
	// Events are the event types it follows.
	Events []string
	// Handle handles one event inside the transaction of its inbox mark. The facts
	// it returns are appended to the outbox.
	Handle func(ctx context.Context, tx pgx.Tx, e events.Event, p events.Payload) ([]events.Fact, error)
}

// Config configures a [Router].
type Config struct {
	Pool *pgxpool.Pool
	// Conn is used to report what was handled; the subscriber opens its own
	// connection to URL.
	Conn   *nats.Conn
	URL    string
	Limits bus.StreamLimits
	// Now is the clock.
	Now func() time.Time
	// MaxDeliveries is how often an event that fails for a reason of its own is
	// delivered before it becomes a dead letter; default 8.
	MaxDeliveries int
	Log           *slog.Logger
}

// Router runs reactions.
type Router struct {
	cfg       Config
	reactions map[string]Reaction
}

const (
	// handleTimeout bounds one attempt; ackWait must cover all attempts in place.
	handleTimeout = 5 * time.Second
	ackWait       = 45 * time.Second
	inPlace       = 3
	closeTimeout  = 5 * time.Second
)

// New returns a router that does nothing until Run.
func New(cfg Config, list ...Reaction) *Router {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxDeliveries == 0 {
		cfg.MaxDeliveries = 8
	}
	r := &Router{cfg: cfg, reactions: map[string]Reaction{}}
	for _, reaction := range list {
		r.reactions[reaction.Name] = reaction
	}
	return r
}

// Run reacts until ctx is done; the events in hand are finished first. Whatever
// breaks is built anew.
func (r *Router) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := r.once(ctx)
		if ctx.Err() != nil {
			break
		}
		r.cfg.Log.Warn("reactions start again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}
	return nil
}

// once runs one Watermill router until ctx is done or a consumer is lost.
func (r *Router) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	logger := watermill.NewSlogLoggerWithLevelMapping(r.cfg.Log, map[slog.Level]slog.Level{
		slog.LevelInfo: slog.LevelDebug, slog.LevelError: slog.LevelWarn,
	})
	subscriber, err := r.subscriber(ctx, logger, cancel)
	if err != nil {
		return err
	}
	defer func() { _ = subscriber.Close() }()
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: closeTimeout}, logger)
	if err != nil {
		return fmt.Errorf("router: %w", err)
	}
	router.AddMiddleware(
		r.giveUp,
		middleware.Retry{
			MaxRetries: inPlace, InitialInterval: 50 * time.Millisecond, MaxInterval: time.Second, Multiplier: 4,
			ResetContextOnRetry: true, ShouldRetry: func(p middleware.RetryParams) bool { return !errors.Is(p.Err, errUnreadable) },
		}.Middleware,
		middleware.Recoverer,
		observe,
	)
	for _, reaction := range r.reactions {
		router.AddConsumerHandler(reaction.Name, reaction.Name, subscriber, func(msg *message.Message) error {
			return r.handle(reaction, msg)
		})
	}
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("router: %w", err)
	}
	return context.Cause(ctx)
}

// subscriber connects to the bus. When one of its consumers is lost it cancels.
func (r *Router) subscriber(ctx context.Context, logger watermill.LoggerAdapter, cancel context.CancelCauseFunc) (*wmjetstream.Subscriber, error) {
	conn, err := bus.Connect(r.cfg.URL, "reactions", r.cfg.Log)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var consumers []jetstream.Consumer
	subscriber, err := wmjetstream.NewSubscriber(wmjetstream.SubscriberConfig{
		Conn:           conn,
		Logger:         logger,
		AckWaitTimeout: ackWait,
		NakDelay:       backoff{},
		Unmarshaler:    unmarshaler{},
		ResourceInitializer: func(ctx context.Context, js jetstream.JetStream, name string) (jetstream.Consumer, func(context.Context, watermill.LoggerAdapter), error) {
			consumer, err := r.consumer(ctx, js, name)
			mu.Lock()
			defer mu.Unlock()
			consumers = append(consumers, consumer)
			return consumer, nil, err
		},
		ConsumeOptions: []jetstream.PullConsumeOpt{
			jetstream.PullMaxMessages(16),
			jetstream.PullExpiry(5 * time.Second),
			jetstream.PullHeartbeat(500 * time.Millisecond),
			jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
				mu.Lock()
				defer mu.Unlock()
				for _, consumer := range consumers {
					if ctx.Err() == nil && bus.Lost(ctx, consumer, err) {
						cancel(fmt.Errorf("consumer lost: %w", err))
					}
				}
			}),
		},
	})
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("subscriber: %w", err)
	}
	return subscriber, nil
}

func (r *Router) consumer(ctx context.Context, js jetstream.JetStream, name string) (jetstream.Consumer, error) {
	reaction := r.reactions[name]
	filters := make([]string, len(reaction.Events))
	for i, t := range reaction.Events {
		filters[i] = events.SubjectFor(t)
	}
	return bus.EnsureEventConsumer(ctx, js, r.cfg.Limits, jetstream.ConsumerConfig{
		Durable:        "reaction-" + name,
		FilterSubjects: filters,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        ackWait,
		MaxAckPending:  64,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
	})
}

// backoff is the delay of negative acknowledgements.
type backoff struct{}

func (backoff) WaitTime(deliveries uint64) time.Duration { return bus.Backoff(deliveries) }

const deliveriesKey = "codex-deliveries"

// unmarshaler hands on headers and body as they are, and how often the message
// was delivered. It never fails: whether it is an event of ours is decided where a
// dead letter can be written.
type unmarshaler struct{}

func (unmarshaler) Unmarshal(msg jetstream.Msg) (*message.Message, error) {
	id := msg.Headers().Get(events.HeaderID)
	n := uint64(1)
	if meta, err := msg.Metadata(); err == nil {
		n = meta.NumDelivered
		if id == "" {
			id = fmt.Sprintf("%s:%d:%d", meta.Stream, meta.Timestamp.UnixNano(), meta.Sequence.Stream)
		}
	}
	m := message.NewMessage(id, msg.Data())
	for name, values := range msg.Headers() {
		if len(values) > 0 {
			m.Metadata.Set(name, values[0])
		}
	}
	m.Metadata.Set(deliveriesKey, strconv.FormatUint(n, 10))
	return m, nil
}
