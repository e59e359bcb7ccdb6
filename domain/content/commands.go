package content

import (
	"strings"

	"github.com/codex-platform/codex/domain"
)

// The names of the commands. Their payloads are the structs of the same names.
const (
	CommandCreate    = "content.create"
	CommandUpdate    = "content.update"
	CommandPublish   = "content.publish"
	CommandUnpublish = "content.unpublish"
	CommandDelete    = "content.delete"
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
	PriceCents     *int64         `json:"priceCents,omitempty" jsonschema:"minimum=0,maximum=10000000,example=2999"`
	MinimumTierID  *string        `json:"minimumTierId,omitempty" jsonschema:"format=uuid"`
	ShaderPreset   *string        `json:"shaderPreset,omitempty" jsonschema:"maxLength=50"`
	ShaderConfig   map[string]any `json:"shaderConfig,omitempty"`
	Featured       bool           `json:"featured,omitempty"`
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
	PriceCents     domain.Optional[int64]          `json:"priceCents,omitzero" jsonschema:"minimum=0,maximum=10000000"`
	MinimumTierID  domain.Optional[string]         `json:"minimumTierId,omitzero" jsonschema:"format=uuid"`
	ShaderPreset   domain.Optional[string]         `json:"shaderPreset,omitzero" jsonschema:"maxLength=50"`
	ShaderConfig   domain.Optional[map[string]any] `json:"shaderConfig,omitzero"`
	Featured       domain.Optional[bool]           `json:"featured,omitzero"`
}

// Publish publishes an item.
type Publish struct{}

// Unpublish makes it a draft again.
type Unpublish struct{}

// Delete deletes it.
type Delete struct{}

// lower puts ids, which may be written in capitals, into the form in which they are kept.
func lower(ids ...*string) {
	for _, id := range ids {
		if id != nil {
			*id = strings.ToLower(*id)
		}
	}
}

// Validate trims the title, lower-cases the slug and ids, and returns the fields that break
// the limits.
func (c *Create) Validate() []domain.Field {
	lower(c.MediaItemID, c.OrganizationID, c.MinimumTierID)
	c.Title = strings.TrimSpace(c.Title)
	c.Slug = strings.ToLower(strings.TrimSpace(c.Slug))

	v := domain.Validate(c)
	checkShader(v, c.ShaderConfig)
	if (c.ContentType == Video || c.ContentType == Audio) && c.MediaItemID == nil {
		v.Reject("mediaItemId", "is required for video and audio")
	}
	if c.ContentType == Written && domain.OrZero(c.ContentBody) == "" {
		v.Reject("contentBody", bodyRequired)
	}
	checkAgreement(v, c.Visibility, c.AccessType)
	if len(v.Fields) == 0 {
		checkOffer(v, c.access(), domain.OrZero(c.PriceCents),
			domain.OrZero(c.OrganizationID), domain.OrZero(c.MinimumTierID))
	}
	return v.Fields
}

const bodyRequired = "is required for written content"

func (c *Create) access() Access {
	switch {
	case c.AccessType != "":
		return c.AccessType
	case c.Visibility != "":
		return c.Visibility.access(domain.OrZero(c.PriceCents))
	default:
		return Free
	}
}

// Validate trims the title, lower-cases the slug and ids, and returns the fields that break
// the limits. The changed item as a whole is checked when the command is applied.
func (u *Update) Validate() []domain.Field {
	if u.Title.Value != nil {
		*u.Title.Value = strings.TrimSpace(*u.Title.Value)
	}
	if u.Slug.Value != nil {
		*u.Slug.Value = strings.ToLower(strings.TrimSpace(*u.Slug.Value))
	}
	lower(u.MediaItemID.Value, u.OrganizationID.Value, u.MinimumTierID.Value)

	v := domain.Validate(u)
	domain.NotNull(v, "title", u.Title)
	domain.NotNull(v, "slug", u.Slug)
	domain.NotNull(v, "contentType", u.ContentType)
	domain.NotNull(v, "accessType", u.AccessType)
	domain.NotNull(v, "visibility", u.Visibility)
	if u.AccessType.Value != nil && u.Visibility.Value != nil {
		checkAgreement(v, *u.Visibility.Value, *u.AccessType.Value)
	}
	checkShader(v, domain.OrZero(u.ShaderConfig.Value))
	return v.Fields
}

// checkOffer checks that access type, price, organization and tier fit together.
func checkOffer(v *domain.Validation, access Access, price int64, organization, tier string) {
	rule := func(ok bool, path, message string) {
		if !ok {
			v.Reject(path, message)
		}
	}
	rule(access != Paid || price > 0, "priceCents", "must be greater than 0 for paid content")
	rule(access != Free || price == 0, "priceCents", "must be 0 or absent for free content")
	rule(!access.needsOrganization() || organization != "", "organizationId", "is required for this access type")
	rule(access != Subscribers || tier != "", "minimumTierId", "is required for subscribers content")
	rule(tier == "" || access == Subscribers || access == Paid,
		"minimumTierId", "is allowed for subscribers and paid content only")
	rule(tier == "" || organization != "", "minimumTierId", "needs an organization")
}

// checkAgreement rejects the two generations of one field when they contradict each other.
func checkAgreement(v *domain.Validation, visibility Visibility, access Access) {
	if visibility.Valid() && access.Valid() && !visibility.covers(access) {
		v.Reject("visibility", "must mean the same as accessType, or be left out")
	}
}

func checkShader(v *domain.Validation, config map[string]any) {
	for name, value := range config {
		switch value.(type) {
		case float64, bool, int64:
		default:
			v.Reject("shaderConfig."+name, "must be a number, true or false")
		}
	}
}
