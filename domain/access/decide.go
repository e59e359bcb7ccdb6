package access

import (
	"time"

	"github.com/codex-platform/codex/domain"
)

// Rule is who may see an item; the words are those of its access type.
type Rule string

// The rules.
const (
	Free        Rule = "free"
	Paid        Rule = "paid"
	Members     Rule = "members"
	Followers   Rule = "followers"
	Subscribers Rule = "subscribers"
	Team        Rule = "team"
	Private     Rule = "private"
)

// Content is what the decision needs to know of an item.
type Content struct {
	ID        string
	CreatorID string
	// OrganizationID is empty for personal content.
	OrganizationID string
	// Access is the access type as stored.
	Access Rule
	// PriceCents is nil when no price was set. That is not the price 0.
	PriceCents *int64
	Published  bool
	Deleted    bool
}

// Tenant is the organization, or the creator of personal content.
func (c Content) Tenant() string {
	if c.OrganizationID != "" {
		return c.OrganizationID
	}
	return c.CreatorID
}

// Rule returns the rule that holds: free content is what says so and has no price,
// and what is for sale at the price 0. Content for sale without a price is for
// sale, not free.
func (c Content) Rule() Rule {
	priced := c.PriceCents != nil && *c.PriceCents > 0
	switch {
	case c.Access == Free && priced:
		return Paid
	case c.Access == Paid && c.PriceCents != nil && !priced:
		return Free
	default:
		return c.Access
	}
}

// Viewer is the user whom a decision is about, with role and grants.
type Viewer struct {
	// UserID is empty for an anonymous viewer.
	UserID string
	// Role is the viewer's active role in the content's organization; empty when
	// there is none.
	Role string
	// Publishes says that members with this role publish in the organization: they see
	// everything of it.
	Publishes bool
	// Grants are the viewer's grants of this item, live or not.
	Grants []Grant
}

// ManagedBy reports whether a viewer may read decisions about other users: the item's
// creator, and the owners and admins of its organization. That is fewer than those who see
// everything of it.
func (c Content) ManagedBy(v Viewer) bool {
	if v.UserID == "" {
		return false
	}
	return v.UserID == c.CreatorID || (c.OrganizationID != "" && (v.Role == "owner" || v.Role == "admin"))
}

// Reason is the reason of a verdict.
type Reason string

// Why access is allowed.
const (
	ByFree       Reason = "free"       // any signed-in user
	ByGrant      Reason = "grant"      // a live grant
	ByMembership Reason = "membership" // an active member of the organization
	ByManagement Reason = "management" // its owner, an admin or a creator of it
	ByCreator    Reason = "creator"    // the creator of the item
)

// Why it is not.
const (
	NotFound        Reason = "not_found"        // not published, or deleted
	SignedOut       Reason = "signed_out"       // the viewer is anonymous
	Revoked         Reason = "revoked"          // the viewer had a grant that was revoked
	Expired         Reason = "expired"          // the viewer had a grant that expired
	PaymentRequired Reason = "payment_required" // for sale, not bought
	NotEntitled     Reason = "not_entitled"     // for other users only
)

// Verdict is the outcome of a decision.
type Verdict struct {
	Allowed bool
	Rule    Rule
	Reason  Reason
	// Grant is the grant that allows; with Revoked and Expired, the one that allowed.
	Grant *Grant
}

// Decide returns whether a viewer may see an item now. The order is the contract's: an
// item that is not published does not exist; free content is for every signed-in user;
// then grants; then membership. The creator of a published item always sees it.
//
// An item that was unpublished still exists for those who bought it: they keep it.
//
// Other access types are narrower. members: any active member, or a grant. followers,
// subscribers: until users can follow and subscribe, the management, or a grant. team,
// private: the management only; grants do not count, such an item is withdrawn from its
// buyers. An unknown access type denies.
func Decide(c Content, v Viewer, now time.Time) Verdict {
	verdict := Verdict{Rule: c.Rule()}
	switch bought := c.boughtBy(v, now); {
	case c.Deleted, !c.Published && bought == nil:
		verdict.Reason = NotFound
		return verdict
	case !c.Published:
		verdict.Allowed, verdict.Reason, verdict.Grant = true, ByGrant, bought
		return verdict
	}
	if v.UserID == "" {
		verdict.Reason = SignedOut
		return verdict
	}
	verdict.Reason, verdict.Grant = allow(c, v, now)
	verdict.Allowed = verdict.Reason != ""
	if !verdict.Allowed {
		verdict.Reason, verdict.Grant = deny(verdict.Rule, v, now)
	}
	return verdict
}

