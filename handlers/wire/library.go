package wire

import (
	"time"

	"github.com/codex-platform/codex/domain/access"
)

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
