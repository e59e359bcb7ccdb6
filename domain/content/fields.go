package content

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/money"
)

// A field of content is declared in this file: in the state, in the commands that set it, and
// in what they do with it.

// Content is the state of one content item.
type Content struct {
	ID             string
	CreatorID      string
	OrganizationID string // empty: personal
	MediaItemID    string // empty: written, or a draft that lost its media
	// ReplacedMediaID is the media that was published before the present one, until ReplacedAt.
	ReplacedMediaID string
	ReplacedAt      *time.Time
	Title           string
	Slug            string
	Description     *string
	ThumbnailURL    *string
	Body            *string // article text
	Type            Type
	Category        *string // free text, the older way to name one category
	// CategoryIDs are the item's categories, sorted; a category that was deleted is not
	// among them.
	CategoryIDs   []string
	Tags          []string
	Access        Access
	Visibility    Visibility // as a client gave it; empty when none did
	PriceCents    *int64     // minor unit of Currency; nil is no price
	Currency      string     // of the price: the installation's when it was set
	MinimumTierID string
	ShaderPreset  *string
	ShaderConfig  map[string]any
	Featured      bool
	Download      Download
	DownloadCount int
	Status        Status
	PublishedAt   *time.Time
	ViewCount     int
	PurchaseCount int
	CreatedAt     time.Time
	UpdatedAt     time.Time
	DeletedAt     *time.Time
	// Version counts the item's events.
	Version int64
}

// Download is what of an item's media viewers may download.
type Download string

// What may be downloaded: nothing, or the file as its creator uploaded it.
const (
	NoDownload       Download = "none"
	OriginalDownload Download = "original"
)

// Create creates a draft.
type Create struct {
	Title          string         `json:"title" jsonschema:"required,minLength=1,maxLength=500,example=Falling water"`
	Slug           string         `json:"slug" jsonschema:"required,minLength=1,maxLength=500,pattern=^[a-z0-9]+(-[a-z0-9]+)*$,example=falling-water" rule:"must be a-z and 0-9 in groups joined by single hyphens"`
	Description    *string        `json:"description,omitempty" jsonschema:"maxLength=10000"`
	ContentType    Type           `json:"contentType" jsonschema:"required,enum=video,enum=audio,enum=written,example=written"`
	MediaItemID    *string        `json:"mediaItemId,omitempty" jsonschema:"format=uuid"`
	ContentBody    *string        `json:"contentBody,omitempty" jsonschema:"maxLength=500000,example=Some words to read."`
	OrganizationID *string        `json:"organizationId,omitempty" jsonschema:"format=uuid"`
	Category       *string        `json:"category,omitempty" jsonschema:"minLength=1,maxLength=100"`
	CategoryIDs    []string       `json:"categoryIds,omitempty" jsonschema:"maxItems=20" each:"format=uuid"`
	Tags           []string       `json:"tags,omitempty" jsonschema:"maxItems=20" each:"minLength=1,maxLength=50"`
	ThumbnailURL   *string        `json:"thumbnailUrl,omitempty" jsonschema:"format=uri,maxLength=2000"`
	AccessType     Access         `json:"accessType,omitempty" jsonschema:"enum=free,enum=paid,enum=followers,enum=subscribers,enum=team,enum=members,enum=private,example=paid"`
	Visibility     Visibility     `json:"visibility,omitempty" jsonschema:"enum=public,enum=private,enum=members_only,enum=purchased_only"`
	PriceCents     *int64         `json:"priceCents,omitempty" jsonschema:"minimum=0,maximum=2000000000,example=2999"`
	MinimumTierID  *string        `json:"minimumTierId,omitempty" jsonschema:"format=uuid"`
	ShaderPreset   *string        `json:"shaderPreset,omitempty" jsonschema:"maxLength=50"`
	ShaderConfig   map[string]any `json:"shaderConfig,omitempty"`
	Featured       bool           `json:"featured,omitempty"`
	Download       Download       `json:"download,omitempty" jsonschema:"enum=none,enum=original"`
}

