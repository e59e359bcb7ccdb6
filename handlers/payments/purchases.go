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
)

// purchaseRoutes declares /purchases: what the caller has bought.
func (p *payments) purchaseRoutes() []edge.Route {
	status := edge.OptionalChoiceParam("status",
		string(purchase.Pending),
		string(purchase.Completed),
		string(purchase.PartiallyRefunded),
		string(purchase.Refunded),
		string(purchase.Failed),
	)
	return []edge.Route{
		{
			Method:    "GET",
			Path:      "/purchases",
			Name:      "listPurchases",
			Summary:   "List the caller's purchases, newest first",
			Auth:      edge.Session(),
			Params:    edge.PagedParams(status, edge.UUIDParam("contentId")),
			Responses: []edge.Response{edge.ListOf[Purchase]()},
			Handle:    p.listPurchases,
		},
		{
			Method:    "GET",
			Path:      "/purchases/:id",
			Name:      "getPurchase",
			Summary:   "Get a purchase of the caller",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[PurchaseDetail](http.StatusOK)},
			Errors:    []*domain.Error{purchase.ErrPurchaseNotFound},
			Handle:    p.getPurchase,
		},
	}
}

const (
	purchaseColumns = `p.id, p.customer_id, p.content_id, p.organization_id,
	p.amount_paid_cents, p.currency, p.amount_paid_cents, p.status, p.created_at, p.purchased_at,
	c.title, c.id, c.title, c.slug, c.content_type, c.thumbnail_url`

	// detailColumns follow purchaseColumns.
	detailColumns = `p.platform_fee_cents, p.organization_fee_cents, p.creator_payout_cents,
	p.stripe_payment_intent_id, p.refunded_at, p.refund_amount_cents, p.refund_reason, p.stripe_refund_id,
	p.disputed_at, p.dispute_reason, p.updated_at`
)

// purchaseTargets are where purchaseColumns are scanned to.
func purchaseTargets(p *Purchase) []any {
	p.Content = &PurchasedContent{}
	return []any{
		&p.ID, &p.CustomerID, &p.ContentID, &p.OrganizationID,
		&p.AmountPaidCents, &p.Currency, &p.AmountCents, &p.Status, &p.CreatedAt, &p.PurchasedAt,
		&p.ContentTitle, &p.Content.ID, &p.Content.Title, &p.Content.Slug, &p.Content.ContentType, &p.Content.ThumbnailURL,
	}
}

// detailTargets are where purchaseColumns and detailColumns are scanned to.
func detailTargets(d *PurchaseDetail) []any {
	return append(purchaseTargets(&d.Purchase),
		&d.PlatformFeeCents, &d.OrganizationFeeCents, &d.CreatorPayoutCents,
		&d.StripePaymentIntentID, &d.RefundedAt, &d.RefundAmountCents, &d.RefundReason, &d.StripeRefundID,
		&d.DisputedAt, &d.DisputeReason, &d.UpdatedAt)
}

// listPurchases responds with one page of the caller's purchases, newest first.
func (p *payments) listPurchases(c *edge.Request) error {
	list := paging.List{From: "purchases", Order: paging.By("created_at", paging.Time, "id", "desc")}
	list.Where.And("customer_id = $", c.Actor().UserID)
	list.Where.AndIf("status = $", c.Text("status"))
	list.Where.AndIf("content_id = $::uuid", c.UUID("contentId"))
	found, err := paging.Find(c, p.cfg.Pool, list, c.Page())
	if err != nil {
		return fmt.Errorf("list purchases: %w", err)
	}

	rows, err := p.cfg.Pool.Query(c, `
SELECT `+purchaseColumns+` FROM purchases p JOIN content c ON c.id = p.content_id
WHERE p.id = ANY($1::uuid[]) ORDER BY array_position($1::uuid[], p.id)`, found.IDs)
	if err != nil {
		return fmt.Errorf("list purchases: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Purchase, err error) {
		err = row.Scan(purchaseTargets(&p)...)
		return p, err
	})
	if err != nil {
		return fmt.Errorf("list purchases: %w", err)
	}
	c.JSON(http.StatusOK, edge.PageOf(items, found))
	return nil
}

// getPurchase responds with a purchase of the caller; those of others do not exist.
func (p *payments) getPurchase(c *edge.Request) error {
	var detail PurchaseDetail
	err := p.cfg.Pool.QueryRow(c, `
SELECT `+purchaseColumns+`, `+detailColumns+` FROM purchases p JOIN content c ON c.id = p.content_id
WHERE p.id = $1 AND p.customer_id = $2`, c.UUID("id"), c.Actor().UserID).Scan(detailTargets(&detail)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return purchase.ErrPurchaseNotFound
	}
	if err != nil {
		return fmt.Errorf("read purchase: %w", err)
	}
	return c.OK(detail)
}
