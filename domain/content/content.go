// Package content holds the rules of what creators offer: drafts, what may be
// published, who sells what at which price, and under which slug.
//
// It is pure: a decision takes the state, a command and the facts that it needs, and returns
// the next state and the events; the caller loads, locks and stores. A rejection leaves the
// state unchanged.
package content

import (
	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/money"
)

// Type is what a content item consists of.
type Type string

// The content types.
const (
	Video   Type = "video"
	Audio   Type = "audio"
	Written Type = "written"
)

// Valid reports whether t is one of the types.
func (t Type) Valid() bool { return t == Video || t == Audio || t == Written }

// Access says who may see a published item.
type Access string

// The access types. Paid is sold; the others follow from who the viewer is.
const (
	Free        Access = "free"
	Paid        Access = "paid"
	Followers   Access = "followers"
	Subscribers Access = "subscribers"
	Team        Access = "team"
	Members     Access = "members"
	Private     Access = "private"
)

// Valid reports whether a is one of the access types.
func (a Access) Valid() bool {
	switch a {
	case Free, Paid, Followers, Subscribers, Team, Members, Private:
		return true
	default:
		return false
	}
}

// needsOrganization reports whether an access type only makes sense inside one.
func (a Access) needsOrganization() bool {
	return a == Followers || a == Subscribers || a == Team || a == Members
}

// Visibility is the older name of Access that some clients still use. Requests may have
// either, responses have both:
//
//	visibility      alone, it stands for             with it, accessType may be
//	public          free without a price, else paid  free, paid
//	purchased_only  paid                             paid
//	members_only    members                          members, followers, subscribers, team
//	private         private                          private
//
// Where a client gives both, accessType decides, and a visibility outside its row of
// the table is rejected. Where it gives neither, the item is free. The visibility that
// was given stays in responses, otherwise they have that of the access type's row: public
// for free, purchased_only for paid. Setting accessType alone forgets the visibility
// that was given before.
type Visibility string

// The visibilities. Private is for the creator and the organization's management.
const (
	Public        Visibility = "public"
	PurchasedOnly Visibility = "purchased_only"
	MembersOnly   Visibility = "members_only"
	PrivateOnly   Visibility = "private"
)

// Valid reports whether v is one of the visibilities.
func (v Visibility) Valid() bool {
	return v == Public || v == PurchasedOnly || v == MembersOnly || v == PrivateOnly
}

// access returns the access type that a visibility stands for at a price.
func (v Visibility) access(priceCents int64) Access {
	switch v {
	case PurchasedOnly:
		return Paid
	case MembersOnly:
		return Members
	case PrivateOnly:
		return Private
	default:
		if priceCents > 0 {
			return Paid
		}
		return Free
	}
}

// covers reports whether an access type is in a visibility's row of the table.
func (v Visibility) covers(a Access) bool {
	return v == VisibilityOf(a) || v == Public && a == Paid
}

// VisibilityOf returns the visibility that a client of the older kind expects for
// an access type.
func VisibilityOf(a Access) Visibility {
	switch a {
	case Paid:
		return PurchasedOnly
	case Private:
		return PrivateOnly
	case Followers, Subscribers, Team, Members:
		return MembersOnly
	default:
		return Public
	}
}

// Status is the status of an item.
type Status string

// The statuses.
const (
	Draft     Status = "draft"
	Published Status = "published"
	Archived  Status = "archived"
)

// Tenant is the organization, or the creator of personal content.
func (c Content) Tenant() string {
	if c.OrganizationID != "" {
		return c.OrganizationID
	}
	return c.CreatorID
}

// Price returns the price in cents, 0 when there is none.
func (c Content) Price() int64 { return domain.OrZero(c.PriceCents) }

// Shown is the visibility of responses: the one that a client gave, otherwise the one that
// the access type stands for.
func (c Content) Shown() Visibility {
	if c.Visibility != "" {
		return c.Visibility
	}
	return VisibilityOf(c.Access)
}

// Scope is the space in which a slug is unique: one organization, or the personal
// space of one creator.
type Scope struct {
	OrganizationID string
	CreatorID      string // set only for personal content
}

// ScopeOf returns the scope of content of a creator in an organization ("" for none).
func ScopeOf(creatorID, organizationID string) Scope {
	if organizationID != "" {
		return Scope{OrganizationID: organizationID}
	}
	return Scope{CreatorID: creatorID}
}

// Media is what the rules need to know of a media item.
type Media struct {
	ID        string
	CreatorID string
	Type      string // video or audio
	Status    string
	// Playable says that there is something to play, although the item is not ready.
	Playable bool
	Deleted  bool
}

// Facts are what a decision about an item rests on outside the item, read in the same
// transaction.
type Facts struct {
	// ActorID is the user; ActorRole is their platform role now, empty when the account
	// does not exist.
	ActorID   string
	ActorRole string
	// MayPublish says that the actor may publish in the organization that the item belongs
	// to after the command.
	MayPublish bool
	// OrganizationLive says that this organization exists, and MayTakeDown that the actor is an
	// owner of it.
	OrganizationLive bool
	MayTakeDown      bool
	// Media is the media item that the item refers to after the command; nil for none.
	Media *Media
	// Categories are those categories of the item's space that the command names.
	Categories []string
	// Quota is how many items a creator may have, and Items how many the actor has.
	Quota int64
	Items int64
	// SlugTaken says that another live item of the scope has the slug.
	SlugTaken bool
	// PayoutsReady says that the creator's payout account can receive money;
	// PayoutsRequired, that selling demands it.
	PayoutsReady    bool
	PayoutsRequired bool
	// Currency is that of the installation, in which new prices are.
	Currency money.Currency
}
