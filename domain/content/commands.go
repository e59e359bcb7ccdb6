package content

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/money"
)

// Create asks for a new draft.
type Create struct {
	Title          string         `json:"title"`
	Slug           string         `json:"slug"`
	Description    *string        `json:"description,omitempty"`
	ContentType    Type           `json:"contentType"`
	MediaItemID    *string        `json:"mediaItemId,omitempty"`
	ContentBody    *string        `json:"contentBody,omitempty"`
	OrganizationID *string        `json:"organizationId,omitempty"`
	Category       *string        `json:"category,omitempty"`
	Tags           []string       `json:"tags,omitempty"`
	ThumbnailURL   *string        `json:"thumbnailUrl,omitempty"`
	AccessType     Access         `json:"accessType,omitempty"`
	Visibility     Visibility     `json:"visibility,omitempty"`
	PriceCents     *int64         `json:"priceCents,omitempty"`
	MinimumTierID  *string        `json:"minimumTierId,omitempty"`
	ShaderPreset   *string        `json:"shaderPreset,omitempty"`
	ShaderConfig   map[string]any `json:"shaderConfig,omitempty"`
	Featured       bool           `json:"featured,omitempty"`
}

// Update changes the fields that are set.
type Update struct {
	Title          Field[string]         `json:"title,omitzero"`
	Slug           Field[string]         `json:"slug,omitzero"`
	Description    Field[string]         `json:"description,omitzero"`
	MediaItemID    Field[string]         `json:"mediaItemId,omitzero"`
	ContentBody    Field[string]         `json:"contentBody,omitzero"`
	OrganizationID Field[string]         `json:"organizationId,omitzero"`
	Category       Field[string]         `json:"category,omitzero"`
	Tags           Field[[]string]       `json:"tags,omitzero"`
	ThumbnailURL   Field[string]         `json:"thumbnailUrl,omitzero"`
	AccessType     Field[Access]         `json:"accessType,omitzero"`
	Visibility     Field[Visibility]     `json:"visibility,omitzero"`
	PriceCents     Field[int64]          `json:"priceCents,omitzero"`
	MinimumTierID  Field[string]         `json:"minimumTierId,omitzero"`
	ShaderPreset   Field[string]         `json:"shaderPreset,omitzero"`
	ShaderConfig   Field[map[string]any] `json:"shaderConfig,omitzero"`
	Featured       Field[bool]           `json:"featured,omitzero"`
}

// Publish makes an item live.
type Publish struct{}

// Unpublish turns it back into a draft.
type Unpublish struct{}

// Delete ends it.
type Delete struct{}

// Field is a field of a partial update: absent, null or a value.
type Field[T any] struct {
	// Set says that the field was there; a nil Value then means null.
	Set   bool
	Value *T
}

// IsZero reports whether the field was absent.
func (f Field[T]) IsZero() bool { return !f.Set }

// MarshalJSON implements json.Marshaler.
func (f Field[T]) MarshalJSON() ([]byte, error) { return json.Marshal(f.Value) }

// UnmarshalJSON implements json.Unmarshaler.
func (f *Field[T]) UnmarshalJSON(data []byte) error {
	f.Set = true
	return json.Unmarshal(data, &f.Value)
}

// Limits of the contract.
const (
	maxTitle       = 500
	maxSlug        = 500
	maxDescription = 10_000
	maxBody        = 500_000
	maxCategory    = 100
	maxTags        = 20
	maxTag         = 50
	maxShader      = 50
)

