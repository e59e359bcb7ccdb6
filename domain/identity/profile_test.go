package identity_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/events"
)

func update(t *testing.T, body string) identity.UpdateProfile {
	t.Helper()
	var cmd identity.UpdateProfile
	if err := json.Unmarshal([]byte(body), &cmd); err != nil {
		t.Fatal(err)
	}
	if bad := cmd.Validate(); len(bad) > 0 {
		t.Fatalf("%s is refused: %v", body, bad)
	}
	return cmd
}

func TestAProfileEventNamesFieldsWithoutTheirValues(t *testing.T) {
	t.Parallel()
	name, pending := "ada", "next@example.org"
	ada := identity.User{
		ID:            "u1",
		Name:          "Ada",
		Email:         "ada@example.org",
		EmailVerified: true,
		Username:      &name,
		PendingEmail:  &pending,
		Version:       4,
	}
	for body, c := range map[string]struct {
		facts  identity.ProfileFacts
		fields []string
		proof  bool
		err    error
	}{
		`{}`:                        {},
		`{"displayName":"Ada"}`:     {},
		`{"displayName":" Grace "}`: {fields: []string{"name"}},
		`{"username":"ada"}`:        {facts: identity.ProfileFacts{UsernameTaken: true}},
		`{"username":"grace"}`:      {fields: []string{"username"}},
		`{"username":"taken"}`: {
			facts: identity.ProfileFacts{UsernameTaken: true},
			err:   identity.ErrUsernameTaken,
		},
		`{"bio":"Trains","displayName":"G"}`: {fields: []string{"name", "bio"}},
		`{"bio":" "}`:                        {},
		`{"socialLinks":{"website":""}}`:     {fields: []string{"social_links"}},
		`{"socialLinks":null}`:               {},
		`{"email":"ada@example.org"}`:        {facts: identity.ProfileFacts{EmailTaken: true}},
		`{"email":"next@example.org"}`:       {proof: true},
		`{"email":"Other@example.org"}`:      {fields: []string{"pending_email"}, proof: true},
		`{"email":"used@example.org"}`:       {facts: identity.ProfileFacts{EmailTaken: true}, err: identity.ErrEmailTaken},
		`{"email":null}`:                     {fields: []string{"pending_email"}},
	} {
		next, proof, payloads, err := ada.UpdateProfile(update(t, body), c.facts, noon)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", body, err, c.err)
			continue
		}
		if err != nil {
			continue
		}
		if next.Email != ada.Email || !next.EmailVerified || proof != c.proof {
			t.Errorf("%s: %+v, proof %v", body, next, proof)
		}
		if len(c.fields) == 0 {
			if len(payloads) != 0 || next.Version != 4 {
				t.Errorf("%s: %v, version %d", body, payloads, next.Version)
			}
			continue
		}
		if len(payloads) != 1 || next.Version != 5 ||
			!slices.Equal(payloads[0].(events.UserProfileUpdated).Fields, c.fields) {
			t.Errorf("%s: %v, version %d", body, payloads, next.Version)
		}
	}
}

func TestOnlyThePendingAddressIsConfirmed(t *testing.T) {
	t.Parallel()
	pending := "next@example.org"
	ada := identity.User{
		ID:           "u1",
		Email:        "ada@example.org",
		PendingEmail: &pending,
		Version:      4,
	}
	if _, _, ok := ada.ConfirmEmail("other@example.org", noon); ok {
		t.Error("confirmed another one")
	}
	if _, _, ok := (identity.User{ID: "u1", Email: "ada@example.org"}).ConfirmEmail("", noon); ok {
		t.Error("confirmed nothing")
	}
	next, payloads, ok := ada.ConfirmEmail(pending, noon)
	if !ok || next.Email != pending || !next.EmailVerified || next.PendingEmail != nil || next.Version != 5 ||
		len(payloads) != 1 {
		t.Errorf("%+v, %v", next, payloads)
	}
}

func TestADeletedAccountKeepsItsIDOnly(t *testing.T) {
	t.Parallel()
	text := "personal"
	ada := identity.User{
		ID:            "u1",
		Name:          text,
		Email:         "personal@example.org",
		EmailVerified: true,
		PendingEmail:  &text,
		Image:         &text,
		AvatarURL:     &text,
		Role:          identity.Admin,
		Username:      &text,
		Bio:           &text,
		Links:         &identity.SocialLinks{Website: &text},
		Version:       7,
		CreatedAt:     noon.Add(-time.Hour),
	}
	for _, c := range []struct {
		holds identity.Holdings
		want  error
	}{
		{identity.Holdings{Organization: true}, identity.ErrOwnsOrganization},
		{identity.Holdings{Content: true}, identity.ErrHasContent},
		{identity.Holdings{Organization: true, Content: true}, identity.ErrOwnsOrganization},
	} {
		if _, payloads, err := ada.Delete(c.holds, noon); !errors.Is(err, c.want) || payloads != nil {
			t.Errorf("%+v: %v, %v", c.holds, payloads, err)
		}
	}
	gone, payloads, err := ada.Delete(identity.Holdings{}, noon)
	if err != nil || len(payloads) != 1 || gone.Version != 8 || gone.DeletedAt == nil || gone.Role != identity.Customer {
		t.Fatalf("%+v, %v, %v", gone, payloads, err)
	}
	left, err := json.Marshal(gone)
	if err != nil || strings.Contains(string(left), text) || gone.Email != "deleted-u1@deleted.invalid" ||
		gone.Name != "Deleted User" {
		t.Errorf("%s, %v", left, err)
	}
	if got := ada.Addresses(); !slices.Equal(got, []string{"personal@example.org", text}) {
		t.Errorf("addresses %v", got)
	}
}

