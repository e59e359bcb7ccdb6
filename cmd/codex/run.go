package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/codex-platform/codex/events/bus"
)

// stopping says how a process stops once it is asked to.
type stopping struct {
	// notice is how long an edge is unready and serves as before: until the balancer in
	// front has noticed and sends requests elsewhere.
	notice time.Duration
	// linger is how long connections between two requests stay open after that, requests
	// how long requests in flight may take.
	linger, requests time.Duration
	// total bounds the whole stop: a role that has not ended by then is left.
	total time.Duration
}

// gcPercent lets the heap grow to five times what is live before it is collected. That is
// little, some tens of megabytes, and at the default of 100 collecting it cost 5 to 15 % of
// the requests per second.
const gcPercent = 400

// tuneGC sets gcPercent, unless the operator has chosen another one with GOGC.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

const (
	lingerServe   = time.Second
	requestsServe = 10 * time.Second
	// closeTimeout bounds the closing of connections to a database that does not respond.
	closeTimeout = 2 * time.Second
)

// stoppingUp are the limits of codex up, which stops everything and has no balancer.
func stoppingUp() stopping {
	return stopping{linger: 100 * time.Millisecond, requests: 3 * time.Second, total: 4 * time.Second}
}

// stage is one role while it runs.
type stage struct {
	role role
	run  func(context.Context) error

	stop context.CancelFunc
	done chan struct{}
}

// run runs roles until ctx is done, or one fails. An edge serves at once; the others wait
// until the database and the bus respond. started is called when all of them run. They stop
// one after the other, the edge first, so that the commands it accepted are still applied.
func (p *platform) run(ctx context.Context, roles []role, started func()) error {
	tuneGC()
	stages, err := p.stages(roles)
	if err != nil {
		return err
	}
	prepared := make(chan struct{})
	begun, failed := make(chan struct{}, len(stages)), make(chan error, len(stages))
	for _, s := range stages {
		stageCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
		s.stop, s.done = stop, make(chan struct{})
		go p.runStage(stageCtx, s, prepared, begun, failed)
	}
	go func() {
		if p.ready.prepare(ctx) {
			close(prepared)
		}
	}()

	for waiting, running := len(stages), true; running; {
		select {
		case <-begun:
			if waiting--; waiting == 0 {
				started()
			}
		case <-ctx.Done():
			running = false
		case err = <-failed:
			running = false
		}
	}
	return errors.Join(err, p.stop(ctx, stages))
}

// runStage runs one role. An edge does not wait until everything is prepared.
func (p *platform) runStage(ctx context.Context, s *stage, prepared, begun chan struct{}, failed chan<- error) {
	defer close(s.done)
	if s.role != roleEdge {
		select {
		case <-prepared:
		case <-ctx.Done():
			return
		}
	}
	begun <- struct{}{}
	err := s.run(ctx)
	if ctx.Err() == nil {
		failed <- fmt.Errorf("role %s ended: %w", s.role, errors.Join(err, errors.New("it should not have")))
	} else if err != nil && !errors.Is(err, context.Canceled) {
		p.log.Warn("role stopped with an error", "role", s.role, "error", err)
	}
}

// stop stops the roles in their order, within the time limit.
func (p *platform) stop(ctx context.Context, stages []*stage) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.stopping.total)
	defer cancel()
	p.ready.stop()
	if slices.ContainsFunc(stages, func(s *stage) bool { return s.role == roleEdge }) {
		bus.Pause(limit, p.stopping.notice)
	}
	var err error
	for _, s := range stages {
		s.stop()
		select {
		case <-s.done:
		case <-limit.Done():
			err = errors.Join(err, fmt.Errorf("role %s has not stopped within %s; what it had not finished is "+
				"delivered again", s.role, p.stopping.total))
		}
	}
	return err
}
