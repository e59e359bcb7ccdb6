package purchase

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/codex-platform/codex/domain/money"
)

// MarkerKey is the key of the installation marker in the metadata of sessions that are
// opened here.
const MarkerKey = "installation"

// Marker identifies an installation in the metadata of its sessions. It follows from the id
// of its database and from its public URL: a copy of the database at another address is
// another installation.
func Marker(databaseID, publicURL string) string {
	sum := sha256.Sum256([]byte(databaseID + " " + publicURL))
	return hex.EncodeToString(sum[:16])
}

// Foreign is a payment in the provider's account that is not of this installation. Nothing
// follows from it.
type Foreign struct {
	// Reason says why. It names no person.
	Reason string
	At     time.Time
	// Amount is in the smallest unit of Currency, which may be empty.
	Amount   int64
	Currency string
}

// foreign says why a paid session is not of this installation; it is "" for one that is. It
// is when a checkout names it, or when it carries no marker of another installation and its
// metadata names a buyer and a content item that exist here, and it has the item's price.
// Deleted ones exist: their ids are from here.
func (s SessionFact) foreign(facts Facts) string {
	c := facts.Content
	switch {
	case facts.Checkout != nil:
		return ""
	case s.Installation != "" && s.Installation != facts.Installation:
		return "it is of another installation"
	case s.CustomerID == "" || s.ContentID == "":
		return "it names no buyer and content item"
	case s.AmountCents <= 0:
		return "nothing was paid"
	case c == nil:
		return "its content item does not exist here"
	case !facts.BuyerExists:
		return "its buyer does not exist here"
	case s.currency(facts) != c.Currency || !c.HasPrice || money.Cents(s.AmountCents) != c.Price:
		return fmt.Sprintf("the item costs %d %s, paid %d %s", c.Price, c.Currency, s.AmountCents, s.currency(facts))
	default:
		return ""
	}
}

// Content is what a sale needs of a content item.
type Content struct {
	ID             string
	CreatorID      string
	OrganizationID string
	Deleted        bool
	AccessType     string
	HasPrice       bool
	// Price is 0 without a price. It is in the smallest unit of Currency, which is the item's:
	// prices keep the currency in which they were set.
	Price    money.Cents
	Currency string
}

// free reports whether every signed-in user may see the item.
func (c Content) free() bool {
	return c.AccessType == "free" && c.Price == 0 || c.AccessType == "paid" && c.HasPrice && c.Price == 0
}

// withdrawn says why a payment for the item is given back; it is "" when a purchase opens
// the item. It does for an item that is not published any more: its buyers keep it.
func (c *Content) withdrawn() string {
	switch {
	case c == nil:
		return "the content does not exist"
	case c.Deleted:
		return "the content is deleted"
	case c.AccessType == "private", c.AccessType == "team":
		return "the content is for its team only"
	case c.free():
		return "the content is free"
	default:
		return ""
	}
}
