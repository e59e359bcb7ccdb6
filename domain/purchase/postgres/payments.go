package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/domain/purchase"
)

const paymentColumns = `p.payment_intent, p.purchase_id, p.paid_at, COALESCE(p.outcome, ''),
	COALESCE(p.customer_id, ''), COALESCE(p.content_id::text, ''), COALESCE(p.amount_cents, 0), COALESCE(p.currency, ''),
	p.refunded_cents, p.refunded_at, p.superseded, p.version,
	p.foreign_at, COALESCE(p.foreign_reason, ''), COALESCE(p.foreign_amount, 0), COALESCE(p.foreign_currency, ''),
	COALESCE(u.organization_id::text, ''), COALESCE(u.checkout_id::text, ''),
	COALESCE(u.platform_fee_cents, 0), COALESCE(u.organization_fee_cents, 0), COALESCE(u.creator_payout_cents, 0),
	COALESCE(c.creator_id, '')`

// QueuePayments queues the read of the payments of intents, locked.
//
// The refund and the dispute in the row itself are what the version before this one knows of,
// which may run beside it during an update. They are reports like any other.
func QueuePayments(b *pgx.Batch, intents []string, found map[string]purchase.Payment) {
	b.Queue(`
SELECT `+paymentColumns+`
FROM payments p LEFT JOIN purchases u ON u.id = p.purchase_id LEFT JOIN content c ON c.id = p.content_id
WHERE p.payment_intent = ANY($1::text[]) ORDER BY p.payment_intent FOR UPDATE OF p`, intents).
		Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, scanPayment)
			for _, p := range list {
				found[p.Intent] = p
			}
			return err
		})
	b.Queue(`
SELECT payment_intent, refund_id, amount_cents, status, COALESCE(reason, ''), created_at
FROM payment_refunds WHERE payment_intent = ANY($1::text[])
UNION ALL
SELECT payment_intent, refund_id, 0, 'succeeded', COALESCE(refund_reason, ''), COALESCE(refunded_at, created_at)
FROM payments p WHERE payment_intent = ANY($1::text[]) AND refund_id IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM payment_refunds r WHERE r.payment_intent = p.payment_intent AND r.refund_id = p.refund_id)`,
		intents).
		Query(func(rows pgx.Rows) error {
			var intent string
			var r purchase.Refund
			targets := []any{&intent, &r.ID, &r.Amount, &r.Status, &r.Reason, &r.CreatedAt}
			_, err := pgx.ForEachRow(rows, targets, func() error {
				r.CreatedAt = r.CreatedAt.UTC()
				found[intent] = found[intent].With([]purchase.Refund{r}, nil)
				return nil
			})
			return err
		})
	b.Queue(`
SELECT payment_intent, dispute_id, amount_cents, status, COALESCE(reason, ''), opened_at, closed_at
FROM payment_disputes WHERE payment_intent = ANY($1::text[])
UNION ALL
SELECT payment_intent, COALESCE(dispute_id, ''), 0, dispute_status, COALESCE(dispute_reason, ''),
       disputed_at, dispute_closed_at
FROM payments WHERE payment_intent = ANY($1::text[]) AND dispute_status IS NOT NULL`, intents).
		Query(func(rows pgx.Rows) error {
			var intent string
			var d purchase.Dispute
			var opened, closed *time.Time
			targets := []any{&intent, &d.ID, &d.Amount, &d.Status, &d.Reason, &opened, &closed}
			_, err := pgx.ForEachRow(rows, targets, func() error {
				d.OpenedAt, d.ClosedAt = domain.OrZero(opened).UTC(), domain.OrZero(closed).UTC()
				found[intent] = found[intent].With(nil, []purchase.Dispute{d})
				return nil
			})
			return err
		})
}

func scanPayment(row pgx.CollectableRow) (purchase.Payment, error) {
	var (
		p                             purchase.Payment
		s                             purchase.Sale
		f                             purchase.Foreign
		paidAt, refundedAt, foreignAt *time.Time
	)
	err := row.Scan(&p.Intent, &p.PurchaseID, &paidAt, &s.Outcome,
		&s.CustomerID, &s.ContentID, &s.Amount, &s.Currency,
		&p.RefundTotal.Amount, &refundedAt, &p.Superseded, &p.Version,
		&foreignAt, &f.Reason, &f.Amount, &f.Currency,
		&s.OrganizationID, &s.CheckoutID,
		&s.Split.Platform, &s.Split.Organization, &s.Split.Creator,
		&s.CreatorID)
	if err != nil {
		return p, err
	}
	if paidAt != nil {
		s.PaidAt = paidAt.UTC()
		p.Sale = &s
	}
	if foreignAt != nil {
		f.At = foreignAt.UTC()
		p.Foreign = &f
	}
	p.RefundTotal.At = domain.OrZero(refundedAt).UTC()
	return p, nil
}

