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

// checkoutRoutes declares /checkout.
func (p *payments) checkoutRoutes() []edge.Route {
	const hosts = "The URLs must lead back to this platform's own sites."
	return []edge.Route{
		{
			Method:    "POST",
			Path:      "/checkout/create",
			Name:      "createCheckout",
			Summary:   "Start a checkout",
			Notes:     hosts + " Another request for the same item returns the same session.",
			Auth:      edge.Session(),
			Limit:     edge.LimitStrict,
			Body:      purchase.StartCheckout{},
			Command:   purchase.CommandStartCheckout,
			Responses: []edge.Response{edge.Data[CheckoutSession](http.StatusOK)},
			Errors: []*domain.Error{
				purchase.ErrContentNotFound,
				purchase.ErrBuyerNotFound,
				purchase.ErrAlreadyPurchased,
				purchase.ErrNotPurchasable,
				purchase.ErrPaymentProcessing,
			},
			Handle: p.create,
		},
		{
			Method:    "POST",
			Path:      "/checkout/portal-session",
			Name:      "openPortal",
			Summary:   "Open the billing portal",
			Notes:     "The portal is the payment provider's page of receipts and cards. " + hosts,
			Auth:      edge.Session(),
			Limit:     edge.LimitStrict,
			Body:      purchase.OpenPortal{},
			Command:   purchase.CommandOpenPortal,
			Responses: []edge.Response{edge.Data[Portal](http.StatusOK)},
			Errors:    []*domain.Error{purchase.ErrBuyerNotFound, purchase.ErrPaymentProcessing},
			Handle:    p.portal,
		},
		{
			Method:  "GET",
			Path:    "/checkout/verify",
			Name:    "verifyCheckout",
			Summary: "Get checkout status",
			Notes: "A paid session is recorded and opens access, also when its webhook was lost. " +
				"purchase and content are absent until the payment is recorded.",
			Auth:      edge.Session(),
			Sends:     []string{purchase.CommandRecordEvent},
			Params:    []edge.Param{edge.RequiredParam(edge.TextParam("session_id", 255))},
			Responses: []edge.Response{edge.Data[CheckoutState](http.StatusOK)},
			Errors: []*domain.Error{
				purchase.ErrForeignSession,
				purchase.ErrCheckoutNotFound,
				purchase.ErrPaymentProcessing,
			},
			Handle: p.verify,
		},
	}
}

// create starts a checkout. The command is addressed to the content item.
func (p *payments) create(c *edge.Request) error {
	var request purchase.StartCheckout
	if err := c.Decode(&request); err != nil {
		return err
	}
	returnURLs := map[string]string{"successUrl": request.SuccessURL, "cancelUrl": request.CancelURL}
	if err := p.checkReturnURLs(returnURLs); err != nil {
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
	if err := p.checkReturnURLs(map[string]string{"returnUrl": request.ReturnURL}); err != nil {
		return err
	}
	return c.Send(c.Actor().UserID, request)
}

// checkReturnURLs rejects URLs, by the names of their fields, that do not lead back here.
func (p *payments) checkReturnURLs(fields map[string]string) error {
	returns := purchase.Returns{Own: p.cfg.PublicURL, Hosts: p.cfg.ReturnHosts, Local: p.cfg.Development}
	var bad []domain.Field
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		if !returns.Allow(fields[path]) {
			bad = append(bad, domain.Field{Path: path, Message: "must lead back to this site"})
		}
	}
	return domain.BadFields(bad)
}

const (
	// retrieveTimeout bounds the call to the payment provider in a read.
	retrieveTimeout = 3 * time.Second
	// mostRetrievals is how many such calls one process makes at once. The response to one
	// more is what is known here.
	mostRetrievals = 16
)

var errBusy = errors.New("too many calls to the payment provider at once")

// ownCheckout is a checkout as its success page needs it. id is empty for one that is known
// to the provider only.
type ownCheckout struct {
	id         string
	customerID string
	contentID  string
}

// verify responds with the state of a session. While the end of the session is not recorded
// the provider is asked. A session that is paid there is recorded as its webhook would be,
// and verify waits for the access that follows: the buyer who returns has paid, whether or
// not the webhook ever comes.
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
	var state purchase.CheckoutStatus
	err := p.cfg.Pool.QueryRow(c, `
SELECT id, customer_id, content_id, status FROM checkouts WHERE stripe_session_id = $1`, sessionID).
		Scan(&known.id, &known.customerID, &known.contentID, &state)
	if errors.Is(err, pgx.ErrNoRows) {
		return p.retrieve(c, sessionID)
	}
	if err != nil {
		return known, "", fmt.Errorf("read checkout: %w", err)
	}

	if known.customerID != c.Actor().UserID {
		return known, "", purchase.ErrForeignSession
	}
	switch state {
	case purchase.CheckoutCompleted:
		return known, stripe.SessionComplete, nil
	case purchase.Expired, purchase.CheckoutFailed:
		return known, stripe.SessionExpired, nil
	default: // its end is not recorded
	}
	session, err := p.session(c, sessionID)
	if err != nil {
		p.cfg.Log.WarnContext(c, "checkout session not read", "checkout", known.id, "error", err)
		return known, stripe.SessionOpen, nil
	}
	p.recordPaid(c, known.id, session)
	return known, session.Status, nil
}

