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
	PurchaseID string
	Intent     string
	Reason     string
	// PaidCents is what was paid.
	PaidCents int64
	// Attempts counts this one too.
	Attempts int
	// KeyNumber is the number in the idempotency key. It grows with every refund that failed
	// after it was made: the provider would repeat it under its key.
	KeyNumber int
}

// ClaimRefunds returns refunds that are due, and makes them due again later.
func ClaimRefunds(ctx context.Context, db postgres.Queryer, now time.Time, limit int) ([]DueRefund, error) {
	rows, err := db.Query(ctx, `
UPDATE refund_obligations SET attempts = attempts + 1, next_attempt_at = `+nextAttemptSQL+`
WHERE purchase_id IN (
    SELECT purchase_id FROM refund_obligations WHERE paid_at IS NULL AND next_attempt_at <= $1
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING purchase_id, payment_intent, reason, COALESCE(
    (SELECT p.amount_cents FROM payments p WHERE p.purchase_id = refund_obligations.purchase_id), amount_cents),
    attempts, key_number + (
    SELECT count(*) FROM payment_refunds r
    WHERE r.payment_intent = refund_obligations.payment_intent AND r.status IN ('failed', 'cancelled'))`, now, limit)
	if err != nil {
		return nil, fmt.Errorf("claim due refunds: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DueRefund])
	if err != nil {
		return nil, fmt.Errorf("claim due refunds: %w", err)
	}
	return due, nil
}

// RefundMade records a refund, unless it was reported as failed meanwhile. The id is empty
// for one that was made elsewhere.
func RefundMade(ctx context.Context, tx pgx.Tx, purchaseID, refundID string, now time.Time) error {
	// The lock of the payment: a report of the refund comes before or after this.
	if _, err := tx.Exec(ctx, `SELECT FROM payments WHERE purchase_id = $1 FOR UPDATE`, purchaseID); err != nil {
		return fmt.Errorf("lock the payment of a refund: %w", err)
	}
	if _, err := tx.Exec(ctx, `
UPDATE refund_obligations o SET paid_at = $2, stripe_refund_id = NULLIF($3, ''), last_error = NULL
WHERE purchase_id = $1 AND NOT EXISTS (
    SELECT FROM payment_refunds r
    WHERE r.payment_intent = o.payment_intent AND r.refund_id = $3 AND r.status IN ('failed', 'cancelled'))`,
		purchaseID, now, refundID); err != nil {
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

// Mismatch is a payment that did not become a purchase, or was paid twice.
type Mismatch struct {
	At     time.Time
	Intent string
	// Reason is the outcome of the payment, and Detail says what was expected and paid. It
	// is empty for payments that were decided before details were kept.
	Reason string
	Detail string
	// AmountCents is what was paid.
	AmountCents int64
	Currency    string
	// Refund is "made", "pending", "due" or "given up"; LastError is of its last attempt.
	Refund    string
	LastError string
}

// Mismatches returns the newest payments that did not become purchases, newest first.
func Mismatches(ctx context.Context, db postgres.Queryer, limit int) ([]Mismatch, error) {
	rows, err := db.Query(ctx, `
SELECT o.created_at, o.payment_intent, o.reason, COALESCE(o.detail, ''), COALESCE(p.amount_cents, o.amount_cents),
       o.currency,
       CASE WHEN o.paid_at IS NOT NULL AND EXISTS (
                SELECT FROM payment_refunds r WHERE r.payment_intent = o.payment_intent AND r.status = 'pending')
            THEN 'pending'
            WHEN o.paid_at IS NOT NULL THEN 'made'
            WHEN o.next_attempt_at = 'infinity' THEN 'given up'
            ELSE 'due' END,
       COALESCE(o.last_error, '')
FROM refund_obligations o LEFT JOIN payments p ON p.payment_intent = o.payment_intent
ORDER BY o.created_at DESC, o.purchase_id LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("read mismatches: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Mismatch])
	if err != nil {
		return nil, fmt.Errorf("read mismatches: %w", err)
	}
	return list, nil
}

// ForeignPayment is a payment in the provider's account that is not of this installation, or
// of which only refunds and disputes were reported.
type ForeignPayment struct {
	At     time.Time
	Intent string
	// Reason says why; it names no person.
	Reason string
	// Amount is in the smallest unit of Currency: what was paid, or else refunded. Currency
	// may be empty.
	Amount   int64
	Currency string
}

// ForeignPayments returns the newest payments that are not of this installation, newest
// first, and how many there are.
func ForeignPayments(
	ctx context.Context, db postgres.Queryer, limit int,
) (list []ForeignPayment, total int64, err error) {
	rows, err := db.Query(ctx, `
SELECT COALESCE(foreign_at, created_at), payment_intent,
       COALESCE(foreign_reason, 'only refunds or disputes of it were reported'),
       COALESCE(foreign_amount, refunded_cents), COALESCE(foreign_currency, ''), count(*) OVER ()
FROM payments WHERE paid_at IS NULL ORDER BY created_at DESC, payment_intent LIMIT $1`, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("read foreign payments: %w", err)
	}
	var p ForeignPayment
	_, err = pgx.ForEachRow(rows, []any{&p.At, &p.Intent, &p.Reason, &p.Amount, &p.Currency, &total}, func() error {
		list = append(list, p)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read foreign payments: %w", err)
	}
	return list, total, nil
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
