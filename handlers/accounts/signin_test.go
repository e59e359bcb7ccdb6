package accounts_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/identity/argon2id"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// TestSigningIn shares one installation: every sub-test has an account of its own.
func TestSigningIn(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	for name, test := range map[string]func(*testing.T, *harness){
		"signing in and out": signingInAndOut,
		"a session is found under every name of its cookie":            aSessionIsFoundUnderEveryNameOfItsCookie,
		"an unverified account gets another link instead of a session": anUnverifiedAccountGetsAnotherLinkInsteadOfASession,
		"a success forgets the failures before it":                     aSuccessClearsTheFailures,
		"guesses at the same moment do not slip through the throttle":  concurrentGuessesAreThrottled,
		"sign-ins of one account at the same moment all succeed":       concurrentSignInsOfOneAccountAllSucceed,
		"a preset cookie is never adopted":                             aCookieOfTheRequestIsNeverKept,
		"a request from another site is refused":                       aSignInFromAnotherSiteIsRejected,
		"bad sign-ins name their fields":                               invalidSignInsNameTheirFields,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w.in(t))
		})
	}
}

func signingInAndOut(t *testing.T, w *harness) {
	w.member("inandout@example.org")
	b := w.browser()
	if b.signedIn() {
		t.Fatal("signed in before signing in")
	}
	got := b.signIn("INANDOUT@example.org", password).Want(http.StatusOK, "")
	if got.At("redirect") != false || got.At("token") != nil || got.Text("user.email") != "inandout@example.org" {
		t.Errorf("%s", got.Body)
	}
	cookie := sessionCookie(got)
	if cookie == nil || !cookie.HttpOnly || cookie.Secure || cookie.SameSite != http.SameSiteLaxMode ||
		cookie.Path != "/" ||
		cookie.MaxAge != 86400 {
		t.Fatalf("cookie %+v", cookie)
	}
	session := b.get("/api/auth/get-session").Want(http.StatusOK, "")
	id := session.Text("session.id")
	if session.Text("user.email") != "inandout@example.org" || session.Text("session.userId") != session.Text("user.id") ||
		id == "" {
		t.Errorf("%s", session.Body)
	}
	if strings.Contains(session.Body, cookie.Value) {
		t.Error("the token is shown to scripts")
	}
	for _, path := range []string{"/api/auth/sign-out", "/api/auth/signout"} {
		out := b.call(http.MethodPost, path, nil, "Cookie", "codex-session="+cookie.Value).Want(http.StatusOK, "")
		if cleared := sessionCookie(out); cleared == nil || cleared.MaxAge != -1 || cleared.Value != "" {
			t.Errorf("%s: cookie %+v", path, cleared)
		}
	}
	if story := w.history(id); story != "session.started v1, session.revoked v2" {
		t.Errorf("events: %s", story)
	}
	replay := w.browser().call(http.MethodGet, "/api/auth/get-session", nil, "Cookie", "codex-session="+cookie.Value)
	if replay.Want(http.StatusOK, "").Body != "null" {
		t.Error("the cookie works after signing out")
	}
}

func aSessionIsFoundUnderEveryNameOfItsCookie(t *testing.T, w *harness) {
	w.member("names@example.org")
	token := sessionCookie(w.browser().signIn("names@example.org", password)).Value
	for _, header := range []string{
		"codex-session=" + token, "__Secure-codex-session=" + token, "better-auth.session_token=" + token,
		"__Secure-better-auth.session_token=" + token, "better-auth.session_token=" + token + ".signature%3D",
		"other=1; codex-session=" + token,
	} {
		got := w.browser().call(http.MethodGet, "/api/auth/get-session", nil, "Cookie", header).Want(http.StatusOK, "")
		if got.Text("user.email") != "names@example.org" {
			t.Errorf("%s: %s", strings.ReplaceAll(header, token, "…"), got.Body)
		}
	}
}

