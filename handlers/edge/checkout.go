package edge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/wire"
)

// SessionReader reads checkout sessions at the payment provider.
type SessionReader interface {
	RetrieveCheckout(ctx context.Context, id string) (stripe.Session, error)
}

// CheckoutRoutes serves /checkout: where a buyer is sent to pay, and what became of it.
type CheckoutRoutes struct {
	Sessions SessionReader
	// ReturnHosts are the names of sites that a buyer may be sent back to, themselves
	// and everything below them; this edge's own address, and in development this
	// machine, need not be among them. Nil is DefaultReturnHosts.
	ReturnHosts []string
}

// DefaultReturnHosts is where the pages of the original are.
var DefaultReturnHosts = []string{"revelations.studio"}

// Routes implements [Resource].
func (r CheckoutRoutes) Routes(e *Edge) []Route {
	if r.ReturnHosts == nil {
		r.ReturnHosts = DefaultReturnHosts
	}
	const where = "The addresses must lead back to this platform's own sites."
	return []Route{
		{
			Method: "POST", Path: "/checkout/create", Name: "createCheckout", Summary: "Start to buy an item",
			Notes: where + " Who asks again for the same item is sent to the same session.",
			Who:   withSession(), Limit: limitStrict, Body: purchase.StartCheckout{}, Command: true,
			Answers: []Answer{single[wire.CheckoutSession](http.StatusOK)},
			Refusals: []*domain.Error{
				purchase.ErrContentNotFound, purchase.ErrBuyerNotFound, purchase.ErrAlreadyPurchased, purchase.ErrNotPurchasable, purchase.ErrPaymentProcessing,
			},
			Handle: func(c *gin.Context) error { return r.create(e, c) },
		},
		{
			Method: "POST", Path: "/checkout/portal-session", Name: "openPortal", Summary: "Open the payment provider's page of receipts and cards",
			Notes: where, Who: withSession(), Limit: limitStrict, Body: purchase.OpenPortal{}, Command: true,
			Answers:  []Answer{single[wire.Portal](http.StatusOK)},
			Refusals: []*domain.Error{purchase.ErrBuyerNotFound, purchase.ErrPaymentProcessing},
			Handle:   func(c *gin.Context) error { return r.portal(e, c) },
		},
		{
			Method: "GET", Path: "/checkout/verify", Name: "verifyCheckout", Summary: "Say what became of a checkout session",
			Notes: "purchase and content are absent until the payment has been heard of.",
			Who:   withSession(), Params: []Param{required(textParam("session_id", 255))},
			Answers:  []Answer{single[wire.CheckoutState](http.StatusOK)},
			Refusals: []*domain.Error{purchase.ErrForeignSession, purchase.ErrCheckoutNotFound, purchase.ErrPaymentProcessing},
			Handle:   func(c *gin.Context) error { return r.verify(e, c) },
		},
	}
}

// create starts a checkout. The command is addressed to the content item.
func (r CheckoutRoutes) create(e *Edge, c *gin.Context) error {
	var request purchase.StartCheckout
	if err := decode(c, &request); err != nil {
		return err
	}
	if err := r.leadBack(e, map[string]string{"successUrl": request.SuccessURL, "cancelUrl": request.CancelURL}); err != nil {
		return err
	}
	request.ContentID = strings.ToLower(request.ContentID)
	return e.apply(c, purchase.CommandStartCheckout, request.ContentID, request)
}

// portal opens the provider's portal. The command is addressed to the buyer.
func (r CheckoutRoutes) portal(e *Edge, c *gin.Context) error {
	var request purchase.OpenPortal
	if err := decode(c, &request); err != nil {
		return err
	}
	if err := r.leadBack(e, map[string]string{"returnUrl": request.ReturnURL}); err != nil {
		return err
	}
	return e.apply(c, purchase.CommandOpenPortal, mustActor(c).UserID, request)
}

// leadBack refuses addresses that lead anywhere else than back. fields name them.
func (r CheckoutRoutes) leadBack(e *Edge, fields map[string]string) error {
	returns := purchase.Returns{Own: e.cfg.PublicURL, Hosts: r.ReturnHosts, Local: e.cfg.Development}
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
func (r CheckoutRoutes) verify(e *Edge, c *gin.Context) error {
	checkout, status, err := r.find(e, c, paramsOf(c).text("session_id"))
	if err != nil {
		return err
	}
	view := wire.CheckoutState{SessionStatus: status}
	if status == stripe.SessionComplete {
		if view.Purchase, view.Content, err = e.bought(c, checkout); err != nil {
			return err
		}
	}
	c.JSON(http.StatusOK, wire.Single{Data: view})
	return nil
}

// find returns the caller's checkout and the state of its session.
func (r CheckoutRoutes) find(e *Edge, c *gin.Context, sessionID string) (ownCheckout, string, error) {
	var known ownCheckout
	err := e.cfg.Pool.QueryRow(c, `SELECT id, customer_id, content_id, status FROM checkouts WHERE stripe_session_id = $1`, sessionID).
		Scan(&known.id, &known.customerID, &known.contentID, &known.status)
	ours := err == nil
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return known, "", fmt.Errorf("read checkout: %w", err)
	}
	if ours {
		if known.customerID != mustActor(c).UserID {
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
	session, err := r.Sessions.RetrieveCheckout(ctx, sessionID)
	switch {
	case err != nil && ours:
		e.cfg.Log.WarnContext(c, "checkout session not read", "checkout", known.id, "error", err)
		return known, stripe.SessionOpen, nil
	case errors.Is(err, stripe.ErrNotFound):
		return known, "", purchase.ErrCheckoutNotFound
	case err != nil:
		e.cfg.Log.WarnContext(c, "checkout session not read", "error", err)
		return known, "", purchase.ErrPaymentProcessing
	case !ours && session.Metadata["customerId"] != mustActor(c).UserID:
		return known, "", purchase.ErrForeignSession
	case !ours:
		known = ownCheckout{customerID: mustActor(c).UserID, contentID: purchase.KnownID(session.Metadata["contentId"])}
	}
	return known, session.Status, nil
}

// bought returns the purchase that a checkout became, and what was bought. Both are
// nil while the payment has not been recorded. For a payment that turned out to be
// a duplicate it is the purchase that the buyer had before.
func (e *Edge) bought(c *gin.Context, checkout ownCheckout) (*wire.VerifiedPurchase, *wire.PurchasedContent, error) {
	if checkout.contentID == "" {
		return nil, nil, nil
	}
	var p wire.VerifiedPurchase
	var item wire.PurchasedContent
	err := e.cfg.Pool.QueryRow(c, `
SELECT p.id, p.content_id, p.status, p.amount_paid_cents, p.purchased_at, c.id, c.title, c.slug, c.content_type, c.thumbnail_url
FROM purchases p JOIN content c ON c.id = p.content_id
WHERE p.customer_id = $1 AND p.content_id = $2
ORDER BY p.checkout_id = NULLIF($3, '')::uuid DESC NULLS LAST, p.created_at DESC LIMIT 1`, checkout.customerID, checkout.contentID, checkout.id).
		Scan(&p.ID, &p.ContentID, &p.Status, &p.AmountPaidCents, &p.PurchasedAt, &item.ID, &item.Title, &item.Slug, &item.ContentType, &item.ThumbnailURL)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read purchase: %w", err)
	}
	return &p, &item, nil
}
