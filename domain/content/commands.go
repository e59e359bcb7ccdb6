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

// Create asks for a new draft.
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

// Publish makes an item live.
type Publish struct{}

// Unpublish turns it back into a draft.
type Unpublish struct{}

// Delete ends it.
type Delete struct{}

// lower puts ids, which may be written in capitals, into the form in which they are kept.
func lower(ids ...*string) {
	for _, id := range ids {
		if id != nil {
			*id = strings.ToLower(*id)
		}
	}
}

// Validate normalises the command (trims the title, lower-cases the slug and ids) and
// returns the fields that break the contract's limits.
func (c *Create) Validate() []domain.Field {
	lower(c.MediaItemID, c.OrganizationID, c.MinimumTierID)
	c.Title, c.Slug = strings.TrimSpace(c.Title), strings.ToLower(strings.TrimSpace(c.Slug))
	v := &check{bad: domain.Check(c)}
	v.shader(c.ShaderConfig)
	if (c.ContentType == Video || c.ContentType == Audio) && c.MediaItemID == nil {
		v.that(false, "mediaItemId", "is required for video and audio")
	}
	if c.ContentType == Written && (c.ContentBody == nil || *c.ContentBody == "") {
		v.that(false, "contentBody", "is required for written content")
	}
	v.agree(c.Visibility, c.AccessType)
	if len(v.bad) == 0 {
		v.bad = append(v.bad, offer(c.access(), c.price(), text(c.OrganizationID), text(c.MinimumTierID))...)
	}
	return v.bad
}

func (c *Create) access() Access {
	switch {
	case c.AccessType != "":
		return c.AccessType
	case c.Visibility != "":
		return c.Visibility.access(c.price())
	default:
		return Free
	}
}

func (c *Create) price() int64 {
	if c.PriceCents == nil {
		return 0
	}
	return *c.PriceCents
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// offer checks what access type, price, organization and tier say together.
func offer(access Access, price int64, organization, tier string) []domain.Field {
	v := &check{}
	v.that(access != Paid || price > 0, "priceCents", "must be greater than 0 for paid content")
	v.that(access != Free || price == 0, "priceCents", "must be 0 or absent for free content")
	v.that(!access.needsOrganization() || organization != "", "organizationId", "is required for this access type")
	v.that(access != Subscribers || tier != "", "minimumTierId", "is required for subscribers content")
	v.that(tier == "" || access == Subscribers || access == Paid, "minimumTierId", "is allowed for subscribers and paid content only")
	v.that(tier == "" || organization != "", "minimumTierId", "needs an organization")
	return v.bad
}

// Validate normalises the command and returns the fields that break the limits.
// What the changed item says as a whole is checked against its state later.
func (u *Update) Validate() []domain.Field {
	if u.Title.Value != nil {
		*u.Title.Value = strings.TrimSpace(*u.Title.Value)
	}
	if u.Slug.Value != nil {
		*u.Slug.Value = strings.ToLower(strings.TrimSpace(*u.Slug.Value))
	}
	lower(u.MediaItemID.Value, u.OrganizationID.Value, u.MinimumTierID.Value)
	v := &check{bad: domain.Check(u)}
	v.notNull("title", u.Title.Set, u.Title.Value == nil)
	v.notNull("slug", u.Slug.Set, u.Slug.Value == nil)
	v.notNull("contentType", u.ContentType.Set, u.ContentType.Value == nil)
	v.notNull("accessType", u.AccessType.Set, u.AccessType.Value == nil)
	v.notNull("visibility", u.Visibility.Set, u.Visibility.Value == nil)
	if u.AccessType.Value != nil && u.Visibility.Value != nil {
		v.agree(*u.Visibility.Value, *u.AccessType.Value)
	}
	if u.ShaderConfig.Value != nil {
		v.shader(*u.ShaderConfig.Value)
	}
	return v.bad
}

// check collects refused fields.
type check struct{ bad []domain.Field }

func (v *check) that(ok bool, path, message string) {
	if !ok {
		v.bad = append(v.bad, domain.Field{Path: path, Message: message})
	}
}

// agree refuses the two generations of one field when they contradict each other.
func (v *check) agree(visibility Visibility, access Access) {
	if visibility.Valid() && access.Valid() {
		v.that(visibility.covers(access), "visibility", "must mean the same as accessType, or be left out")
	}
}

func (v *check) notNull(path string, set, null bool) {
	v.that(!set || !null, path, "must not be null")
}

func (v *check) shader(config map[string]any) {
	for name, value := range config {
		switch value.(type) {
		case float64, bool, int64:
		default:
			v.that(false, "shaderConfig."+name, "must be a number, true or false")
		}
	}
}