// Update changes the fields that are set.
type Update struct {
	Title          domain.Optional[string]         `json:"title,omitzero" jsonschema:"minLength=1,maxLength=500,example=Falling water"`
	Slug           domain.Optional[string]         `json:"slug,omitzero" jsonschema:"minLength=1,maxLength=500,pattern=^[a-z0-9]+(-[a-z0-9]+)*$" rule:"must be a-z and 0-9 in groups joined by single hyphens"`
	Description    domain.Optional[string]         `json:"description,omitzero" jsonschema:"maxLength=10000"`
	ContentType    domain.Optional[Type]           `json:"contentType,omitzero" jsonschema:"enum=video,enum=audio,enum=written"`
	MediaItemID    domain.Optional[string]         `json:"mediaItemId,omitzero" jsonschema:"format=uuid"`
	ContentBody    domain.Optional[string]         `json:"contentBody,omitzero" jsonschema:"maxLength=500000"`
	OrganizationID domain.Optional[string]         `json:"organizationId,omitzero" jsonschema:"format=uuid"`
	Category       domain.Optional[string]         `json:"category,omitzero" jsonschema:"minLength=1,maxLength=100"`
	CategoryIDs    domain.Optional[[]string]       `json:"categoryIds,omitzero" jsonschema:"maxItems=20" each:"format=uuid"`
	Tags           domain.Optional[[]string]       `json:"tags,omitzero" jsonschema:"maxItems=20" each:"minLength=1,maxLength=50"`
	ThumbnailURL   domain.Optional[string]         `json:"thumbnailUrl,omitzero" jsonschema:"format=uri,maxLength=2000"`
	AccessType     domain.Optional[Access]         `json:"accessType,omitzero" jsonschema:"enum=free,enum=paid,enum=followers,enum=subscribers,enum=team,enum=members,enum=private"`
	Visibility     domain.Optional[Visibility]     `json:"visibility,omitzero" jsonschema:"enum=public,enum=private,enum=members_only,enum=purchased_only"`
	PriceCents     domain.Optional[int64]          `json:"priceCents,omitzero" jsonschema:"minimum=0,maximum=2000000000"`
	MinimumTierID  domain.Optional[string]         `json:"minimumTierId,omitzero" jsonschema:"format=uuid"`
	ShaderPreset   domain.Optional[string]         `json:"shaderPreset,omitzero" jsonschema:"maxLength=50"`
	ShaderConfig   domain.Optional[map[string]any] `json:"shaderConfig,omitzero"`
	Featured       domain.Optional[bool]           `json:"featured,omitzero"`
	Download       domain.Optional[Download]       `json:"download,omitzero" jsonschema:"enum=none,enum=original"`
}

// drafted returns the draft that a command asks for.
func drafted(id string, cmd Create, facts Facts, now time.Time) Content {
	return Content{
		ID:             id,
		CreatorID:      facts.ActorID,
		OrganizationID: domain.OrZero(cmd.OrganizationID),
		MediaItemID:    domain.OrZero(cmd.MediaItemID),
		MinimumTierID:  domain.OrZero(cmd.MinimumTierID),
		Title:          cmd.Title,
		Slug:           cmd.Slug,
		Description:    cmd.Description,
		ThumbnailURL:   cmd.ThumbnailURL,
		Body:           cmd.ContentBody,
		Type:           cmd.ContentType,
		Category:       cmd.Category,
		CategoryIDs:    idSet(cmd.CategoryIDs),
		Tags:           cmd.Tags,
		Access:         cmd.access(),
		Visibility:     cmd.Visibility,
		PriceCents:     cmd.PriceCents,
		Currency:       facts.Currency.Code,
		ShaderPreset:   cmd.ShaderPreset,
		ShaderConfig:   cmd.ShaderConfig,
		Featured:       cmd.Featured,
		Download:       cmp.Or(cmd.Download, NoDownload),
		Status:         Draft,
		CreatedAt:      now,
		UpdatedAt:      now,
		Version:        1,
	}
}

