package organization_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/events"
)

func TestCreatingAnOrganizationMakesTheActorItsOwner(t *testing.T) {
	t.Parallel()
	cmd := organization.CreateOrganization{Name: "Trains", Slug: "trains"}
	o, owner, facts, err := organization.Create(
		"o1",
		cmd,
		organization.CreateFacts{ActorID: "u1", ActorRole: organization.PlatformCreator},
		noon,
	)
	if err != nil || o.Version != 2 || owner.Role != organization.Owner || owner.UserID != "u1" ||
		owner.OrganizationID != "o1" {
		t.Fatalf("%+v, %+v, %v", o, owner, err)
	}
	want := []events.Fact{
		{
			Tenant:      "o1",
			AggregateID: "o1",
			Version:     1,
			Payload:     events.OrganizationCreated{OrganizationID: "o1", OwnerID: "u1", Slug: "trains"},
		},
		{
			Tenant:      "o1",
			AggregateID: "o1",
			Version:     2,
			Payload:     events.MemberJoined{OrganizationID: "o1", UserID: "u1", Role: "owner"},
		},
	}
	if len(facts) != 2 || facts[0] != want[0] || facts[1] != want[1] {
		t.Fatalf("facts %+v", facts)
	}
}

func TestOnlyCreatorsAndAdminsCreateAnOrganization(t *testing.T) {
	t.Parallel()
	for role, allowed := range map[organization.PlatformRole]bool{
		"customer": false, "system": false, "": false, "owner": false,
		organization.PlatformCreator: true, organization.PlatformAdmin: true, organization.PlatformOwner: true,
	} {
		_, _, facts, err := organization.Create(
			"o1",
			organization.CreateOrganization{},
			organization.CreateFacts{ActorID: "u1", ActorRole: role},
			noon,
		)
		if allowed != (err == nil) || (!allowed && (!domain.IsClass(err, domain.Forbidden) || facts != nil)) {
			t.Errorf("%s: %v", role, err)
		}
	}
	_, _, _, err := organization.Create(
		"o1",
		organization.CreateOrganization{},
		organization.CreateFacts{ActorRole: organization.PlatformCreator, SlugTaken: true},
		noon,
	)
	if !domain.IsClass(err, domain.Conflict) {
		t.Errorf("taken slug: %v", err)
	}
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// reservedNames is the contract's list (rules 3.2), written down a second time.
const reservedNames = `cdn cdn-dev cdn-staging api api-staging auth auth-staging content-api content-api-staging
organization-api organization-api-staging identity-api identity-api-staging ecom-api ecom-api-staging
admin-api admin-api-staging media-api media-api-staging notifications-api notifications-api-staging
app codex codex-staging creators platform www admin assets blog dashboard dev docs ftp help mail smtp ssh static
status support staging test localhost`

func TestPlatformNamesAreReservedSlugs(t *testing.T) {
	t.Parallel()
	names := strings.Fields(reservedNames)
	if len(names) != 44 {
		t.Fatalf("the contract reserves 44 names, this list has %d", len(names))
	}
	for _, name := range names {
		if organization.BadSlug(name) == "" || !organization.ReservedSlug(name) {
			t.Errorf("%q is accepted", name)
		}
	}
	for _, name := range []string{"trains", "apis", "my-api", "codex-2", "a", "0", strings.Repeat("a", 255)} {
		if message := organization.BadSlug(name); message != "" {
			t.Errorf("%q %s", name, message)
		}
	}
	for _, name := range []string{
		"", "-", "a-", "-a", "a--b", "A", "a b", "a_b", "a.b", "a/b", "é", "a\n",
		strings.Repeat("a", 256),
	} {
		if organization.BadSlug(name) == "" {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestWordsJoinedByHyphensAreASlug(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[a-z0-9]{1,8}`), 1, 12).Draw(t, "words")
		slug := strings.Join(words, "-")
		if organization.MalformedSlug(slug) != "" {
			t.Fatalf("%q is malformed", slug)
		}
		if organization.MalformedSlug(slug+"-") == "" || organization.MalformedSlug("-"+slug) == "" ||
			organization.MalformedSlug(slug+"--x") == "" {
			t.Fatalf("%q with stray hyphens is accepted", slug)
		}
	})
}

// inDatabase is the constraint of the table.
var inDatabase = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// FuzzSlug proves that what is accepted is safe as a path, as a host name's label
// characters, and for the table's constraint.
func FuzzSlug(f *testing.F) {
	for _, seed := range []string{"trains", "a-b", "codex", "a--b", "ä", "a\x00", "a/../b", strings.Repeat("a-", 128)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, slug string) {
		if organization.BadSlug(slug) != "" {
			return
		}
		if len(slug) == 0 || len(slug) > 255 || !inDatabase.MatchString(slug) || slug != strings.ToLower(slug) {
			t.Fatalf("%q is accepted", slug)
		}
		if strings.Contains(" "+strings.Join(strings.Fields(reservedNames), " ")+" ", " "+slug+" ") {
			t.Fatalf("%q is reserved and accepted", slug)
		}
	})
}

func TestCreateOrganizationChecksEveryField(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	request := organization.CreateOrganization{
		Name:        " Trains ",
		Slug:        " trains ",
		Description: text(""),
		LogoURL:     text("https://a.test/l.png"),
	}
	if bad := request.Validate(); len(bad) != 0 || request.Name != "Trains" || request.Slug != "trains" ||
		request.Description != nil {
		t.Fatalf("%v, %+v", bad, request)
	}
	for path, request := range map[string]organization.CreateOrganization{
		"name":        {Slug: "trains"},
		"slug":        {Name: "Trains", Slug: "admin"},
		"description": {Name: "Trains", Slug: "trains", Description: text(strings.Repeat("é", 5001))},
		"logoUrl":     {Name: "Trains", Slug: "trains", LogoURL: text("data:image/png;base64,AAAA")},
		"websiteUrl":  {Name: "Trains", Slug: "trains", WebsiteURL: text("//a.test")},
	} {
		if bad := request.Validate(); len(bad) != 1 || bad[0].Path != path {
			t.Errorf("%v, want one complaint about %s", bad, path)
		}
	}
}
