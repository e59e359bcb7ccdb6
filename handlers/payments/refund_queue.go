package payments

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/commands"
)

// refundQueue refunds the payments that must not be kept. The row of a refund that is due
// is written in the transaction that found the payment to be a duplicate, a mismatch or
// unfulfillable, so the table itself is the work list: a crash loses nothing.
//
// Every refund asks for all that is left of the payment, so no repetition, whatever
// its key, can refund more than was paid. The key is refund:{intent}:{reason}; a number
// is appended once the provider has stored a failure under it.
type refundQueue struct{ cfg Config }

// dueRefund is one row that is due.
type dueRefund struct {
	PurchaseID  string
	Intent      string
	Reason      string
	AmountCents int64
	Attempts    int
	KeyNumber   int
}

const (
	refundBatch = 20
	// refundLetter is after how many attempts a dead letter is written. With the delays of
	// claim that is about an hour.
	refundLetter = 10
)

// refundDue makes the due refunds and returns how many it made.
func (q *refundQueue) refundDue(ctx context.Context) (refunded int, err error) {
	due, err := q.claim(ctx)
	if err != nil {
		return 0, err
	}
	for _, d := range due {
		refundID, err := q.refund(ctx, d)
		if err != nil {
			q.cfg.Log.Warn("payment not refunded", "purchase", d.PurchaseID, "attempt", d.Attempts, "error", err)
			if err := q.recordFailure(ctx, d, err); err != nil {
				return refunded, err
			}
			continue
		}
		if _, err := q.cfg.Pool.Exec(ctx, `
UPDATE refund_obligations SET paid_at = $2, stripe_refund_id = NULLIF($3, ''), last_error = NULL
WHERE purchase_id = $1`, d.PurchaseID, q.cfg.Now().UTC(), refundID); err != nil {
			return refunded, fmt.Errorf("mark as refunded: %w", err)
		}
		refunded++
	}
	return refunded, nil
}

// claim returns the due refunds and makes them due again 5 s later, doubled with every
// attempt, an hour at most. So no two processes refund one payment at once.
func (q *refundQueue) claim(ctx context.Context) ([]dueRefund, error) {
	now := q.cfg.Now().UTC()
	rows, err := q.cfg.Pool.Query(ctx, `
UPDATE refund_obligations SET attempts = attempts + 1,
       next_attempt_at = $1::timestamptz
                       + LEAST(interval '5 seconds' * power(2, LEAST(attempts, 12)), interval '1 hour')
WHERE purchase_id IN (
    SELECT purchase_id FROM refund_obligations WHERE paid_at IS NULL AND next_attempt_at <= $1
    ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING purchase_id, payment_intent, reason, amount_cents, attempts, key_number`, now, refundBatch)
	if err != nil {
		return nil, fmt.Errorf("claim due refunds: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[dueRefund])
}

// refund refunds all that is left of a payment, and returns the refund's id.
func (q *refundQueue) refund(ctx context.Context, due dueRefund) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callBudget)
	defer cancel()

	key := fmt.Sprintf("refund:%s:%s", due.Intent, due.Reason)
	if due.KeyNumber > 1 {
		key = fmt.Sprintf("%s:%d", key, due.KeyNumber)
	}
	reason := stripe.ReasonByRequest
	if due.Reason == string(purchase.Duplicate) {
		reason = stripe.ReasonDuplicate
	}

	refund, err := q.cfg.Stripe.Refund(ctx, due.Intent, 0, reason, key)
	if err == nil {
		return refund.ID, nil
	}

	// It may have been refunded by hand, or by an earlier call whose response was lost.
	made, lookUp := q.cfg.Stripe.ListRefunds(ctx, due.Intent)
	if lookUp != nil {
		return "", err
	}
	var total int64
	for _, r := range made {
		if r.Status != "failed" && r.Status != "canceled" {
			total += r.AmountCents
		}
	}
	if total >= due.AmountCents && len(made) > 0 {
		return made[0].ID, nil
	}
	return "", err
}

// recordFailure records why a payment was not refunded. After refundLetter attempts it
// writes a dead letter.
func (q *refundQueue) recordFailure(ctx context.Context, due dueRefund, cause error) error {
	var failure *stripe.Error
	// A failure that the provider may have stored under the key needs the next key.
	stored := errors.As(cause, &failure) && failure.HTTPStatus >= http.StatusBadRequest &&
		failure.HTTPStatus != http.StatusConflict && failure.HTTPStatus != http.StatusTooManyRequests
	if _, err := q.cfg.Pool.Exec(ctx, `
UPDATE refund_obligations
SET last_error = left($2, 1000), key_number = key_number + CASE WHEN $3 THEN 1 ELSE 0 END
WHERE purchase_id = $1`, due.PurchaseID, cause.Error(), stored); err != nil {
		return fmt.Errorf("record failure: %w", err)
	}
	if due.Attempts != refundLetter {
		return nil
	}
	q.cfg.Log.Error("payment cannot be refunded", "purchase", due.PurchaseID, "error", cause)
	return commands.DeadLetter{
		Consumer:  "refunds",
		MessageID: due.PurchaseID,
		Type:      "refund_obligation",
		Body:      []byte(due.Intent),
		Cause:     cause,
		Attempts:  due.Attempts,
	}.Write(ctx, q.cfg.Pool)
}
