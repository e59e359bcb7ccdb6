package accounts_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSigningUpLeavesAnAccountAMailAndAnEvent(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{production: true})
	got := w.browser().post("/api/auth/sign-up/email", map[string]any{
		"name": " Ada ", "email": "Ada@Example.org", "password": password, "role": "creator",
	}).Want(http.StatusOK, "")
	id := got.Text("user.id")
	if got.At("token") != nil || got.Text("user.email") != "ada@example.org" || got.Text("user.name") != "Ada" ||
		got.At("user.emailVerified") != false || len(id) != 32 || sessionCookie(got) != nil {
		t.Fatalf("%s", got.Body)
	}
	if role := got.Text("user.role"); role != "customer" {
		t.Errorf("outside development a sign-up chose the role %s", role)
	}
	for _, field := range []string{"image", "role", "createdAt", "updatedAt"} {
		if !strings.Contains(got.Body, `"`+field+`":`) {
			t.Errorf("field %s is missing in %s", field, got.Body)
		}
	}
	if story := w.history(id); story != "user.registered v1" {
		t.Errorf("events: %s", story)
	}
	if links := w.links("ada@example.org"); len(links) != 1 {
		t.Fatalf("links: %v", links)
	}
	if w.committed.Load() != 1 {
		t.Errorf("the mailer was woken %d times", w.committed.Load())
	}
	if strings.Contains(got.Body, "password") || strings.Contains(got.Body, "argon2") {
		t.Errorf("the answer tells too much: %s", got.Body)
	}
	if n := w.Number(`SELECT count(*) FROM accounts WHERE user_id = $1 AND password LIKE '$argon2id$v=19$%'`, id); n != 1 {
		t.Errorf("%d hashes are stored", n)
	}
}

func TestInDevelopmentASignUpMayAskToBeACreator(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	for wish, want := range map[string]string{
		"creator": "creator", "user": "customer", "customer": "customer",
		"admin": "customer", "platform_owner": "customer",
	} {
		got := w.browser().post("/api/auth/sign-up/email", map[string]any{
			"name": "Ada", "email": wish + "@example.org", "password": password, "role": wish,
		}).Want(http.StatusOK, "")
		if got.Text("user.role") != want {
			t.Errorf("asked for %s, became %s", wish, got.Text("user.role"))
		}
	}
}

func TestAnAddressCanSignUpOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	b := w.browser()
	b.signUp("ada@example.org")
	before := w.rows()
	for _, email := range []string{"ada@example.org", "ADA@example.org "} {
		got := b.post("/api/auth/sign-up/email", map[string]any{"name": "Eve", "email": email, "password": password})
		got.Want(http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
		if reason(got) != "EMAIL_IN_USE" {
			t.Errorf("%s", got.Body)
		}
	}
	if after := w.rows(); after != before {
		t.Errorf("%d rows became %d", before, after)
	}
}

func TestOfConcurrentSignUpsWithOneAddressOneSucceeds(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	statuses := make(chan int, 6)
	var wg sync.WaitGroup
	for range cap(statuses) {
		b := w.browser()
		wg.Go(func() {
			statuses <- b.post("/api/auth/sign-up/email", map[string]any{
				"name": "Ada", "email": "ada@example.org",
				"password": password,
			}).Status
		})
	}
	wg.Wait()
	close(statuses)
	won := 0
	for status := range statuses {
		switch status {
		case http.StatusOK:
			won++
		case http.StatusUnprocessableEntity:
		default:
			t.Errorf("status %d", status)
		}
	}
	if won != 1 || w.Number(`SELECT count(*) FROM users`) != 1 || len(w.links("ada@example.org")) != 1 {
		t.Errorf("%d won", won)
	}
}

