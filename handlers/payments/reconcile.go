package payments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
)

// reconciler repairs what lost webhooks would have reported, and what was stored and never
// applied. In a healthy week it repairs nothing. One round
//   - compares the provider's list of events with those that are stored, from an hour before
//     the time up to which the last round compared them;
//   - resumes the commands of stored events that were lost or given up;
//   - records the payments of sessions whose checkouts are still open here, so that a buyer
//     gets access within one period although no event says so;
//   - closes the checkouts whose time is over.
//
// What fails in one of them, or for one item, does not hold up the rest.
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
	// lateCommand is after how long a stored event without a result counts as not applied.
	lateCommand = 10 * time.Second
	// openSessions is how far back sessions are read: longer than one can be paid.
	openSessions = purchase.Lifetime + 15*time.Minute
	// lateCheckout is how long after its end a checkout counts as overdue.
	lateCheckout   = 5 * time.Minute
	reconcileBatch = 100
)

// reportedTypes are the events that lead to a change here.
var reportedTypes = slices.Concat(stripe.CheckoutEvents, stripe.RefundEvents, stripe.DisputeEvents)

// Repaired is what one round of the reconciliation repaired.
type Repaired struct {
	// Events were not stored.
	Events int
	// Commands of stored events were lost or given up.
	Commands int
	// Payments were made in checkouts that were still open here.
	Payments int
	// Checkouts had ended.
	Checkouts int
}

// Total is the number of repairs.
func (r Repaired) Total() int { return r.Events + r.Commands + r.Payments + r.Checkouts }

// Reconcile does one round now, whenever the last one was.
func Reconcile(ctx context.Context, cfg Config) (Repaired, error) {
	r := &reconciler{cfg, newIngester(cfg)}
	return r.round(ctx, 0)
}

// reconcile runs once, unless another process did within the period, and returns how much
// it repaired.
func (r *reconciler) reconcile(ctx context.Context) (repaired int, err error) {
	done, err := r.round(ctx, reconcileInterval*9/10)
	return done.Total(), err
}

// round does one round unless one began within this time.
func (r *reconciler) round(ctx context.Context, within time.Duration) (done Repaired, err error) {
	now := r.cfg.Now().UTC()
	seen, claimed, err := postgres.ClaimReconciliation(ctx, r.cfg.Pool, now, now.Add(-within))
	if err != nil || !claimed {
		return done, err
	}

	recorded := map[string]bool{}
	var failed [4]error
	done.Events, failed[0] = r.events(ctx, seen, now, recorded)
	done.Commands, failed[1] = r.commands(ctx, now)
	done.Payments, failed[2] = r.payments(ctx, now, recorded)
	if !errors.Is(failed[2], stripe.ErrUnknownOutcome) { // else the provider is away
		done.Checkouts, failed[3] = r.checkouts(ctx, now)
	}
	if done.Total() > 0 {
		r.cfg.Log.Warn("repaired what lost webhooks should have reported", "events", done.Events,
			"commands", done.Commands, "payments", done.Payments, "checkouts", done.Checkouts)
	}
	return done, errors.Join(failed[:]...)
}

// events ingests the listed events that are not stored, and moves the watermark after every
// part of the list. The sessions that these events are about are noted in recorded.
func (r *reconciler) events(
	ctx context.Context, seen, now time.Time, recorded map[string]bool,
) (repaired int, err error) {
	since := now.Add(-keptEvents)
	if seen.After(now) {
		seen = now // of a clock that was wrong
	}
	if from := seen.Add(-overlap); from.After(since) {
		since = from
	}
	for {
		list, err := r.cfg.Stripe.ListEvents(ctx, since, reportedTypes)
		if err != nil {
			return repaired, err
		}
		n, err := r.ingest(ctx, list, recorded)
		repaired += n
		if err != nil {
			return repaired, err // the watermark stays: this part is listed again
		}
		if list.Until.IsZero() {
			return repaired, postgres.MoveWatermark(ctx, r.cfg.Pool, now)
		}
		if err := postgres.MoveWatermark(ctx, r.cfg.Pool, list.Until); err != nil {
			return repaired, err
		}
		since = list.Until
	}
}

// ingest ingests what is not stored of a part of the list.
func (r *reconciler) ingest(
	ctx context.Context, list stripe.EventList, recorded map[string]bool,
) (repaired int, err error) {
	ids := make([]string, 0, len(list.Events)+len(list.Unreadable))
	for _, e := range list.Events {
		ids = append(ids, e.ID)
	}
	for _, e := range list.Unreadable {
		ids = append(ids, e.ID)
	}
	stored, err := postgres.StoredEvents(ctx, r.cfg.Pool, ids)
	if err != nil {
		return 0, err
	}

	for _, e := range list.Unreadable {
		if stored[e.ID] {
			continue
		}
		if err := r.ingester.keepUnreadable(ctx, e); err != nil {
			return repaired, err
		}
	}
	for _, e := range list.Events {
		if stored[e.ID] {
			continue
		}
		pending, err := r.ingester.ingest(ctx, e)
		if errors.Is(err, stripe.ErrMalformed) {
			err = r.ingester.keepUnreadable(ctx, stripe.UnreadableEvent{ID: e.ID, Raw: e.Raw, Cause: err})
		}
		if err != nil {
			return repaired, err
		}
		if pending {
			repaired++
		}
		if session, err := stripe.CheckoutSession(e); err == nil {
			recorded[session.ID] = true
		}
	}
	return repaired, nil
}