// QueueInsertPayment queues the write of a payment without a row. It fails when another
// transaction wrote one.
func QueueInsertPayment(b *pgx.Batch, p purchase.Payment, now time.Time) {
	b.Queue(`
INSERT INTO payments (purchase_id, paid_at, outcome, customer_id, content_id, amount_cents, currency,
    refunded_cents, refunded_at, refund_id, refund_reason, dispute_id, dispute_reason, dispute_status,
    disputed_at, dispute_closed_at, foreign_at, foreign_reason, foreign_amount, foreign_currency,
    superseded, version, updated_at, payment_intent, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
    $24, $23)`,
		paymentValues(p, now)...)
	queueSets(b, p)
	queueSale(b, p, now)
}

// QueueUpdatePayment queues the write of a payment whose row is locked.
func QueueUpdatePayment(b *pgx.Batch, p purchase.Payment, now time.Time) {
	b.Queue(`
UPDATE payments SET purchase_id = $1, paid_at = $2, outcome = $3, customer_id = $4, content_id = $5,
    amount_cents = $6, currency = $7, refunded_cents = $8, refunded_at = $9, refund_id = $10, refund_reason = $11,
    dispute_id = $12, dispute_reason = $13, dispute_status = $14, disputed_at = $15, dispute_closed_at = $16,
    foreign_at = $17, foreign_reason = $18, foreign_amount = $19, foreign_currency = $20,
    superseded = $21, version = $22, updated_at = $23
WHERE payment_intent = $24`, paymentValues(p, now)...)
	queueSets(b, p)
	queueSale(b, p, now)
}

func paymentValues(p purchase.Payment, now time.Time) []any {
	sale, foreign := []any{nil, nil, nil, nil, nil, nil}, []any{nil, nil, nil, nil}
	if s := p.Sale; s != nil {
		sale = []any{
			s.PaidAt, domain.NilIfZero(s.Outcome), domain.NilIfZero(s.CustomerID), domain.NilIfZero(s.ContentID),
			s.Amount, s.Currency,
		}
	}
	if f := p.Foreign; f != nil {
		foreign = []any{f.At, f.Reason, f.Amount, domain.NilIfZero(f.Currency)}
	}
	total, r, d := p.RefundTotal, p.NewestRefund(), p.MainDispute()
	return slices.Concat([]any{p.PurchaseID}, sale, []any{
		// The total of a payment in another system's currency may be beyond the column.
		min(total.Amount, math.MaxInt32), domain.NilIfZero(total.At), domain.NilIfZero(r.ID), domain.NilIfZero(r.Reason),
		domain.NilIfZero(d.ID), domain.NilIfZero(d.Reason), domain.NilIfZero(d.Status),
		domain.NilIfZero(d.OpenedAt), domain.NilIfZero(d.ClosedAt),
	}, foreign, []any{p.Superseded, p.Version, now, p.Intent})
}

// queueSets queues the write of a payment's refunds and disputes.
func queueSets(b *pgx.Batch, p purchase.Payment) {
	for _, r := range p.Refunds {
		b.Queue(`
INSERT INTO payment_refunds (payment_intent, refund_id, amount_cents, status, reason, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (payment_intent, refund_id) DO UPDATE SET amount_cents = excluded.amount_cents,
    status = excluded.status, reason = excluded.reason, created_at = excluded.created_at`,
			p.Intent, r.ID, r.Amount, r.Status, domain.NilIfZero(r.Reason), r.CreatedAt)
	}
	for _, d := range p.Disputes {
		b.Queue(`
INSERT INTO payment_disputes (payment_intent, dispute_id, amount_cents, status, reason, opened_at, closed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (payment_intent, dispute_id) DO UPDATE SET amount_cents = excluded.amount_cents,
    status = excluded.status, reason = excluded.reason, opened_at = excluded.opened_at,
    closed_at = excluded.closed_at`,
			p.Intent, d.ID, d.Amount, d.Status, domain.NilIfZero(d.Reason),
			domain.NilIfZero(d.OpenedAt), domain.NilIfZero(d.ClosedAt))
	}
}