func TestInvalidSignUpsNameTheirFieldsAndChangeNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	b := w.browser()
	for name, c := range map[string]struct {
		body   any
		fields []string
	}{
		"nothing": {map[string]any{}, []string{"name", "email", "password"}},
		"no body": {nil, []string{"name", "email", "password"}},
		"short password": {
			map[string]any{"name": "Ada", "email": "a@example.org", "password": "seven77"},
			[]string{"password"},
		},
		"long password": {map[string]any{"name": "Ada", "email": "a@example.org", "password": strings.Repeat("ab",
			64) + "c"}, []string{"password"}},
		"common password": {
			map[string]any{"name": "Ada", "email": "a@example.org", "password": "Password123"},
			[]string{"password"},
		},
		"product password": {
			map[string]any{"name": "Ada", "email": "a@example.org", "password": "Codex-2026"},
			[]string{"password"},
		},
		"bad address": {map[string]any{"name": "Ada", "email": "ada@", "password": password}, []string{"email"}},
		"unknown field": {map[string]any{
			"name": "Ada", "email": "a@example.org", "password": password,
			"emailVerified": true,
		}, []string{"emailVerified"}},
		"wrong case": {
			`{"name":"Ada","email":"a@example.org","password":"` + password + `","ROLE":"creator"}`,
			[]string{"ROLE"},
		},
		"twice": {
			`{"name":"Ada","email":"a@example.org","email":"b@example.org","password":"` + password + `"}`,
			[]string{"email"},
		},
		"wrong type": {map[string]any{"name": 7, "email": "a@example.org", "password": password}, []string{"name"}},
		"NUL":        {`{"name":"A\u0000","email":"a@example.org","password":"` + password + `"}`, []string{"name"}},
		"not JSON":   {`name=Ada`, []string{""}},
		"foreign callback": {map[string]any{
			"name": "Ada", "email": "a@example.org", "password": password,
			"callbackURL": "https://evil.test/",
		}, []string{"callbackURL"}},
		"schemeless": {map[string]any{
			"name": "Ada", "email": "a@example.org", "password": password,
			"callbackURL": "//evil.test/",
		}, []string{"callbackURL"}},
	} {
		t.Run(name, func(t *testing.T) { b.in(t).post("/api/auth/sign-up/email", c.body).WantFields(c.fields...) })
	}
	if n := w.rows(); n != 0 {
		t.Errorf("%d rows were left behind", n)
	}
}

func TestTheMailedLinkVerifiesSignsInAndWorksOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{production: true})
	b := w.browser()
	id := b.post("/api/auth/sign-up/email", map[string]any{
		"name": "Ada", "email": "ada@example.org", "password": password, "callbackURL": "/library?new=1",
	}).Want(http.StatusOK, "").Text("user.id")
	link := w.links("ada@example.org")[0]

	got := b.get(link).Want(http.StatusFound, "")
	if got.Header.Get("Location") != "/library?new=1" {
		t.Errorf("leads to %s", got.Header.Get("Location"))
	}
	cookie := sessionCookie(got)
	if cookie == nil || !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode ||
		cookie.Path != "/" ||
		cookie.Domain != "" ||
		cookie.MaxAge != 86400 ||
		len(cookie.Value) != 43 {
		t.Fatalf("cookie %+v", cookie)
	}
	if n := w.Number(
		`SELECT count(*) FROM sessions WHERE token_hash = sha256(convert_to($1, 'UTF8'))`, cookie.Value); n != 1 {
		t.Error("the session is not stored by the hash of its token")
	}
	if n := w.Number(`SELECT count(*) FROM users WHERE id = $1 AND email_verified AND version = 2`, id); n != 1 {
		t.Error("the address is not verified")
	}
	if story := w.history(id); story != "user.registered v1, user.email_verified v2" {
		t.Errorf("events: %s", story)
	}
	var session string
	if err := w.Pool.QueryRow(t.Context(), `SELECT id FROM sessions`).Scan(&session); err != nil {
		t.Fatal(err)
	}
	if story := w.history(session); story != "session.started v1" {
		t.Errorf("events of the session: %s", story)
	}

	before := w.rows()
	w.browser().get(link).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	if after := w.rows(); after != before {
		t.Errorf("a used link changed %d rows to %d", before, after)
	}
}

// Programs that look at mails ask for the head of the links in them.
func TestAHeadRequestLeavesTheTokenUnused(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{production: true})
	scanner, b := w.browser(), w.browser()
	b.signUp("ada@example.org")
	link := w.links("ada@example.org")[0]
	before := w.rows()
	for range 2 {
		got := scanner.call(http.MethodHead, link, nil).Want(http.StatusFound, "")
		if sessionCookie(got) != nil || got.Header.Get("Location") != "/" || len(got.Body) > 0 {
			t.Errorf("%v %s", got.Header, got.Body)
		}
	}
	if w.rows() != before || w.Number(`SELECT count(*) FROM users WHERE email_verified`) != 0 ||
		w.Number(`SELECT count(*) FROM verification`) != 1 {
		t.Error("a look changed something")
	}
	scanner.call(http.MethodHead, "/api/auth/verify-email?token="+strings.Repeat("A", 43), nil).
		Want(http.StatusUnauthorized, "")
	scanner.call(http.MethodHead, link+"&callbackURL=https%3A%2F%2Fevil.test", nil).Want(http.StatusBadRequest, "")
	b.get(link).Want(http.StatusFound, "")
	if !b.signedIn() {
		t.Error("the link starts no session")
	}
	scanner.call(http.MethodHead, link, nil).Want(http.StatusUnauthorized, "")

	b.patch(map[string]any{"email": "new@example.org"}).Want(http.StatusOK, "")
	move := w.mailedLinks("change-email", "new@example.org")[0]
	scanner.call(http.MethodHead, move, nil).Want(http.StatusFound, "")
	if n := w.Number(
		`SELECT count(*) FROM users WHERE email = 'ada@example.org' AND pending_email = 'new@example.org'`); n != 1 {
		t.Error("a look changed the address")
	}
	b.get(move).Want(http.StatusFound, "")
}

