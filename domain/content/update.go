package content

import (
	"reflect"
	"slices"

	"github.com/codex-platform/codex/domain"
)

// with returns the item with an update's fields, and the names of those that
// really changed, without price and access, which have an event of their own.
func (c Content) with(cmd Update) (next Content, changed []string) {
	next = c
	set(&next.Title, cmd.Title)
	set(&next.Slug, cmd.Slug)
	setPointer(&next.Description, cmd.Description)
	setPointer(&next.ThumbnailURL, cmd.ThumbnailURL)
	setPointer(&next.Body, cmd.ContentBody)
	setPointer(&next.Category, cmd.Category)
	setPointer(&next.ShaderPreset, cmd.ShaderPreset)
	setPointer(&next.PriceCents, cmd.PriceCents)
	set(&next.Type, cmd.ContentType)
	set(&next.MediaItemID, cmd.MediaItemID)
	set(&next.OrganizationID, cmd.OrganizationID)
	set(&next.MinimumTierID, cmd.MinimumTierID)
	set(&next.Featured, cmd.Featured)
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
	} {
		if !field.same {
			names = append(names, field.name)
		}
	}
	return names
}