func TestTransactionalMailCannotBeSwitchedOff(t *testing.T) {
	t.Parallel()
	off, on := false, true
	if bad := (&identity.SetPreferences{EmailTransactional: &off}).Validate(); len(bad) != 1 ||
		bad[0].Path != "emailTransactional" {
		t.Errorf("%v", bad)
	}
	if bad := (&identity.SetPreferences{EmailTransactional: &on}).Validate(); len(bad) != 0 {
		t.Errorf("%v", bad)
	}
	ada := identity.User{ID: "u1", Preferences: identity.Preferences{Marketing: true, Digest: true}, Version: 1}
	next, payloads := ada.SetPreferences(identity.SetPreferences{EmailDigest: &off}, noon)
	if next.Preferences != (identity.Preferences{Marketing: true}) || len(payloads) != 1 || next.Version != 2 {
		t.Errorf("%+v, %v", next, payloads)
	}
	if same, payloads := next.SetPreferences(identity.SetPreferences{EmailDigest: &off}, noon); same.Version != 2 ||
		payloads != nil {
		t.Errorf("%+v, %v", same, payloads)
	}
}

func TestTheResetLinkLeadsToTheRequestedPage(t *testing.T) {
	t.Parallel()
	token := identity.NewToken([32]byte{1})
	for page, want := range map[string]string{
		"":                          "https://codex.test/reset-password?token=",
		"/new":                      "https://codex.test/new?token=",
		"/new?a=b":                  "https://codex.test/new?a=b&token=",
		"/new?a=b#form":             "https://codex.test/new?a=b&token=",
		"http://localhost:3000/new": "http://localhost:3000/new?token=",
	} {
		if link := identity.ResetLink("https://codex.test", token, page); !strings.HasPrefix(link, want+string(token)) {
			t.Errorf("%q leads to %s", page, link)
		}
	}
	if link := identity.ResetLink("https://codex.test", token, "/new#form"); !strings.HasSuffix(link, "#form") {
		t.Errorf("the fragment is lost in %s", link)
	}
}

func TestOnlyMailsWithATokenAreSecret(t *testing.T) {
	t.Parallel()
	token := identity.NewToken([32]byte{1})
	pending := "next@example.org"
	ada := identity.User{
		ID:           "u1",
		Name:         "Win at https://evil.test",
		Email:        "ada@example.org",
		PendingEmail: &pending,
	}
	v := identity.NewVerification("v1", identity.MoveEmail, ada.ID, pending, token, noon)
	reset := identity.NewVerification("v2", identity.ResetForgotten, ada.ID, ada.Email, token, noon)
	if !reset.ExpiresAt.Equal(noon.Add(time.Hour)) || !v.ExpiresAt.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("they work until %s and %s", reset.ExpiresAt, v.ExpiresAt)
	}
	undo := identity.NewVerification("v3", identity.UndoEmail, ada.ID, ada.Email, token, noon)
	const link = "https://codex.test/x?token=t"
	for _, c := range []struct {
		write func() (mail.Mail, error)
		to    string
	}{
		{func() (mail.Mail, error) { return identity.ChangeEmailMail("m", v, link) }, pending},
		{func() (mail.Mail, error) { return identity.ResetMail("m", reset, link) }, ada.Email},
		{func() (mail.Mail, error) { return identity.EmailChangingMail("m", undo, link) }, ada.Email},
		{func() (mail.Mail, error) { return identity.PasswordChangedMail("m", ada, "s", noon) }, ada.Email},
		{func() (mail.Mail, error) { return identity.WelcomeMail("m", ada, "https://codex.test", noon) }, ada.Email},
	} {
		mail, err := c.write()
		if err != nil {
			t.Fatal(err)
		}
		if mail.Recipient != c.to || mail.UserID != "u1" || mail.Subject == "" || mail.SourceID == "" {
			t.Errorf("%+v", mail)
		}
		if secret := strings.Contains(mail.Text, link); secret != mail.Template.Secret() ||
			secret != strings.Contains(mail.HTML, link) {
			t.Errorf("%s: secret %v, with the link %v", mail.Template, mail.Template.Secret(), secret)
		}
		if strings.Contains(mail.Text+mail.HTML, "evil") ||
			(c.to == ada.Email && strings.Contains(mail.Text+mail.HTML, pending)) {
			t.Errorf("%s carries the words of who signed up, or the other address", mail.Template)
		}
	}
}

func FuzzProfile(f *testing.F) {
	for _, seed := range []string{
		`{}`,
		`{"displayName":"Ada","email":"a@b.co","username":"ada","bio":"x","socialLinks":{"website":"https://a.b"}}`,
		`{"email":null}`, `{"socialLinks":{"twitter":""}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var cmd identity.UpdateProfile
		if json.Unmarshal([]byte(body), &cmd) != nil || len(cmd.Validate()) > 0 {
			return
		}
		if again := cmd.Validate(); len(again) > 0 {
			t.Fatalf("accepted once, then refused: %v", again)
		}
		u := identity.User{
			ID:      "u1",
			Name:    "Ada",
			Email:   "ada@example.org",
			Version: 1,
		}
		next, _, payloads, err := u.UpdateProfile(cmd, identity.ProfileFacts{}, noon)
		if err != nil {
			t.Fatal(err)
		}
		if next.Email != u.Email || next.Role != u.Role || next.ID != u.ID || next.EmailVerified != u.EmailVerified ||
			int(next.Version) != 1+len(payloads) {
			t.Fatalf("changed to %+v", next)
		}
		if again, _, payloads, err := next.UpdateProfile(
			cmd, identity.ProfileFacts{}, noon); err != nil || len(payloads) != 0 ||
			again.Version != next.Version {
			t.Fatalf("the same change again leads to %v, %v", payloads, err)
		}
	})
}
