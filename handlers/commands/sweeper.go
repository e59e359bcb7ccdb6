package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/jobs"
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
}

const sweepBatch = 500

// Jobs returns the jobs that it is: sweeping and cleaning up.
func (s *Sweeper) Jobs() []jobs.Job {
	return []jobs.Job{
		{Name: "commands.sweep", Every: time.Second, Run: s.Sweep},
		{Name: "dead_letters.resolve", Every: 5 * time.Second, Run: s.ResolveLetters},
		{Name: "commands.expire", Every: 15 * time.Second, Run: s.Expire},
		{Name: "commands.clean", Every: time.Hour, Run: func(ctx context.Context) (int, error) { return 0, s.Clean(ctx) }},
	}
}

// Sweep sends one batch again and returns how many.
func (s *Sweeper) Sweep(ctx context.Context) (int, error) {
	after := s.After
	if after == 0 {
		after = 5 * time.Second
	}
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

// ResolveLetters resolves the dead letters of messages that were handled since, and returns
// how many. It measures how many remain open, and how many commands wait for an obstacle to
// be removed.
func (s *Sweeper) ResolveLetters(ctx context.Context) (int, error) {
	resolved, err := resolveHandled(ctx, s.Pool)
	if err != nil {
		return resolved, err
	}
	var open, postponed int64
	err = s.Pool.QueryRow(ctx, `
SELECT (SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL),
       (SELECT count(*) FROM commands WHERE status = 'accepted' AND postponed > 0)`).Scan(&open, &postponed)
	if err != nil {
		return resolved, fmt.Errorf("count dead letters: %w", err)
	}
	openLetters.Record(ctx, open)
	postponedCommands.Record(ctx, postponed)
	return resolved, nil
}

var (
	meter       = otel.Meter("github.com/codex-platform/codex/handlers/commands")
	openLetters = must(meter.Int64Gauge("codex.dead_letters.open",
		metric.WithDescription("dead letters that an operator has to retry or discard")))
	postponedCommands = must(meter.Int64Gauge("codex.commands.postponed",
		metric.WithDescription("commands that could not be applied yet and are tried again")))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Expire removes the responses that are kept for a short time only, and returns how many.
func (s *Sweeper) Expire(ctx context.Context) (int, error) {
	return Ledger{DB: s.Pool}.expireBodies(ctx, ErrResponseExpired, s.Now().UTC())
}

// Clean removes outcomes past their time.
func (s *Sweeper) Clean(ctx context.Context) error {
	keep := s.Keep
	if keep == 0 {
		keep = 7 * 24 * time.Hour
	}
	return Ledger{DB: s.Pool}.deleteFinished(ctx, s.Now().UTC().Add(-keep))
}
