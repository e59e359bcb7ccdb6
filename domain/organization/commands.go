package organization

import (
	"strings"

	"github.com/codex-platform/codex/domain"
)

// CreateOrganization creates a tenant, owned by the caller.
type CreateOrganization struct {
	Name        string  `json:"name" jsonschema:"required,minLength=1,maxLength=255,example=Trains & Co"`
	Slug        string  `json:"slug" jsonschema:"required,minLength=1,maxLength=255,pattern=^[a-z0-9]+(-[a-z0-9]+)*$,example=trains" rule:"must be a-z and 0-9 in groups joined by single hyphens"`
	Description *string `json:"description,omitempty" jsonschema:"maxLength=5000,example=Films about trains"`
	LogoURL     *string `json:"logoUrl,omitempty" jsonschema:"format=uri,maxLength=2048"`
	WebsiteURL  *string `json:"websiteUrl,omitempty" jsonschema:"format=uri,maxLength=2048"`
}

// UpdateOrganization changes the fields that are set; null empties an optional one.
type UpdateOrganization struct {
	Name        domain.Optional[string] `json:"name,omitzero" jsonschema:"minLength=1,maxLength=255,example=Trains & Sons"`
	Slug        domain.Optional[string] `json:"slug,omitzero" jsonschema:"minLength=1,maxLength=255,pattern=^[a-z0-9]+(-[a-z0-9]+)*$" rule:"must be a-z and 0-9 in groups joined by single hyphens"`
	Description domain.Optional[string] `json:"description,omitzero" jsonschema:"maxLength=5000"`
	LogoURL     domain.Optional[string] `json:"logoUrl,omitzero" jsonschema:"format=uri,maxLength=2048"`
	WebsiteURL  domain.Optional[string] `json:"websiteUrl,omitzero" jsonschema:"format=uri,maxLength=2048"`
}

// DeleteOrganization ends a tenant.
type DeleteOrganization struct{}

// Validate trims the texts; an empty optional text counts as absent.
func (c *CreateOrganization) Validate() []domain.Field {
	c.Name, c.Slug = domain.Name(c.Name), strings.TrimSpace(c.Slug)
	c.Description = domain.NonEmpty(c.Description)
	c.LogoURL = domain.NonEmpty(c.LogoURL)
	c.WebsiteURL = domain.NonEmpty(c.WebsiteURL)

	v := domain.Validate(c)
	v.Name("name", c.Name)
	checkSlug(v, c.Slug)
	return v.Fields
}

// Validate trims the texts; an empty optional text counts as null.
func (u *UpdateOrganization) Validate() []domain.Field {
	if u.Name.Value != nil {
		*u.Name.Value = domain.Name(*u.Name.Value)
	}
	if u.Slug.Value != nil {
		*u.Slug.Value = strings.TrimSpace(*u.Slug.Value)
	}
	for _, optional := range []*domain.Optional[string]{&u.Description, &u.LogoURL, &u.WebsiteURL} {
		optional.Value = domain.NonEmpty(optional.Value)
	}
	v := domain.Validate(u)
	domain.NotNull(v, "name", u.Name)
	domain.NotNull(v, "slug", u.Slug)
	if u.Name.Value != nil {
		v.Name("name", *u.Name.Value)
	}
	if u.Slug.Value != nil {
		checkSlug(v, *u.Slug.Value)
	}
	return v.Fields
}

// checkSlug rejects a slug that an organization cannot have.
func checkSlug(v *domain.Validation, slug string) {
	if message := BadSlug(slug); message != "" {
		v.Reject("slug", message)
	}
}
