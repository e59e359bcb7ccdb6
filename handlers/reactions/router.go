package reactions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

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
	Conn *nats.Conn
	// Limits are used when the event stream must be created anew.
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

// Run reacts until ctx is done; the events in hand are finished first.
func (r *Router) Run(ctx context.Context) error {
	logger := watermill.NewSlogLoggerWithLevelMapping(r.cfg.Log, map[slog.Level]slog.Level{
		slog.LevelInfo: slog.LevelDebug, slog.LevelError: slog.LevelWarn,
	})
	subscriber, err := newSubscriber(r.cfg.Conn, r.cfg.Limits, r.reactions, r.cfg.Log)
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
	return nil
}
