package purchase

import (
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
	SuccessURL string `json:"successUrl" jsonschema:"required,maxLength=2048,format=uri,example=https://codex.revelations.studio/thanks"`
	CancelURL  string `json:"cancelUrl" jsonschema:"required,maxLength=2048,format=uri,example=https://codex.revelations.studio/back"`
}

// Validate implements the edge's validator. Where the addresses may lead is the
// edge's business, which knows its own.
func (s StartCheckout) Validate() []domain.Field { return domain.Check(s) }

// OpenPortal is the command checkout.portal: the buyer wants to see their receipts
// and cards at the payment provider, and to come back.
type OpenPortal struct {
	ReturnURL string `json:"returnUrl" jsonschema:"required,maxLength=2048,format=uri,example=https://codex.revelations.studio/account"`
}

// Validate implements the edge's validator.
func (o OpenPortal) Validate() []domain.Field { return domain.Check(o) }

// isUUID accepts the 36-character form, in any case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, r := range []byte(s) {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		hex := r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
		if hyphen != (r == '-') || !hyphen && !hex {
			return false
		}
	}
	return true
}

// KnownID returns an id that a foreign system handed us when it has the form of
// ours, else "".
func KnownID(s string) string {
	if isUUID(s) {
		return s
	}
	return ""
}

// CheckoutStatus is the state of a checkout.
type CheckoutStatus string

// The states of a checkout. Creating and Open are the ones a buyer may still pay;
// there is at most one of them per buyer and content.
const (
	// Creating: written down, the provider's answer is not known yet.
	Creating CheckoutStatus = "creating"
	// Open: the buyer can pay.
	Open CheckoutStatus = "open"
	// Expiring: replaced by another checkout; being closed at the provider.
	Expiring CheckoutStatus = "expiring"
	// CheckoutCompleted: paid.
	CheckoutCompleted CheckoutStatus = "completed"
	// Expired: ended unpaid.
	Expired CheckoutStatus = "expired"
	// CheckoutFailed: the provider refused to open it.
	CheckoutFailed CheckoutStatus = "failed"
)

// Checkout is one sale on its way. Everything that the payment is compared with is
// frozen when it is written.
type Checkout struct {
	ID                                               string
	CustomerID, ContentID, OrganizationID, CreatorID string
	// ProductName and Description are what the buyer sees at the provider.
	ProductName, Description string
	Amount                   money.Cents
	Currency                 string
	Rates                    money.Rates
	SuccessURL, CancelURL    string
	Status                   CheckoutStatus
	// Attempt counts the idempotency keys that were used up.
	Attempt    int
	SessionID  string
	SessionURL string
	CreatedAt  time.Time
	ExpiresAt  time.Time
	// Version counts the events.
	Version int64
}

// Limits of a checkout's life. The provider accepts 30 minutes to 24 hours, counted
// from its own clock when the call arrives, and compares whole seconds.
const (
	// Lifetime is how long a buyer has to pay.
	Lifetime = 45 * time.Minute
	// minCreating is how much must be left for the provider to accept the session.
	minCreating = 31 * time.Minute
	// minOpen is how much must be left to send a buyer to a session again.
	minOpen = 2 * time.Minute
)

// Tenant is the tenant of the checkout's events.
func (c Checkout) Tenant() string {
	if c.OrganizationID != "" {
		return c.OrganizationID
	}
	return c.CreatorID
}

// Matches reports whether a paid session is the one that this checkout opened: the
// same amount and currency, and no other buyer or content in its metadata.
func (c Checkout) Matches(s SessionFact) bool {
	return money.Cents(s.AmountCents) == c.Amount && s.currency() == c.Currency &&
		(s.CustomerID == "" || s.CustomerID == c.CustomerID) && (s.ContentID == "" || s.ContentID == c.ContentID)
}

// Usable reports whether a buyer who asks for this offer now can be sent to this
// checkout: the offer is the same, and there is time left.
func (c Checkout) Usable(o Offer, now time.Time) bool {
	left := c.ExpiresAt.Sub(now)
	same := c.Amount == o.Price && c.Currency == Currency
	return same && (c.Status == Open && left >= minOpen || c.Status == Creating && left >= minCreating)
}