// retrieve returns a checkout of the caller that is known to the provider only.
func (p *payments) retrieve(c *edge.Request, sessionID string) (ownCheckout, string, error) {
	session, err := p.session(c, sessionID)
	switch {
	case errors.Is(err, stripe.ErrNotFound):
		return ownCheckout{}, "", purchase.ErrCheckoutNotFound
	case err != nil:
		p.cfg.Log.WarnContext(c, "checkout session not read", "error", err)
		return ownCheckout{}, "", purchase.ErrPaymentProcessing
	case session.Metadata["customerId"] != c.Actor().UserID:
		return ownCheckout{}, "", purchase.ErrForeignSession
	}
	p.recordPaid(c, "", session)
	contentID := purchase.KnownID(session.Metadata["contentId"])
	return ownCheckout{customerID: c.Actor().UserID, contentID: contentID}, session.Status, nil
}

// session reads a session at the provider.
func (p *payments) session(ctx context.Context, id string) (stripe.Session, error) {
	select {
	case p.retrievals <- struct{}{}:
		defer func() { <-p.retrievals }()
	default:
		return stripe.Session{}, errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, retrieveTimeout)
	defer cancel()
	return p.cfg.Stripe.RetrieveCheckout(ctx, id)
}

// recordPaid records a session of the caller if it is paid, and waits for the access that
// follows. What fails here is left to the webhook and to the reconciliation.
func (p *payments) recordPaid(c *edge.Request, checkoutID string, s stripe.Session) {
	if s.Mode != stripe.ModePayment || s.PaymentStatus != stripe.PaymentPaid {
		return
	}
	cmd, pending, err := p.ingester.recordSession(context.WithoutCancel(c), checkoutID, s)
	if err == nil && pending {
		err = p.apply(c, cmd)
	}
	if err != nil {
		p.cfg.Log.ErrorContext(c, "paid session not recorded", "checkout", checkoutID, "error", err)
	}
}

// bought returns the purchase that a checkout became, and its content item. Both are nil
// while the payment is not recorded. For a duplicate payment it is the buyer's earlier
// purchase.
func (p *payments) bought(c *edge.Request, checkout ownCheckout) (*VerifiedPurchase, *PurchasedContent, error) {
	if checkout.contentID == "" {
		return nil, nil, nil
	}
	var bought VerifiedPurchase
	var item PurchasedContent
	err := p.cfg.Pool.QueryRow(c, `
SELECT p.id, p.content_id, p.status, p.amount_paid_cents, p.purchased_at,
       c.id, c.title, c.slug, c.content_type, c.thumbnail_url
FROM purchases p JOIN content c ON c.id = p.content_id
WHERE p.customer_id = $1 AND p.content_id = $2
ORDER BY p.checkout_id = NULLIF($3, '')::uuid DESC NULLS LAST, p.created_at DESC LIMIT 1`,
		checkout.customerID, checkout.contentID, checkout.id).Scan(
		&bought.ID, &bought.ContentID, &bought.Status, &bought.AmountPaidCents, &bought.PurchasedAt,
		&item.ID, &item.Title, &item.Slug, &item.ContentType, &item.ThumbnailURL)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read purchase: %w", err)
	}
	return &bought, &item, nil
}

// resources are what the responses to the commands of checkouts show.
func (p *payments) resources() []edge.Resource {
	return []edge.Resource{{Commands: []string{purchase.CommandStartCheckout}, Read: p.readCheckout}}
}

// readCheckout reads a checkout for its buyer.
func (p *payments) readCheckout(r *edge.Request, id string) (any, error) {
	var session CheckoutSession
	err := p.cfg.Pool.QueryRow(r, `
SELECT session_url, stripe_session_id FROM checkouts
WHERE id = $1 AND customer_id = $2 AND session_url IS NOT NULL AND stripe_session_id IS NOT NULL`,
		id, r.Actor().UserID).Scan(&session.SessionURL, &session.SessionID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, purchase.ErrCheckoutNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read checkout: %w", err)
	}
	return edge.Single{Data: session}, nil
}
