package accounts_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/identity/argon2id"
)

// TestSigningIn shares one installation: every sub-test has an account of its own.
func TestSigningIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for name, test := range map[string]func(*testing.T, *world){
		"signing in and out": signingInAndOut,
		"a session is found under every name of its cookie":            aSessionIsFoundUnderEveryNameOfItsCookie,
		"an unverified account gets another link instead of a session": anUnverifiedAccountGetsAnotherLinkInsteadOfASession,
		"a success forgets the failures before it":                     aSuccessForgetsTheFailuresBeforeIt,
		"guesses at the same moment do not slip through the throttle":  guessesAtTheSameMomentDoNotSlipThroughTheThrottle,
		"sign-ins of one account at the same moment all succeed":       signInsOfOneAccountAtTheSameMomentAllSucceed,
		"a preset cookie is never adopted":                             aPresetCookieIsNeverAdopted,
		"a request from another site is refused":                       aSignInFromAnotherSiteIsRefused,
		"bad sign-ins name their fields":                               badSignInsNameTheirFields,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

func signingInAndOut(t *testing.T, w *world) {
	w.member(t, "inandout@example.org")
	b := w.browser(t)
	if b.signedIn(t) {
		t.Fatal("signed in before signing in")
	}
	got := b.signIn(t, "INANDOUT@example.org", password).want(t, http.StatusOK)
	if got.at("redirect") != false || got.at("token") != nil || got.text("user.email") != "inandout@example.org" {
		t.Errorf("%s", got.body)
	}
	cookie := got.cookie()
	if cookie == nil || !cookie.HttpOnly || cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.MaxAge != 86400 {
		t.Fatalf("cookie %+v", cookie)
	}
	session := b.get(t, "/api/auth/get-session").want(t, http.StatusOK)
	id := session.text("session.id")
	if session.text("user.email") != "inandout@example.org" || session.text("session.userId") != session.text("user.id") || id == "" {
		t.Errorf("%s", session.body)
	}
	if strings.Contains(string(session.body), cookie.Value) {
		t.Error("the token is shown to scripts")
	}
	for _, path := range []string{"/api/auth/sign-out", "/api/auth/signout"} {
		out := b.call(t, http.MethodPost, path, nil, "Cookie", "codex-session="+cookie.Value).want(t, http.StatusOK)
		if cleared := out.cookie(); cleared == nil || cleared.MaxAge != -1 || cleared.Value != "" {
			t.Errorf("%s: cookie %+v", path, cleared)
		}
	}
	if story := w.story(t, id); story != "session.started v1, session.revoked v2" {
		t.Errorf("events: %s", story)
	}
	replay := w.browser(t).call(t, http.MethodGet, "/api/auth/get-session", nil, "Cookie", "codex-session="+cookie.Value)
	if string(replay.want(t, http.StatusOK).body) != "null" {
		t.Error("the cookie works after signing out")
	}
}

func aSessionIsFoundUnderEveryNameOfItsCookie(t *testing.T, w *world) {
	w.member(t, "names@example.org")
	token := w.browser(t).signIn(t, "names@example.org", password).cookie().Value
	for _, header := range []string{
		"codex-session=" + token, "__Secure-codex-session=" + token, "better-auth.session_token=" + token,
		"__Secure-better-auth.session_token=" + token, "better-auth.session_token=" + token + ".signature%3D", "other=1; codex-session=" + token,
	} {
		got := w.browser(t).call(t, http.MethodGet, "/api/auth/get-session", nil, "Cookie", header).want(t, http.StatusOK)
		if got.text("user.email") != "names@example.org" {
			t.Errorf("%s: %s", strings.ReplaceAll(header, token, "…"), got.body)
		}
	}
}

func TestAWrongPasswordAndAnUnknownAddressLookAlikeAndCostTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.member(t, "ada@example.org")
	w.exec(t, `INSERT INTO users (id, name, email) VALUES ('nopassword', 'x', 'nopassword@example.org')`)
	before := w.rows(t)
	var bodies []string
	for _, email := range []string{"ada@example.org", "bob@example.org", "nopassword@example.org"} {
		hashes := w.hasher.Computed()
		got := w.browser(t).signIn(t, email, "not the password").wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
		if n := w.hasher.Computed() - hashes; n != 1 {
			t.Errorf("%s cost %d hashes", email, n)
		}
		if got.cookie() != nil {
			t.Error("a cookie was set")
		}
		bodies = append(bodies, string(got.body))
	}
	if bodies[0] != bodies[1] || bodies[1] != bodies[2] {
		t.Errorf("answers differ: %v", bodies)
	}
	if after := w.rows(t); after != before {
		t.Errorf("%d rows became %d", before, after)
	}
}

