package reactions

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
)

// retryInterval is how often the dead letters are read that an operator wants retried.
const retryInterval = 2 * time.Second

// retryLetters handles events again that became dead letters and that an operator wants
// retried, each by the reaction that gave it up and by no other, until ctx is done.
func (r *Runner) retryLetters(ctx context.Context) {
	again := map[string]func(context.Context, Event) (final bool, err error){}
	for _, p := range r.projections {
		again[durable(p.Name)] = func(ctx context.Context, e Event) (bool, error) {
			err := r.transact(ctx, p, []received{{Event: e}})
			return err != nil && !transient(err), err
		}
	}
	for _, p := range r.processes {
		again[durable(p.Name)] = func(ctx context.Context, e Event) (bool, error) {
			ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.Timeout, handleTimeout))
			defer cancel()
			err := handleSafely(ctx, p, e)
			return err != nil && ownFault(err), err
		}
	}
	consumers := make([]string, 0, len(again))
	for name := range again {
		consumers = append(consumers, name)
	}

	retry := func(ctx context.Context, l commands.Letter) (final bool, err error) {
		envelope, err := events.FromMessage(l.Headers, l.Body)
		if err != nil {
			return true, fmt.Errorf("%w: %w", errUnreadable, err)
		}
		event, err := NewEvent(envelope)
		if err != nil {
			return true, err
		}
		return again[l.Consumer](ctx, event)
	}
	for bus.Pause(ctx, retryInterval) {
		retried, err := commands.RetryLetters(ctx, r.cfg.Pool, consumers, retry)
		if err != nil && ctx.Err() == nil {
			r.cfg.Log.WarnContext(ctx, "dead letters not retried", "error", err)
		}
		if retried > 0 {
			r.cfg.Log.InfoContext(ctx, "dead letters retried", "events", retried)
			_ = bus.WakeRelay(r.cfg.Conn) // a hint: a process may have appended events
		}
	}
}
