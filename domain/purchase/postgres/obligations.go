package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/postgres"
)

// Refunds that are due and customers to be erased are queues of calls to the provider. A
// claimed row is due again 5 s later, doubled with every attempt, an hour at most, so no
// two processes work on one row at once. A row that was given up is due at infinity, which
// versions without that notion respect as well.

// nextAttemptSQL is when a row is due again that is claimed at $1.
const nextAttemptSQL = `$1::timestamptz +
    LEAST(interval '5 seconds' * power(2, LEAST(attempts, 12)), interval '1 hour')`

// DueRefund is a refund that has to be made.
type DueRefund struct {
	PurchaseID  string
	Intent      string
	Reason      string
	AmountCents int64
	// Attempts counts this one too.
	Attempts int
	// KeyNumber is the number in the idempotency key.
	KeyNumber int
}

// ClaimRefunds returns refunds that are due, and makes them due again later.
func ClaimRefunds(ctx context.Context, db postgres.Queryer, now time.Time, limit int) ([]DueRefund, error) {
	rows, err := db.Query(ctx, `
UPDATE refund_obligations SET attempts = attempts + 1, next_attempt_at = `+nextAttemptSQL+`
WHERE purchase_id IN (
    SELECT purchase_id FROM refund_obligations WHERE paid_at IS NULL AND next_attempt_at <= $1
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING purchase_id, payment_intent, reason, amount_cents, attempts, key_number`, now, limit)
	if err != nil {
		return nil, fmt.Errorf("claim due refunds: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DueRefund])
	if err != nil {
		return nil, fmt.Errorf("claim due refunds: %w", err)
	}
	return due, nil
}

// RefundMade records a refund. The id is empty for one that was made elsewhere.
func RefundMade(ctx context.Context, db postgres.Execer, purchaseID, refundID string, now time.Time) error {
	if _, err := db.Exec(ctx, `
UPDATE refund_obligations SET paid_at = $2, stripe_refund_id = NULLIF($3, ''), last_error = NULL
WHERE purchase_id = $1`, purchaseID, now, refundID); err != nil {
		return fmt.Errorf("mark as refunded: %w", err)
	}
	return nil
}

// RefundFailed records why a refund was not made. nextKey uses up the idempotency key.
func RefundFailed(ctx context.Context, db postgres.Execer, purchaseID string, cause error, nextKey bool) error {
	if _, err := db.Exec(ctx, `
UPDATE refund_obligations
SET last_error = left($2, 1000), key_number = key_number + CASE WHEN $3 THEN 1 ELSE 0 END
WHERE purchase_id = $1`, purchaseID, cause.Error(), nextKey); err != nil {
		return fmt.Errorf("record the failure of a refund: %w", err)
	}
	return nil
}

// GiveUpRefund ends the attempts at a refund, until RestartRefund.
func GiveUpRefund(ctx context.Context, db postgres.Execer, purchaseID string) error {
	if _, err := db.Exec(ctx, `
UPDATE refund_obligations SET next_attempt_at = 'infinity' WHERE purchase_id = $1 AND paid_at IS NULL`,
		purchaseID); err != nil {
		return fmt.Errorf("give up a refund: %w", err)
	}
	return nil
}

// RestartRefund makes a refund due that was given up, with all its attempts. It reports
// false when there is none that is to be made.
func RestartRefund(ctx context.Context, db postgres.Execer, purchaseID string, now time.Time) (bool, error) {
	tag, err := db.Exec(ctx, `
UPDATE refund_obligations SET next_attempt_at = $2, attempts = 0
WHERE purchase_id::text = $1 AND paid_at IS NULL`, purchaseID, now)
	if err != nil {
		return false, fmt.Errorf("restart a refund: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// Mismatch is a payment that did not become a purchase.
type Mismatch struct {
	At     time.Time
	Intent string
	// Reason is the outcome of the payment, and Detail says what was expected and paid. It
	// is empty for payments that were decided before details were kept.
	Reason      string
	Detail      string
	AmountCents int64
	Currency    string
	// Refund is "made", "due" or "given up"; LastError is of its last attempt.
	Refund    string
	LastError string
}

// Mismatches returns the newest payments that did not become purchases, newest first.
func Mismatches(ctx context.Context, db postgres.Queryer, limit int) ([]Mismatch, error) {
	rows, err := db.Query(ctx, `
SELECT created_at, payment_intent, reason, COALESCE(detail, ''), amount_cents, currency,
       CASE WHEN paid_at IS NOT NULL THEN 'made' WHEN next_attempt_at = 'infinity' THEN 'given up' ELSE 'due' END,
       COALESCE(last_error, '')
FROM refund_obligations ORDER BY created_at DESC, purchase_id LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("read mismatches: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Mismatch])
	if err != nil {
		return nil, fmt.Errorf("read mismatches: %w", err)
	}
	return list, nil
}

// DueErasure is a customer that has to be deleted at the provider.
type DueErasure struct {
	ID       string
	StripeID string
	// Attempts counts this one too.
	Attempts int
}

// QueueErasure queues the deletion of a user's customer at the provider. It must come
// before the users row loses the customer's id.
func QueueErasure(b *pgx.Batch, userID string, now time.Time) {
	b.Queue(`
INSERT INTO customer_erasures (stripe_customer_id, next_attempt_at)
SELECT stripe_customer_id, $2 FROM users WHERE id = $1 AND stripe_customer_id IS NOT NULL
ON CONFLICT (stripe_customer_id) DO NOTHING`, userID, now)
}

// ClaimErasures returns erasures that are due, and makes them due again later.
func ClaimErasures(ctx context.Context, db postgres.Queryer, now time.Time, limit int) ([]DueErasure, error) {
	rows, err := db.Query(ctx, `
UPDATE customer_erasures SET attempts = attempts + 1, next_attempt_at = `+nextAttemptSQL+`
WHERE id IN (
    SELECT id FROM customer_erasures WHERE next_attempt_at <= $1
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING id, stripe_customer_id, attempts`, now, limit)
	if err != nil {
		return nil, fmt.Errorf("claim erasures: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DueErasure])
	if err != nil {
		return nil, fmt.Errorf("claim erasures: %w", err)
	}
	return due, nil
}

// ErasureMade removes an erasure that was made.
func ErasureMade(ctx context.Context, db postgres.Execer, id string) error {
	if _, err := db.Exec(ctx, `DELETE FROM customer_erasures WHERE id = $1`, id); err != nil {
		return fmt.Errorf("delete the erasure: %w", err)
	}
	return nil
}

// GiveUpErasure ends the attempts at an erasure, until RestartErasure.
func GiveUpErasure(ctx context.Context, db postgres.Execer, id string) error {
	if _, err := db.Exec(ctx, `UPDATE customer_erasures SET next_attempt_at = 'infinity' WHERE id = $1`, id); err != nil {
		return fmt.Errorf("give up an erasure: %w", err)
	}
	return nil
}

// RestartErasure makes an erasure due that was given up, with all its attempts. It reports
// false when there is none.
func RestartErasure(ctx context.Context, db postgres.Execer, id string, now time.Time) (bool, error) {
	tag, err := db.Exec(ctx, `
UPDATE customer_erasures SET next_attempt_at = $2, attempts = 0 WHERE id::text = $1`, id, now)
	if err != nil {
		return false, fmt.Errorf("restart an erasure: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}