func anUnverifiedAccountGetsAnotherLinkInsteadOfASession(t *testing.T, w *world) {
	b := w.browser(t)
	b.signUp(t, "unverified@example.org")
	b.signIn(t, "unverified@example.org", "not the password").wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	if n := len(w.links(t, "unverified@example.org")); n != 1 {
		t.Errorf("a wrong password made it %d links", n)
	}
	for i := range 7 {
		got := b.signIn(t, "unverified@example.org", password).wantError(t, http.StatusForbidden, "FORBIDDEN")
		if got.cookie() != nil || got.text("error.details.context.code") != "EMAIL_NOT_VERIFIED" {
			t.Errorf("%s", got.body)
		}
		if n, want := len(w.links(t, "unverified@example.org")), 1+min(i+1, 5); n != want {
			t.Errorf("%d links after %d sign-ins, want %d", n, i+1, want)
		}
	}
	if b.signedIn(t) {
		t.Error("signed in")
	}
	b.get(t, w.links(t, "unverified@example.org")[2]).want(t, http.StatusFound)
	w.browser(t).signIn(t, "unverified@example.org", password).want(t, http.StatusOK)
}

func TestAnAccountTakesFiveFailuresInAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.member(t, "ada@example.org")
	b := w.browser(t)
	for _, email := range []string{"ada@example.org", "unknown@example.org"} {
		for range 5 {
			b.signIn(t, email, "not the password").wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
		}
		for _, secret := range []string{"not the password", password} {
			hashes := w.hasher.Computed()
			got := b.signIn(t, email, secret).wantError(t, http.StatusTooManyRequests, "RATE_LIMITED")
			if wait, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || wait < 1 || wait > 900 {
				t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
			}
			if w.hasher.Computed() != hashes {
				t.Error("a throttled guess was hashed")
			}
		}
	}
	w.later(15 * time.Minute)
	b.signIn(t, "ada@example.org", password).want(t, http.StatusOK)
}

func aSuccessForgetsTheFailuresBeforeIt(t *testing.T, w *world) {
	w.member(t, "success@example.org")
	b := w.browser(t)
	for range 3 {
		for range 4 {
			b.signIn(t, "success@example.org", "not the password").want(t, http.StatusUnauthorized)
		}
		b.signIn(t, "success@example.org", password).want(t, http.StatusOK)
	}
}

func guessesAtTheSameMomentDoNotSlipThroughTheThrottle(t *testing.T, w *world) {
	w.member(t, "guesses@example.org")
	statuses := make(chan int, 30)
	var wg sync.WaitGroup
	for range cap(statuses) {
		b := w.browser(t)
		wg.Go(func() { statuses <- b.signIn(t, "guesses@example.org", "not the password").status })
	}
	wg.Wait()
	close(statuses)
	seen := map[int]int{}
	for status := range statuses {
		seen[status]++
	}
	if seen[http.StatusUnauthorized] != 5 || seen[http.StatusTooManyRequests] != 25 {
		t.Errorf("answers %v, want 5 × 401 and 25 × 429", seen)
	}
}