// commands resumes the commands of stored events that were lost or given up. Those that are
// accepted are left to the sweeper.
func (r *reconciler) commands(ctx context.Context, now time.Time) (repaired int, err error) {
	var failed error
	at := postgres.EventPosition{ReceivedAt: now.Add(-keptEvents)}
	for {
		list, err := postgres.UnprocessedEvents(ctx, r.cfg.Pool, at, now.Add(-lateCommand), reconcileBatch)
		if err != nil {
			return repaired, errors.Join(failed, err)
		}
		for _, e := range list {
			at = e
			cmd, p, err := r.ingester.resume(ctx, e.ID)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("resume event %s: %w", e.ID, err))
				continue
			}
			if p == resumed {
				r.ingester.publish(ctx, cmd)
				repaired++
			}
		}
		if len(list) < reconcileBatch || ctx.Err() != nil {
			return repaired, failed
		}
	}
}

// payments records the sessions that are paid at the provider while their checkouts are
// open here, but for those that are recorded by their events.
func (r *reconciler) payments(
	ctx context.Context, now time.Time, recorded map[string]bool,
) (repaired int, err error) {
	paid, err := r.cfg.Stripe.PaidCheckouts(ctx, now.Add(-openSessions))
	if err != nil {
		return 0, err
	}
	var failed error
	for ; len(paid) > 0 && ctx.Err() == nil; paid = paid[min(len(paid), reconcileBatch):] {
		part := paid[:min(len(paid), reconcileBatch)]
		var ids postgres.Sessions
		for _, s := range part {
			ids.SessionIDs = append(ids.SessionIDs, s.ID)
			if id := purchase.KnownID(s.ClientReferenceID); id != "" {
				ids.CheckoutIDs = append(ids.CheckoutIDs, id)
			}
		}
		open, err := postgres.OpenCheckouts(ctx, r.cfg.Pool, ids)
		if err != nil {
			return repaired, errors.Join(failed, err)
		}
		for _, s := range part {
			c, ok := checkoutOf(open, s)
			if !ok || recorded[s.ID] {
				continue
			}
			if err := r.record(ctx, c.ID, s); err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			repaired++
		}
	}
	return repaired, failed
}

// checkoutOf returns the checkout of a session.
func checkoutOf(open []purchase.Checkout, s stripe.Session) (purchase.Checkout, bool) {
	for _, c := range open {
		if c.SessionID == s.ID || c.ID == s.ClientReferenceID {
			return c, true
		}
	}
	return purchase.Checkout{}, false
}

// record records a session, and leaves the command to the sweeper when the bus is away.
func (r *reconciler) record(ctx context.Context, checkoutID string, s stripe.Session) error {
	cmd, pending, err := r.ingester.recordSession(ctx, checkoutID, s)
	if err == nil && pending {
		r.ingester.publish(ctx, cmd)
	}
	return err
}

// checkouts records the end of checkouts that was not reported. One that fails does not
// hold up the others: it comes last in the next round.
func (r *reconciler) checkouts(ctx context.Context, now time.Time) (repaired int, err error) {
	var failed error
	for ctx.Err() == nil {
		overdue, err := postgres.ClaimOverdue(ctx, r.cfg.Pool, now.Add(-lateCheckout), now, reconcileBatch)
		if err != nil || len(overdue) == 0 {
			return repaired, errors.Join(failed, err)
		}
		for _, c := range overdue {
			if err := r.recordEnd(ctx, c); err != nil {
				failed = errors.Join(failed, fmt.Errorf("record the end of checkout %s: %w", c.ID, err))
				continue
			}
			repaired++
		}
	}
	return repaired, errors.Join(failed, ctx.Err())
}

// recordEnd closes a checkout's sessions and records how it ended.
func (r *reconciler) recordEnd(ctx context.Context, c purchase.Checkout) error {
	ctx, cancel := context.WithTimeout(ctx, callBudget)
	defer cancel()
	paid, err := closeSessions(ctx, r.cfg.Stripe, c)
	if err != nil {
		return err
	}
	if !paid {
		return r.record(ctx, c.ID, stripe.Session{ID: c.SessionID})
	}

	sessions, err := r.cfg.Stripe.FindCheckouts(ctx, c.ID, c.CreatedAt.Add(-clockSkew), c.ExpiresAt)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if s.PaymentStatus == stripe.PaymentPaid {
			return r.record(ctx, c.ID, s)
		}
	}
	return nil // complete and not paid yet: an event will report the payment
}
