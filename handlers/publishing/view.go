package publishing

import (
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/handlers/view"
)

// Content is a content item as its creator sees it.
type Content struct {
	ID             string         `json:"id"`
	CreatorID      string         `json:"creatorId"`
	OrganizationID *string        `json:"organizationId"`
	MediaItemID    *string        `json:"mediaItemId"`
	Title          string         `json:"title"`
	Slug           string         `json:"slug"`
	Description    *string        `json:"description"`
	ContentType    content.Type   `json:"contentType"`
	ContentBody    *string        `json:"contentBody"`
	ThumbnailURL   *string        `json:"thumbnailUrl"`
	Category       *string        `json:"category"`
	CategoryIDs    []string       `json:"categoryIds"`
	Tags           []string       `json:"tags"`
	AccessType     content.Access `json:"accessType"`
	// Visibility is the older name of accessType.
	Visibility content.Visibility `json:"visibility"`
	PriceCents *int64             `json:"priceCents"`
	// Currency is that of the price, whose minor unit priceCents counts.
	Currency      string         `json:"currency"`
	MinimumTierID *string        `json:"minimumTierId"`
	ShaderPreset  *string        `json:"shaderPreset"`
	ShaderConfig  map[string]any `json:"shaderConfig"`
	Featured      bool           `json:"featured"`
	Status        content.Status `json:"status"`
	PublishedAt   *time.Time     `json:"publishedAt"`
	ViewCount     int            `json:"viewCount"`
	PurchaseCount int            `json:"purchaseCount"`
	// Download is what viewers may download.
	Download      content.Download `json:"download" jsonschema:"enum=none,enum=original"`
	DownloadCount int              `json:"downloadCount"`
	CreatedAt     time.Time        `json:"createdAt"`
	UpdatedAt     time.Time        `json:"updatedAt"`
	DeletedAt     *time.Time       `json:"deletedAt"`
}

// contentOf returns an item's representation for its creator.
func contentOf(c content.Content) Content {
	return Content{
		ID:             c.ID,
		CreatorID:      c.CreatorID,
		OrganizationID: domain.NilIfZero(c.OrganizationID),
		MediaItemID:    domain.NilIfZero(c.MediaItemID),
		Title:          c.Title,
		Slug:           c.Slug,
		Description:    c.Description,
		ContentType:    c.Type,
		ContentBody:    c.Body,
		ThumbnailURL:   c.ThumbnailURL,
		Category:       c.Category,
		CategoryIDs:    notNil(c.CategoryIDs),
		Tags:           notNil(c.Tags),
		AccessType:     c.Access,
		Visibility:     c.Shown(),
		PriceCents:     c.PriceCents,
		Currency:       c.Currency,
		MinimumTierID:  domain.NilIfZero(c.MinimumTierID),
		ShaderPreset:   c.ShaderPreset,
		ShaderConfig:   c.ShaderConfig,
		Featured:       c.Featured,
		Status:         c.Status,
		PublishedAt:    c.PublishedAt,
		ViewCount:      c.ViewCount,
		PurchaseCount:  c.PurchaseCount,
		Download:       c.Download,
		DownloadCount:  c.DownloadCount,
		CreatedAt:      c.CreatedAt,
		UpdatedAt:      c.UpdatedAt,
		DeletedAt:      c.DeletedAt,
	}
}

// notNil returns an empty list for nil: JSON has [] then, not null.
func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// OwnContent is a content item with what its creator needs to edit it.
type OwnContent struct {
	Content
	// Media is the item's media, null for written content.
	Media        *view.Media         `json:"mediaItem"`
	Creator      *PublicCreator      `json:"creator"`
	Organization *PublicOrganization `json:"organization"`
}

// Category is a category as the members of its space see it.
type Category struct {
	ID             string    `json:"id"`
	OrganizationID *string   `json:"organizationId"`
	CreatorID      string    `json:"creatorId"`
	Name           string    `json:"name"`
	Slug           string    `json:"slug"`
	Description    *string   `json:"description"`
	Icon           *string   `json:"icon"`
	CoverImageKey  *string   `json:"coverImageKey"`
	CoverImageURL  *string   `json:"coverImageUrl"`
	SortOrder      int       `json:"sortOrder"`
	CreatedAt      time.Time `json:"createdAt"`
	UpdatedAt      time.Time `json:"updatedAt"`
}

// categoryOf returns a category's representation for the members of its space; assetsURL is
// where clients find covers.
func categoryOf(c content.Category, assetsURL string) Category {
	return Category{
		ID:             c.ID,
		OrganizationID: domain.NilIfZero(c.OrganizationID),
		CreatorID:      c.CreatorID,
		Name:           c.Name,
		Slug:           c.Slug,
		Description:    c.Description,
		Icon:           c.Icon,
		CoverImageKey:  c.CoverImageKey,
		CoverImageURL:  coverURL(c.CoverImageKey, assetsURL),
		SortOrder:      c.SortOrder,
		CreatedAt:      c.CreatedAt,
		UpdatedAt:      c.UpdatedAt,
	}
}

func coverURL(key *string, assetsURL string) *string {
	if key == nil {
		return nil
	}
	url := assetsURL + "/" + *key
	return &url
}

// PublicCategory is a category that public items are in.
type PublicCategory struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Slug        string  `json:"slug"`
	Description *string `json:"description"`
	Icon        *string `json:"icon"`
	CoverURL    *string `json:"coverImageUrl"`
	SortOrder   int     `json:"sortOrder"`
	// ContentCount is how many public items are in it.
	ContentCount int `json:"contentCount"`
}

// PublicContent is a published item as everyone sees it. Only free content has its text.
type PublicContent struct {
	Content
	CategorySlugs []string            `json:"categorySlugs"`
	Creator       *PublicCreator      `json:"creator"`
	Organization  *PublicOrganization `json:"organization"`
}

// PublicCreator is the creator of an item.
type PublicCreator struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Username *string `json:"username"`
	Avatar   *string `json:"avatarUrl"`
}

// PublicOrganization is the organization of an item.
type PublicOrganization struct {
	ID   string  `json:"id"`
	Name string  `json:"name"`
	Slug string  `json:"slug"`
	Logo *string `json:"logoUrl"`
}

// around is what stands around an item in its public representation.
type around struct {
	creator       *PublicCreator
	organization  *PublicOrganization
	categorySlugs []string
}

// publicContentOf returns an item's representation for everyone.
func publicContentOf(item shownItem) PublicContent {
	view := contentOf(item.Content)
	if item.Access != content.Free {
		view.ContentBody = nil
	}
	view.MediaItemID = nil
	return PublicContent{
		Content:       view,
		CategorySlugs: notNil(item.categorySlugs),
		Creator:       item.creator,
		Organization:  item.organization,
	}
}
