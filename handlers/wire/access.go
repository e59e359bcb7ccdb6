package wire

import (
	"time"

	"github.com/codex-platform/codex/domain/access"
)

// Stream is where a player finds an item. Written content has no addresses.
type Stream struct {
	StreamingURL  *string   `json:"streamingUrl"`
	WaveformURL   *string   `json:"waveformUrl"`
	ExpiresAt     time.Time `json:"expiresAt"`
	ContentType   string    `json:"contentType"`
	ReadyVariants []string  `json:"readyVariants,omitempty"`
}

// ProgressAnswer is the caller's progress in one item; null before the first report.
type ProgressAnswer struct {
	Progress *Progress `json:"progress"`
}

// Progress is how far somebody got.
type Progress struct {
	PositionSeconds int       `json:"positionSeconds"`
	DurationSeconds int       `json:"durationSeconds"`
	Completed       bool      `json:"completed"`
	UpdatedAt       time.Time `json:"updatedAt"`
}

// ProgressOf returns the representation of a playback.
func ProgressOf(p access.Playback) Progress {
	return Progress{
		PositionSeconds: p.PositionSeconds, DurationSeconds: p.DurationSeconds, Completed: p.Completed, UpdatedAt: p.UpdatedAt,
	}
}

// LibraryItem is one item of a user's library.
type LibraryItem struct {
	Content    LibraryContent   `json:"content"`
	AccessType string           `json:"accessType"`
	Purchase   *LibraryPurchase `json:"purchase"`
	Progress   *LibraryProgress `json:"progress"`
}

// LibraryContent is an item in brief.
type LibraryContent struct {
	ID               string  `json:"id"`
	Slug             string  `json:"slug"`
	Title            string  `json:"title"`
	Description      *string `json:"description"`
	ThumbnailURL     *string `json:"thumbnailUrl"`
	ContentType      string  `json:"contentType"`
	DurationSeconds  *int    `json:"durationSeconds"`
	OrganizationID   *string `json:"organizationId"`
	OrganizationSlug *string `json:"organizationSlug"`
}

// LibraryPurchase is when and for how much an item was bought.
type LibraryPurchase struct {
	PurchasedAt time.Time `json:"purchasedAt"`
	PriceCents  int64     `json:"priceCents"`
}

// LibraryProgress is progress with its share of the whole, from 0 to 100.
type LibraryProgress struct {
	Progress
	PercentComplete int `json:"percentComplete"`
}

// Decision is why the caller may or may not see an item.
type Decision struct {
	Allowed bool          `json:"allowed"`
	Reason  access.Reason `json:"reason"`
	Rule    access.Rule   `json:"rule"`
	// GrantID names the grant that decided, if one did.
	GrantID *string `json:"grantId"`
	// Grants are all that were considered.
	Grants []Grant `json:"grants"`
}

// Grant is one ground for access, as its holder sees it.
type Grant struct {
	ID            string        `json:"id"`
	Source        access.Source `json:"source"`
	Live          bool          `json:"live"`
	CreatedAt     time.Time     `json:"createdAt"`
	ExpiresAt     *time.Time    `json:"expiresAt"`
	RevokedAt     *time.Time    `json:"revokedAt"`
	RevokedReason *string       `json:"revokedReason"`
}

// DecisionOf returns the representation of a verdict.
func DecisionOf(v access.Verdict, grants []access.Grant, now time.Time) Decision {
	d := Decision{Allowed: v.Allowed, Reason: v.Reason, Rule: v.Rule, Grants: make([]Grant, len(grants))}
	if v.Grant != nil {
		d.GrantID = &v.Grant.ID
	}
	for i, g := range grants {
		d.Grants[i] = Grant{
			ID: g.ID, Source: g.Source, Live: g.Live(now), CreatedAt: g.CreatedAt, ExpiresAt: g.ExpiresAt,
			RevokedAt: g.RevokedAt, RevokedReason: nullable(g.RevokedReason),
		}
	}
	return d
}
