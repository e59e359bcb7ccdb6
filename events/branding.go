package events

func init() {
	register[OrganizationBrandingChanged]("An organization looks different; Fields names what.")
}

// OrganizationBrandingChanged : what an organization's pages look like.
type OrganizationBrandingChanged struct {
	OrganizationID string   `json:"organization_id"`
	Fields         []string `json:"fields"`
}

// EventType implements Payload.
func (OrganizationBrandingChanged) EventType() string { return "organization.branding_changed" }