// Start writes the session down that the provider opened. A checkout that was paid
// or closed meanwhile stays as it is.
func (c Checkout) Start(sessionID, sessionURL string) (Checkout, []events.Payload) {
	if c.Status != Creating {
		return c, nil
	}
	c.Status, c.SessionID, c.SessionURL = Open, sessionID, sessionURL
	c.Version++
	return c, []events.Payload{events.CheckoutStarted{
		CheckoutID: c.ID, CustomerID: c.CustomerID, ContentID: c.ContentID, OrganizationID: c.OrganizationID,
		AmountCents: int64(c.Amount), Currency: c.Currency,
	}}
}

// Complete marks the checkout as paid, whatever it was before: money decides.
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
	return c, []events.Payload{events.CheckoutExpired{CheckoutID: c.ID, CustomerID: c.CustomerID, ContentID: c.ContentID}}
}

// Offer is a content item as a buyer finds it.
type Offer struct {
	Content
	Title, Description string
	// Published and AccessType are the content's; Price is 0 when it has none.
	Published  bool
	AccessType string
	HasPrice   bool
	Price      money.Cents
}

// sold are the access types whose content can be bought one by one.
func (o Offer) sold() bool { return o.AccessType == "paid" || o.AccessType == "subscribers" }

// Buy decides whether a buyer may start to pay for an offer, and returns the
// checkout to write down.
func (o Offer) Buy(id, buyerID string, owned bool, rates money.Rates, cmd StartCheckout, now time.Time) (Checkout, error) {
	if err := o.refuse(buyerID, owned); err != nil {
		return Checkout{}, err
	}
	return Checkout{
		ID: id, CustomerID: buyerID, ContentID: o.ID, OrganizationID: o.OrganizationID, CreatorID: o.CreatorID,
		ProductName: o.Title, Description: o.Description, Amount: o.Price, Currency: Currency, Rates: rates,
		SuccessURL: cmd.SuccessURL, CancelURL: cmd.CancelURL, Status: Creating, Attempt: 1,
		CreatedAt: now, ExpiresAt: now.Add(Lifetime).Truncate(time.Second),
	}, nil
}

func (o Offer) refuse(buyerID string, owned bool) error {
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
	default:
		return nil
	}
}

// Refusals that clients may switch on.
var (
	// ErrAlreadyPurchased : 409, the buyer has a live purchase of the content.
	ErrAlreadyPurchased = &domain.Error{
		Class: domain.Conflict, Code: "ALREADY_PURCHASED", Reason: "ALREADY_PURCHASED", Message: "You have bought this already",
	}
	// ErrNotPurchasable : 422, with a reason: free, not_published, deleted, no_price,
	// own_content or not_for_sale.
	ErrNotPurchasable = &domain.Error{
		Class: domain.Rule, Code: "CONTENT_NOT_PURCHASABLE", Reason: "CONTENT_NOT_PURCHASABLE", Message: "This content cannot be bought",
	}
	// ErrForeignSession : 403, the checkout session is another user's.
	ErrForeignSession = domain.Refuse(domain.Forbidden, "", "This checkout session belongs to another user")
	// ErrContentNotFound : 404.
	ErrContentNotFound = domain.Missing("CONTENT_NOT_FOUND", "Content")
	// ErrBuyerNotFound : 404, the buyer's account is gone.
	ErrBuyerNotFound = domain.Missing("USER_NOT_FOUND", "User")
	// ErrPurchaseNotFound : 404, also for the purchase of somebody else.
	ErrPurchaseNotFound = domain.Missing("PURCHASE_NOT_FOUND", "Purchase")
	// ErrCheckoutNotFound : 404.
	ErrCheckoutNotFound = domain.Missing("CHECKOUT_NOT_FOUND", "Checkout session")
	// ErrPaymentProcessing : 502, the payment provider failed.
	ErrPaymentProcessing = &domain.Error{
		Class: domain.Upstream, Code: "PAYMENT_PROCESSING_ERROR", Reason: "PAYMENT_PROCESSING_ERROR",
		Message: "The payment provider did not answer as it should; nothing was charged",
	}
)

// notPurchasable is ErrNotPurchasable for a reason.
func notPurchasable(reason string) error {
	refusal := *ErrNotPurchasable
	refusal.Context = map[string]any{"reason": reason}
	return &refusal
}
