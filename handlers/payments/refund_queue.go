package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/commands"
)

// refundQueue refunds the payments that must not be kept. The row of a refund that is due
// is written in the transaction that found the payment to be a duplicate, a mismatch or
// unfulfillable, so the table itself is the work list: a crash loses nothing.
//
// Every refund asks for all that is left of the payment, so no repetition, whatever
// its key, can refund more than was paid. The key is refund:{intent}:{reason}; a number
// is appended once the provider has stored a failure under it, or the refund failed later:
// what was due is then due again.
//
// A refund that fails for three days, or that the provider will never make, becomes a dead
// letter and rests until that is retried (postgres.RestartRefund).
type refundQueue struct {
	cfg      Config
	ingester *eventIngester
}

const (
	refundBatch = 20
	// obligationTries is after how many attempts a refund or an erasure is given up: with
	// their delays about three days, which is for how long the provider sends webhooks too.
	obligationTries = 80
	// obligationAlarm is after how many attempts failures are logged as errors: about an
	// hour.
	obligationAlarm = 10
	// refundLetters and erasureLetters are the consumers in the dead letters of refunds and
	// erasures that were given up. Their message ids are those of the obligations.
	refundLetters  = "refunds"
	erasureLetters = "customer_erasures"
)

// refundDue makes the due refunds and returns how many it made.
func (q *refundQueue) refundDue(ctx context.Context) (refunded int, err error) {
	due, err := postgres.ClaimRefunds(ctx, q.cfg.Pool, q.cfg.Now().UTC(), refundBatch)
	if err != nil {
		return 0, err
	}
	for _, d := range due {
		refunds, err := q.refund(ctx, d)
		if err == nil {
			err = q.ingester.recordRefunds(ctx, d.Intent, refunds)
		}
		if err != nil {
			if err := q.recordFailure(ctx, d, err); err != nil {
				return refunded, err
			}
			continue
		}
		newest := ""
		if len(refunds) > 0 {
			newest = refunds[0].ID
		}
		err = pgx.BeginFunc(ctx, q.cfg.Pool, func(tx pgx.Tx) error {
			return postgres.RefundMade(ctx, tx, d.PurchaseID, newest, q.cfg.Now().UTC())
		})
		if err != nil {
			return refunded, err
		}
		refunded++
	}
	return refunded, nil
}

var errRefundFailed = errors.New("the provider made a refund that failed at once")

// refund refunds all that is left of a payment, and returns the refund. When it had been
// refunded already, it returns all its refunds, newest first.
func (q *refundQueue) refund(ctx context.Context, due postgres.DueRefund) ([]stripe.Refund, error) {
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
	switch {
	case err == nil && !goesBack(refund):
		// Its record makes the next attempt use another key.
		if err := q.ingester.recordRefunds(ctx, due.Intent, []stripe.Refund{refund}); err != nil {
			return nil, err
		}
		return nil, errRefundFailed
	case err == nil:
		return []stripe.Refund{refund}, nil
	}

	// It may have been refunded by hand, or by an earlier call whose response was lost.
	made, lookUp := q.cfg.Stripe.ListRefunds(ctx, due.Intent)
	if lookUp != nil {
		return nil, err
	}
	var total int64
	for _, r := range made {
		if goesBack(r) {
			total += r.AmountCents
		}
	}
	var failure *stripe.Error
	refunded := errors.As(err, &failure) && failure.Code == stripe.CodeAlreadyRefunded
	if refunded || total >= due.PaidCents && len(made) > 0 {
		return made, nil
	}
	// What was refunded in part is recorded; the rest stays due.
	return nil, errors.Join(err, q.ingester.recordRefunds(ctx, due.Intent, made))
}

// goesBack reports whether a refund was made, or is pending.
func goesBack(r stripe.Refund) bool {
	return r.Status != stripe.RefundFailed && r.Status != stripe.RefundCanceled
}

// recordFailure records why a payment was not refunded. A refund that the provider will
// never make, and one that failed obligationTries times, becomes a dead letter.
func (q *refundQueue) recordFailure(ctx context.Context, due postgres.DueRefund, cause error) error {
	q.cfg.Log.Log(ctx, levelOf(due.Attempts), "payment not refunded",
		"purchase", due.PurchaseID, "attempt", due.Attempts, "error", cause)
	var failure *stripe.Error
	// A failure that the provider may have stored under the key needs the next key.
	stored := errors.As(cause, &failure) && failure.HTTPStatus >= http.StatusBadRequest &&
		failure.HTTPStatus != http.StatusConflict && failure.HTTPStatus != http.StatusTooManyRequests
	if err := postgres.RefundFailed(ctx, q.cfg.Pool, due.PurchaseID, cause, stored); err != nil {
		return err
	}
	if due.Attempts < obligationTries && !errors.Is(cause, stripe.ErrNotFound) {
		return nil
	}

	letter := commands.DeadLetter{
		Consumer:  refundLetters,
		MessageID: due.PurchaseID,
		Type:      "refund_obligation",
		Body:      []byte(due.Intent),
		Cause:     cause,
		Attempts:  due.Attempts,
	}
	return pgx.BeginFunc(ctx, q.cfg.Pool, func(tx pgx.Tx) error {
		if err := postgres.GiveUpRefund(ctx, tx, due.PurchaseID); err != nil {
			return err
		}
		return letter.Write(ctx, tx)
	})
}

// levelOf returns at which level the failure of an attempt is logged.
func levelOf(attempts int) slog.Level {
	if attempts >= obligationAlarm {
		return slog.LevelError
	}
	return slog.LevelWarn
}
