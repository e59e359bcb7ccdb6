package payments

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
)

// EventSource lists what the payment provider has reported.
type EventSource interface {
	ListEvents(ctx context.Context, since time.Time, types []string) ([]stripe.Event, error)
}

// Reconciler repairs what lost webhooks would have reported. It compares the
// provider's list of events with those that are stored, from an hour before the
// newest one seen, and retrieves the sessions of checkouts whose time is over. In a
// healthy week it repairs nothing.
type Reconciler struct {
	cfg      Config
	ingester *EventIngester
	// Every is the period. Of several processes one works in each.
	Every time.Duration
}

// NewReconciler returns the reconciler of an installation.
func NewReconciler(cfg Config, ingester *EventIngester) *Reconciler {
	return &Reconciler{cfg: cfg, ingester: ingester, Every: cmp.Or(cfg.ReconcileEvery, 5*time.Minute)}
}

// Repaired counts what one run found missing.
type Repaired struct {
	Events, Checkouts int
}

const (
	// overlap is how far back the list is read again: events become visible late.
	overlap = time.Hour
	// keptEvents is how long the provider keeps its events.
	keptEvents = 30 * 24 * time.Hour
	// lateCheckout is how long after its end a checkout is looked into.
	lateCheckout     = 5 * time.Minute
	reconcileTimeout = 4 * time.Minute
	reconcileBatch   = 100
)

// reportedTypes are the events that lead to a change here.
var reportedTypes = []string{
	stripe.EventCheckoutCompleted,
	stripe.EventCheckoutExpired,
	stripe.EventCheckoutAsyncPaid,
	stripe.EventCheckoutAsyncFailed,
	stripe.EventChargeRefunded,
	stripe.EventDisputeCreated,
	stripe.EventDisputeClosed,
}

// Repair is [Reconciler.Reconcile] as a job: it returns how much was repaired.
func (r *Reconciler) Repair(ctx context.Context) (int, error) {
	repaired, err := r.Reconcile(ctx)
	if repaired != (Repaired{}) {
		r.cfg.Log.Warn("repaired what lost webhooks should have reported", "events", repaired.Events, "checkouts", repaired.Checkouts)
	}
	return repaired.Events + repaired.Checkouts, err
}

// Reconcile runs once, unless another process did within the period.
func (r *Reconciler) Reconcile(ctx context.Context) (repaired Repaired, err error) {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	now := r.cfg.Now().UTC()
	var seen *time.Time
	err = r.cfg.Pool.QueryRow(ctx, `UPDATE stripe_watermark SET claimed_at = $1 WHERE claimed_at IS NULL OR claimed_at <= $2 OR claimed_at > $1
		RETURNING seen_until`, now, now.Add(-r.Every*9/10)).Scan(&seen)
	if errors.Is(err, pgx.ErrNoRows) {
		return repaired, nil
	}
	if err != nil {
		return repaired, fmt.Errorf("claim: %w", err)
	}
	events, failed := r.events(ctx, seen, now)
	checkouts, err := r.checkouts(ctx, now)
	return Repaired{Events: events, Checkouts: checkouts}, errors.Join(failed, err)
}

// events ingests what is listed and not stored, oldest first.
func (r *Reconciler) events(ctx context.Context, seen *time.Time, now time.Time) (repaired int, err error) {
	since := now.Add(-keptEvents)
	if seen != nil && seen.Add(-overlap).After(since) {
		since = seen.Add(-overlap)
	}
	listed, err := r.cfg.Stripe.ListEvents(ctx, since, reportedTypes)
	if err != nil || len(listed) == 0 {
		return 0, err
	}
	ids := make([]string, len(listed))
	for i, e := range listed {
		ids[i] = e.ID
	}
	rows, err := r.cfg.Pool.Query(ctx, `SELECT event_id FROM stripe_events WHERE event_id = ANY($1::text[])`, ids)
	if err != nil {
		return 0, fmt.Errorf("compare events: %w", err)
	}
	stored, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("compare events: %w", err)
	}
	have := make(map[string]bool, len(stored))
	for _, id := range stored {
		have[id] = true
	}
	for _, e := range listed {
		if have[e.ID] {
			continue
		}
		pending, err := r.ingester.Ingest(ctx, e)
		if err != nil {
			return repaired, err // the watermark stays: the rest is listed again
		}
		if pending {
			repaired++
		}
	}
	_, err = r.cfg.Pool.Exec(ctx, `UPDATE stripe_watermark SET seen_until = GREATEST(seen_until, $1)`, listed[len(listed)-1].Created)
	if err != nil {
		return repaired, fmt.Errorf("move the watermark: %w", err)
	}
	return repaired, nil
}

// checkouts settles those whose end was not reported. One that cannot be settled now
// does not hold up the others.
func (r *Reconciler) checkouts(ctx context.Context, now time.Time) (repaired int, err error) {
	var due []purchase.Checkout
	err = pgx.BeginFunc(ctx, r.cfg.Pool, func(tx pgx.Tx) (err error) {
		due, err = postgres.OverdueCheckouts(ctx, tx, now.Add(-lateCheckout), now.Add(-lateCheckout), reconcileBatch)
		return err
	})
	if err != nil {
		return 0, err
	}
	var failed error
	for _, c := range due {
		if err := r.settle(ctx, c); err != nil {
			failed = errors.Join(failed, fmt.Errorf("settle checkout %s: %w", c.ID, err))
			continue
		}
		repaired++
	}
	return repaired, failed
}

// settle closes a checkout's sessions and records how it ended.
func (r *Reconciler) settle(ctx context.Context, c purchase.Checkout) error {
	paid, err := closeSessions(ctx, r.cfg.Stripe, c)
	if err != nil {
		return err
	}
	if !paid {
		return r.ingester.RecordSession(ctx, c.ID, stripe.Session{ID: c.SessionID})
	}
	sessions, err := r.cfg.Stripe.FindCheckouts(ctx, c.ID, c.CreatedAt.Add(-clockSkew), c.ExpiresAt)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if s.PaymentStatus == stripe.PaymentPaid {
			return r.ingester.RecordSession(ctx, c.ID, s)
		}
	}
	return nil // complete and not paid yet: an event will report the payment
}
