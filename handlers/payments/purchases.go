package payments

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
	"github.com/codex-platform/codex/handlers/wire"
)

// PurchaseRoutes serves /purchases: what the caller has bought.
type PurchaseRoutes struct{}

// Routes implements [Resource].
func (PurchaseRoutes) Routes(e *edge.Edge) []edge.Route {
	return []edge.Route{
		{
			Method: "GET", Path: "/purchases", Name: "listPurchases", Summary: "List what the caller has bought, the newest first",
			Auth: edge.Session(), Params: edge.PagedParams(
				edge.OptionalChoiceParam("status", string(purchase.Pending), string(purchase.Completed), string(purchase.PartiallyRefunded),
					string(purchase.Refunded), string(purchase.Failed)),
				edge.UUIDParam("contentId"),
			),
			Responses: []edge.Response{edge.ListOf[wire.Purchase]()}, Handle: e.listPurchases,
		},
		{
			Method: "GET", Path: "/purchases/:id", Name: "getPurchase", Summary: "Read one of the caller's purchases",
			Auth: edge.Session(), Responses: []edge.Response{edge.Data[wire.PurchaseDetail](http.StatusOK)},
			Errors: []*domain.Error{purchase.ErrPurchaseNotFound}, Handle: e.getPurchase,
		},
	}
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
func (e *edge.Edge) listPurchases(c *edge.Request) error {
	q := c
	l := paging.List{From: "purchases", Order: paging.By("created_at", paging.Time, "id", "desc")}
	l.Where.And("customer_id = $", c.Actor().UserID)
	l.Where.AndIf("status = $", q.Text("status"))
	l.Where.AndIf("content_id = $::uuid", q.UUID("contentId"))
	found, err := paging.Find(c, e.cfg.Pool, l, q.Page())
	if err != nil {
		return fmt.Errorf("list purchases: %w", err)
	}
	rows, err := e.cfg.Pool.Query(c, `SELECT `+purchaseColumns+` FROM purchases p JOIN content c ON c.id = p.content_id
		WHERE p.id = ANY($1::uuid[]) ORDER BY array_position($1::uuid[], p.id)`, found.IDs)
	if err != nil {
		return fmt.Errorf("list purchases: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p wire.Purchase, err error) {
		return p, row.Scan(purchaseFields(&p)...)
	})
	if err != nil {
		return fmt.Errorf("list purchases: %w", err)
	}
	c.JSON(http.StatusOK, wire.PageOf(items, found))
	return nil
}

// getPurchase answers the buyer only; to everyone else the purchase is not there.
func (e *edge.Edge) getPurchase(c *edge.Request) error {
	var p wire.PurchaseDetail
	fields := append(purchaseFields(&p.Purchase), &p.PlatformFeeCents, &p.OrganizationFeeCents, &p.CreatorPayoutCents,
		&p.StripePaymentIntentID, &p.RefundedAt, &p.RefundAmountCents, &p.RefundReason, &p.StripeRefundID,
		&p.DisputedAt, &p.DisputeReason, &p.UpdatedAt)
	err := e.cfg.Pool.QueryRow(c, `SELECT `+purchaseColumns+`, p.platform_fee_cents, p.organization_fee_cents, p.creator_payout_cents,
		p.stripe_payment_intent_id, p.refunded_at, p.refund_amount_cents, p.refund_reason, p.stripe_refund_id,
		p.disputed_at, p.dispute_reason, p.updated_at
		FROM purchases p JOIN content c ON c.id = p.content_id WHERE p.id = $1 AND p.customer_id = $2`,
		c.UUID("id"), c.Actor().UserID).Scan(fields...)
	if errors.Is(err, pgx.ErrNoRows) {
		return purchase.ErrPurchaseNotFound
	}
	if err != nil {
		return fmt.Errorf("read purchase: %w", err)
	}
	return c.OK(p)
}
