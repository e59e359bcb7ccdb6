package edge

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/handlers/wire"
)

// PurchaseRoutes serves /purchases: what the caller has bought.
type PurchaseRoutes struct{}

// Register implements Routes.
func (PurchaseRoutes) Register(e *Edge, r gin.IRouter) {
	r.GET("/purchases", e.signedIn(), e.listPurchases)
	r.GET("/purchases/:id", e.signedIn(), e.getPurchase)
}

const purchaseColumns = `p.id, p.customer_id, p.content_id, p.organization_id, p.amount_paid_cents, p.currency, p.amount_paid_cents,
	p.status, p.created_at, p.purchased_at, c.title, c.id, c.title, c.slug, c.content_type, c.thumbnail_url`

// purchaseFields are where purchaseColumns go.
func purchaseFields(p *wire.Purchase) []any {
	p.Content = &wire.PurchasedContent{}
	return []any{
		&p.ID, &p.CustomerID, &p.ContentID, &p.OrganizationID, &p.AmountPaidCents, &p.Currency, &p.AmountCents,
		&p.Status, &p.CreatedAt, &p.PurchasedAt, &p.ContentTitle,
		&p.Content.ID, &p.Content.Title, &p.Content.Slug, &p.Content.ContentType, &p.Content.ThumbnailURL,
	}
}

// listPurchases answers one page of the caller's purchases, the newest first.
func (e *Edge) listPurchases(c *gin.Context) {
	q := newQuery(c)
	page := q.paging()
	status := q.optional("status", string(purchase.Pending), string(purchase.Completed), string(purchase.PartiallyRefunded),
		string(purchase.Refunded), string(purchase.Failed))
	content := q.uuid("contentId")
	if err := q.err(); err != nil {
		e.refuse(c, err)
		return
	}
	const which = ` FROM purchases p JOIN content c ON c.id = p.content_id
		WHERE p.customer_id = $1 AND ($2 = '' OR p.status = $2) AND ($3 = '' OR p.content_id = NULLIF($3, '')::uuid)`
	args := []any{mustActor(c).UserID, status, content}
	var total int64
	var items []wire.Purchase
	b := &pgx.Batch{}
	b.Queue(`SELECT count(*)`+which, args...).QueryRow(func(row pgx.Row) error { return row.Scan(&total) })
	b.Queue(`SELECT `+purchaseColumns+which+` ORDER BY p.created_at DESC, p.id LIMIT $4 OFFSET $5`, append(args, page.limit, page.offset())...).
		Query(func(rows pgx.Rows) (err error) {
			items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p wire.Purchase, err error) {
				return p, row.Scan(purchaseFields(&p)...)
			})
			return err
		})
	if err := e.cfg.Pool.SendBatch(c, b).Close(); err != nil {
		e.refuse(c, fmt.Errorf("list purchases: %w", err))
		return
	}
	c.JSON(http.StatusOK, wire.Page(items, page.page, page.limit, total))
}

// getPurchase answers the buyer only; to everyone else the purchase is not there.
func (e *Edge) getPurchase(c *gin.Context) {
	id, err := pathID(c)
	if err != nil {
		e.refuse(c, err)
		return
	}
	var p wire.PurchaseDetail
	fields := append(purchaseFields(&p.Purchase), &p.PlatformFeeCents, &p.OrganizationFeeCents, &p.CreatorPayoutCents,
		&p.StripePaymentIntentID, &p.RefundedAt, &p.RefundAmountCents, &p.RefundReason, &p.StripeRefundID,
		&p.DisputedAt, &p.DisputeReason, &p.UpdatedAt)
	err = e.cfg.Pool.QueryRow(c, `SELECT `+purchaseColumns+`, p.platform_fee_cents, p.organization_fee_cents, p.creator_payout_cents,
		p.stripe_payment_intent_id, p.refunded_at, p.refund_amount_cents, p.refund_reason, p.stripe_refund_id,
		p.disputed_at, p.dispute_reason, p.updated_at
		FROM purchases p JOIN content c ON c.id = p.content_id WHERE p.id = $1 AND p.customer_id = $2`, id, mustActor(c).UserID).Scan(fields...)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		e.refuse(c, purchase.ErrPurchaseNotFound)
	case err != nil:
		e.refuse(c, fmt.Errorf("read purchase: %w", err))
	default:
		c.JSON(http.StatusOK, wire.Single{Data: p})
	}
}
