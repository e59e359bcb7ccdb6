package accounts_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/handlers/handlertest"
)

func (b *browser) patch(body any) handlertest.Answer {
	b.Helper()
	return b.call(http.MethodPatch, "/api/user/profile", body)
}

// TestProfiles shares one installation: every sub-test has an account of its own.
func TestProfiles(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	for name, test := range map[string]func(*testing.T, *harness){
		"change field by field":                             aProfileChangesFieldByField,
		"a username is unique":                              aUsernameIsUnique,
		"another address takes effect when it is confirmed": anotherAddressTakesEffectWhenItIsConfirmed,
		"another address can be given up":                   aPendingAddressCanBeCancelled,
		"an address belongs to one":                         anAddressIsUnique,
		"a mail to a mistyped address starts no session":    aMailToAMistypedAddressStartsNoSession,
		"changes of address are limited":                    changesOfAddressAreLimited,
		"bad changes name their fields":                     invalidProfilesNameTheirFields,
		"the account's name and image":                      theAccountsNameAndImage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w.in(t))
		})
	}
}

func aProfileChangesFieldByField(t *testing.T, w *harness) {
	b := w.member("fields@example.org")
	got := b.patch(map[string]any{
		"displayName": " Ada L. ",
		"username":    "ada-fields",
		"bio":         "Trains",
		"socialLinks": map[string]any{"website": "https://ada.test", "youtube": "https://yt.test/a"},
	}).Want(http.StatusOK, "")
	for path, want := range map[string]string{
		"data.name": "Ada L.", "data.displayName": "Ada L.", "data.username": "ada-fields", "data.bio": "Trains",
		"data.socialLinks.website": "https://ada.test",
		"data.email":               "fields@example.org", "data.role": "customer",
	} {
		if got.Text(path) != want {
			t.Errorf("%s is %q, want %q", path, got.Text(path), want)
		}
	}
	if profile := b.get("/api/user/profile").Want(http.StatusOK, ""); profile.Body != got.Body {
		t.Errorf("read %s, answered %s", profile.Body, got.Body)
	}
	if name := b.get("/api/auth/get-session").Text("user.name"); name != "Ada L." {
		t.Errorf("the session says %s", name)
	}
	got = b.patch(map[string]any{"bio": nil, "socialLinks": map[string]any{"twitter": "https://x.test/a"}}).
		Want(http.StatusOK, "")
	if got.At("data.bio") != nil || got.At("data.socialLinks.website") != nil ||
		got.Text("data.socialLinks.twitter") == "" ||
		got.Text("data.name") != "Ada L." {
		t.Errorf("%s", got.Body)
	}
	again := b.patch(map[string]any{"displayName": "Ada L.", "username": "ada-fields"}).Want(http.StatusOK, "")
	if again.Body != got.Body {
		t.Errorf("a change that changes nothing answers %s", again.Body)
	}
	if story := w.history(got.Text("data.id")); story !=
		"user.registered v1, user.email_verified v2, user.profile_updated v3, user.profile_updated v4" {
		t.Errorf("events: %s", story)
	}
	b.patch(map[string]any{}).Want(http.StatusOK, "")
}

func aUsernameIsUnique(t *testing.T, w *harness) {
	w.member("name1@example.org").patch(map[string]any{"username": "one-name"}).Want(http.StatusOK, "")
	b := w.member("name2@example.org")
	b.patch(map[string]any{"username": "one-name", "bio": "mine"}).Want(http.StatusConflict, "USERNAME_TAKEN")
	if profile := b.get("/api/user/profile"); profile.At("data.bio") != nil || profile.At("data.username") != nil {
		t.Errorf("a refused change left %s", profile.Body)
	}
}