func signInsOfOneAccountAtTheSameMomentAllSucceed(t *testing.T, w *world) {
	w.member(t, "crowd@example.org")
	var wg sync.WaitGroup
	for range 12 {
		b := w.browser(t)
		wg.Go(func() {
			if got := b.signIn(t, "crowd@example.org", password); got.status != http.StatusOK {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	wg.Wait()
}

func TestAnAddressMayTryARouteOfCredentialsFiveTimesInAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{production: true, limited: true})
	b := w.browser(t)
	for name, call := range map[string]func(i int) answer{
		"sign-up": func(int) answer { return b.post(t, "/api/auth/sign-up/email", map[string]any{}) },
		"sign-in": func(i int) answer { return b.signIn(t, strconv.Itoa(i)+"@example.org", "not the password") },
		"request a reset": func(i int) answer {
			return b.post(t, "/api/auth/request-password-reset", map[string]any{"email": strconv.Itoa(i) + "@example.org"})
		},
		"reset": func(int) answer {
			return b.post(t, "/api/auth/reset-password", map[string]any{"token": "x", "newPassword": password})
		},
	} {
		for i := range 5 {
			if got := call(i); got.status == http.StatusTooManyRequests {
				t.Fatalf("%s: refused at request %d", name, i+1)
			}
		}
		if got := call(5).wantError(t, http.StatusTooManyRequests, "RATE_LIMITED"); got.header.Get("Retry-After") == "" {
			t.Errorf("%s: Retry-After is missing", name)
		}
	}
	if !strings.Contains(string(b.get(t, "/api/auth/get-session").want(t, http.StatusOK).body), "null") {
		t.Error("get-session is limited with them")
	}
}

func TestWhoseFailuresCannotBeCountedIsNotLetIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.member(t, "ada@example.org")
	w.exec(t, `DROP TABLE rate_limits`)
	w.browser(t).signIn(t, "ada@example.org", password).wantError(t, http.StatusInternalServerError, "INTERNAL_ERROR")
}

func aPresetCookieIsNeverAdopted(t *testing.T, w *world) {
	w.member(t, "preset@example.org")
	preset := strings.Repeat("A", 43)
	got := w.browser(t).call(t, http.MethodPost, "/api/auth/sign-in/email", map[string]any{"email": "preset@example.org", "password": password},
		"Cookie", "codex-session="+preset).want(t, http.StatusOK)
	if got.cookie().Value == preset {
		t.Error("the session took the cookie that was there")
	}
	probe := w.browser(t).call(t, http.MethodGet, "/api/auth/get-session", nil, "Cookie", "codex-session="+preset)
	if string(probe.body) != "null" {
		t.Error("the preset cookie opens a session")
	}
}

func aSignInFromAnotherSiteIsRefused(t *testing.T, w *world) {
	b := w.member(t, "elsewhere@example.org")
	b.call(t, http.MethodPost, "/api/auth/sign-out", map[string]any{}, "Origin", "https://evil.test").wantError(t, http.StatusForbidden, "FORBIDDEN")
	if !b.signedIn(t) {
		t.Error("another site signed the user out")
	}
}

func TestAWeakHashIsStrengthenedWhenItsPasswordIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.member(t, "ada@example.org")
	weaker, err := argon2id.New(argon2id.Config{Memory: 32, Iterations: 1})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := weaker.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	w.exec(t, `UPDATE accounts SET password = $1`, hash)
	w.browser(t).signIn(t, "ada@example.org", password).want(t, http.StatusOK)
	if n := w.count(t, `SELECT count(*) FROM accounts WHERE password LIKE '$argon2id$v=19$m=64,t=1,p=1$%'`); n != 1 {
		t.Error("the hash is still weak")
	}
	w.browser(t).signIn(t, "ada@example.org", password).want(t, http.StatusOK)
}

func TestASessionLastsADayAndUsingItInItsSecondHalfRenewsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	idle, used := w.member(t, "idle@example.org"), w.member(t, "used@example.org")
	w.later(11 * time.Hour)
	if got := used.get(t, "/api/auth/get-session"); got.cookie() != nil {
		t.Error("renewed in the first half")
	}
	w.later(2 * time.Hour)
	got := used.get(t, "/api/auth/get-session")
	if cookie := got.cookie(); cookie == nil || cookie.MaxAge != 86400 {
		t.Errorf("not renewed: %+v", cookie)
	}
	w.later(12 * time.Hour)
	if idle.signedIn(t) || !used.signedIn(t) {
		t.Error("after 25 hours the idle session lives or the used one does not")
	}
	for range 80 { // used twice a day, for more than thirty days
		w.later(11*time.Hour + 30*time.Minute)
		if !used.signedIn(t) {
			break
		}
	}
	if age := w.count(t, `SELECT extract(epoch FROM s.expires_at - s.created_at)::int / 86400 FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = 'used@example.org'`); age != 30 {
		t.Errorf("the session lived %d days", age)
	}
}

