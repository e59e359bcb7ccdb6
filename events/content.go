package events

import "time"

func init() {
	register[ContentCreated]("A draft was created.")
	register[ContentRevised]("A content item's description changed; Fields names what.")
	register[ContentPriceChanged]("A content item's price or who may see it changed.")
	register[ContentPublished]("A content item went live.")
	register[ContentUnpublished]("A content item went back to draft.")
	register[ContentDeleted]("A content item was deleted; its slug is free again.")
}

// ContentCreated : a draft was created.
type ContentCreated struct {
	ContentID      string `json:"content_id"`
	CreatorID      string `json:"creator_id"`
	OrganizationID string `json:"organization_id,omitempty"`
	MediaItemID    string `json:"media_item_id,omitempty"`
	ContentType    string `json:"content_type"`
	AccessType     string `json:"access_type"`
	// PriceCents is the price in Currency's minor unit; 0 is free.
	PriceCents int64 `json:"price_cents"`
	// Currency is a lower-case ISO code; gbp when absent.
	Currency string `json:"currency,omitempty"`
}

// ContentRevised : fields other than price and access changed.
type ContentRevised struct {
	ContentID string `json:"content_id"`
	// Fields are the names of what changed, never the values: they are people's words.
	Fields []string `json:"fields"`
}

// ContentPriceChanged : price or access type changed.
type ContentPriceChanged struct {
	ContentID  string `json:"content_id"`
	AccessType string `json:"access_type"`
	// PriceCents is in Currency's minor unit.
	PriceCents int64 `json:"price_cents"`
	// Currency is a lower-case ISO code; gbp when absent.
	Currency      string `json:"currency,omitempty"`
	OldAccessType string `json:"old_access_type"`
	OldPriceCents int64  `json:"old_price_cents"`
	OldCurrency   string `json:"old_currency,omitempty"`
}

// ContentPublished : live from PublishedAt.
type ContentPublished struct {
	ContentID      string    `json:"content_id"`
	CreatorID      string    `json:"creator_id"`
	OrganizationID string    `json:"organization_id,omitempty"`
	PublishedAt    time.Time `json:"published_at"`
}

// ContentUnpublished : back to draft.
type ContentUnpublished struct {
	ContentID string `json:"content_id"`
}

// ContentDeleted : no longer visible to anyone; the row stays.
type ContentDeleted struct {
	ContentID string `json:"content_id"`
}

// EventType implements Payload.
func (ContentCreated) EventType() string { return "content.created" }

// EventType implements Payload.
func (ContentRevised) EventType() string { return "content.revised" }

// EventType implements Payload.
func (ContentPriceChanged) EventType() string { return "content.price_changed" }

// EventType implements Payload.
func (ContentPublished) EventType() string { return "content.published" }

// EventType implements Payload.
func (ContentUnpublished) EventType() string { return "content.unpublished" }

// EventType implements Payload.
func (ContentDeleted) EventType() string { return "content.deleted" }