func anotherAddressTakesEffectWhenItIsConfirmed(t *testing.T, w *harness) {
	b := w.member("old@example.org")
	got := b.patch(map[string]any{"email": "New@Example.org"}).Want(http.StatusOK, "")
	if got.Text("data.email") != "old@example.org" || got.At("data.emailVerified") != true ||
		got.Text("data.pendingEmail") != "new@example.org" {
		t.Fatalf("%s", got.Body)
	}
	if n := w.Number(
		`SELECT count(*) FROM mails WHERE template = 'email-changing' AND recipient = 'old@example.org'
			AND text_body NOT LIKE '%new@%'`,
	); n != 1 {
		t.Errorf("the old address got %d notices", n)
	}
	w.browser().signIn("new@example.org", password).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser().signIn("old@example.org", password).Want(http.StatusOK, "")
	stale := w.requestReset("old@example.org")[0]

	links := w.mailedLinks("change-email", "new@example.org")
	if len(links) != 1 {
		t.Fatalf("links %v", links)
	}
	b.get(links[0]).Want(http.StatusFound, "")
	profile := b.get("/api/user/profile").Want(http.StatusOK, "")
	if profile.Text("data.email") != "new@example.org" || profile.At("data.emailVerified") != true ||
		profile.At("data.pendingEmail") != nil {
		t.Errorf("%s", profile.Body)
	}
	w.browser().get(links[0]).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser().signIn("old@example.org", password).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser().signIn("new@example.org", password).Want(http.StatusOK, "")
	w.browser().reset(stale, another).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	if story := w.history(profile.Text("data.id")); story !=
		"user.registered v1, user.email_verified v2, user.profile_updated v3, user.email_changed v4" {
		t.Errorf("events: %s", story)
	}
}

func aPendingAddressCanBeCancelled(t *testing.T, w *harness) {
	b := w.member("stay@example.org")
	b.patch(map[string]any{"email": "first-idea@example.org"}).Want(http.StatusOK, "")
	b.patch(map[string]any{"email": "second-idea@example.org"}).Want(http.StatusOK, "")
	first := w.mailedLinks("change-email", "first-idea@example.org")[0]
	second := w.mailedLinks("change-email", "second-idea@example.org")[0]
	w.browser().get(first).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	for range 12 { // clients send what they show
		if got := b.patch(map[string]any{"email": "stay@example.org", "bio": "x"}).
			Want(http.StatusOK, ""); got.Text("data.pendingEmail") != "second-idea@example.org" {
			t.Errorf("%s", got.Body)
		}
	}
	if got := b.patch(map[string]any{"email": nil}).Want(http.StatusOK, ""); got.At("data.pendingEmail") != nil {
		t.Errorf("%s", got.Body)
	}
	w.browser().get(second).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	if email := b.get("/api/user/profile").Text("data.email"); email != "stay@example.org" {
		t.Errorf("the address became %s", email)
	}
}

func anAddressIsUnique(t *testing.T, w *harness) {
	w.member("owner@example.org")
	b := w.member("wants@example.org")
	b.patch(map[string]any{"email": "owner@example.org"}).Want(http.StatusConflict, "EMAIL_IN_USE")
	b.patch(map[string]any{"email": "free@example.org"}).Want(http.StatusOK, "")
	w.member("free@example.org") // was quicker
	link := w.mailedLinks("change-email", "free@example.org")[0]
	b.get(link).Want(http.StatusConflict, "CONFLICT")
	if email := b.get("/api/user/profile").Text("data.email"); email != "wants@example.org" {
		t.Errorf("the address became %s", email)
	}
}

func aMailToAMistypedAddressStartsNoSession(t *testing.T, w *harness) {
	b := w.member("typo@example.org")
	b.patch(map[string]any{"email": "somebody-else@example.org"}).Want(http.StatusOK, "")
	other := w.browser()
	got := other.get(w.mailedLinks("change-email", "somebody-else@example.org")[0]).Want(http.StatusFound, "")
	if sessionCookie(got) != nil || other.signedIn() {
		t.Error("the reader of the mail is signed in")
	}
}

