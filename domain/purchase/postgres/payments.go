package postgres

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/purchase"
)

const paymentColumns = `p.payment_intent, p.purchase_id, p.paid_at, COALESCE(p.outcome, ''),
	COALESCE(p.customer_id, ''), COALESCE(p.content_id::text, ''), COALESCE(p.amount_cents, 0), COALESCE(p.currency, ''),
	p.refunded_cents, p.refunded_at, COALESCE(p.refund_id, ''), COALESCE(p.refund_reason, ''),
	COALESCE(p.dispute_id, ''), COALESCE(p.dispute_reason, ''), COALESCE(p.dispute_status, ''),
	p.disputed_at, p.dispute_closed_at, p.version,
	COALESCE(u.organization_id::text, ''), COALESCE(u.checkout_id::text, ''),
	COALESCE(u.platform_fee_cents, 0), COALESCE(u.organization_fee_cents, 0), COALESCE(u.creator_payout_cents, 0),
	COALESCE(c.creator_id, '')`

// QueuePayments queues the read of the payments of intents, locked.
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
}

func scanPayment(row pgx.CollectableRow) (purchase.Payment, error) {
	var (
		p                                            purchase.Payment
		s                                            purchase.Sale
		paidAt, refundedAt, disputedAt, disputeEnded *time.Time
	)
	err := row.Scan(&p.Intent, &p.PurchaseID, &paidAt, &s.Outcome,
		&s.CustomerID, &s.ContentID, &s.Amount, &s.Currency,
		&p.Refund.Total, &refundedAt, &p.Refund.ID, &p.Refund.Reason,
		&p.Dispute.ID, &p.Dispute.Reason, &p.Dispute.Status,
		&disputedAt, &disputeEnded, &p.Version,
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
	p.Refund.At = domain.OrZero(refundedAt).UTC()
	p.Dispute.OpenedAt = domain.OrZero(disputedAt).UTC()
	p.Dispute.ClosedAt = domain.OrZero(disputeEnded).UTC()
	return p, nil
}

// QueueInsertPayment queues the write of a payment without a row. It fails when another
// transaction wrote one.
func QueueInsertPayment(b *pgx.Batch, p purchase.Payment, now time.Time) {
	b.Queue(`
INSERT INTO payments (purchase_id, paid_at, outcome, customer_id, content_id, amount_cents, currency,
    refunded_cents, refunded_at, refund_id, refund_reason, dispute_id, dispute_reason, dispute_status,
    disputed_at, dispute_closed_at, version, updated_at, payment_intent, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $18)`,
		paymentValues(p, now)...)
	queueSale(b, p, now)
}

// QueueUpdatePayment queues the write of a payment whose row is locked.
func QueueUpdatePayment(b *pgx.Batch, p purchase.Payment, now time.Time) {
	b.Queue(`
UPDATE payments SET purchase_id = $1, paid_at = $2, outcome = $3, customer_id = $4, content_id = $5,
    amount_cents = $6, currency = $7, refunded_cents = $8, refunded_at = $9, refund_id = $10, refund_reason = $11,
    dispute_id = $12, dispute_reason = $13, dispute_status = $14, disputed_at = $15, dispute_closed_at = $16,
    version = $17, updated_at = $18
WHERE payment_intent = $19`, paymentValues(p, now)...)
	queueSale(b, p, now)
}

func paymentValues(p purchase.Payment, now time.Time) []any {
	sale := []any{nil, nil, nil, nil, nil, nil}
	if s := p.Sale; s != nil {
		sale = []any{
			s.PaidAt, domain.NilIfZero(s.Outcome), domain.NilIfZero(s.CustomerID), domain.NilIfZero(s.ContentID),
			s.Amount, s.Currency,
		}
	}
	r, d := p.Refund, p.Dispute
	return slices.Concat([]any{p.PurchaseID}, sale, []any{
		r.Total, domain.NilIfZero(r.At), domain.NilIfZero(r.ID), domain.NilIfZero(r.Reason),
		domain.NilIfZero(d.ID), domain.NilIfZero(d.Reason), domain.NilIfZero(d.Status),
		domain.NilIfZero(d.OpenedAt), domain.NilIfZero(d.ClosedAt), p.Version, now, p.Intent,
	})
}

// queueSale queues what follows from a paid session: the purchase, or the refund that is
// due.
func queueSale(b *pgx.Batch, p purchase.Payment, now time.Time) {
	switch {
	case p.Sale == nil:
	case p.IsPurchase():
		queuePurchase(b, p, now)
	default:
		b.Queue(`
INSERT INTO refund_obligations (purchase_id, payment_intent, amount_cents, currency, reason, detail,
    created_at, next_attempt_at)
SELECT $1::uuid, $2::text, $3::int, $4::text, $5::text, NULLIF($6::text, ''), $7::timestamptz, $7::timestamptz
WHERE $3::int > 0
ON CONFLICT (purchase_id) DO NOTHING`,
			p.PurchaseID, p.Intent, p.RefundDue(), p.Sale.Currency, p.Sale.Outcome, p.Sale.Reason, now)
	}
}

// queuePurchase queues the write of a purchase. Of a dispute that was won only the reason
// is stored: disputed_at says that access is suspended.
func queuePurchase(b *pgx.Batch, p purchase.Payment, now time.Time) {
	s, d := p.Sale, p.Dispute
	if d.Status == purchase.DisputeWon {
		d.OpenedAt = time.Time{}
	}
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
		s.PaidAt, domain.NilIfZero(p.EndedAt()), domain.NilIfZero(d.OpenedAt),
		domain.NilIfZero(p.Refund.Reason), domain.NilIfZero(p.RefundedCents()), domain.NilIfZero(p.Refund.ID),
		domain.NilIfZero(d.Reason), domain.NilIfZero(d.ID), now)
}