// queueSale queues what follows from a paid session: the purchase, and the refund that is
// due. One that is due again, because it failed, is made again; one that is due no more was
// made, here or elsewhere.
func queueSale(b *pgx.Batch, p purchase.Payment, now time.Time) {
	if p.Sale == nil {
		return
	}
	reason, detail := p.Sale.Outcome, p.Sale.Reason
	if p.IsPurchase() {
		queuePurchase(b, p, now)
		if !p.Superseded {
			return
		}
		reason, detail = purchase.Duplicate, "its refund failed, or its dispute was won, after the item was bought again"
	}
	if due := p.RefundDue(); due > 0 {
		b.Queue(`
INSERT INTO refund_obligations AS o (purchase_id, payment_intent, amount_cents, currency, reason, detail,
    created_at, next_attempt_at)
VALUES ($1, $2, $3, $4, $5, NULLIF($6, ''), $7, $7)
ON CONFLICT (purchase_id) DO UPDATE SET amount_cents = excluded.amount_cents, paid_at = NULL,
    stripe_refund_id = NULL,
    attempts = CASE WHEN o.paid_at IS NULL THEN o.attempts ELSE 0 END,
    next_attempt_at = CASE WHEN o.paid_at IS NULL THEN o.next_attempt_at ELSE excluded.next_attempt_at END`,
			p.PurchaseID, p.Intent, due, p.Sale.Currency, string(reason), detail, now)
		return
	}
	b.Queue(`
UPDATE refund_obligations SET paid_at = $2, stripe_refund_id = NULLIF($3, ''), last_error = NULL
WHERE purchase_id = $1 AND paid_at IS NULL`, p.PurchaseID, now, p.NewestRefund().ID)
}

// QueueLookUp queues that the refunds of a payment are read from the provider.
func QueueLookUp(b *pgx.Batch, intent string, now time.Time) {
	b.Queue(`
UPDATE payments SET look_up_at = $2, look_ups = 0
WHERE payment_intent = $1 AND look_up_at IS NULL AND paid_at IS NOT NULL`, intent, now)
}

// ClaimLookUps returns the intents of payments whose refunds are to be read from the
// provider, and makes them due again later, lookUpTries times.
func ClaimLookUps(ctx context.Context, db postgres.Queryer, now time.Time, limit int) ([]string, error) {
	rows, err := db.Query(ctx, `
UPDATE payments SET look_ups = look_ups + 1,
    look_up_at = CASE WHEN look_ups < $3 THEN $1::timestamptz +
        LEAST(interval '5 seconds' * power(2, look_ups), interval '1 hour') END
WHERE payment_intent IN (
    SELECT payment_intent FROM payments WHERE look_up_at <= $1
    ORDER BY look_up_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING payment_intent`, now, limit, lookUpTries)
	if err != nil {
		return nil, fmt.Errorf("claim look-ups: %w", err)
	}
	intents, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("claim look-ups: %w", err)
	}
	return intents, nil
}

// lookUpTries is after how many attempts the refunds of a payment stay known by their total
// only: with their delays about a day.
const lookUpTries = 30

// LookedUp records that the refunds of a payment were read.
func LookedUp(ctx context.Context, db postgres.Execer, intent string) error {
	if _, err := db.Exec(ctx, `UPDATE payments SET look_up_at = NULL WHERE payment_intent = $1`, intent); err != nil {
		return fmt.Errorf("end a look-up: %w", err)
	}
	return nil
}

// queuePurchase queues the write of a purchase: the newest of its refunds, and the dispute
// that decides. Of a dispute that was won only the reason is stored: disputed_at says that
// access is suspended.
func queuePurchase(b *pgx.Batch, p purchase.Payment, now time.Time) {
	s, r, d := p.Sale, p.NewestRefund(), p.MainDispute()
	b.Queue(`
INSERT INTO purchases (id, customer_id, content_id, organization_id, checkout_id, amount_paid_cents, currency,
    platform_fee_cents, organization_fee_cents, creator_payout_cents, stripe_payment_intent_id, status,
    purchased_at, refunded_at, disputed_at, refund_reason, refund_amount_cents, stripe_refund_id,
    dispute_reason, stripe_dispute_id, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $21)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, refunded_at = excluded.refunded_at,
    disputed_at = excluded.disputed_at, refund_reason = excluded.refund_reason,
    refund_amount_cents = excluded.refund_amount_cents, stripe_refund_id = excluded.stripe_refund_id,
    dispute_reason = excluded.dispute_reason, stripe_dispute_id = excluded.stripe_dispute_id,
    updated_at = excluded.updated_at`,
		p.PurchaseID, s.CustomerID, s.ContentID, domain.NilIfZero(s.OrganizationID), domain.NilIfZero(s.CheckoutID),
		s.Amount, s.Currency, s.Split.Platform, s.Split.Organization, s.Split.Creator, p.Intent, p.Status(),
		s.PaidAt, domain.NilIfZero(p.EndedAt()), domain.NilIfZero(p.SuspendedAt()),
		domain.NilIfZero(r.Reason), domain.NilIfZero(p.RefundedCents()), domain.NilIfZero(r.ID),
		domain.NilIfZero(d.Reason), domain.NilIfZero(d.ID), now)
}
