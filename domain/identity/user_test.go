package identity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/events"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func TestOnlyInDevelopmentCanASignUpAskForARole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wish        string
		development bool
		want        identity.Role
	}{
		{"", false, identity.Customer},
		{"creator", false, identity.Customer},
		{"admin", false, identity.Customer},
		{"creator", true, identity.Creator},
		{"user", true, identity.Customer},
		{"customer", true, identity.Customer},
		{"admin", true, identity.Customer},
		{"platform_owner", true, identity.Customer},
		{"CREATOR", true, identity.Customer},
	} {
		if got := identity.SignUpRole(c.wish, c.development); got != c.want {
			t.Errorf("wish %q, development %v: role %s, want %s", c.wish, c.development, got, c.want)
		}
	}
}

func TestAnAccountIsRegisteredAndThenVerifiedOnce(t *testing.T) {
	t.Parallel()
	u, payloads := identity.Register("u1", identity.SignUp{Name: "Ada", Email: "ada@example.org"}, identity.Customer, noon)
	if u.EmailVerified || u.Version != 1 || u.Role != identity.Customer {
		t.Fatalf("registered as %+v", u)
	}
	facts := u.Facts(payloads)
	if len(facts) != 1 || facts[0].Version != 1 || facts[0].Tenant != "u1" || facts[0].AggregateID != "u1" {
		t.Fatalf("facts %+v", facts)
	}
	if facts[0].Payload != (events.UserRegistered{UserID: "u1", Role: "customer"}) {
		t.Fatalf("payload %+v", facts[0].Payload)
	}

	later := noon.Add(time.Minute)
	verified, payloads := u.VerifyEmail(later)
	if !verified.EmailVerified || verified.Version != 2 || !verified.UpdatedAt.Equal(later) {
		t.Fatalf("verified as %+v", verified)
	}
	if facts := verified.Facts(payloads); len(facts) != 1 || facts[0].Version != 2 {
		t.Fatalf("facts %+v", facts)
	}
	if again, payloads := verified.VerifyEmail(later.Add(time.Hour)); again != verified || len(payloads) != 0 {
		t.Fatalf("verifying again changed %+v, %+v", again, payloads)
	}
}

func TestFactsAreNumberedUpToTheVersion(t *testing.T) {
	t.Parallel()
	u, first := identity.Register("u1", identity.SignUp{}, identity.Customer, noon)
	u, second := u.VerifyEmail(noon)
	facts := u.Facts(append(first, second...))
	if len(facts) != 2 || facts[0].Version != 1 || facts[1].Version != 2 {
		t.Fatalf("facts %+v", facts)
	}
}

func TestOnlyACustomerBecomesACreator(t *testing.T) {
	t.Parallel()
	bio := "Films about trains"
	cmd := identity.BecomeCreator{Username: "ada", Bio: &bio}
	customer := identity.User{ID: "u1", Role: identity.Customer, Version: 2}

	next, payloads, err := customer.BecomeCreator(cmd, identity.CreatorFacts{}, noon)
	if err != nil || next.Role != identity.Creator || *next.Username != "ada" || *next.Bio != bio || next.Version != 3 ||
		len(payloads) != 1 {
		t.Fatalf("became %+v, %v, %v", next, payloads, err)
	}
	for name, c := range map[string]struct {
		user  identity.User
		facts identity.CreatorFacts
		class domain.Class
	}{
		"a creator":    {identity.User{ID: "u1", Role: identity.Creator}, identity.CreatorFacts{}, domain.Rule},
		"an admin":     {identity.User{ID: "u1", Role: identity.Admin}, identity.CreatorFacts{}, domain.Rule},
		"a taken name": {customer, identity.CreatorFacts{UsernameTaken: true}, domain.Conflict},
	} {
		if _, payloads, err := c.user.BecomeCreator(cmd, c.facts, noon); !domain.IsClass(err, c.class) || payloads != nil {
			t.Errorf("%s: %v, %v; want %s", name, payloads, err, c.class)
		}
	}
}

