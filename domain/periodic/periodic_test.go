package periodic_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/codex-platform/codex/domain/periodic"
)

func TestTheFirstCallComesAfterThePauseAndNoneAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		var calls []time.Duration
		periodic.Run(ctx, time.Minute, func() {
			if calls = append(calls, time.Since(start)); len(calls) == 3 {
				cancel()
			}
		})
		if want := []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}; !slices.Equal(calls, want) {
			t.Errorf("called after %v, want %v", calls, want)
		}
	})
}

func TestPausesThatPassDuringACallAreNotMadeUpFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		var calls []time.Duration
		periodic.Run(ctx, time.Minute, func() {
			switch calls = append(calls, time.Since(start)); len(calls) {
			case 1:
				<-time.After(10*time.Minute + time.Second)
			case 3:
				cancel()
			}
		})
		// One tick waits; then they come in time again.
		if want := []time.Duration{time.Minute, 11*time.Minute + time.Second, 12 * time.Minute}; !slices.Equal(calls, want) {
			t.Errorf("called after %v, want %v", calls, want)
		}
	})
}

func TestNothingIsCalledOnceTheContextIsDone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	periodic.Run(ctx, time.Hour, func() { t.Error("called") })
}
