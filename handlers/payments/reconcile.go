package payments

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
)

// reconciler repairs what lost webhooks would have reported. It compares the
// provider's list of events with those that are stored, from an hour before the
// newest one seen, and retrieves the sessions of overdue checkouts. In a healthy week
// it repairs nothing.
type reconciler struct {
	cfg      Config
	ingester *eventIngester
}

const (
	// reconcileInterval is the period. Of several processes one works in each.
	reconcileInterval = 5 * time.Minute
	reconcileTimeout  = 4 * time.Minute
	// overlap is how far back the list is read again: events become visible late.
	overlap = time.Hour
	// keptEvents is how long the provider keeps its events.
	keptEvents = 30 * 24 * time.Hour
	// lateCheckout is how long after its end a checkout counts as overdue.
	lateCheckout   = 5 * time.Minute
	reconcileBatch = 100
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

// reconcile runs once, unless another process did within the period, and returns how many
// events and checkouts it repaired.
func (r *reconciler) reconcile(ctx context.Context) (repaired int, err error) {
	now := r.cfg.Now().UTC()
	var seen *time.Time
	err = r.cfg.Pool.QueryRow(ctx, `
UPDATE stripe_watermark SET claimed_at = $1
WHERE claimed_at IS NULL OR claimed_at <= $2 OR claimed_at > $1
RETURNING seen_until`, now, now.Add(-reconcileInterval*9/10)).Scan(&seen)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("claim: %w", err)
	}

	events, failed := r.events(ctx, seen, now)
	checkouts, err := r.checkouts(ctx, now)
	if events+checkouts > 0 {
		r.cfg.Log.Warn("repaired what lost webhooks should have reported", "events", events, "checkouts", checkouts)
	}
	return events + checkouts, errors.Join(failed, err)
}

// events ingests the listed events that are not stored, oldest first.
func (r *reconciler) events(ctx context.Context, seen *time.Time, now time.Time) (repaired int, err error) {
	since := now.Add(-keptEvents)
	if seen != nil && seen.Add(-overlap).After(since) {
		since = seen.Add(-overlap)
	}
	listed, err := r.cfg.Stripe.ListEvents(ctx, since, reportedTypes)
	if err != nil || len(listed) == 0 {
		return 0, err
	}
	stored, err := r.stored(ctx, listed)
	if err != nil {
		return 0, err
	}

	for _, e := range listed {
		if stored[e.ID] {
			continue
		}
		pending, err := r.ingester.ingest(ctx, e)
		if err != nil {
			return repaired, err // the watermark stays: the rest is listed again
		}
		if pending {
			repaired++
		}
	}

	newest := listed[len(listed)-1].Created
	_, err = r.cfg.Pool.Exec(ctx, `UPDATE stripe_watermark SET seen_until = GREATEST(seen_until, $1)`, newest)
	if err != nil {
		return repaired, fmt.Errorf("move the watermark: %w", err)
	}
	return repaired, nil
}

// stored returns the ids of the listed events that are stored.
func (r *reconciler) stored(ctx context.Context, listed []stripe.Event) (map[string]bool, error) {
	ids := make([]string, len(listed))
	for i, e := range listed {
		ids[i] = e.ID
	}
	rows, err := r.cfg.Pool.Query(ctx, `SELECT event_id FROM stripe_events WHERE event_id = ANY($1::text[])`, ids)
	if err != nil {
		return nil, fmt.Errorf("compare events: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("compare events: %w", err)
	}
	stored := make(map[string]bool, len(found))
	for _, id := range found {
		stored[id] = true
	}
	return stored, nil
}

// checkouts records the end of checkouts that was not reported. One that fails does not
// hold up the others.
func (r *reconciler) checkouts(ctx context.Context, now time.Time) (repaired int, err error) {
	overdue, err := postgres.OverdueCheckouts(ctx, r.cfg.Pool, now.Add(-lateCheckout), reconcileBatch)
	if err != nil {
		return 0, err
	}

	var failed error
	for _, c := range overdue {
		if err := r.recordEnd(ctx, c); err != nil {
			failed = errors.Join(failed, fmt.Errorf("record the end of checkout %s: %w", c.ID, err))
			continue
		}
		repaired++
	}
	return repaired, failed
}

// recordEnd closes a checkout's sessions and records how it ended.
func (r *reconciler) recordEnd(ctx context.Context, c purchase.Checkout) error {
	paid, err := closeSessions(ctx, r.cfg.Stripe, c)
	if err != nil {
		return err
	}
	if !paid {
		return r.ingester.recordSession(ctx, c.ID, stripe.Session{ID: c.SessionID})
	}

	sessions, err := r.cfg.Stripe.FindCheckouts(ctx, c.ID, c.CreatedAt.Add(-clockSkew), c.ExpiresAt)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if s.PaymentStatus == stripe.PaymentPaid {
			return r.ingester.recordSession(ctx, c.ID, s)
		}
	}
	return nil // complete and not paid yet: an event will report the payment
}
