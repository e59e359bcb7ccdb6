package purchase

import (
	"cmp"
	"fmt"
	"regexp"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/events"
)

// The names of the commands of buyers. Their payloads are the structs of the same names.
const (
	CommandStartCheckout = "checkout.start"
	CommandOpenPortal    = "checkout.portal"
)

// StartCheckout is the command checkout.start.
type StartCheckout struct {
	ContentID  string `json:"contentId" jsonschema:"required,format=uuid,example=0197a3c4-5d6e-7f80-9a1b-2c3d4e5f6071"`
	SuccessURL string `json:"successUrl" jsonschema:"required,maxLength=2048,format=uri,example=http://localhost:5173/thanks"`
	CancelURL  string `json:"cancelUrl" jsonschema:"required,maxLength=2048,format=uri,example=http://localhost:5173/back"`
}

// Validate returns what is wrong with the fields. The edge checks the hosts of the URLs.
func (s StartCheckout) Validate() []domain.Field { return domain.Check(s) }

// OpenPortal is the command checkout.portal: it opens the payment provider's page of
// receipts and cards, which leads back to ReturnURL.
type OpenPortal struct {
	ReturnURL string `json:"returnUrl" jsonschema:"required,maxLength=2048,format=uri,example=http://localhost:5173/account"`
}

// Validate returns what is wrong with the fields.
func (o OpenPortal) Validate() []domain.Field { return domain.Check(o) }

var uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// KnownID returns an id from another system when it has the form of this platform's ids (a
// UUID of 36 characters), else "".
func KnownID(s string) string {
	if uuidPattern.MatchString(s) {
		return s
	}
	return ""
}

// CheckoutStatus is the state of a checkout.
type CheckoutStatus string

// The states of a checkout. One that is Creating or Open can still be paid; there is at
// most one of them per buyer and content.
const (
	// Creating: stored, the provider's response is not known yet.
	Creating CheckoutStatus = "creating"
	// Open: the buyer can pay.
	Open CheckoutStatus = "open"
	// Expiring: replaced by another checkout, or its content or its buyer is gone; being
	// closed at the provider.
	Expiring CheckoutStatus = "expiring"
	// CheckoutCompleted: paid.
	CheckoutCompleted CheckoutStatus = "completed"
	// Expired: ended unpaid.
	Expired CheckoutStatus = "expired"
	// CheckoutFailed: the provider rejected it.
	CheckoutFailed CheckoutStatus = "failed"
)

// Checkout is a sale before its payment. Everything that the payment is compared with is
// frozen when it is stored.
type Checkout struct {
	ID             string
	CustomerID     string
	ContentID      string
	OrganizationID string
	CreatorID      string
	// ProductName and Description are shown to the buyer at the provider.
	ProductName string
	Description string
	Amount      money.Cents
	Currency    string
	Rates       money.Rates
	SuccessURL  string
	CancelURL   string
	Status      CheckoutStatus
	// Attempt counts the idempotency keys that were used up.
	Attempt    int
	SessionID  string
	SessionURL string
	CreatedAt  time.Time
	ExpiresAt  time.Time
	// Version counts the events.
	Version int64
}

// Limits of a checkout's life. Stripe accepts 30 minutes to 24 hours, counted from its own
// clock when the call arrives, and compares whole seconds.
const (
	// Lifetime is how long a buyer has to pay.
	Lifetime = 45 * time.Minute
	// minCreating is the time that must be left for the provider to accept the session.
	minCreating = 31 * time.Minute
	// minOpen is the time that must be left to use a session again.
	minOpen = 2 * time.Minute
)

// Tenant is the tenant of the checkout's events.
func (c Checkout) Tenant() string {
	if c.OrganizationID != "" {
		return c.OrganizationID
	}
	return c.CreatorID
}

// Mismatch returns how a paid session differs from this checkout: another amount or currency
// than agreed, or another buyer or content in its metadata. It is "" for the checkout's own
// session, and names no person.
func (c Checkout) Mismatch(s SessionFact) string {
	switch {
	case money.Cents(s.AmountCents) != c.Amount || s.Currency != "" && s.Currency != c.Currency:
		return fmt.Sprintf("expected %d %s, paid %d %s", c.Amount, c.Currency, s.AmountCents,
			cmp.Or(s.Currency, c.Currency))
	case s.CustomerID != "" && s.CustomerID != c.CustomerID:
		return "paid for another buyer"
	case s.ContentID != "" && s.ContentID != c.ContentID:
		return "paid for another content item"
	default:
		return ""
	}
}

// Usable reports whether a new request for an offer can use this checkout: the price is the
// same, and there is time left.
func (c Checkout) Usable(o Offer, now time.Time) bool {
	left := c.ExpiresAt.Sub(now)
	same := c.Amount == o.Price && c.Currency == o.Currency
	return same && (c.Status == Open && left >= minOpen || c.Status == Creating && left >= minCreating)
}

// Start records the session that the provider opened. A checkout that was paid or closed
// meanwhile stays as it is.
func (c Checkout) Start(sessionID, sessionURL string) (Checkout, []events.Payload) {
	if c.Status != Creating {
		return c, nil
	}
	c.Status, c.SessionID, c.SessionURL = Open, sessionID, sessionURL
	c.Version++
	return c, []events.Payload{events.CheckoutStarted{
		CheckoutID:     c.ID,
		CustomerID:     c.CustomerID,
		ContentID:      c.ContentID,
		OrganizationID: c.OrganizationID,
		AmountCents:    int64(c.Amount),
		Currency:       c.Currency,
	}}
}

