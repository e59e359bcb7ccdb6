package bus

import (
	"context"
	"time"
)

// backoff is the delay before a message is delivered again: 0.5 s, doubled with
// every delivery, 15 s at most, so that it is handled soon after its obstacle is removed.
func backoff(deliveries uint64) time.Duration {
	return min(500*time.Millisecond<<min(max(deliveries, 1)-1, 10), 15*time.Second)
}

// Pause waits for d, at most until ctx is done, and reports whether ctx is not done.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
