package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
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
}

// Register implements Routes.
func (r CheckoutRoutes) Register(e *Edge, router gin.IRouter) {
	router.POST("/checkout/create", e.signedIn(), e.createCheckout)
	router.GET("/checkout/verify", e.signedIn(), func(c *gin.Context) { r.verify(e, c) })
}

// createCheckout starts a checkout. The command is addressed to the content item.
func (e *Edge) createCheckout(c *gin.Context) {
	var request purchase.StartCheckout
	if err := decode(c, &request); err != nil {
		e.refuse(c, err)
		return
	}
	var bad []domain.Field
	for path, target := range map[string]string{"successUrl": request.SuccessURL, "cancelUrl": request.CancelURL} {
		if !e.mayLeadTo(target) {
			bad = append(bad, domain.Field{Path: path, Message: "must lead back to this site"})
		}
	}
	if err := domain.BadFields(bad); err != nil {
		e.refuse(c, err)
		return
	}
	request.ContentID = strings.ToLower(request.ContentID)
	e.submit(c, "checkout.start", request.ContentID, request)
}

// mayLeadTo reports whether a buyer may be sent to an address after paying: to this
// edge's own origin and, in development, to whatever runs on the same machine.
func (e *Edge) mayLeadTo(target string) bool {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	if own, err := url.Parse(e.cfg.PublicURL); err == nil && u.Scheme == own.Scheme && strings.EqualFold(u.Host, own.Host) {
		return true
	}
	if !e.cfg.Development {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || host == "lvh.me" || strings.HasSuffix(host, ".lvh.me")
}

// retrieveWait bounds the question to the payment provider in a read.
const retrieveWait = 3 * time.Second

var errForeignSession = domain.Refuse(domain.Forbidden, "", "This checkout session belongs to another user")

// ownCheckout is a checkout as its success page needs it.
type ownCheckout struct {
	id, customerID, contentID, status string
}

// verify answers what became of a session. As long as we have not heard, the
// provider is asked; the purchase itself appears only once it is recorded.
func (r CheckoutRoutes) verify(e *Edge, c *gin.Context) {
	q := newQuery(c)
	sessionID := q.text("session_id", 255)
	if sessionID == "" {
		q.refuse("session_id", "is required")
	}
	if err := q.err(); err != nil {
		e.refuse(c, err)
		return
	}
	checkout, status, err := r.find(e, c, sessionID)
	if err != nil {
		e.refuse(c, err)
		return
	}
	view := wire.CheckoutState{SessionStatus: status}
	if status == stripe.SessionComplete {
		view.Purchase, view.Content, err = e.bought(c, checkout)
		if err != nil {
			e.refuse(c, err)
			return
		}
	}
	c.JSON(http.StatusOK, wire.Single{Data: view})
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
			return known, "", errForeignSession
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
		return known, "", errForeignSession
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