func changesOfAddressAreLimited(t *testing.T, w *harness) {
	b := w.member("pester@example.org")
	for range 5 {
		b.patch(map[string]any{"email": "pestered@example.org"}).Want(http.StatusOK, "")
	}
	b.patch(map[string]any{"email": "pestered@example.org"}).Want(http.StatusTooManyRequests, "RATE_LIMITED")
	b.patch(map[string]any{"bio": "still works"}).Want(http.StatusOK, "")
	many := w.member("pester-many@example.org")
	for i := range 10 {
		many.patch(map[string]any{"email": "many" + strconv.Itoa(i) + "@example.org"}).Want(http.StatusOK, "")
	}
	many.patch(map[string]any{"email": "many-more@example.org"}).Want(http.StatusTooManyRequests, "RATE_LIMITED")
}

func invalidProfilesNameTheirFields(t *testing.T, w *harness) {
	b := w.member("badprofile@example.org")
	b.patch(map[string]any{
		"displayName": " ",
		"email":       "nobody",
		"username":    "Not A Slug",
		"bio":         strings.Repeat("é", 501),
		"socialLinks": map[string]any{"website": "x"},
	}).
		WantFields("displayName", "email", "username", "bio", "socialLinks.website")
	b.patch(map[string]any{"displayName": nil, "username": nil}).WantFields("displayName", "username")
	b.patch(map[string]any{"displayName": "two\nlines"}).WantFields("displayName")
	b.patch(map[string]any{"role": "admin"}).WantFields("role")
	b.patch(map[string]any{"emailVerified": true}).WantFields("emailVerified")
	b.patch(map[string]any{
		"displayName": strings.Repeat("x", 255), "bio": strings.Repeat("é", 500),
		"username": strings.Repeat("a", 50),
	}).
		Want(http.StatusOK, "")
	w.browser().patch(map[string]any{"bio": "x"}).Want(http.StatusUnauthorized, "UNAUTHORIZED")
}

func theAccountsNameAndImage(t *testing.T, w *harness) {
	b := w.member("image@example.org")
	if got := b.post("/api/auth/update-user", map[string]any{"name": "Grace", "image": "https://img.test/g.png"}).
		Want(http.StatusOK, ""); got.Body != `{"status":true}` {
		t.Errorf("%s", got.Body)
	}
	if session := b.get("/api/auth/get-session"); session.Text("user.name") != "Grace" ||
		session.Text("user.image") != "https://img.test/g.png" {
		t.Errorf("%s", session.Body)
	}
	b.post("/api/auth/update-user", map[string]any{"image": nil}).Want(http.StatusOK, "")
	if session := b.get("/api/auth/get-session"); session.At("user.image") != nil || session.Text("user.name") != "Grace" {
		t.Errorf("%s", session.Body)
	}
	b.post("/api/auth/update-user", map[string]any{"name": nil, "image": "javascript:alert(1)"}).
		WantFields("image", "name")
	b.post("/api/auth/update-user", map[string]any{"email": "x@example.org"}).WantFields("email")
}

func TestTheLinkToAnotherAddressWorksForADay(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	b := w.member("ada@example.org")
	b.patch(map[string]any{"email": "late@example.org"}).Want(http.StatusOK, "")
	w.Pass(24*time.Hour + time.Second)
	w.browser().get(w.mailedLinks("change-email", "late@example.org")[0]).Want(http.StatusUnauthorized, "UNAUTHORIZED")
}

func TestAVerifiedUserGetsTheWelcomeMailOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	b := w.member("ada@example.org")
	b.patch(map[string]any{"email": "lovelace@example.org"}).Want(http.StatusOK, "")
	b.get(w.mailedLinks("change-email", "lovelace@example.org")[0]).Want(http.StatusFound, "")
	if n := w.Number(`SELECT count(*) FROM mails WHERE template = 'welcome'`); n != 1 {
		t.Errorf("welcomed %d times", n)
	}
}

