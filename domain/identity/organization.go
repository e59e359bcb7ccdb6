package identity

import (
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// MemberRole is what a member may do in an organization.
type MemberRole string

// The organization roles. Owners and admins manage it; they and creators publish
// in it; subscribers and members see what is meant for members.
const (
	OwnerMember      MemberRole = "owner"
	AdminMember      MemberRole = "admin"
	CreatorMember    MemberRole = "creator"
	SubscriberMember MemberRole = "subscriber"
	PlainMember      MemberRole = "member"
)

// ErrSlugTaken and its kin are refusals that clients may switch on.
var (
	ErrSlugTaken            = domain.Refuse(domain.Conflict, "SLUG_TAKEN", "Another organization has this slug")
	ErrOrganizationNotFound = domain.Missing("ORGANIZATION_NOT_FOUND", "Organization")
	errMayNotFound          = domain.Refuse(domain.Forbidden, "", "Only creators may create an organization")
)

// Organization is a tenant.
type Organization struct {
	ID          string
	Name        string
	Slug        string
	Description *string
	LogoURL     *string
	WebsiteURL  *string
	Version     int64
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Membership is a user's active place in an organization.
type Membership struct {
	OrganizationID string
	UserID         string
	Role           MemberRole
	JoinedAt       time.Time
}

// Founders are the platform roles that may create an organization.
var Founders = []Role{Creator, Admin, PlatformOwner}

// FoundingFacts are what the decision to create an organization rests on.
type FoundingFacts struct {
	ActorID   string
	ActorRole Role
	// SlugTaken says that another live organization has the slug.
	SlugTaken bool
}

// Found returns a new organization and its first member, who is its owner: an
// organization never exists without one.
func Found(id string, cmd CreateOrganization, facts FoundingFacts, now time.Time) (Organization, Membership, []events.Fact, error) {
	switch {
	case !slices.Contains(Founders, facts.ActorRole):
		return Organization{}, Membership{}, nil, errMayNotFound
	case facts.SlugTaken:
		return Organization{}, Membership{}, nil, ErrSlugTaken
	}
	o := Organization{
		ID: id, Name: cmd.Name, Slug: cmd.Slug, Description: cmd.Description, LogoURL: cmd.LogoURL, WebsiteURL: cmd.WebsiteURL,
		Version: 2, CreatedAt: now, UpdatedAt: now,
	}
	m := Membership{OrganizationID: id, UserID: facts.ActorID, Role: OwnerMember, JoinedAt: now}
	return o, m, []events.Fact{
		{Tenant: id, AggregateID: id, Version: 1, Payload: events.OrganizationCreated{
			OrganizationID: id, OwnerID: facts.ActorID, Slug: o.Slug,
		}},
		{Tenant: id, AggregateID: id, Version: 2, Payload: events.MemberJoined{
			OrganizationID: id, UserID: facts.ActorID, Role: string(m.Role),
		}},
	}, nil
}

const maxSlug = 255

var slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// reserved are the slugs that would be taken for a host or a path of the platform.
var reserved = []string{
	"cdn", "cdn-dev", "cdn-staging",
	"api", "api-staging", "auth", "auth-staging",
	"content-api", "content-api-staging", "organization-api", "organization-api-staging",
	"identity-api", "identity-api-staging", "ecom-api", "ecom-api-staging",
	"admin-api", "admin-api-staging", "media-api", "media-api-staging",
	"notifications-api", "notifications-api-staging",
	"app", "codex", "codex-staging", "creators", "platform", "www", "admin", "assets", "blog",
	"dashboard", "dev", "docs", "ftp", "help", "mail", "smtp", "ssh", "static", "status",
	"support", "staging", "test", "localhost",
}

// BadSlug says why an organization cannot have a slug, or "".
func BadSlug(slug string) string {
	if message := MalformedSlug(slug); message != "" {
		return message
	}
	if ReservedSlug(slug) {
		return "is reserved"
	}
	return ""
}

// MalformedSlug says what a slug must look like when this one does not, or "".
func MalformedSlug(slug string) string { return badSlug(slug, maxSlug) }

// ReservedSlug reports whether a slug is one of the platform's own names.
func ReservedSlug(slug string) bool { return slices.Contains(reserved, slug) }

func badSlug(slug string, limit int) string {
	if len(slug) > limit || !slugPattern.MatchString(slug) {
		return "must have 1 to " + strconv.Itoa(limit) + " lower-case letters, digits and single hyphens between them"
	}
	return ""
}
