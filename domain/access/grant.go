package access

import (
	"cmp"
	"time"

	"github.com/codex-platform/codex/events"
)

// Source is the kind of source of a grant.
type Source string

// The sources, in the order in which they are named when several are live.
const (
	Purchased     Source = "purchased"
	Subscription  Source = "subscription"
	Complimentary Source = "complimentary"
	Preview       Source = "preview"
)

var sources = []Source{Purchased, Subscription, Complimentary, Preview}

func (s Source) rank() int {
	for i, known := range sources {
		if s == known {
			return i
		}
	}
	return len(sources)
}

// GrantProjection is the name of the projection that makes grants follow purchases: of its
// consumer on the bus and of its marks in the inbox. Package streaming runs it; a webhook
// of package payments waits for it.
const GrantProjection = "access"

// The reasons for which a grant is revoked.
const (
	ForRefund  = "refund"
	ForDispute = "dispute"
)

// Grant is one source of access of one user to one item.
type Grant struct {
	ID        string
	UserID    string
	ContentID string
	// OrganizationID and CreatorID are the content's; the creator's is known only
	// where a grant is changed.
	OrganizationID string
	CreatorID      string
	Source         Source
	// SourceID is the id of the source: of the purchase.
	SourceID string
	// ExpiresAt is nil for a grant without an end.
	ExpiresAt *time.Time
	// RevokedAt is set while the grant is revoked, for RevokedReason.
	RevokedAt     *time.Time
	RevokedReason string
	// SourceVersion is the highest version of the source's events that had an effect.
	SourceVersion int64
	// SourceEventID is the event that put the grant into its state; "" when none did.
	SourceEventID string
	// SourceEnded says that the purchase is over: its money went back, or is on its way.
	SourceEnded bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
	// Version counts the grant's events; 0 before the first.
	Version int64
}

// Live reports whether the grant gives access now.
func (g Grant) Live(now time.Time) bool { return g.RevokedAt == nil && !g.expired(now) }

func (g Grant) expired(now time.Time) bool { return g.ExpiresAt != nil && !now.Before(*g.ExpiresAt) }

// State is whether a grant gives access, and if not, why.
type State string

// The states of a grant. A revoked grant stays revoked after its expiry.
const (
	StateLive    State = "live"
	StateRevoked State = "revoked"
	StateExpired State = "expired"
)

// State returns the grant's state now.
func (g Grant) State(now time.Time) State {
	switch {
	case g.RevokedAt != nil:
		return StateRevoked
	case g.expired(now):
		return StateExpired
	default:
		return StateLive
	}
}

func (g Grant) before(other Grant) bool {
	if a, b := g.Source.rank(), other.Source.rank(); a != b {
		return a < b
	}
	return g.ID < other.ID
}

// Tenant is the content's organization, or its creator.
func (g Grant) Tenant() string {
	if g.OrganizationID != "" {
		return g.OrganizationID
	}
	return g.CreatorID
}

// PurchaseOf returns the purchase, the buyer and the item of an event of a purchase. ok is
// false for an event without an effect on access, like a partial refund.
func PurchaseOf(p events.Payload) (purchaseID, userID, contentID string, ok bool) {
	switch p := p.(type) {
	case *events.PurchaseCompleted:
		return p.PurchaseID, p.CustomerID, p.ContentID, true
	case *events.PurchaseRefunded:
		return p.PurchaseID, p.CustomerID, p.ContentID, p.Full
	case *events.PurchaseRefundFailed:
		return p.PurchaseID, p.CustomerID, p.ContentID, true
	case *events.PurchaseDisputed:
		return p.PurchaseID, p.CustomerID, p.ContentID, true
	case *events.PurchaseDisputeClosed:
		return p.PurchaseID, p.CustomerID, p.ContentID, true
	default:
		return "", "", "", false
	}
}