// with returns the item with an update's fields, and the names of those that
// really changed, without price and access, which have an event of their own.
func (c Content) with(cmd Update, currency money.Currency) (next Content, changed []string) {
	next = c
	set(&next.Title, cmd.Title)
	set(&next.Slug, cmd.Slug)
	setPointer(&next.Description, cmd.Description)
	setPointer(&next.ThumbnailURL, cmd.ThumbnailURL)
	setPointer(&next.Body, cmd.ContentBody)
	setPointer(&next.Category, cmd.Category)
	setPointer(&next.ShaderPreset, cmd.ShaderPreset)
	setPointer(&next.PriceCents, cmd.PriceCents)
	if cmd.PriceCents.Set {
		next.Currency = currency.Code
	}
	set(&next.Type, cmd.ContentType)
	set(&next.MediaItemID, cmd.MediaItemID)
	set(&next.OrganizationID, cmd.OrganizationID)
	set(&next.MinimumTierID, cmd.MinimumTierID)
	set(&next.Featured, cmd.Featured)
	set(&next.Download, cmd.Download)
	next.Download = cmp.Or(next.Download, NoDownload)
	set(&next.Tags, cmd.Tags)
	set(&next.ShaderConfig, cmd.ShaderConfig)
	switch {
	case cmd.AccessType.Value != nil:
		next.Access, next.Visibility = *cmd.AccessType.Value, ""
		set(&next.Visibility, cmd.Visibility)
	case cmd.Visibility.Value != nil:
		next.Visibility = *cmd.Visibility.Value
		next.Access = next.Visibility.access(next.Price())
	case cmd.PriceCents.Set && c.Visibility == Public:
		// Public content with a price is sold, without one it is free.
		next.Access = c.Visibility.access(next.Price())
	}
	if next.OrganizationID != c.OrganizationID {
		next.CategoryIDs = nil // categories belong to their space
	}
	if cmd.CategoryIDs.Set {
		next.CategoryIDs = idSet(domain.OrZero(cmd.CategoryIDs.Value))
	}
	if next.OrganizationID == "" && c.OrganizationID != "" {
		next.MinimumTierID = "" // tiers belong to organizations
	}
	return next, differences(c, next)
}

// set applies a field; null is the zero value.
func set[T any](to *T, f domain.Optional[T]) {
	if !f.Set {
		return
	}
	var zero T
	*to = zero
	if f.Value != nil {
		*to = *f.Value
	}
}

func setPointer[T any](to **T, f domain.Optional[T]) {
	if f.Set {
		*to = f.Value
	}
}

// differences names the fields in which two states differ, in the contract's words.
func differences(a, b Content) []string {
	var names []string
	for _, field := range []struct {
		name string
		same bool
	}{
		{"title", a.Title == b.Title},
		{"slug", a.Slug == b.Slug},
		{"description", reflect.DeepEqual(a.Description, b.Description)},
		{"contentType", a.Type == b.Type},
		{"mediaItemId", a.MediaItemID == b.MediaItemID},
		{"contentBody", reflect.DeepEqual(a.Body, b.Body)},
		{"organizationId", a.OrganizationID == b.OrganizationID},
		{"category", reflect.DeepEqual(a.Category, b.Category)},
		{"categoryIds", slices.Equal(a.CategoryIDs, b.CategoryIDs)},
		{"tags", slices.Equal(a.Tags, b.Tags)},
		{"thumbnailUrl", reflect.DeepEqual(a.ThumbnailURL, b.ThumbnailURL)},
		{"visibility", a.Visibility == b.Visibility},
		{"minimumTierId", a.MinimumTierID == b.MinimumTierID},
		{"shaderPreset", reflect.DeepEqual(a.ShaderPreset, b.ShaderPreset)},
		{"shaderConfig", reflect.DeepEqual(a.ShaderConfig, b.ShaderConfig)},
		{"featured", a.Featured == b.Featured},
		{"download", a.Download == b.Download},
	} {
		if !field.same {
			names = append(names, field.name)
		}
	}
	return names
}
