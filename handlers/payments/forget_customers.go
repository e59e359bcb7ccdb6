package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/purchase/stripe"
)

// CustomerRemover deletes customers at the payment provider.
type CustomerRemover interface {
	DeleteCustomer(ctx context.Context, customerID string) error
}

// customerErasure deletes the customers of deleted accounts at the payment provider. The
// row of each was written in the transaction that deleted the account, so the table is
// the work list: no event has to carry the customer's id, and no transaction stays open
// while the provider is slow. A failed deletion is tried again for ever.
type customerErasure struct {
	Pool   *pgxpool.Pool
	Stripe CustomerRemover
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

const (
	customersPerSweep = 20
	// customerAlarm is after how many attempts the log says error. With the delays of
	// claim that is about an hour.
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
		err := e.Stripe.DeleteCustomer(ctx, customer.StripeID)
		if err != nil && !errors.Is(err, stripe.ErrNotFound) {
			level := slog.LevelWarn
			if customer.Attempts >= customerAlarm {
				level = slog.LevelError
			}
			e.Log.Log(ctx, level, "customer not erased at the provider",
				"erasure", customer.ID, "attempt", customer.Attempts, "error", err)
			continue
		}
		if _, err := e.Pool.Exec(ctx, `DELETE FROM customer_erasures WHERE id = $1`, customer.ID); err != nil {
			return erased, fmt.Errorf("forget the customer: %w", err)
		}
		erased++
	}
	return erased, nil
}

type erasedCustomer struct {
	ID, StripeID string
	Attempts     int
}

// claim takes what is due and sets when it is due again: 5 s later, doubled with every
// attempt, an hour at most. Deleting a customer twice does no harm.
func (e *customerErasure) claim(ctx context.Context) ([]erasedCustomer, error) {
	rows, err := e.Pool.Query(ctx, `
UPDATE customer_erasures SET attempts = attempts + 1,
       next_attempt_at = $1::timestamptz + LEAST(interval '5 seconds' * power(2, LEAST(attempts, 12)), interval '1 hour')
WHERE id IN (
    SELECT id FROM customer_erasures WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING id, stripe_customer_id, attempts`, e.Now().UTC(), customersPerSweep)
	if err != nil {
		return nil, fmt.Errorf("claim customers: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[erasedCustomer])
	if err != nil {
		return nil, fmt.Errorf("claim customers: %w", err)
	}
	return due, nil
}