// Complete marks the checkout as paid, from any state.
func (c Checkout) Complete(sessionID string) Checkout {
	c.Status = CheckoutCompleted
	if c.SessionID == "" {
		c.SessionID = sessionID
	}
	return c
}

// Expire ends a checkout that can still be paid, or that is being closed. All other
// states are final.
func (c Checkout) Expire() (Checkout, []events.Payload) {
	switch c.Status {
	case Creating, Open, Expiring:
	default:
		return c, nil
	}
	c.Status = Expired
	c.Version++
	return c, []events.Payload{events.CheckoutExpired{
		CheckoutID: c.ID,
		CustomerID: c.CustomerID,
		ContentID:  c.ContentID,
	}}
}

// Offer is a content item that a buyer wants to buy.
type Offer struct {
	Content
	Title       string
	Description string
	Published   bool
}

// ForSale reports whether checkouts of the offer may stay open. At another price they may: the
// price that their buyers saw counts.
func (o Offer) ForSale() bool {
	return !o.Deleted && o.Published && o.HasPrice && o.Price > 0 && o.sold()
}

// sold reports whether items of the access type are sold one by one.
func (o Offer) sold() bool { return o.AccessType == "paid" || o.AccessType == "subscribers" }

// Buy decides whether a buyer may start a checkout of an offer, and returns the checkout
// to store.
func (o Offer) Buy(
	id, buyerID string, owned bool, rates money.Rates, cmd StartCheckout, now time.Time,
) (Checkout, error) {
	if err := o.purchasable(buyerID, owned); err != nil {
		return Checkout{}, err
	}
	return Checkout{
		ID:             id,
		CustomerID:     buyerID,
		ContentID:      o.ID,
		OrganizationID: o.OrganizationID,
		CreatorID:      o.CreatorID,
		ProductName:    o.Title,
		Description:    o.Description,
		Amount:         o.Price,
		Currency:       o.Currency,
		Rates:          rates,
		SuccessURL:     cmd.SuccessURL,
		CancelURL:      cmd.CancelURL,
		Status:         Creating,
		Attempt:        1,
		CreatedAt:      now,
		ExpiresAt:      now.Add(Lifetime).Truncate(time.Second),
	}, nil
}

// purchasable returns nil when a buyer may buy the offer.
func (o Offer) purchasable(buyerID string, owned bool) error {
	switch {
	case o.Deleted:
		return notPurchasable("deleted")
	case owned:
		return ErrAlreadyPurchased
	case !o.Published:
		return notPurchasable("not_published")
	case o.CreatorID == buyerID:
		return notPurchasable("own_content")
	case o.AccessType == "free" || o.HasPrice && o.Price == 0:
		return notPurchasable("free")
	case !o.HasPrice:
		return notPurchasable("no_price")
	case !o.sold():
		return notPurchasable("not_for_sale")
	case money.CurrencyOf(o.Currency).Fault(o.Price) != "":
		return notPurchasable("price_not_chargeable")
	default:
		return nil
	}
}

// The errors of checkouts and purchases.
var (
	// ErrAlreadyPurchased : 409, the buyer has a live purchase of the content.
	ErrAlreadyPurchased = &domain.Error{
		Class:   domain.Conflict,
		Code:    "ALREADY_PURCHASED",
		Reason:  "ALREADY_PURCHASED",
		Message: "You have bought this already",
	}
	// ErrNotPurchasable : 422, with a reason: free, not_published, deleted, no_price,
	// own_content or not_for_sale.
	ErrNotPurchasable = &domain.Error{
		Class:   domain.Rule,
		Code:    "CONTENT_NOT_PURCHASABLE",
		Reason:  "CONTENT_NOT_PURCHASABLE",
		Message: "This content cannot be bought",
	}
	// ErrForeignSession : 403, the checkout session belongs to another user.
	ErrForeignSession = domain.NewError(domain.Forbidden, "", "This checkout session belongs to another user")
	// ErrContentNotFound : 404.
	ErrContentNotFound = domain.Missing("CONTENT_NOT_FOUND", "Content")
	// ErrBuyerNotFound : 404, the buyer's account was deleted.
	ErrBuyerNotFound = domain.Missing("USER_NOT_FOUND", "User")
	// ErrPurchaseNotFound : 404, also for the purchase of another user.
	ErrPurchaseNotFound = domain.Missing("PURCHASE_NOT_FOUND", "Purchase")
	// ErrCheckoutNotFound : 404.
	ErrCheckoutNotFound = domain.Missing("CHECKOUT_NOT_FOUND", "Checkout session")
	// ErrPaymentProcessing : 502, the payment provider failed.
	ErrPaymentProcessing = &domain.Error{
		Class:   domain.Upstream,
		Code:    "PAYMENT_PROCESSING_ERROR",
		Reason:  "PAYMENT_PROCESSING_ERROR",
		Message: "The payment provider did not respond as expected; nothing was charged",
	}
)

// notPurchasable is ErrNotPurchasable for a reason.
func notPurchasable(reason string) error {
	err := *ErrNotPurchasable
	err.Context = map[string]any{"reason": reason}
	return &err
}
