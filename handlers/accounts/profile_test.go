package accounts_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func (b *browser) patch(t *testing.T, body any) answer {
	t.Helper()
	return b.call(t, http.MethodPatch, "/api/user/profile", body)
}

// TestProfiles shares one installation: every sub-test has an account of its own.
func TestProfiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for name, test := range map[string]func(*testing.T, *world){
		"change field by field":                             aProfileChangesFieldByField,
		"a username belongs to one":                         aUsernameBelongsToOne,
		"another address takes effect when it is confirmed": anotherAddressTakesEffectWhenItIsConfirmed,
		"another address can be given up":                   anotherAddressCanBeGivenUp,
		"an address belongs to one":                         anAddressBelongsToOne,
		"whoever is written to by mistake gets no session":  whoeverIsWrittenToByMistakeGetsNoSession,
		"asking for addresses is limited":                   askingForAddressesIsLimited,
		"bad changes name their fields":                     badProfilesNameTheirFields,
		"the account's name and image":                      theAccountsNameAndImage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

func aProfileChangesFieldByField(t *testing.T, w *world) {
	b := w.member(t, "fields@example.org")
	got := b.patch(t, map[string]any{
		"displayName": " Ada L. ", "username": "ada-fields", "bio": "Trains", "socialLinks": map[string]any{"website": "https://ada.test", "youtube": "https://yt.test/a"},
	}).want(t, http.StatusOK)
	for path, want := range map[string]string{
		"data.name": "Ada L.", "data.displayName": "Ada L.", "data.username": "ada-fields", "data.bio": "Trains", "data.socialLinks.website": "https://ada.test",
		"data.email": "fields@example.org", "data.role": "customer",
	} {
		if got.text(path) != want {
			t.Errorf("%s is %q, want %q", path, got.text(path), want)
		}
	}
	if profile := b.get(t, "/api/user/profile").want(t, http.StatusOK); string(profile.body) != string(got.body) {
		t.Errorf("read %s, answered %s", profile.body, got.body)
	}
	if name := b.get(t, "/api/auth/get-session").text("user.name"); name != "Ada L." {
		t.Errorf("the session says %s", name)
	}
	got = b.patch(t, map[string]any{"bio": nil, "socialLinks": map[string]any{"twitter": "https://x.test/a"}}).want(t, http.StatusOK)
	if got.at("data.bio") != nil || got.at("data.socialLinks.website") != nil || got.text("data.socialLinks.twitter") == "" || got.text("data.name") != "Ada L." {
		t.Errorf("%s", got.body)
	}
	again := b.patch(t, map[string]any{"displayName": "Ada L.", "username": "ada-fields"}).want(t, http.StatusOK)
	if string(again.body) != string(got.body) {
		t.Errorf("a change that changes nothing answers %s", again.body)
	}
	if story := w.story(t, got.text("data.id")); story != "user.registered v1, user.email_verified v2, user.profile_updated v3, user.profile_updated v4" {
		t.Errorf("events: %s", story)
	}
	b.patch(t, map[string]any{}).want(t, http.StatusOK)
}

func aUsernameBelongsToOne(t *testing.T, w *world) {
	w.member(t, "name1@example.org").patch(t, map[string]any{"username": "one-name"}).want(t, http.StatusOK)
	b := w.member(t, "name2@example.org")
	got := b.patch(t, map[string]any{"username": "one-name", "bio": "mine"}).wantError(t, http.StatusConflict, "CONFLICT")
	if got.text("error.details.context.code") != "USERNAME_TAKEN" {
		t.Errorf("%s", got.body)
	}
	if profile := b.get(t, "/api/user/profile"); profile.at("data.bio") != nil || profile.at("data.username") != nil {
		t.Errorf("a refused change left %s", profile.body)
	}
}

func anotherAddressTakesEffectWhenItIsConfirmed(t *testing.T, w *world) {
	b := w.member(t, "old@example.org")
	got := b.patch(t, map[string]any{"email": "New@Example.org"}).want(t, http.StatusOK)
	if got.text("data.email") != "old@example.org" || got.at("data.emailVerified") != true || got.text("data.pendingEmail") != "new@example.org" {
		t.Fatalf("%s", got.body)
	}
	if n := w.count(t, `SELECT count(*) FROM mails WHERE template = 'email-changing' AND recipient = 'old@example.org' AND text_body NOT LIKE '%new@%'`); n != 1 {
		t.Errorf("the old address got %d notices", n)
	}
	w.browser(t).signIn(t, "new@example.org", password).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser(t).signIn(t, "old@example.org", password).want(t, http.StatusOK)
	stale := w.requestReset(t, "old@example.org")[0]

	links := w.mailedLinks(t, "change-email", "new@example.org")
	if len(links) != 1 {
		t.Fatalf("links %v", links)
	}
	b.get(t, links[0]).want(t, http.StatusFound)
	profile := b.get(t, "/api/user/profile").want(t, http.StatusOK)
	if profile.text("data.email") != "new@example.org" || profile.at("data.emailVerified") != true || profile.at("data.pendingEmail") != nil {
		t.Errorf("%s", profile.body)
	}
	w.browser(t).get(t, links[0]).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser(t).signIn(t, "old@example.org", password).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser(t).signIn(t, "new@example.org", password).want(t, http.StatusOK)
	w.browser(t).reset(t, stale, another).wantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
	if story := w.story(t, profile.text("data.id")); story != "user.registered v1, user.email_verified v2, user.profile_updated v3, user.email_changed v4" {
		t.Errorf("events: %s", story)
	}
}

func anotherAddressCanBeGivenUp(t *testing.T, w *world) {
	b := w.member(t, "stay@example.org")
	b.patch(t, map[string]any{"email": "first-idea@example.org"}).want(t, http.StatusOK)
	b.patch(t, map[string]any{"email": "second-idea@example.org"}).want(t, http.StatusOK)
	first, second := w.mailedLinks(t, "change-email", "first-idea@example.org")[0], w.mailedLinks(t, "change-email", "second-idea@example.org")[0]
	w.browser(t).get(t, first).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	for range 12 { // clients send what they show
		if got := b.patch(t, map[string]any{"email": "stay@example.org", "bio": "x"}).want(t, http.StatusOK); got.text("data.pendingEmail") != "second-idea@example.org" {
			t.Errorf("%s", got.body)
		}
	}
	if got := b.patch(t, map[string]any{"email": nil}).want(t, http.StatusOK); got.at("data.pendingEmail") != nil {
		t.Errorf("%s", got.body)
	}
	w.browser(t).get(t, second).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	if email := b.get(t, "/api/user/profile").text("data.email"); email != "stay@example.org" {
		t.Errorf("the address became %s", email)
	}
}

func anAddressBelongsToOne(t *testing.T, w *world) {
	w.member(t, "owner@example.org")
	b := w.member(t, "wants@example.org")
	got := b.patch(t, map[string]any{"email": "owner@example.org"}).wantError(t, http.StatusConflict, "CONFLICT")
	if got.text("error.details.context.code") != "EMAIL_IN_USE" {
		t.Errorf("%s", got.body)
	}
	b.patch(t, map[string]any{"email": "free@example.org"}).want(t, http.StatusOK)
	w.member(t, "free@example.org") // was quicker
	link := w.mailedLinks(t, "change-email", "free@example.org")[0]
	b.get(t, link).wantError(t, http.StatusConflict, "CONFLICT")
	if email := b.get(t, "/api/user/profile").text("data.email"); email != "wants@example.org" {
		t.Errorf("the address became %s", email)
	}
}

func whoeverIsWrittenToByMistakeGetsNoSession(t *testing.T, w *world) {
	b := w.member(t, "typo@example.org")
	b.patch(t, map[string]any{"email": "somebody-else@example.org"}).want(t, http.StatusOK)
	other := w.browser(t)
	got := other.get(t, w.mailedLinks(t, "change-email", "somebody-else@example.org")[0]).want(t, http.StatusFound)
	if got.cookie() != nil || other.signedIn(t) {
		t.Error("the reader of the mail is signed in")
	}
}

func askingForAddressesIsLimited(t *testing.T, w *world) {
	b := w.member(t, "pester@example.org")
	for range 5 {
		b.patch(t, map[string]any{"email": "pestered@example.org"}).want(t, http.StatusOK)
	}
	b.patch(t, map[string]any{"email": "pestered@example.org"}).wantError(t, http.StatusTooManyRequests, "RATE_LIMITED")
	b.patch(t, map[string]any{"bio": "still works"}).want(t, http.StatusOK)
	many := w.member(t, "pester-many@example.org")
	for i := range 10 {
		many.patch(t, map[string]any{"email": "many" + strconv.Itoa(i) + "@example.org"}).want(t, http.StatusOK)
	}
	many.patch(t, map[string]any{"email": "many-more@example.org"}).wantError(t, http.StatusTooManyRequests, "RATE_LIMITED")
}

func badProfilesNameTheirFields(t *testing.T, w *world) {
	b := w.member(t, "badprofile@example.org")
	b.patch(t, map[string]any{"displayName": " ", "email": "nobody", "username": "Not A Slug", "bio": strings.Repeat("é", 501), "socialLinks": map[string]any{"website": "x"}}).
		wantFields(t, "displayName", "email", "username", "bio", "socialLinks.website")
	b.patch(t, map[string]any{"displayName": nil, "username": nil}).wantFields(t, "displayName", "username")
	b.patch(t, map[string]any{"displayName": "two\nlines"}).wantFields(t, "displayName")
	b.patch(t, map[string]any{"role": "admin"}).wantFields(t, "role")
	b.patch(t, map[string]any{"emailVerified": true}).wantFields(t, "emailVerified")
	b.patch(t, map[string]any{"displayName": strings.Repeat("x", 255), "bio": strings.Repeat("é", 500), "username": strings.Repeat("a", 50)}).want(t, http.StatusOK)
	w.browser(t).patch(t, map[string]any{"bio": "x"}).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
}

func theAccountsNameAndImage(t *testing.T, w *world) {
	b := w.member(t, "image@example.org")
	if got := b.post(t, "/api/auth/update-user", map[string]any{"name": "Grace", "image": "https://img.test/g.png"}).want(t, http.StatusOK); string(got.body) != `{"status":true}` {
		t.Errorf("%s", got.body)
	}
	if session := b.get(t, "/api/auth/get-session"); session.text("user.name") != "Grace" || session.text("user.image") != "https://img.test/g.png" {
		t.Errorf("%s", session.body)
	}
	b.post(t, "/api/auth/update-user", map[string]any{"image": nil}).want(t, http.StatusOK)
	if session := b.get(t, "/api/auth/get-session"); session.at("user.image") != nil || session.text("user.name") != "Grace" {
		t.Errorf("%s", session.body)
	}
	b.post(t, "/api/auth/update-user", map[string]any{"name": nil, "image": "javascript:alert(1)"}).wantFields(t, "image", "name")
	b.post(t, "/api/auth/update-user", map[string]any{"email": "x@example.org"}).wantFields(t, "email")
}

func TestTheLinkToAnotherAddressWorksForADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	b := w.member(t, "ada@example.org")
	b.patch(t, map[string]any{"email": "late@example.org"}).want(t, http.StatusOK)
	w.later(24*time.Hour + time.Second)
	w.browser(t).get(t, w.mailedLinks(t, "change-email", "late@example.org")[0]).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
}

