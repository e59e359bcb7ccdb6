package content

import (
	"strconv"

	"github.com/codex-platform/codex/domain"
)

// The names of the commands about categories. Their payloads are the structs of the same
// names.
const (
	CommandCreateCategory    = "category.create"
	CommandUpdateCategory    = "category.update"
	CommandDeleteCategory    = "category.delete"
	CommandReorderCategories = "category.reorder"
)

// noSlug is the message for a name of which no slug can be made.
const noSlug = "must have a letter or a digit"

// CreateCategory asks for a new category of an organization, or of the caller's personal
// items.
type CreateCategory struct {
	OrganizationID *string `json:"organizationId,omitempty" jsonschema:"format=uuid"`
	Name           string  `json:"name" jsonschema:"required,minLength=1,maxLength=100,example=Short films"`
	Description    *string `json:"description,omitempty" jsonschema:"maxLength=500,example=Up to ten minutes"`
	Icon           *string `json:"icon,omitempty" jsonschema:"maxLength=64,example=film"`
	CoverImageKey  *string `json:"coverImageKey,omitempty" jsonschema:"maxLength=500,pattern=^categories/[A-Za-z0-9-]+/([A-Za-z0-9-]+/)?[a-z-]+[.]webp$" rule:"must be the key of a cover"`
	SortOrder      int     `json:"sortOrder,omitempty" jsonschema:"minimum=0,maximum=1000000"`
}

// UpdateCategory changes the fields that are set; null empties an optional one.
type UpdateCategory struct {
	Name          domain.Optional[string] `json:"name,omitzero" jsonschema:"minLength=1,maxLength=100,example=Short films"`
	Description   domain.Optional[string] `json:"description,omitzero" jsonschema:"maxLength=500"`
	Icon          domain.Optional[string] `json:"icon,omitzero" jsonschema:"maxLength=64"`
	CoverImageKey domain.Optional[string] `json:"coverImageKey,omitzero" jsonschema:"maxLength=500,pattern=^categories/[A-Za-z0-9-]+/([A-Za-z0-9-]+/)?[a-z-]+[.]webp$" rule:"must be the key of a cover"`
	SortOrder     domain.Optional[int]    `json:"sortOrder,omitzero" jsonschema:"minimum=0,maximum=1000000"`
}

// DeleteCategory ends a category.
type DeleteCategory struct{}

// ReorderCategories gives categories of one space the positions 0, 1, 2, …: all of them or,
// when one is not there, none.
type ReorderCategories struct {
	OrganizationID *string  `json:"organizationId,omitempty" jsonschema:"format=uuid"`
	OrderedIDs     []string `json:"orderedIds" jsonschema:"required,minItems=1,maxItems=200" each:"format=uuid"`
}

// Validate trims the texts and returns the fields that break the limits; an empty optional
// text counts as absent.
func (c *CreateCategory) Validate() []domain.Field {
	lower(c.OrganizationID)
	c.Name = domain.Name(c.Name)
	c.Description = domain.NonEmpty(c.Description)
	c.Icon = domain.NonEmpty(c.Icon)

	v := domain.Validate(c)
	v.Name("name", c.Name)
	if CategorySlug(c.Name) == "" {
		v.Reject("name", noSlug)
	}
	return v.Fields
}

// Validate trims the texts and returns the fields that break the limits; an empty optional
// text counts as null.
func (u *UpdateCategory) Validate() []domain.Field {
	u.Description.Value = domain.NonEmpty(u.Description.Value)
	u.Icon.Value = domain.NonEmpty(u.Icon.Value)
	if u.Name.Value != nil {
		*u.Name.Value = domain.Name(*u.Name.Value)
	}

	v := domain.Validate(u)
	domain.NotNull(v, "name", u.Name)
	domain.NotNull(v, "sortOrder", u.SortOrder)
	if u.Name.Value != nil {
		v.Name("name", *u.Name.Value)
		if CategorySlug(*u.Name.Value) == "" {
			v.Reject("name", noSlug)
		}
	}
	return v.Fields
}

// Validate puts the ids into lower case and returns the fields that break the limits; an id
// that is given twice has no position.
func (r *ReorderCategories) Validate() []domain.Field {
	lower(r.OrganizationID)
	v := domain.Validate(r)
	seen := map[string]bool{}
	for i := range r.OrderedIDs {
		lower(&r.OrderedIDs[i])
		if seen[r.OrderedIDs[i]] {
			v.Reject("orderedIds."+strconv.Itoa(i), "is given twice")
		}
		seen[r.OrderedIDs[i]] = true
	}
	return v.Fields
}
