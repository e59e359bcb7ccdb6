package reactions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"go.opentelemetry.io/otel/codes"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// Process is a reaction that calls the outside: an object store, a mail server, another
// company. An event may be handled again after a crash, so the call must be repeatable.
type Process struct {
	// Name identifies it for ever: in logs, metrics, dead letters and, unless Durable
	// says otherwise, as name of the consumer.
	Name string
	// Durable is the durable consumer; default "reaction-" and the name.
	Durable string
	// Events are the event types it follows.
	Events []string
	// Workers is how many events this process handles at once; default 4.
	Workers int
	// Timeout bounds one attempt; default 5 s.
	Timeout time.Duration
	// Handle handles one event. Where its effect is in Postgres it calls [Mark] in the
	// same transaction. An event over which it fails is redelivered, in the end every 15 s,
	// until it succeeds. It becomes a dead letter only where the failure is its own:
	// a panic, a domain.Error, data that the database rejects.
	Handle func(ctx context.Context, e events.Event, p events.Payload) error
}

const (
	defaultWorkers = 4
	closeTimeout   = 5 * time.Second
)

// route runs the processes on a Watermill router until ctx is done.
func (r *Runner) route(ctx context.Context) error {
	logger := watermill.NewSlogLoggerWithLevelMapping(r.cfg.Log, map[slog.Level]slog.Level{
		slog.LevelInfo: slog.LevelDebug, slog.LevelError: slog.LevelWarn,
	})
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: closeTimeout}, logger)
	if err != nil {
		return fmt.Errorf("router: %w", err)
	}
	retry := middleware.Retry{
		MaxRetries:          retriesInPlace,
		InitialInterval:     50 * time.Millisecond,
		MaxInterval:         time.Second,
		Multiplier:          4,
		ResetContextOnRetry: true,
		ShouldRetry:         func(p middleware.RetryParams) bool { return !errors.Is(p.Err, errUnreadable) },
	}
	for _, p := range r.processes {
		queue := r.queue(cmp.Or(p.Durable, durable(p.Name)), p.Events)
		queue.Workers = cmp.Or(p.Workers, defaultWorkers)
		subscriber := newSubscriber(r.cfg.Conn, queue)
		handler := router.AddConsumerHandler(p.Name, p.Name, subscriber, func(msg *message.Message) error {
			return r.handle(msg, p)
		})
		handler.AddMiddleware(r.giveUpAfterLastTry(p), retry.Middleware)
	}
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("router: %w", err)
	}
	return nil
}

// handle handles one event once, within its time limit and its trace.
func (r *Runner) handle(msg *message.Message, p Process) error {
	start := time.Now()
	delivery, err := deliveryOf(msg)
	if err != nil {
		return err
	}
	event, err := decode(delivery)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(msg.Context(), cmp.Or(p.Timeout, handleTimeout))
	defer cancel()
	ctx, span := startSpan(bus.WithTraceParent(ctx, event.TraceParent), p.Name, event.Event)
	defer span.End()
	err = handleSafely(ctx, p, event)
	observe(ctx, p.Name, start, err)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		return fmt.Errorf("process %s on %s: %w", p.Name, event.Type, err)
	}

	_ = bus.WakeRelay(r.cfg.Conn) // a hint: Handle may have appended events
	return nil
}

// handleSafely turns a panic of a process into an error of its event.
func handleSafely(ctx context.Context, p Process, e Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v}
		}
	}()
	return p.Handle(ctx, e.Event, e.Payload)
}

// giveUpAfterLastTry is the outermost middleware: an event that cannot be handled, now
// or ever, becomes a dead letter and is acknowledged.
func (r *Runner) giveUpAfterLastTry(p Process) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			produced, err := next(msg)
			if err == nil {
				return produced, nil
			}
			d, missing := deliveryOf(msg)
			if missing != nil {
				return nil, missing
			}
			last := d.Deliveries() >= uint64(r.cfg.MaxDeliveries) && ownFault(err)
			if !last && !errors.Is(err, errUnreadable) {
				return produced, err
			}
			return nil, r.deadLetter(msg.Context(), p.Name, &d, err)
		}
	}
}