func TestAWrongPasswordAndAnUnknownAddressLookAlikeAndCostTheSame(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	w.member("ada@example.org")
	w.Exec(`INSERT INTO users (id, name, email) VALUES ('nopassword', 'x', 'nopassword@example.org')`)
	before := w.rows()
	var bodies []string
	for _, email := range []string{"ada@example.org", "bob@example.org", "nopassword@example.org"} {
		hashes := w.hasher.Computed()
		got := w.browser().signIn(email, "not the password").Want(http.StatusUnauthorized, "UNAUTHORIZED")
		if n := w.hasher.Computed() - hashes; n != 1 {
			t.Errorf("%s cost %d hashes", email, n)
		}
		if sessionCookie(got) != nil {
			t.Error("a cookie was set")
		}
		bodies = append(bodies, got.Body)
	}
	if bodies[0] != bodies[1] || bodies[1] != bodies[2] {
		t.Errorf("answers differ: %v", bodies)
	}
	if after := w.rows(); after != before {
		t.Errorf("%d rows became %d", before, after)
	}
}

func anUnverifiedAccountGetsAnotherLinkInsteadOfASession(t *testing.T, w *harness) {
	b := w.browser()
	b.signUp("unverified@example.org")
	b.signIn("unverified@example.org", "not the password").Want(http.StatusUnauthorized, "UNAUTHORIZED")
	if n := len(w.links("unverified@example.org")); n != 1 {
		t.Errorf("a wrong password made it %d links", n)
	}
	for i := range 7 {
		got := b.signIn("unverified@example.org", password).Want(http.StatusForbidden, "FORBIDDEN")
		if sessionCookie(got) != nil || reason(got) != "EMAIL_NOT_VERIFIED" {
			t.Errorf("%s", got.Body)
		}
		if n, want := len(w.links("unverified@example.org")), 1+min(i+1, 5); n != want {
			t.Errorf("%d links after %d sign-ins, want %d", n, i+1, want)
		}
	}
	if b.signedIn() {
		t.Error("signed in")
	}
	b.get(w.links("unverified@example.org")[2]).Want(http.StatusFound, "")
	w.browser().signIn("unverified@example.org", password).Want(http.StatusOK, "")
}