func TestNotificationPreferences(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	b := w.member("ada@example.org")
	const path = "/api/user/notification-preferences"
	check := func(got handlertest.Answer, marketing, digest bool) {
		t.Helper()
		got.Want(http.StatusOK, "")
		if got.At("data.emailMarketing") != marketing || got.At("data.emailDigest") != digest ||
			got.At("data.emailTransactional") != true {
			t.Errorf("%s", got.Body)
		}
	}
	put := func(body any) handlertest.Answer { return b.call(http.MethodPut, path, body) }
	check(b.get(path), true, true)
	check(put(map[string]any{"emailMarketing": false}), false, true)
	check(put(map[string]any{"emailDigest": false, "emailTransactional": true}), false, false)
	check(b.get(path), false, false)
	check(put(map[string]any{"emailMarketing": true, "emailDigest": true}), true, true)
	put(map[string]any{"emailTransactional": false}).WantFields("emailTransactional")
	put(map[string]any{"emailMarketing": "yes"}).WantFields("emailMarketing")
	check(put(map[string]any{}), true, true)
	id := b.get("/api/user/profile").Text("data.id")
	want := "user.registered v1, user.email_verified v2, user.preferences_changed v3, " +
		"user.preferences_changed v4, user.preferences_changed v5"
	if story := w.history(id); story != want {
		t.Errorf("events: %s", story)
	}
	w.browser().get(path).Want(http.StatusUnauthorized, "UNAUTHORIZED")
}

func TestCreators(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	t.Run("a customer becomes a creator once", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.member("ada@example.org")
		got := b.post("/api/user/upgrade-to-creator", map[string]any{
			"username":    "ada",
			"bio":         "Films about trains",
			"socialLinks": map[string]any{"website": "https://ada.test", "twitter": ""},
		}).Want(http.StatusOK, "")
		if got.Text("data.role") != "creator" || got.Text("data.username") != "ada" ||
			got.Text("data.bio") != "Films about trains" ||
			got.Text("data.socialLinks.website") != "https://ada.test" ||
			got.At("data.socialLinks.twitter") != nil {
			t.Errorf("%s", got.Body)
		}
		if profile := b.get("/api/user/profile").Want(http.StatusOK, ""); profile.Body != got.Body {
			t.Errorf("profile %s, answer %s", profile.Body, got.Body)
		}
		if story := w.history(got.Text("data.id")); story !=
			"user.registered v1, user.email_verified v2, user.became_creator v3" {
			t.Errorf("events: %s", story)
		}
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "ada-2"}).
			Want(http.StatusUnprocessableEntity, "ALREADY_CREATOR")
	})
	t.Run("a username is unique", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.member("first@example.org").
			post("/api/user/upgrade-to-creator", map[string]any{"username": "taken"}).
			Want(http.StatusOK, "")
		b := w.member("second@example.org")
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "taken"}).
			Want(http.StatusConflict, "USERNAME_TAKEN")
		if role := b.get("/api/user/profile").Text("data.role"); role != "customer" {
			t.Errorf("became %s all the same", role)
		}
	})
	t.Run("bad input names its fields", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.member("bad@example.org")
		b.post("/api/user/upgrade-to-creator", map[string]any{}).WantFields("username")
		b.post("/api/user/upgrade-to-creator", map[string]any{
			"username": "Bad Name", "bio": strings.Repeat("x", 501), "socialLinks": map[string]any{"youtube": "nope"},
		}).WantFields("username", "bio", "socialLinks.youtube")
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "fine", "role": "admin"}).WantFields("role")
		b.post("/api/user/upgrade-to-creator", map[string]any{
			"username":    "fine",
			"socialLinks": map[string]any{"myspace": "https://x.test"},
		}).
			WantFields("socialLinks.myspace")
		if role := b.get("/api/user/profile").Text("data.role"); role != "customer" {
			t.Errorf("became %s", role)
		}
	})
	t.Run("without a session there is no profile", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.browser()
		b.get("/api/user/profile").Want(http.StatusUnauthorized, "UNAUTHORIZED")
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "x"}).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	})
}