// Follow applies one event of the grant's purchase; id is the event's, version the
// purchase's version after it.
//
// An event says which access the purchase gives from then on, so of all events the one with
// the highest version counts, in whatever order they are delivered. Events of earlier
// versions do not say it: among those a full refund and a lost dispute count in any order,
// and of the others the highest version.
func (g Grant) Follow(p events.Payload, id string, version int64, now time.Time) (Grant, []events.Payload) {
	next := g
	switch p := p.(type) {
	case *events.PurchaseCompleted:
		next.follow(cmp.Or(p.Access, events.AccessOpen), ForRefund, version, now)
	case *events.PurchaseRefundFailed:
		next.follow(p.Access, ForRefund, version, now)
	case *events.PurchaseRefunded:
		switch {
		case p.Access != "":
			next.follow(p.Access, ForRefund, version, now)
		case p.Full:
			next.end(version, ForRefund, now)
		}
	case *events.PurchaseDisputed:
		switch {
		case p.Access != "":
			next.follow(p.Access, ForRefund, version, now)
		default:
			next.move(version, ForDispute, now)
		}
	case *events.PurchaseDisputeClosed:
		switch {
		case p.Access != "" && p.Won:
			next.follow(p.Access, ForRefund, version, now)
		case p.Access != "":
			next.follow(p.Access, ForDispute, version, now)
		case p.Won:
			next.move(version, "", now)
		default:
			next.end(version, ForDispute, now)
		}
	}
	if (next.RevokedAt == nil) != (g.RevokedAt == nil) || next.RevokedReason != g.RevokedReason {
		next.SourceEventID = id
	}
	return g.announce(next, now)
}

// follow takes over the access that an event says, unless a later one was applied. ended is
// the reason when the access is over.
func (g *Grant) follow(access, ended string, version int64, now time.Time) {
	if version <= g.SourceVersion {
		return
	}
	g.SourceVersion, g.SourceEnded = version, access == events.AccessEnded
	reason := map[string]string{events.AccessSuspended: ForDispute, events.AccessEnded: ended}[access]
	g.set(reason, now)
}

// move grants or suspends, unless a later event was applied or the source ended.
func (g *Grant) move(version int64, revoked string, now time.Time) {
	if g.SourceEnded || version <= g.SourceVersion {
		return
	}
	g.SourceVersion = version
	g.set(revoked, now)
}

// end revokes the grant when the source is over. Of two reasons, a refund is kept.
func (g *Grant) end(version int64, reason string, now time.Time) {
	g.SourceVersion = max(g.SourceVersion, version)
	if g.SourceEnded && reason != ForRefund {
		return
	}
	g.SourceEnded = true
	g.set(reason, now)
}

// set makes the grant live, when revoked is empty, or revokes it.
func (g *Grant) set(revoked string, now time.Time) {
	switch {
	case revoked == "":
		g.RevokedAt = nil
	case g.RevokedAt == nil || g.Version == 0:
		g.RevokedAt = &now
	}
	g.RevokedReason = revoked
}

// announce returns the next state with the event of what changed for the viewer. A grant
// that was never live has no event of its revocation.
func (g Grant) announce(next Grant, now time.Time) (Grant, []events.Payload) {
	if next == g {
		return g, nil
	}
	next.UpdatedAt = now
	was, is := g.RevokedAt == nil, next.RevokedAt == nil
	switch {
	case is && !was:
		next.Version++
		return next, []events.Payload{events.AccessGranted{
			GrantID:        g.ID,
			UserID:         g.UserID,
			ContentID:      g.ContentID,
			OrganizationID: g.OrganizationID,
			SourceType:     string(g.Source),
			SourceID:       g.SourceID,
		}}
	case was && !is:
		next.Version++
		return next, []events.Payload{events.AccessRevoked{
			GrantID:    g.ID,
			UserID:     g.UserID,
			ContentID:  g.ContentID,
			SourceType: string(g.Source),
			SourceID:   g.SourceID,
			Reason:     next.RevokedReason,
		}}
	default:
		return next, nil
	}
}
