// Package periodic runs what comes round, such as the sweeps over a table. It has a
// clock, so nothing pure may import it.
package periodic

import (
	"context"
	"time"
)

// Run calls f once in every period, first when one has passed, and returns when ctx is
// done. Calls never overlap: when periods end during a call, one call follows at once
// and the others are left out.
func Run(ctx context.Context, every time.Duration, f func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}