// boughtBy returns the live grant of a viewer who bought the item and keeps it; nil without.
func (c Content) boughtBy(v Viewer, now time.Time) *Grant {
	if rule := c.Rule(); v.UserID == "" || rule == Team || rule == Private {
		return nil
	}
	return best(v.Grants, func(g Grant) bool { return g.Source == Purchased && g.Live(now) })
}

// allow returns why a viewer may see a published item, or "".
func allow(c Content, v Viewer, now time.Time) (Reason, *Grant) {
	rule := c.Rule()
	if rule == Free {
		return ByFree, nil
	}
	if v.UserID == c.CreatorID {
		return ByCreator, nil
	}
	role := v.Role
	if c.OrganizationID == "" {
		role = ""
	}
	manages := role != "" && v.Publishes
	switch rule {
	case Team, Private:
		if manages {
			return ByManagement, nil
		}
		return "", nil
	case Paid, Members, Followers, Subscribers:
		if g := best(v.Grants, func(g Grant) bool { return g.Live(now) }); g != nil {
			return ByGrant, g
		}
	default:
		return "", nil
	}
	switch {
	case manages:
		return ByManagement, nil
	case role != "" && (rule == Paid || rule == Members):
		return ByMembership, nil
	default:
		return "", nil
	}
}

// deny returns why a viewer may not see a published item: a grant that ended, if it
// would have counted.
func deny(rule Rule, v Viewer, now time.Time) (Reason, *Grant) {
	if rule != Team && rule != Private {
		if g := best(v.Grants, func(g Grant) bool { return g.RevokedAt != nil }); g != nil {
			return Revoked, g
		}
		if g := best(v.Grants, func(g Grant) bool { return g.expired(now) }); g != nil {
			return Expired, g
		}
	}
	if rule == Paid {
		return PaymentRequired, nil
	}
	return NotEntitled, nil
}

// best returns the first of the fitting grants, by source and then by id.
func best(grants []Grant, fits func(Grant) bool) *Grant {
	var found *Grant
	for _, g := range grants {
		if fits(g) && (found == nil || g.before(*found)) {
			found = &g
		}
	}
	return found
}

// The errors of access.
var (
	// ErrContentNotFound : 404, also for items that are not published or deleted.
	ErrContentNotFound = domain.Missing("CONTENT_NOT_FOUND", "Content")
	// ErrDenied : 403. [Verdict.Err] adds a context: reason, rule and, when a grant was
	// revoked, revokedReason.
	ErrDenied = &domain.Error{
		Class:   domain.Forbidden,
		Code:    "ACCESS_DENIED",
		Reason:  "ACCESS_DENIED",
		Message: "You do not have access to this content",
	}
	// ErrMediaNotReady : 422, there is nothing to play yet.
	ErrMediaNotReady = &domain.Error{
		Class:   domain.Rule,
		Code:    "MEDIA_NOT_READY",
		Reason:  "MEDIA_NOT_READY",
		Message: "The media item is not ready to be played",
	}
)

// Err returns nil for an allowed verdict, otherwise the error of the response.
func (v Verdict) Err() error {
	switch {
	case v.Allowed:
		return nil
	case v.Reason == NotFound:
		return ErrContentNotFound
	case v.Reason == SignedOut:
		return domain.NewError(domain.Unauthorized, "", "Sign in first")
	}
	denied := *ErrDenied
	denied.Context = map[string]any{"reason": v.Reason, "rule": v.Rule}
	if v.Reason == Revoked && v.Grant != nil {
		denied.Context["revokedReason"] = v.Grant.RevokedReason
	}
	return &denied
}
