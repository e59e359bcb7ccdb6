package view

// Branding is what an organization looks like. What nobody has chosen is the default.
type Branding struct {
	LogoURL         *string `json:"logoUrl"`
	PrimaryColor    string  `json:"primaryColorHex" jsonschema:"example=#3B82F6"`
	SecondaryColor  *string `json:"secondaryColorHex"`
	AccentColor     *string `json:"accentColorHex"`
	BackgroundColor *string `json:"backgroundColorHex"`
	FontBody        *string `json:"fontBody"`
	FontHeading     *string `json:"fontHeading"`
	// RadiusValue, 0 to 2, and DensityValue, 0.75 to 1.25, are factors.
	RadiusValue   float64 `json:"radiusValue"`
	DensityValue  float64 `json:"densityValue"`
	IntroVideoURL *string `json:"introVideoUrl"`
	HeroLayout    string  `json:"heroLayout" jsonschema:"example=default"`
}

// BrandingOf returns the branding of an organization that chose a logo at most.
func BrandingOf(logo *string) Branding {
	return Branding{LogoURL: logo, PrimaryColor: "#3B82F6", RadiusValue: 0.5, DensityValue: 1, HeroLayout: "default"}
}