func TestAnAccountAllowsFiveFailuresIn15Minutes(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	w.member("ada@example.org")
	b := w.browser()
	for _, email := range []string{"ada@example.org", "unknown@example.org"} {
		for range 5 {
			b.signIn(email, "not the password").Want(http.StatusUnauthorized, "UNAUTHORIZED")
		}
		for _, secret := range []string{"not the password", password} {
			hashes := w.hasher.Computed()
			got := b.signIn(email, secret).Want(http.StatusTooManyRequests, "RATE_LIMITED")
			if wait, err := strconv.Atoi(got.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 900 {
				t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
			}
			if w.hasher.Computed() != hashes {
				t.Error("a throttled guess was hashed")
			}
		}
	}
	w.Pass(15 * time.Minute)
	b.signIn("ada@example.org", password).Want(http.StatusOK, "")
}

func aSuccessClearsTheFailures(t *testing.T, w *harness) {
	w.member("success@example.org")
	b := w.browser()
	for range 3 {
		for range 4 {
			b.signIn("success@example.org", "not the password").Want(http.StatusUnauthorized, "UNAUTHORIZED")
		}
		b.signIn("success@example.org", password).Want(http.StatusOK, "")
	}
}

func concurrentGuessesAreThrottled(t *testing.T, w *harness) {
	w.member("guesses@example.org")
	statuses := make(chan int, 30)
	var wg sync.WaitGroup
	for range cap(statuses) {
		b := w.browser()
		wg.Go(func() { statuses <- b.signIn("guesses@example.org", "not the password").Status })
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

func concurrentSignInsOfOneAccountAllSucceed(t *testing.T, w *harness) {
	w.member("crowd@example.org")
	var wg sync.WaitGroup
	for range 12 {
		b := w.browser()
		wg.Go(func() {
			if got := b.signIn("crowd@example.org", password); got.Status != http.StatusOK {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
	}
	wg.Wait()
}

func TestAClientMayCallARouteWithCredentialsFiveTimesIn15Minutes(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{production: true, limited: true})
	b := w.browser()
	for name, call := range map[string]func(i int) handlertest.Answer{
		"sign-up": func(int) handlertest.Answer { return b.post("/api/auth/sign-up/email", map[string]any{}) },
		"sign-in": func(i int) handlertest.Answer { return b.signIn(strconv.Itoa(i)+"@example.org", "not the password") },
		"request a reset": func(i int) handlertest.Answer {
			return b.post("/api/auth/request-password-reset", map[string]any{"email": strconv.Itoa(i) + "@example.org"})
		},
		"reset": func(int) handlertest.Answer {
			return b.post("/api/auth/reset-password", map[string]any{"token": "x", "newPassword": password})
		},
	} {
		for i := range 5 {
			if got := call(i); got.Status == http.StatusTooManyRequests {
				t.Fatalf("%s: refused at request %d", name, i+1)
			}
		}
		if got := call(5).Want(http.StatusTooManyRequests, "RATE_LIMITED"); got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: Retry-After is missing", name)
		}
	}
	if !strings.Contains(b.get("/api/auth/get-session").Want(http.StatusOK, "").Body, "null") {
		t.Error("get-session is limited with them")
	}
}

func TestSignInsAreRejectedWhenFailuresCannotBeCounted(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	w.member("ada@example.org")
	w.Exec(`DROP TABLE rate_limits`)
	w.browser().signIn("ada@example.org", password).Want(http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE")
}

func aCookieOfTheRequestIsNeverKept(t *testing.T, w *harness) {
	w.member("preset@example.org")
	preset := strings.Repeat("A", 43)
	got := w.browser().
		call(http.MethodPost, "/api/auth/sign-in/email", map[string]any{"email": "preset@example.org", "password": password},
			"Cookie", "codex-session="+preset).
		Want(http.StatusOK, "")
	if sessionCookie(got).Value == preset {
		t.Error("the session took the cookie that was there")
	}
	probe := w.browser().call(http.MethodGet, "/api/auth/get-session", nil, "Cookie", "codex-session="+preset)
	if probe.Body != "null" {
		t.Error("the preset cookie opens a session")
	}
}

func aSignInFromAnotherSiteIsRejected(t *testing.T, w *harness) {
	b := w.member("elsewhere@example.org")
	b.call(http.MethodPost, "/api/auth/sign-out", map[string]any{}, "Origin", "https://evil.test").
		Want(http.StatusForbidden, "FORBIDDEN")
	if !b.signedIn() {
		t.Error("another site signed the user out")
	}
}

func TestAWeakHashIsReplacedAtTheNextSignIn(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	w.member("ada@example.org")
	weaker, err := argon2id.New(argon2id.Config{Memory: 32, Iterations: 1})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := weaker.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	w.Exec(`UPDATE accounts SET password = $1`, hash)
	w.browser().signIn("ada@example.org", password).Want(http.StatusOK, "")
	if n := w.Number(`SELECT count(*) FROM accounts WHERE password LIKE '$argon2id$v=19$m=64,t=1,p=1$%'`); n != 1 {
		t.Error("the hash is still weak")
	}
	w.browser().signIn("ada@example.org", password).Want(http.StatusOK, "")
}

func TestASessionLastsADayAndUsingItInItsSecondHalfRenewsIt(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	idle, used := w.member("idle@example.org"), w.member("used@example.org")
	w.Pass(11 * time.Hour)
	if got := used.get("/api/auth/get-session"); sessionCookie(got) != nil {
		t.Error("renewed in the first half")
	}
	w.Pass(2 * time.Hour)
	got := used.get("/api/auth/get-session")
	if cookie := sessionCookie(got); cookie == nil || cookie.MaxAge != 86400 {
		t.Errorf("not renewed: %+v", cookie)
	}
	w.Pass(12 * time.Hour)
	if idle.signedIn() || !used.signedIn() {
		t.Error("after 25 hours the idle session lives or the used one does not")
	}
	for range 80 { // used twice a day, for more than thirty days
		w.Pass(11*time.Hour + 30*time.Minute)
		if !used.signedIn() {
			break
		}
	}
	if age := w.Number(
		`SELECT extract(epoch FROM s.expires_at - s.created_at)::int / 86400 FROM sessions s
			JOIN users u ON u.id = s.user_id WHERE u.email = 'used@example.org'`,
	); age != 30 {
		t.Errorf("the session lived %d days", age)
	}
}

func TestASessionThatIsNotRememberedHasACookieWithoutExpiry(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	w.member("ada@example.org")
	b := w.browser()
	cookie := sessionCookie(
		b.post("/api/auth/sign-in/email", map[string]any{
			"email": "ada@example.org", "password": password,
			"rememberMe": false,
		}).
			Want(http.StatusOK, ""),
	)
	if cookie.MaxAge != 0 || !cookie.Expires.IsZero() {
		t.Errorf("cookie %+v", cookie)
	}
	w.Pass(13 * time.Hour)
	if got := b.get("/api/auth/get-session"); sessionCookie(got) != nil {
		t.Error("renewing made the cookie permanent")
	}
	w.Pass(12 * time.Hour)
	if !b.signedIn() {
		t.Error("the session was not renewed")
	}
}

func TestADeletedAccountHasNoSessionAtOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	b := w.member("ada@example.org")
	w.Exec(`UPDATE users SET deleted_at = now()`)
	if b.signedIn() {
		t.Error("signed in")
	}
	b.get("/api/user/profile").Want(http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser().signIn("ada@example.org", password).Want(http.StatusUnauthorized, "UNAUTHORIZED")
}

func invalidSignInsNameTheirFields(t *testing.T, w *harness) {
	b := w.browser()
	b.post("/api/auth/sign-in/email", map[string]any{}).WantFields("email", "password")
	b.post("/api/auth/sign-in/email", map[string]any{"email": "a@example.org", "password": strings.Repeat("x", 129)}).
		WantFields("password")
	b.post("/api/auth/sign-in/email", map[string]any{"email": []string{"a@example.org"}, "password": "x"}).
		WantFields("email")
	b.post("/api/auth/sign-in/email", map[string]any{
		"email": "a@example.org", "password": "x",
		"callbackURL": "https://evil.test",
	}).
		WantFields("callbackURL")
	b.post("/api/auth/sign-out", map[string]any{"all": true}).WantFields("all")
	b.get("/api/auth/sign-in/email").Want(http.StatusNotFound, "NOT_FOUND")
}

func TestRoutesForTestClientsExistInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	production := newHarness(t, options{production: true})
	b := production.browser()
	b.signUp("ada@example.org")
	b.get("/api/test/verification-token/ada@example.org").Want(http.StatusNotFound, "NOT_FOUND")
	b.post("/api/test/fast-register", map[string]any{"name": "A", "email": "b@example.org", "password": password}).
		Want(http.StatusNotFound, "NOT_FOUND")
	b.post("/api/test/fast-signin", map[string]any{"email": "ada@example.org", "password": password}).
		Want(http.StatusNotFound, "NOT_FOUND")

	w := newHarness(t, options{})
	b = w.browser()
	b.signUp("ada@example.org")
	token := b.get("/api/test/verification-token/Ada@example.org").Want(http.StatusOK, "").Text("token")
	b.get(query("/api/auth/verify-email", "token", token, "callbackURL", "http://localhost:3000/done")).
		Want(http.StatusFound, "")
	b.get("/api/test/verification-token/ada@example.org").Want(http.StatusNotFound, "NOT_FOUND")
	b.get("/api/test/verification-token/nobody@example.org").Want(http.StatusNotFound, "NOT_FOUND")

	fast := w.browser()
	got := fast.post("/api/test/fast-register", map[string]any{
		"name": "Fast", "email": "fast@example.org",
		"password": password, "role": "creator",
	}).
		Want(http.StatusOK, "")
	if got.Text("user.role") != "creator" || got.At("user.emailVerified") != true || !fast.signedIn() {
		t.Errorf("%s", got.Body)
	}
	if story := w.history(got.Text("user.id")); story != "user.registered v1, user.email_verified v2" {
		t.Errorf("events: %s", story)
	}
	again := w.browser()
	again.post("/api/test/fast-signin", map[string]any{"email": "fast@example.org", "password": password}).
		Want(http.StatusOK, "")
	if !again.signedIn() {
		t.Error("not signed in")
	}
	again.post("/api/test/fast-signin", map[string]any{"email": "fast@example.org", "password": "wrong"}).
		Want(http.StatusUnauthorized, "UNAUTHORIZED")
	again.post("/api/test/fast-register", map[string]any{
		"name": "Fast", "email": "fast@example.org",
		"password": password,
	}).
		Want(http.StatusUnprocessableEntity, "EMAIL_IN_USE")
}
