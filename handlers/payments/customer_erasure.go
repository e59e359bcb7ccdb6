package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase/stripe"
)

// customerErasure deletes the customers of deleted accounts at the payment provider. The
// row of each was written in the transaction that deleted the account, so the table is
// the work list: no event has to carry the customer's id, and no transaction stays open
// while the provider is slow. A failed deletion is retried without end.
type customerErasure struct{ cfg Config }

const (
	customersPerSweep = 20
	// customerAlarm is after how many attempts failures are logged as errors. With the
	// delays of claim that is about an hour.
	customerAlarm = 10
)

// eraseDue deletes the customers that are due and returns how many were deleted.
func (e *customerErasure) eraseDue(ctx context.Context) (erased int, err error) {
	due, err := e.claim(ctx)
	if err != nil {
		return 0, err
	}
	for _, customer := range due {
		if ctx.Err() != nil {
			return erased, nil //nolint:nilerr // stopped; the rest is due again soon
		}

		err := e.cfg.Stripe.DeleteCustomer(ctx, customer.StripeID)
		if err != nil && !errors.Is(err, stripe.ErrNotFound) {
			e.logFailure(ctx, customer, err)
			continue
		}
		if _, err := e.cfg.Pool.Exec(ctx, `DELETE FROM customer_erasures WHERE id = $1`, customer.ID); err != nil {
			return erased, fmt.Errorf("delete the erasure: %w", err)
		}
		erased++
	}
	return erased, nil
}

func (e *customerErasure) logFailure(ctx context.Context, customer dueErasure, err error) {
	level := slog.LevelWarn
	if customer.Attempts >= customerAlarm {
		level = slog.LevelError
	}
	e.cfg.Log.Log(ctx, level, "customer not erased at the provider",
		"erasure", customer.ID, "attempt", customer.Attempts, "error", err)
}

// dueErasure is one row that is due.
type dueErasure struct {
	ID       string
	StripeID string
	Attempts int
}

// claim returns the due erasures and makes them due again 5 s later, doubled with every
// attempt, an hour at most. Deleting a customer twice does no harm.
func (e *customerErasure) claim(ctx context.Context) ([]dueErasure, error) {
	rows, err := e.cfg.Pool.Query(ctx, `
UPDATE customer_erasures SET attempts = attempts + 1,
       next_attempt_at = $1::timestamptz
                       + LEAST(interval '5 seconds' * power(2, LEAST(attempts, 12)), interval '1 hour')
WHERE id IN (
    SELECT id FROM customer_erasures WHERE next_attempt_at <= $1
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING id, stripe_customer_id, attempts`, e.cfg.Now().UTC(), customersPerSweep)
	if err != nil {
		return nil, fmt.Errorf("claim erasures: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[dueErasure])
	if err != nil {
		return nil, fmt.Errorf("claim erasures: %w", err)
	}
	return due, nil
}