func TestAnUploadedPictureReplacesTheInitialOne(t *testing.T) {
	t.Parallel()
	image, avatar := "https://a.test/1", "https://a.test/2"
	u := identity.User{Image: &image}
	if *u.Picture() != image {
		t.Error("the only picture is not shown")
	}
	if u.AvatarURL = &avatar; *u.Picture() != avatar {
		t.Error("the uploaded picture does not win")
	}
}

func TestSignUpNamesEveryBadField(t *testing.T) {
	t.Parallel()
	good := func() identity.SignUp {
		return identity.SignUp{Name: " Ada ", Email: " Ada@Example.ORG ", Password: "a quiet winter river"}
	}
	request := good()
	if bad := request.Validate(); len(bad) != 0 {
		t.Fatalf("refused: %v", bad)
	}
	if request.Name != "Ada" || request.Email != "ada@example.org" {
		t.Fatalf("normalised to %q, %q", request.Name, request.Email)
	}
	for name, c := range map[string]struct {
		spoil func(*identity.SignUp)
		path  string
	}{
		"no name":           {func(s *identity.SignUp) { s.Name = "  " }, "name"},
		"long name":         {func(s *identity.SignUp) { s.Name = strings.Repeat("ö", 256) }, "name"},
		"two-line name":     {func(s *identity.SignUp) { s.Name = "Ada\nBcc: x@y.org" }, "name"},
		"no address":        {func(s *identity.SignUp) { s.Email = "" }, "email"},
		"short password":    {func(s *identity.SignUp) { s.Password = "ninjas7" }, "password"},
		"long password":     {func(s *identity.SignUp) { s.Password = strings.Repeat("ab", 65) }, "password"},
		"password is email": {func(s *identity.SignUp) { s.Password = "Ada@example.org" }, "password"},
	} {
		request := good()
		c.spoil(&request)
		if bad := request.Validate(); len(bad) != 1 || bad[0].Path != c.path || bad[0].Message == "" {
			t.Errorf("%s: %v, want one complaint about %s", name, bad, c.path)
		}
	}
}

func TestBecomeCreatorChecksEveryField(t *testing.T) {
	t.Parallel()
	link := func(s string) *string { return &s }
	request := identity.BecomeCreator{
		Username:    "ada-lovelace",
		Bio:         link(" "),
		SocialLinks: &identity.SocialLinks{Website: link(""), Twitter: link("https://x.com/ada")},
	}
	if bad := request.Validate(); len(bad) != 0 || request.Bio != nil || request.SocialLinks.Website != nil {
		t.Fatalf("%v, %+v", bad, request)
	}
	for path, request := range map[string]identity.BecomeCreator{
		"username":            {Username: "Ada"},
		"bio":                 {Username: "ada", Bio: link(strings.Repeat("é", 501))},
		"socialLinks.website": {Username: "ada", SocialLinks: &identity.SocialLinks{Website: link("javascript:alert(1)")}},
		"socialLinks.twitter": {Username: "ada", SocialLinks: &identity.SocialLinks{Twitter: link("@ada")}},
		"socialLinks.youtube": {
			Username:    "ada",
			SocialLinks: &identity.SocialLinks{YouTube: link("https://user:pw@youtube.com/")},
		},
		"socialLinks.instagram": {
			Username:    "ada",
			SocialLinks: &identity.SocialLinks{Instagram: link("https://" + strings.Repeat("i", 2048))},
		},
	} {
		if bad := request.Validate(); len(bad) != 1 || bad[0].Path != path {
			t.Errorf("%v, want one complaint about %s", bad, path)
		}
	}
	tooLong := identity.BecomeCreator{Username: strings.Repeat("a", 51)}
	if len(tooLong.Validate()) != 1 {
		t.Error("a username of 51 characters is accepted")
	}
}