var (
	slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// Validate normalises the command (trims the title, lower-cases the slug) and
// returns the fields that break the contract's limits.
func (c *Create) Validate() []domain.Field {
	v := &check{}
	c.Title, c.Slug = strings.TrimSpace(c.Title), strings.ToLower(strings.TrimSpace(c.Slug))
	v.length("title", c.Title, 1, maxTitle)
	v.slug(c.Slug)
	v.optional("description", c.Description, 0, maxDescription)
	v.that(c.ContentType.Valid(), "contentType", "must be video, audio or written")
	v.id("mediaItemId", c.MediaItemID)
	v.optional("contentBody", c.ContentBody, 0, maxBody)
	v.id("organizationId", c.OrganizationID)
	v.id("minimumTierId", c.MinimumTierID)
	v.optional("category", c.Category, 1, maxCategory)
	v.tags(c.Tags)
	v.url("thumbnailUrl", c.ThumbnailURL)
	v.optional("shaderPreset", c.ShaderPreset, 0, maxShader)
	v.shader(c.ShaderConfig)
	v.that(c.AccessType == "" || c.AccessType.Valid(), "accessType", "must be free, paid, followers, subscribers or team")
	v.that(c.Visibility == "" || c.Visibility.Valid(), "visibility", "must be public, private, members_only or purchased_only")
	v.price(c.PriceCents)
	if (c.ContentType == Video || c.ContentType == Audio) && c.MediaItemID == nil {
		v.that(false, "mediaItemId", "is required for video and audio")
	}
	if c.ContentType == Written && (c.ContentBody == nil || *c.ContentBody == "") {
		v.that(false, "contentBody", "is required for written content")
	}
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
	v := &check{}
	if u.Title.Value != nil {
		*u.Title.Value = strings.TrimSpace(*u.Title.Value)
	}
	if u.Slug.Value != nil {
		*u.Slug.Value = strings.ToLower(strings.TrimSpace(*u.Slug.Value))
		v.slug(*u.Slug.Value)
	}
	v.notNull("title", u.Title.Set, u.Title.Value == nil)
	v.notNull("slug", u.Slug.Set, u.Slug.Value == nil)
	v.notNull("accessType", u.AccessType.Set, u.AccessType.Value == nil)
	v.notNull("visibility", u.Visibility.Set, u.Visibility.Value == nil)
	v.optional("title", u.Title.Value, 1, maxTitle)
	v.optional("description", u.Description.Value, 0, maxDescription)
	v.id("mediaItemId", u.MediaItemID.Value)
	v.optional("contentBody", u.ContentBody.Value, 0, maxBody)
	v.id("organizationId", u.OrganizationID.Value)
	v.id("minimumTierId", u.MinimumTierID.Value)
	v.optional("category", u.Category.Value, 1, maxCategory)
	if u.Tags.Value != nil {
		v.tags(*u.Tags.Value)
	}
	v.url("thumbnailUrl", u.ThumbnailURL.Value)
	v.optional("shaderPreset", u.ShaderPreset.Value, 0, maxShader)
	if u.ShaderConfig.Value != nil {
		v.shader(*u.ShaderConfig.Value)
	}
	if u.AccessType.Value != nil {
		v.that(u.AccessType.Value.Valid(), "accessType", "must be free, paid, followers, subscribers or team")
	}
	if u.Visibility.Value != nil {
		v.that(u.Visibility.Value.Valid(), "visibility", "must be public, private, members_only or purchased_only")
	}
	v.price(u.PriceCents.Value)
	return v.bad
}

// check collects refused fields.
type check struct{ bad []domain.Field }

func (v *check) that(ok bool, path, message string) {
	if !ok {
		v.bad = append(v.bad, domain.Field{Path: path, Message: message})
	}
}

func (v *check) length(path, s string, low, high int) {
	n := utf8.RuneCountInString(s)
	v.that(n >= low && n <= high, path, fmt.Sprintf("must have %d to %d characters", low, high))
}

func (v *check) optional(path string, s *string, low, high int) {
	if s != nil {
		v.length(path, *s, low, high)
	}
}

func (v *check) notNull(path string, set, null bool) {
	v.that(!set || !null, path, "must not be null")
}

func (v *check) slug(s string) {
	v.that(len(s) <= maxSlug && slugPattern.MatchString(s), "slug",
		"must be 1 to 500 characters: a-z and 0-9 in groups joined by single hyphens")
}

func (v *check) id(path string, s *string) {
	v.that(s == nil || uuidPattern.MatchString(*s), path, "must be a UUID")
}

func (v *check) tags(tags []string) {
	v.that(len(tags) <= maxTags, "tags", "must be at most 20")
	for i, tag := range tags {
		v.length(fmt.Sprintf("tags.%d", i), tag, 1, maxTag)
	}
}

func (v *check) url(path string, s *string) {
	if s == nil {
		return
	}
	u, err := url.Parse(*s)
	v.that(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && len(*s) <= 2000, path, "must be an http or https address")
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

func (v *check) price(cents *int64) {
	v.that(cents == nil || (*cents >= 0 && *cents <= int64(money.MaxPrice)), "priceCents", "must be 0 to 10000000")
}