func TestWhoDoesNotWantToBeRememberedGetsACookieThatClosesWithTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.member(t, "ada@example.org")
	b := w.browser(t)
	cookie := b.post(t, "/api/auth/sign-in/email", map[string]any{"email": "ada@example.org", "password": password, "rememberMe": false}).want(t, http.StatusOK).cookie()
	if cookie.MaxAge != 0 || !cookie.Expires.IsZero() {
		t.Errorf("cookie %+v", cookie)
	}
	w.later(13 * time.Hour)
	if got := b.get(t, "/api/auth/get-session"); got.cookie() != nil {
		t.Error("renewing made the cookie permanent")
	}
	w.later(12 * time.Hour)
	if !b.signedIn(t) {
		t.Error("the session was not renewed")
	}
}

func TestADeletedAccountHasNoSessionAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	b := w.member(t, "ada@example.org")
	w.exec(t, `UPDATE users SET deleted_at = now()`)
	if b.signedIn(t) {
		t.Error("signed in")
	}
	b.get(t, "/api/user/profile").wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser(t).signIn(t, "ada@example.org", password).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
}

func badSignInsNameTheirFields(t *testing.T, w *world) {
	b := w.browser(t)
	b.post(t, "/api/auth/sign-in/email", map[string]any{}).wantFields(t, "email", "password")
	b.post(t, "/api/auth/sign-in/email", map[string]any{"email": "a@example.org", "password": strings.Repeat("x", 129)}).wantFields(t, "password")
	b.post(t, "/api/auth/sign-in/email", map[string]any{"email": []string{"a@example.org"}, "password": "x"}).wantFields(t, "email")
	b.post(t, "/api/auth/sign-in/email", map[string]any{"email": "a@example.org", "password": "x", "callbackURL": "https://evil.test"}).wantFields(t, "callbackURL")
	b.post(t, "/api/auth/sign-out", map[string]any{"all": true}).wantFields(t, "all")
	b.get(t, "/api/auth/sign-in/email").want(t, http.StatusNotFound)
}

func TestTheShortCutsOfTestClientsExistInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	production := newWorld(t, options{production: true})
	b := production.browser(t)
	b.signUp(t, "ada@example.org")
	b.get(t, "/api/test/verification-token/ada@example.org").want(t, http.StatusNotFound)
	b.post(t, "/api/test/fast-register", map[string]any{"name": "A", "email": "b@example.org", "password": password}).want(t, http.StatusNotFound)
	b.post(t, "/api/test/fast-signin", map[string]any{"email": "ada@example.org", "password": password}).want(t, http.StatusNotFound)
	b.get(t, "/mailbox").want(t, http.StatusNotFound)
	b.get(t, "/mailbox.json?to=ada@example.org").want(t, http.StatusNotFound)

	w := newWorld(t, options{})
	b = w.browser(t)
	b.signUp(t, "ada@example.org")
	token := b.get(t, "/api/test/verification-token/Ada@example.org").want(t, http.StatusOK).text("token")
	b.get(t, query("/api/auth/verify-email", "token", token, "callbackURL", "http://localhost:3000/done")).want(t, http.StatusFound)
	b.get(t, "/api/test/verification-token/ada@example.org").want(t, http.StatusNotFound)
	b.get(t, "/api/test/verification-token/nobody@example.org").want(t, http.StatusNotFound)

	fast := w.browser(t)
	got := fast.post(t, "/api/test/fast-register", map[string]any{"name": "Fast", "email": "fast@example.org", "password": password, "role": "creator"}).want(t, http.StatusOK)
	if got.text("user.role") != "creator" || got.at("user.emailVerified") != true || !fast.signedIn(t) {
		t.Errorf("%s", got.body)
	}
	if story := w.story(t, got.text("user.id")); story != "user.registered v1, user.email_verified v2" {
		t.Errorf("events: %s", story)
	}
	again := w.browser(t)
	again.post(t, "/api/test/fast-signin", map[string]any{"email": "fast@example.org", "password": password}).want(t, http.StatusOK)
	if !again.signedIn(t) {
		t.Error("not signed in")
	}
	again.post(t, "/api/test/fast-signin", map[string]any{"email": "fast@example.org", "password": "wrong"}).want(t, http.StatusUnauthorized)
	again.post(t, "/api/test/fast-register", map[string]any{"name": "Fast", "email": "fast@example.org", "password": password}).want(t, http.StatusUnprocessableEntity)
}
