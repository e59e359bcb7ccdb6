package commands

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// pauses are those between the attempts at one command: 25 ms, doubled every time to at
// most 5 s, each half as long or as long again at random.
type pauses struct{ next *backoff.ExponentialBackOff }

func newPauses() pauses {
	return pauses{&backoff.ExponentialBackOff{
		InitialInterval:     25 * time.Millisecond,
		RandomizationFactor: backoff.DefaultRandomizationFactor,
		Multiplier:          2,
		MaxInterval:         5 * time.Second,
	}}
}

// wait pauses. It returns the error of ctx once that is done.
func (p pauses) wait(ctx context.Context) error {
	timer := time.NewTimer(p.next.NextBackOff())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
