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
	// Visibility is the older name of accessType; both are always answered.
	Visibility    content.Visibility `json:"visibility"`
	PriceCents    *int64             `json:"priceCents"`
	MinimumTierID *string            `json:"minimumTierId"`
	ShaderPreset  *string            `json:"shaderPreset"`
	ShaderConfig  map[string]any     `json:"shaderConfig"`
	Featured      bool               `json:"featured"`
	Status        content.Status     `json:"status"`
	PublishedAt   *time.Time         `json:"publishedAt"`
	ViewCount     int                `json:"viewCount"`
	PurchaseCount int                `json:"purchaseCount"`
	CreatedAt     time.Time          `json:"createdAt"`
	UpdatedAt     time.Time          `json:"updatedAt"`
	DeletedAt     *time.Time         `json:"deletedAt"`
}

// ContentOf returns an item's representation for its creator.
func ContentOf(c content.Content) Content {
	tags := c.Tags
	if tags == nil {
		tags = []string{}
	}
	return Content{
		ID: c.ID, CreatorID: c.CreatorID, OrganizationID: domain.NilIfZero(c.OrganizationID), MediaItemID: domain.NilIfZero(c.MediaItemID),
		Title: c.Title, Slug: c.Slug, Description: c.Description, ContentType: c.Type, ContentBody: c.Body,
		ThumbnailURL: c.ThumbnailURL, Category: c.Category, CategoryIDs: []string{}, Tags: tags, AccessType: c.Access, Visibility: c.Shown(),
		PriceCents: c.PriceCents, MinimumTierID: domain.NilIfZero(c.MinimumTierID), ShaderPreset: c.ShaderPreset, ShaderConfig: c.ShaderConfig,
		Featured: c.Featured, Status: c.Status, PublishedAt: c.PublishedAt, ViewCount: c.ViewCount, PurchaseCount: c.PurchaseCount,
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, DeletedAt: c.DeletedAt,
	}
}

// OwnContent is a content item with everything that its creator edits it with.
type OwnContent struct {
	Content
	// Media is the item's media, null for written content.
	Media        *view.Media         `json:"mediaItem"`
	Creator      *PublicCreator      `json:"creator"`
	Organization *PublicOrganization `json:"organization"`
}

// Category is one that published items are in.
type Category struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Slug        string  `json:"slug"`
	Description *string `json:"description"`
	Icon        *string `json:"icon"`
	CoverURL    *string `json:"coverImageUrl"`
	SortOrder   int     `json:"sortOrder"`
	// ContentCount is how many published items are in it.
	ContentCount int `json:"contentCount"`
}

// PublicContent is a published item as everyone sees it. The article's text is
// there for free content only.
type PublicContent struct {
	Content
	CategorySlugs []string            `json:"categorySlugs"`
	Creator       *PublicCreator      `json:"creator"`
	Organization  *PublicOrganization `json:"organization"`
}

// PublicCreator is who made an item.
type PublicCreator struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Username *string `json:"username"`
	Avatar   *string `json:"avatarUrl"`
}

// PublicOrganization is where an item is published.
type PublicOrganization struct {
	ID   string  `json:"id"`
	Name string  `json:"name"`
	Slug string  `json:"slug"`
	Logo *string `json:"logoUrl"`
}

// PublicContentOf returns an item's representation for everyone.
func PublicContentOf(c content.Content, creator *PublicCreator, organization *PublicOrganization) PublicContent {
	view := ContentOf(c)
	if c.Access != content.Free {
		view.ContentBody = nil
	}
	view.MediaItemID = nil
	return PublicContent{Content: view, CategorySlugs: c.CategorySlugs(), Creator: creator, Organization: organization}
}
