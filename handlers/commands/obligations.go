package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/periodic"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/deadletter"
)

// Refunds is the payment provider, as far as giving back is concerned.
type Refunds interface {
	Refund(ctx context.Context, paymentIntent string, amountCents int64, reason, idempotencyKey string) (stripe.Refund, error)
	ListRefunds(ctx context.Context, paymentIntent string) ([]stripe.Refund, error)
}

// Obligations gives back what is owed. The row of an obligation is written in the
// transaction that found the payment to be a duplicate, a mismatch or
// unfulfillable, so the table itself is the work list: a loop over it needs no
// message, and a crash loses nothing. (A reaction to purchase.duplicate_detected
// would have to call out inside its transaction, or hand over to such a loop.)
//
// Every refund asks for all that is left of the payment, so no repetition, whatever
// its key, can give back more than was paid. The key is refund:{intent}:{reason},
// and gets a number behind it once the provider has stored a failure under it.
type Obligations struct {
	Pool   *pgxpool.Pool
	Stripe Refunds
	// Every is how often the table is looked at; default 2 s.
	Every time.Duration
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// obligation is one row that is due.
type obligation struct {
	PurchaseID, Intent, Reason string
	AmountCents                int64
	Attempts, KeyNumber        int
}

const (
	obligationBatch = 20
	// obligationLetter is after how many attempts an operator is told. With the
	// delays below that is about an hour.
	obligationLetter = 10
)

// Run pays until ctx is done.
func (o *Obligations) Run(ctx context.Context) error {
	periodic.Run(ctx, cmp.Or(o.Every, 2*time.Second), func() {
		if n, err := o.Pay(ctx); err != nil && ctx.Err() == nil {
			o.Log.Warn("obligations not paid", "error", err)
		} else if n > 0 {
			o.Log.Info("payments given back", "payments", n)
		}
	})
	return nil
}

// Pay pays what is due, and returns how much of it was paid.
func (o *Obligations) Pay(ctx context.Context) (paid int, err error) {
	due, err := o.claim(ctx)
	if err != nil {
		return 0, err
	}
	for _, ob := range due {
		refundID, err := o.giveBack(ctx, ob)
		if err != nil {
			o.Log.Warn("payment not given back", "purchase", ob.PurchaseID, "attempt", ob.Attempts, "error", err)
			if err := o.note(ctx, ob, err); err != nil {
				return paid, err
			}
			continue
		}
		if _, err := o.Pool.Exec(ctx, `UPDATE refund_obligations SET paid_at = $2, stripe_refund_id = NULLIF($3, ''), last_error = NULL
			WHERE purchase_id = $1`, ob.PurchaseID, o.Now().UTC(), refundID); err != nil {
			return paid, fmt.Errorf("mark as paid: %w", err)
		}
		paid++
	}
	return paid, nil
}

// claim takes what is due and says when it is due again: 5 s later, doubled with
// every attempt, an hour at most. So no two processes pay at once.
func (o *Obligations) claim(ctx context.Context) ([]obligation, error) {
	now := o.Now().UTC()
	rows, err := o.Pool.Query(ctx, `
UPDATE refund_obligations SET attempts = attempts + 1,
       next_attempt_at = $1::timestamptz + LEAST(interval '5 seconds' * power(2, LEAST(attempts, 12)), interval '1 hour')
WHERE purchase_id IN (SELECT purchase_id FROM refund_obligations WHERE paid_at IS NULL AND next_attempt_at <= $1
                      ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING purchase_id, payment_intent, reason, amount_cents, attempts, key_number`, now, obligationBatch)
	if err != nil {
		return nil, fmt.Errorf("claim obligations: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[obligation])
}

// giveBack gives all that is left of a payment back, and returns the refund's id.
func (o *Obligations) giveBack(ctx context.Context, ob obligation) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callBudget)
	defer cancel()
	key := fmt.Sprintf("refund:%s:%s", ob.Intent, ob.Reason)
	if ob.KeyNumber > 1 {
		key = fmt.Sprintf("%s:%d", key, ob.KeyNumber)
	}
	reason := stripe.ReasonByRequest
	if ob.Reason == string(purchase.Duplicate) {
		reason = stripe.ReasonDuplicate
	}
	refund, err := o.Stripe.Refund(ctx, ob.Intent, 0, reason, key)
	if err == nil {
		return refund.ID, nil
	}
	// Somebody may have given it back by hand, or an earlier call may have worked.
	made, lookUp := o.Stripe.ListRefunds(ctx, ob.Intent)
	if lookUp != nil {
		return "", err
	}
	var total int64
	for _, r := range made {
		if r.Status != "failed" && r.Status != "canceled" {
			total += r.AmountCents
		}
	}
	if total >= ob.AmountCents && len(made) > 0 {
		return made[0].ID, nil
	}
	return "", err
}

// note keeps why a payment could not be given back, and tells an operator in time.
func (o *Obligations) note(ctx context.Context, ob obligation, cause error) error {
	var failure *stripe.Error
	answered := errors.As(cause, &failure) && failure.HTTPStatus >= 400 && failure.HTTPStatus != 409 && failure.HTTPStatus != 429
	if _, err := o.Pool.Exec(ctx, `UPDATE refund_obligations SET last_error = left($2, 1000), key_number = key_number + CASE WHEN $3 THEN 1 ELSE 0 END
		WHERE purchase_id = $1`, ob.PurchaseID, cause.Error(), answered); err != nil {
		return fmt.Errorf("note failure: %w", err)
	}
	if ob.Attempts != obligationLetter {
		return nil
	}
	o.Log.Error("payment cannot be given back", "purchase", ob.PurchaseID, "error", cause)
	return deadletter.Letter{
		Consumer: "obligations", MessageID: ob.PurchaseID, Type: "refund_obligation", Body: []byte(ob.Intent), Cause: cause, Attempts: ob.Attempts,
	}.Write(ctx, o.Pool)
}
