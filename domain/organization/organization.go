package organization

import (
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// Refusals that clients may switch on.
var (
	ErrSlugTaken            = domain.NewError(domain.Conflict, "SLUG_TAKEN", "Another organization has this slug")
	ErrOrganizationNotFound = domain.Missing("ORGANIZATION_NOT_FOUND", "Organization")
	ErrMayNotCreate         = domain.NewError(domain.Forbidden, "", "Only creators may create an organization")
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
	// DeletedAt is when it was deleted; its slug rests since, for [SlugRest].
	DeletedAt *time.Time
}

// SlugRest is how long the slug of a deleted organization is not given to another one: links
// and bookmarks of its visitors would lead there.
const SlugRest = 30 * 24 * time.Hour

// SlugOwner is an organization that has a slug, or had it when it was deleted.
type SlugOwner struct {
	ID        string
	DeletedAt *time.Time
}

// Holds reports whether the slug is not free for another organization.
func (s SlugOwner) Holds(now time.Time) bool {
	return s.ID != "" && (s.DeletedAt == nil || now.Before(s.DeletedAt.Add(SlugRest)))
}

// Live reports whether the organization exists and was not deleted.
func (o Organization) Live() bool { return o.ID != "" && o.DeletedAt == nil }

// CreatorRoles are the platform roles that may create an organization.
var CreatorRoles = []PlatformRole{PlatformCreator, PlatformAdmin, PlatformOwner}

// CreateFacts are what the decision to create an organization rests on.
type CreateFacts struct {
	ActorID   string
	ActorRole PlatformRole
	// SlugTaken says that another organization holds the slug.
	SlugTaken bool
}

// Create returns a new organization and its first member, who is its owner: an
// organization never exists without one.
func Create(
	id string, cmd CreateOrganization, facts CreateFacts, now time.Time,
) (Organization, Membership, []events.Fact, error) {
	switch {
	case !slices.Contains(CreatorRoles, facts.ActorRole):
		return Organization{}, Membership{}, nil, ErrMayNotCreate
	case facts.SlugTaken:
		return Organization{}, Membership{}, nil, ErrSlugTaken
	}
	o := Organization{
		ID:          id,
		Name:        cmd.Name,
		Slug:        cmd.Slug,
		Description: cmd.Description,
		LogoURL:     cmd.LogoURL,
		WebsiteURL:  cmd.WebsiteURL,
		Version:     2,
		CreatedAt:   now,
		UpdatedAt:   now,
	}
	m := Membership{
		OrganizationID: id,
		UserID:         facts.ActorID,
		Role:           Owner,
		Status:         Active,
		JoinedAt:       &now,
		CreatedAt:      now,
		UpdatedAt:      now,
	}
	return o, m, []events.Fact{
		{
			Tenant:      id,
			AggregateID: id,
			Version:     1,
			Payload: events.OrganizationCreated{
				OrganizationID: id, OwnerID: facts.ActorID, Slug: o.Slug,
			},
		},
		{
			Tenant:      id,
			AggregateID: id,
			Version:     2,
			Payload: events.MemberJoined{
				OrganizationID: id, UserID: facts.ActorID, Role: string(m.Role),
			},
		},
	}, nil
}

// Update changes the fields that are set. slugTaken says that another organization
// holds the new slug. Fields with equal values count as unchanged.
func (o Organization) Update(
	cmd UpdateOrganization, a Authority, slugTaken bool, now time.Time,
) (Organization, []events.Payload, error) {
	if err := a.Admit(o, true); err != nil {
		return o, nil, err
	}
	if slugTaken {
		return o, nil, ErrSlugTaken
	}
	before := o
	var fields []string
	for _, f := range []struct {
		name  string
		to    domain.Optional[string]
		field **string
	}{
		{"description", cmd.Description, &o.Description},
		{"logoUrl", cmd.LogoURL, &o.LogoURL},
		{"websiteUrl", cmd.WebsiteURL, &o.WebsiteURL},
	} {
		if f.to.Set && !equal(f.to.Value, *f.field) {
			*f.field, fields = f.to.Value, append(fields, f.name)
		}
	}
	if cmd.Name.Value != nil && *cmd.Name.Value != o.Name {
		o.Name, fields = *cmd.Name.Value, append(fields, "name")
	}
	if cmd.Slug.Value != nil && *cmd.Slug.Value != o.Slug {
		o.Slug, fields = *cmd.Slug.Value, append(fields, "slug")
	}
	if len(fields) == 0 {
		return before, nil, nil
	}
	o.UpdatedAt = now
	return o, []events.Payload{events.OrganizationUpdated{OrganizationID: o.ID, Slug: o.Slug, Fields: fields}}, nil
}

func equal(a, b *string) bool {
	return a == b || (a != nil && b != nil && *a == *b)
}

// Delete ends the organization and all its memberships; its slug rests for [SlugRest].
// Its content stays with its creators and buyers.
func (o Organization) Delete(a Authority, now time.Time) (Organization, []events.Payload, error) {
	if err := a.Admit(o, true); err != nil {
		return o, nil, err
	}
	o.DeletedAt, o.UpdatedAt = &now, now
	return o, []events.Payload{events.OrganizationDeleted{OrganizationID: o.ID}}, nil
}

// After returns the organization with its version after these events, which are its own
// or its members', and the facts to publish. Members are part of the aggregate, so two
// changes of its owners never cross.
func (o Organization) After(payloads []events.Payload) (Organization, []events.Fact) {
	facts := make([]events.Fact, len(payloads))
	for i, p := range payloads {
		o.Version++
		facts[i] = events.Fact{
			Tenant:      o.ID,
			AggregateID: o.ID,
			Version:     o.Version,
			Payload:     p,
		}
	}
	return o, facts
}

const maxSlug = 255

var slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// reserved are the slugs that could be mistaken for a host or a path of the platform.
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

// BadSlug returns why an organization cannot have a slug, or "".
func BadSlug(slug string) string {
	if message := MalformedSlug(slug); message != "" {
		return message
	}
	if ReservedSlug(slug) {
		return "is reserved"
	}
	return ""
}

// MalformedSlug returns what a slug must look like when this one does not, or "".
func MalformedSlug(slug string) string {
	if len(slug) > maxSlug || !slugPattern.MatchString(slug) {
		return "must have 1 to " + strconv.Itoa(maxSlug) + " lower-case letters, digits and single hyphens between them"
	}
	return ""
}

// ReservedSlug reports whether a slug is one of the platform's own names.
func ReservedSlug(slug string) bool { return slices.Contains(reserved, slug) }
