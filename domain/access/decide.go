package access

import (
	"slices"
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

// Viewer is the user who asks to see an item, with role and grants.
type Viewer struct {
	// UserID is empty for an anonymous viewer.
	UserID string
	// Role is the viewer's active role in the content's organization; empty when
	// there is none.
	Role string
	// Grants are the viewer's grants of this item, live or not.
	Grants []Grant
}

// manages says which organization roles see everything of their organization.
func (v Viewer) manages() bool { return slices.Contains([]string{"owner", "admin", "creator"}, v.Role) }

// ManagedBy reports whether a viewer may ask about others: who made the item, and the
// owners and admins of its organization. That is fewer than those who see everything
// of it.
func (c Content) ManagedBy(v Viewer) bool {
	if v.UserID == "" {
		return false
	}
	return v.UserID == c.CreatorID || (c.OrganizationID != "" && (v.Role == "owner" || v.Role == "admin"))
}

// Reason is the ground of a verdict.
type Reason string

// Why access is allowed.
const (
	ByFree       Reason = "free"       // any signed-in user
	ByGrant      Reason = "grant"      // a live grant
	ByMembership Reason = "membership" // an active member of the organization
	ByManagement Reason = "management" // its owner, an admin or a creator of it
	ByCreator    Reason = "creator"    // who made the item
)

// Why it is not.
const (
	NotFound        Reason = "not_found"        // not published, or deleted
	SignedOut       Reason = "signed_out"       // the viewer is anonymous
	Revoked         Reason = "revoked"          // the viewer had a grant; it was taken back
	Expired         Reason = "expired"          // the viewer had a grant; its time is over
	PaymentRequired Reason = "payment_required" // for sale, not bought
	NotEntitled     Reason = "not_entitled"     // for others
)

// Verdict is the outcome of a decision.
type Verdict struct {
	Allowed bool
	Rule    Rule
	Reason  Reason
	// Grant is the grant that allows; with Revoked and Expired, the one that did.
	Grant *Grant
}

// Decide returns whether a viewer may see an item now. The order is the contract's:
// what is not live does not exist; free content is for everyone who is signed in;
// then a grant; then membership. The creator of a live item always sees it.
//
// Other access types narrow this down. members: any active member, or a grant.
// followers, subscribers: until users can follow and subscribe, the management, or a
// grant. team, private: the management only; a grant does not help, such an item is
// withdrawn from its buyers. An unknown access type allows no one.
func Decide(c Content, v Viewer, now time.Time) Verdict {
	verdict := Verdict{Rule: c.Rule()}
	if !c.Published || c.Deleted {
		verdict.Reason = NotFound
		return verdict
	}
	if v.UserID == "" {
		verdict.Reason = SignedOut
		return verdict
	}
	verdict.Reason, verdict.Grant = ground(c, v, now)
	verdict.Allowed = verdict.Reason != ""
	if !verdict.Allowed {
		verdict.Reason, verdict.Grant = refusal(verdict.Rule, v, now)
	}
	return verdict
}

// ground returns why a viewer may see a live item, or "".
func ground(c Content, v Viewer, now time.Time) (Reason, *Grant) {
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
	manages := role != "" && v.manages()
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

// refusal returns why a viewer may not see a live item: what they had and lost, if
// it would have helped.
func refusal(rule Rule, v Viewer, now time.Time) (Reason, *Grant) {
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

// best returns the first of the grants that fit, by source and then by id.
func best(grants []Grant, fits func(Grant) bool) *Grant {
	var found *Grant
	for _, g := range grants {
		if fits(g) && (found == nil || g.before(*found)) {
			found = &g
		}
	}
	return found
}

// Refusals that clients may switch on.
var (
	// ErrContentNotFound : 404, also for what is not published and for deleted items.
	ErrContentNotFound = domain.Missing("CONTENT_NOT_FOUND", "Content")
	// ErrDenied : 403. The context of one that was decided says why: reason, rule and,
	// when a grant was taken back, revokedReason.
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
	// ErrSigning : 500, the object store's address could not be signed.
	ErrSigning = &domain.Error{
		Class:   domain.Internal,
		Code:    "R2_SIGNING_ERROR",
		Reason:  "R2_SIGNING_ERROR",
		Message: "The address could not be made; try again",
	}
)

// Err returns nil for an allowed verdict, otherwise the refusal to answer with.
func (v Verdict) Err() error {
	switch {
	case v.Allowed:
		return nil
	case v.Reason == NotFound:
		return ErrContentNotFound
	case v.Reason == SignedOut:
		return domain.Refuse(domain.Unauthorized, "", "Sign in first")
	}
	denied := *ErrDenied
	denied.Context = map[string]any{"reason": v.Reason, "rule": v.Rule}
	if v.Reason == Revoked && v.Grant != nil {
		denied.Context["revokedReason"] = v.Grant.RevokedReason
	}
	return &denied
}