func TestAnInvalidOrExpiredLinkStartsNoSession(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	b := w.browser()
	b.signUp("ada@example.org")
	link := w.links("ada@example.org")[0]
	b.get("/api/auth/verify-email").WantFields("token")
	b.get("/api/auth/verify-email?token=a&token=b").WantFields("token")
	b.get(link + "&callbackURL=https%3A%2F%2Fevil.test").WantFields("callbackURL")
	for _, token := range []string{"x", strings.Repeat("A", 43), strings.Repeat("A", 44), "../../etc", "%00"} {
		if got := b.get("/api/auth/verify-email?token=" + token); got.Status != http.StatusUnauthorized &&
			got.Status != http.StatusBadRequest {
			t.Errorf("token %q: %d %s", token, got.Status, got.Body)
		}
	}
	w.Pass(24*time.Hour + time.Second)
	b.get(link).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	if b.signedIn() || w.Number(`SELECT count(*) FROM users WHERE email_verified`) != 0 {
		t.Error("an address was verified or a session started")
	}
}

func TestAVerificationRedirectsToThisSiteOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{production: true})
	b := w.browser()
	for callback, allowed := range map[string]bool{
		"": true, "/": true, "/library": true, "/a?b=https://x.test": true, w.URL: true, w.URL + "/library": true,
		"https://evil.test": false, "//evil.test": false, "/\\evil.test": false, "\\\\evil.test": false,
		"/\t/evil.test":       false,
		"javascript:alert(1)": false, "library": false, "https:evil.test": false, "http:///evil.test": false,
		w.URL + "@evil.test": false, w.URL + ".evil.test": false, "http://localhost:3000/": false, " /x": false,
	} {
		got := b.post(
			"/api/auth/send-verification-email",
			map[string]any{
				"email":       strings.Trim(strings.ToLower(callbackName(callback)), "-") + "x@example.org",
				"callbackURL": callback,
			},
		)
		if want := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[allowed]; got.Status != want {
			t.Errorf("%q: status %d, want %d: %s", callback, got.Status, want, got.Body)
		}
	}
}

// callbackName makes a distinct mailbox name, because mails per address are limited.
func callbackName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, s)
}

func TestVerificationMailsAreLimitedAndRevealNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	b := w.browser()
	b.signUp("ada@example.org")
	known := b.post("/api/auth/send-verification-email", map[string]any{"email": "ada@example.org"}).
		Want(http.StatusOK, "")
	unknown := b.post("/api/auth/send-verification-email", map[string]any{"email": "bob@example.org"}).
		Want(http.StatusOK, "")
	if known.Body != unknown.Body {
		t.Errorf("%s and %s differ", known.Body, unknown.Body)
	}
	if links := w.links("ada@example.org"); len(links) != 2 || links[0] == links[1] {
		t.Fatalf("links: %v", links)
	}
	for _, email := range []string{"ada@example.org", "bob@example.org"} {
		for range 4 {
			b.post("/api/auth/send-verification-email", map[string]any{"email": email}).Want(http.StatusOK, "")
		}
		got := b.post("/api/auth/send-verification-email", map[string]any{"email": email}).
			Want(http.StatusTooManyRequests, "RATE_LIMITED")
		if got.Header.Get("Retry-After") == "" {
			t.Error("Retry-After is missing")
		}
	}
	b.get(w.links("ada@example.org")[3]).Want(http.StatusFound, "")
	w.Pass(16 * time.Minute)
	before := len(w.links("ada@example.org"))
	b.post("/api/auth/send-verification-email", map[string]any{"email": "ada@example.org"}).Want(http.StatusOK, "")
	if after := len(w.links("ada@example.org")); after != before {
		t.Error("a verified address gets another link")
	}
	b.post("/api/auth/send-verification-email", map[string]any{"email": "nobody"}).WantFields("email")
}
