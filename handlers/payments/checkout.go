package payments

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/edge"
)

func (p *payments) checkoutRoutes() []edge.Route {
	const where = "The addresses must lead back to this platform's own sites."
	return []edge.Route{
		{
			Method: "POST", Path: "/checkout/create", Name: "createCheckout", Summary: "Start to buy an item",
			Notes: where + " Who asks again for the same item is sent to the same session.",
			Auth:  edge.Session(), Limit: edge.LimitStrict, Body: purchase.StartCheckout{}, Command: purchase.CommandStartCheckout,
			Responses: []edge.Response{edge.Data[CheckoutSession](http.StatusOK)},
			Errors: []*domain.Error{
				purchase.ErrContentNotFound, purchase.ErrBuyerNotFound, purchase.ErrAlreadyPurchased, purchase.ErrNotPurchasable, purchase.ErrPaymentProcessing,
			},
			Handle: p.create,
		},
		{
			Method: "POST", Path: "/checkout/portal-session", Name: "openPortal", Summary: "Open the payment provider's page of receipts and cards",
			Notes: where, Auth: edge.Session(), Limit: edge.LimitStrict, Body: purchase.OpenPortal{}, Command: purchase.CommandOpenPortal,
			Responses: []edge.Response{edge.Data[Portal](http.StatusOK)},
			Errors:    []*domain.Error{purchase.ErrBuyerNotFound, purchase.ErrPaymentProcessing},
			Handle:    p.portal,
		},
		{
			Method: "GET", Path: "/checkout/verify", Name: "verifyCheckout", Summary: "Say what became of a checkout session",
			Notes: "purchase and content are absent until the payment has been heard of.",
			Auth:  edge.Session(), Params: []edge.Param{edge.RequiredParam(edge.TextParam("session_id", 255))},
			Responses: []edge.Response{edge.Data[CheckoutState](http.StatusOK)},
			Errors:    []*domain.Error{purchase.ErrForeignSession, purchase.ErrCheckoutNotFound, purchase.ErrPaymentProcessing},
			Handle:    p.verify,
		},
	}
}

// create starts a checkout. The command is addressed to the content item.
func (p *payments) create(c *edge.Request) error {
	var request purchase.StartCheckout
	if err := c.Decode(&request); err != nil {
		return err
	}
	if err := p.leadBack(map[string]string{"successUrl": request.SuccessURL, "cancelUrl": request.CancelURL}); err != nil {
		return err
	}
	request.ContentID = strings.ToLower(request.ContentID)
	return c.Send(request.ContentID, request)
}

// portal opens the provider's portal. The command is addressed to the buyer.
func (p *payments) portal(c *edge.Request) error {
	var request purchase.OpenPortal
	if err := c.Decode(&request); err != nil {
		return err
	}
	if err := p.leadBack(map[string]string{"returnUrl": request.ReturnURL}); err != nil {
		return err
	}
	return c.Send(c.Actor().UserID, request)
}

// leadBack refuses addresses that lead anywhere else than back. fields name them.
func (p *payments) leadBack(fields map[string]string) error {
	returns := purchase.Returns{Own: p.cfg.PublicURL, Hosts: p.cfg.ReturnHosts, Local: p.cfg.Development}
	var bad []domain.Field
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		if !returns.Allow(fields[path]) {
			bad = append(bad, domain.Field{Path: path, Message: "must lead back to this site"})
		}
	}
	return domain.BadFields(bad)
}

// retrieveWait bounds the question to the payment provider in a read.
const retrieveWait = 3 * time.Second

// ownCheckout is a checkout as its success page needs it.
type ownCheckout struct {
	id, customerID, contentID, status string
}

// verify answers what became of a session. As long as we have not heard, the
// provider is asked; the purchase itself appears only once it is recorded.
func (p *payments) verify(c *edge.Request) error {
	checkout, status, err := p.find(c, c.Text("session_id"))
	if err != nil {
		return err
	}
	view := CheckoutState{SessionStatus: status}
	if status == stripe.SessionComplete {
		if view.Purchase, view.Content, err = p.bought(c, checkout); err != nil {
			return err
		}
	}
	return c.OK(view)
}

// find returns the caller's checkout and the state of its session.
func (p *payments) find(c *edge.Request, sessionID string) (ownCheckout, string, error) {
	var known ownCheckout
	err := p.cfg.Pool.QueryRow(c, `SELECT id, customer_id, content_id, status FROM checkouts WHERE stripe_session_id = $1`, sessionID).
		Scan(&known.id, &known.customerID, &known.contentID, &known.status)
	ours := err == nil
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return known, "", fmt.Errorf("read checkout: %w", err)
	}
	if ours {
		if known.customerID != c.Actor().UserID {
			return known, "", purchase.ErrForeignSession
		}
		switch purchase.CheckoutStatus(known.status) {
		case purchase.CheckoutCompleted:
			return known, stripe.SessionComplete, nil
		case purchase.Expired, purchase.CheckoutFailed:
			return known, stripe.SessionExpired, nil
		default: // still open, as far as we know
		}
	}
	ctx, cancel := context.WithTimeout(c, retrieveWait)
	defer cancel()
	session, err := p.cfg.Stripe.RetrieveCheckout(ctx, sessionID)
	switch {
	case err != nil && ours:
		p.cfg.Log.WarnContext(c, "checkout session not read", "checkout", known.id, "error", err)
		return known, stripe.SessionOpen, nil
	case errors.Is(err, stripe.ErrNotFound):
		return known, "", purchase.ErrCheckoutNotFound
	case err != nil:
		p.cfg.Log.WarnContext(c, "checkout session not read", "error", err)
		return known, "", purchase.ErrPaymentProcessing
	case !ours && session.Metadata["customerId"] != c.Actor().UserID:
		return known, "", purchase.ErrForeignSession
	case !ours:
		known = ownCheckout{customerID: c.Actor().UserID, contentID: purchase.KnownID(session.Metadata["contentId"])}
	}
	return known, session.Status, nil
}

// bought returns the purchase that a checkout became, and what was bought. Both are
// nil while the payment has not been recorded. For a payment that turned out to be
// a duplicate it is the purchase that the buyer had before.
func (p *payments) bought(c *edge.Request, checkout ownCheckout) (*VerifiedPurchase, *PurchasedContent, error) {
	if checkout.contentID == "" {
		return nil, nil, nil
	}
	var bought VerifiedPurchase
	var item PurchasedContent
	err := p.cfg.Pool.QueryRow(c, `
SELECT p.id, p.content_id, p.status, p.amount_paid_cents, p.purchased_at, c.id, c.title, c.slug, c.content_type, c.thumbnail_url
FROM purchases p JOIN content c ON c.id = p.content_id
WHERE p.customer_id = $1 AND p.content_id = $2
ORDER BY p.checkout_id = NULLIF($3, '')::uuid DESC NULLS LAST, p.created_at DESC LIMIT 1`, checkout.customerID, checkout.contentID, checkout.id).
		Scan(&bought.ID, &bought.ContentID, &bought.Status, &bought.AmountPaidCents, &bought.PurchasedAt, &item.ID, &item.Title, &item.Slug, &item.ContentType, &item.ThumbnailURL)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read purchase: %w", err)
	}
	return &bought, &item, nil
}
