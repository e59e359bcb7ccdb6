package organizations

import (
	"time"

	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/handlers/view"
)

// OrganizationInfo is an organization's public page.
type OrganizationInfo struct {
	ID                  string        `json:"id" jsonschema:"format=uuid"`
	Slug                string        `json:"slug"`
	Name                string        `json:"name"`
	Description         *string       `json:"description"`
	LogoURL             *string       `json:"logoUrl"`
	BrandColors         BrandColors   `json:"brandColors"`
	BrandFonts          BrandFonts    `json:"brandFonts"`
	BrandRadius         float64       `json:"brandRadius"`
	BrandDensity        float64       `json:"brandDensity"`
	IntroVideoURL       *string       `json:"introVideoUrl"`
	HeroLayout          string        `json:"heroLayout"`
	BrandFineTune       BrandFineTune `json:"brandFineTune"`
	EnableSubscriptions bool          `json:"enableSubscriptions"`
}

// BrandColors are the four colours of a brand, as #RRGGBB.
type BrandColors struct {
	Primary    string  `json:"primary"`
	Secondary  *string `json:"secondary"`
	Accent     *string `json:"accent"`
	Background *string `json:"background"`
}

// BrandFonts are the names of a brand's fonts.
type BrandFonts struct {
	Body    *string `json:"body"`
	Heading *string `json:"heading"`
}

// BrandFineTune are the overrides of a brand beyond colours and fonts, as JSON texts.
type BrandFineTune struct {
	TokenOverrides     *string `json:"tokenOverrides"`
	DarkModeOverrides  *string `json:"darkModeOverrides"`
	DarkTokenOverrides *string `json:"darkTokenOverrides"`
}

// OrganizationInfoOf returns an organization's public page.
func OrganizationInfoOf(o organization.Organization) OrganizationInfo {
	b := view.BrandingOf(o.LogoURL)
	return OrganizationInfo{
		ID:          o.ID,
		Slug:        o.Slug,
		Name:        o.Name,
		Description: o.Description,
		LogoURL:     b.LogoURL,
		BrandColors: BrandColors{
			Primary:    b.PrimaryColor,
			Secondary:  b.SecondaryColor,
			Accent:     b.AccentColor,
			Background: b.BackgroundColor,
		},
		BrandFonts:    BrandFonts{Body: b.FontBody, Heading: b.FontHeading},
		BrandRadius:   b.RadiusValue,
		BrandDensity:  b.DensityValue,
		IntroVideoURL: b.IntroVideoURL,
		HeroLayout:    b.HeroLayout,
	}
}

// OrganizationStats counts what an organization has published.
type OrganizationStats struct {
	Content              ContentCounts   `json:"content"`
	TotalDurationSeconds int64           `json:"totalDurationSeconds"`
	Creators             int64           `json:"creators"`
	TotalViews           int64           `json:"totalViews"`
	Categories           []CategoryCount `json:"categories"`
}

// ContentCounts counts published items by type.
type ContentCounts struct {
	Total   int64 `json:"total"`
	Video   int64 `json:"video"`
	Audio   int64 `json:"audio"`
	Written int64 `json:"written"`
}

// CategoryCount counts published items of one category.
type CategoryCount struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Organization is a tenant as its members see it.
type Organization struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Slug        string    `json:"slug"`
	Description *string   `json:"description"`
	LogoURL     *string   `json:"logoUrl"`
	WebsiteURL  *string   `json:"websiteUrl"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
	// DeletedAt is null for an organization that exists.
	DeletedAt *time.Time `json:"deletedAt"`
}

// OrganizationOf returns a tenant's representation for its members.
func OrganizationOf(o organization.Organization) Organization {
	return Organization{
		ID:          o.ID,
		Name:        o.Name,
		Slug:        o.Slug,
		Description: o.Description,
		LogoURL:     o.LogoURL,
		WebsiteURL:  o.WebsiteURL,
		CreatedAt:   o.CreatedAt,
		UpdatedAt:   o.UpdatedAt,
		DeletedAt:   o.DeletedAt,
	}
}

// OwnOrganization is a tenant that the caller is a member of, with the role.
type OwnOrganization struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Slug    string            `json:"slug"`
	LogoURL *string           `json:"logoUrl"`
	Role    organization.Role `json:"role"`
}
