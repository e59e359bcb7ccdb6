// Package jobs runs periodic work: sweeps over tables, queues of calls to the
// outside, comparisons with another system. It is the only periodic runner of the
// platform, so every job is stopped, logged and measured in the same way.
//
// A job runs at once when it starts, then once in every interval, and never twice at
// the same time in one process. Several processes may run the same job: its work
// must tolerate that, for example by FOR UPDATE SKIP LOCKED. An error is logged and
// the next run follows at its time; a panic counts as an error.
//
// Metrics, each with the attribute job: codex.job.duration (histogram, seconds),
// codex.job.runs (counter, with the attribute result: ok, failed or panicked) and
// codex.job.items (counter of what the runs processed).
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// defaultTimeout limits a run whose job names no limit.
const defaultTimeout = time.Minute

// jitterShare is the part of an interval by which it varies at most, so that
// processes which started together do not query together for ever.
const jitterShare = 20

// Job is work that is repeated.
type Job struct {
	// Name identifies the job in logs and metrics, for example "commands.sweep". It is
	// unique within one call of [Run].
	Name string
	// Every is the interval from the start of one run to the start of the next; it
	// varies by 5 %. A run that takes longer is followed by the next at once.
	Every time.Duration
	// Timeout limits one run; default one minute.
	Timeout time.Duration
	// Run does the work that is due and returns how many items it processed. Its
	// context ends with the timeout, and when the process stops; work that must not be
	// interrupted then uses context.WithoutCancel and a timeout of its own. A job with
	// more work than one step takes repeats the step itself.
	Run func(ctx context.Context) (items int, err error)
	// Sends are the names of the commands that the job publishes. Start-up checks that
	// each has a handler.
	Sends []string
	// Wake starts a run before the interval has passed; optional. Several jobs must not
	// share one channel: each value is received by one of them.
	Wake <-chan struct{}
}

// Run runs the jobs until ctx is done, and returns when the runs in progress have
// ended. It returns an error, before anything runs, when a job is declared wrongly.
func Run(ctx context.Context, log *slog.Logger, jobs ...Job) error {
	names := map[string]bool{}
	for _, job := range jobs {
		if err := job.check(); err != nil {
			return err
		}
		if names[job.Name] {
			return fmt.Errorf("job %s is declared twice", job.Name)
		}
		names[job.Name] = true
	}

	var running sync.WaitGroup
	for _, job := range jobs {
		running.Go(func() { job.repeat(ctx, log) })
	}
	running.Wait()
	return nil
}

func (j Job) check() error {
	switch {
	case j.Name == "":
		return errors.New("a job has no name")
	case j.Every <= 0:
		return fmt.Errorf("job %s has no interval", j.Name)
	case j.Run == nil:
		return fmt.Errorf("job %s has nothing to run", j.Name)
	default:
		return nil
	}
}

// repeat runs the job at its interval until ctx is done.
func (j Job) repeat(ctx context.Context, log *slog.Logger) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-j.Wake:
		}
		if ctx.Err() != nil {
			return // both were ready
		}

		start := time.Now()
		j.execute(ctx, log)
		timer.Reset(max(0, j.interval()-time.Since(start)))
	}
}

// interval is Every with jitter.
func (j Job) interval() time.Duration {
	spread := j.Every / jitterShare
	return j.Every - spread + rand.N(2*spread+1) //nolint:gosec // G404: jitter, not a secret
}
