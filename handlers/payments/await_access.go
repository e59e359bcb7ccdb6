package payments

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/reactions"
)

const (
	// commandWait is how long a request waits for its command.
	commandWait = 5 * time.Second
	// accessWait is how long it waits for the grants that follow.
	accessWait = 2 * time.Second
	// defaultMaxWaiting is how many requests of one process wait at once. Of 1000 webhooks
	// per second that a slower database applies late, each waits for about half a second.
	defaultMaxWaiting = 512
)

// errNotApplied says that a command was given up: its dead letter waits for an operator, and
// the next copy of its event opens it again.
var errNotApplied = domain.NewError(domain.Internal, "", "The event could not be applied; send it again")

// apply sends an accepted command and waits until it is applied and the grants that follow
// from it are changed, so that a client that reads next finds them. Waiting holds no
// connection to the database. It ends after commandWait or accessWait, and sooner while too
// many requests wait: the sweeper and the relay then finish the work. The only error is
// errNotApplied.
func (p *payments) apply(ctx context.Context, cmd events.Command) error {
	ctx, leave := p.waiting.enter(ctx)
	defer leave()
	grants := p.cfg.Dispatcher.WatchHandled(access.GrantProjection, cmd.ID)
	defer grants.Stop()

	sending, cancel := context.WithTimeout(ctx, commandWait)
	defer cancel()
	reply, err := p.cfg.Dispatcher.Send(sending, cmd)
	switch {
	case errors.Is(err, bus.ErrNotPublished):
		p.cfg.Log.WarnContext(ctx, "accepted command waits for the sweeper", "command", cmd.ID, "error", err)
		return nil
	case err != nil:
		p.cfg.Log.InfoContext(ctx, "acknowledged before the command was applied", "command", cmd.ID, "error", err)
		return nil
	case reply.Status >= http.StatusInternalServerError:
		p.cfg.Log.ErrorContext(ctx, "command was given up", "command", cmd.ID, "status", reply.Status)
		return errNotApplied
	}

	ctx, cancel = context.WithTimeout(ctx, accessWait)
	defer cancel()
	count := func(ctx context.Context) (int, error) {
		return reactions.Handled(ctx, p.cfg.Pool, access.GrantProjection, cmd.ID)
	}
	if err := grants.Wait(ctx, reply.Awaits, count); err != nil {
		p.cfg.Log.InfoContext(ctx, "acknowledged before access changed", "command", cmd.ID, "error", err)
	}
	return nil
}

// waitingRoom bounds how many requests wait. One more makes the request leave that has
// waited longest, so a backlog shortens the waits and rejects nothing.
type waitingRoom struct {
	most int

	mu   sync.Mutex
	list list.List // of context.CancelCauseFunc, the longest wait first
}

var errCrowded = errors.New("too many requests wait")

// enter returns a context that ends when the request has to leave. leave must be called.
func (r *waitingRoom) enter(ctx context.Context) (_ context.Context, leave func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	place := r.list.PushBack(cancel)
	if r.list.Len() > r.most {
		longest := r.list.Remove(r.list.Front())
		end := longest.(context.CancelCauseFunc) //nolint:forcetypeassert // see list
		end(fmt.Errorf("%w: more than %d", errCrowded, r.most))
	}
	return ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.list.Remove(place) // no effect on one that had to leave
		cancel(nil)
	}
}
