package content

import (
	"strconv"
	"strings"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/money"
)

// The names of the commands. Their payloads are the structs of the same names.
const (
	CommandCreate    = "content.create"
	CommandUpdate    = "content.update"
	CommandPublish   = "content.publish"
	CommandUnpublish = "content.unpublish"
	CommandDelete    = "content.delete"
)

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
	c.Title = domain.Name(c.Title)
	normaliseNames(c.Category, c.Tags)
	c.Slug = strings.ToLower(strings.TrimSpace(c.Slug))

	v := domain.Validate(c)
	v.Name("title", c.Title)
	checkNames(v, c.Category, c.Tags)
	checkShader(v, c.ShaderConfig)
	if (c.ContentType == Video || c.ContentType == Audio) && c.MediaItemID == nil {
		v.Reject("mediaItemId", "is required for video and audio")
	}
	if c.ContentType == Written && domain.OrZero(c.ContentBody) == "" {
		v.Reject("contentBody", bodyRequired)
	}
	checkAgreement(v, c.Visibility, c.AccessType)
	checkOffer(v, c.access(), domain.OrZero(c.PriceCents),
		domain.OrZero(c.OrganizationID), domain.OrZero(c.MinimumTierID))
	return v.Fields
}

// normaliseNames puts a category and tags, which are names too, into the form of names.
func normaliseNames(category *string, tags []string) {
	if category != nil {
		*category = domain.Name(*category)
	}
	for i := range tags {
		tags[i] = domain.Name(tags[i])
	}
}

func checkNames(v *domain.Validation, category *string, tags []string) {
	if category != nil {
		v.Name("category", *category)
	}
	for i, tag := range tags {
		v.Name("tags."+strconv.Itoa(i), tag)
	}
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
		*u.Title.Value = domain.Name(*u.Title.Value)
	}
	if u.Slug.Value != nil {
		*u.Slug.Value = strings.ToLower(strings.TrimSpace(*u.Slug.Value))
	}
	lower(u.MediaItemID.Value, u.OrganizationID.Value, u.MinimumTierID.Value)

	normaliseNames(u.Category.Value, domain.OrZero(u.Tags.Value))

	v := domain.Validate(u)
	domain.NotNull(v, "title", u.Title)
	if u.Title.Value != nil {
		v.Name("title", *u.Title.Value)
	}
	checkNames(v, u.Category.Value, domain.OrZero(u.Tags.Value))
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

// CheckPrice returns the field of a price that cannot be charged in the currency.
func (c *Create) CheckPrice(currency money.Currency) []domain.Field {
	return checkPrice(domain.OrZero(c.PriceCents), currency)
}

// CheckPrice is [Create.CheckPrice].
func (u *Update) CheckPrice(currency money.Currency) []domain.Field {
	return checkPrice(domain.OrZero(u.PriceCents.Value), currency)
}

// checkPrice returns the field of a price that cannot be charged. 0 is not charged.
func checkPrice(price int64, currency money.Currency) []domain.Field {
	if price == 0 {
		return nil
	}
	if fault := currency.Fault(money.Cents(price)); fault != "" {
		return []domain.Field{{Path: "priceCents", Message: fault}}
	}
	return nil
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
