package bus

import (
	"context"
	"time"
)

// WithGrace returns a context that goes on for grace after ctx is done, for work that a
// stop of the process should let finish. Work that it interrupts is delivered again.
func WithGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	going, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return going, func() {
		forget()
		cancel()
	}
}