func TestWhoHasProvenAnAddressIsWelcomedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	b := w.member(t, "ada@example.org")
	b.patch(t, map[string]any{"email": "lovelace@example.org"}).want(t, http.StatusOK)
	b.get(t, w.mailedLinks(t, "change-email", "lovelace@example.org")[0]).want(t, http.StatusFound)
	if n := w.count(t, `SELECT count(*) FROM mails WHERE template = 'welcome'`); n != 1 {
		t.Errorf("welcomed %d times", n)
	}
}

func TestNotificationPreferences(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{bus: true})
	b := w.member(t, "ada@example.org")
	const path = "/api/user/notification-preferences"
	check := func(got answer, marketing, digest bool) {
		t.Helper()
		got.want(t, http.StatusOK)
		if got.at("data.emailMarketing") != marketing || got.at("data.emailDigest") != digest || got.at("data.emailTransactional") != true {
			t.Errorf("%s", got.body)
		}
	}
	put := func(body any) answer { return b.call(t, http.MethodPut, path, body) }
	check(b.get(t, path), true, true)
	check(put(map[string]any{"emailMarketing": false}), false, true)
	check(put(map[string]any{"emailDigest": false, "emailTransactional": true}), false, false)
	check(b.get(t, path), false, false)
	check(put(map[string]any{"emailMarketing": true, "emailDigest": true}), true, true)
	put(map[string]any{"emailTransactional": false}).wantFields(t, "emailTransactional")
	put(map[string]any{"emailMarketing": "yes"}).wantFields(t, "emailMarketing")
	check(put(map[string]any{}), true, true)
	id := b.get(t, "/api/user/profile").text("data.id")
	if story := w.story(t, id); story != "user.registered v1, user.email_verified v2, user.preferences_changed v3, user.preferences_changed v4, user.preferences_changed v5" {
		t.Errorf("events: %s", story)
	}
	w.browser(t).get(t, path).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
}
