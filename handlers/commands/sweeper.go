package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/periodic"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

// Sweeper publishes accepted commands again that have no outcome yet, and removes
// outcomes past their time.
type Sweeper struct {
	Pool       *pgxpool.Pool
	Dispatcher *bus.Dispatcher
	// After is how long an accepted command may take before it is sent again, and
	// how long until the next time; default 5 s.
	After time.Duration
	// Keep is for how long outcomes are kept; default 7 days.
	Keep time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

const sweepBatch = 500

// Run sweeps once a second until ctx is done.
func (s *Sweeper) Run(ctx context.Context) error {
	clean := time.Time{}
	periodic.Run(ctx, time.Second, func() {
		if n, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("sweep failed", "error", err)
		} else if n > 0 {
			s.Log.Info("accepted commands sent again", "commands", n)
		}
		if time.Since(clean) > time.Hour {
			clean = time.Now()
			if err := s.Clean(ctx); err != nil && ctx.Err() == nil {
				s.Log.Warn("clean-up failed", "error", err)
			}
		}
	})
	return nil
}

// Sweep sends one batch again and returns how many.
func (s *Sweeper) Sweep(ctx context.Context) (int, error) {
	after := s.After
	if after == 0 {
		after = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	now := s.Now().UTC()
	envelopes, err := Ledger{DB: s.Pool}.claimDue(ctx, now.Add(-after), now, sweepBatch)
	if err != nil {
		return 0, err
	}
	for i, envelope := range envelopes {
		var cmd events.Command
		if err := json.Unmarshal(envelope, &cmd); err != nil {
			return i, fmt.Errorf("read envelope: %w", err)
		}
		if err := s.Dispatcher.Publish(ctx, cmd); err != nil {
			return i, err // the rest is due again after the same time
		}
	}
	return len(envelopes), nil
}

// Clean removes outcomes past their time.
func (s *Sweeper) Clean(ctx context.Context) error {
	keep := s.Keep
	if keep == 0 {
		keep = 7 * 24 * time.Hour
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return Ledger{DB: s.Pool}.deleteFinished(ctx, s.Now().UTC().Add(-keep))
}
