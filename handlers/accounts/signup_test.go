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
	w := newWorld(t, options{production: true})
	got := w.browser(t).post(t, "/api/auth/sign-up/email", map[string]any{
		"name": " Ada ", "email": "Ada@Example.org", "password": password, "role": "creator",
	}).want(t, http.StatusOK)
	id := got.text("user.id")
	if got.at("token") != nil || got.text("user.email") != "ada@example.org" || got.text("user.name") != "Ada" ||
		got.at("user.emailVerified") != false || len(id) != 32 || got.cookie() != nil {
		t.Fatalf("%s", got.body)
	}
	if role := got.text("user.role"); role != "customer" {
		t.Errorf("outside development a sign-up chose the role %s", role)
	}
	for _, field := range []string{"image", "role", "createdAt", "updatedAt"} {
		if !strings.Contains(string(got.body), `"`+field+`":`) {
			t.Errorf("field %s is missing in %s", field, got.body)
		}
	}
	if story := w.story(t, id); story != "user.registered v1" {
		t.Errorf("events: %s", story)
	}
	if links := w.links(t, "ada@example.org"); len(links) != 1 {
		t.Fatalf("links: %v", links)
	}
	if w.woken.Load() != 1 {
		t.Errorf("the mailer was woken %d times", w.woken.Load())
	}
	if strings.Contains(string(got.body), "password") || strings.Contains(string(got.body), "argon2") {
		t.Errorf("the answer tells too much: %s", got.body)
	}
	if n := w.count(t, `SELECT count(*) FROM accounts WHERE user_id = $1 AND password LIKE '$argon2id$v=19$%'`, id); n != 1 {
		t.Errorf("%d hashes are stored", n)
	}
}

func TestInDevelopmentASignUpMayAskToBeACreator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for wish, want := range map[string]string{"creator": "creator", "user": "customer", "customer": "customer", "admin": "customer", "platform_owner": "customer"} {
		got := w.browser(t).post(t, "/api/auth/sign-up/email", map[string]any{
			"name": "Ada", "email": wish + "@example.org", "password": password, "role": wish,
		}).want(t, http.StatusOK)
		if got.text("user.role") != want {
			t.Errorf("asked for %s, became %s", wish, got.text("user.role"))
		}
	}
}

func TestAnAddressCanSignUpOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	b := w.browser(t)
	b.signUp(t, "ada@example.org")
	before := w.rows(t)
	for _, email := range []string{"ada@example.org", "ADA@example.org "} {
		got := b.post(t, "/api/auth/sign-up/email", map[string]any{"name": "Eve", "email": email, "password": password})
		got.wantError(t, http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
		if got.text("error.details.context.code") != "EMAIL_IN_USE" {
			t.Errorf("%s", got.body)
		}
	}
	if after := w.rows(t); after != before {
		t.Errorf("%d rows became %d", before, after)
	}
}

func TestOfManySignUpsWithOneAddressOneWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	statuses := make(chan int, 6)
	var wg sync.WaitGroup
	for range cap(statuses) {
		b := w.browser(t)
		wg.Go(func() {
			statuses <- b.post(t, "/api/auth/sign-up/email", map[string]any{"name": "Ada", "email": "ada@example.org", "password": password}).status
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
	if won != 1 || w.count(t, `SELECT count(*) FROM users`) != 1 || len(w.links(t, "ada@example.org")) != 1 {
		t.Errorf("%d won", won)
	}
}

func TestBadSignUpsNameTheirFieldsAndLeaveNoTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	b := w.browser(t)
	for name, c := range map[string]struct {
		body   any
		fields []string
	}{
		"nothing":          {map[string]any{}, []string{"name", "email", "password"}},
		"no body":          {nil, []string{"name", "email", "password"}},
		"short password":   {map[string]any{"name": "Ada", "email": "a@example.org", "password": "seven77"}, []string{"password"}},
		"long password":    {map[string]any{"name": "Ada", "email": "a@example.org", "password": strings.Repeat("ab", 64) + "c"}, []string{"password"}},
		"common password":  {map[string]any{"name": "Ada", "email": "a@example.org", "password": "Password123"}, []string{"password"}},
		"product password": {map[string]any{"name": "Ada", "email": "a@example.org", "password": "Codex-2026"}, []string{"password"}},
		"bad address":      {map[string]any{"name": "Ada", "email": "ada@", "password": password}, []string{"email"}},
		"unknown field":    {map[string]any{"name": "Ada", "email": "a@example.org", "password": password, "emailVerified": true}, []string{"emailVerified"}},
		"wrong case":       {`{"name":"Ada","email":"a@example.org","password":"` + password + `","ROLE":"creator"}`, []string{"ROLE"}},
		"twice":            {`{"name":"Ada","email":"a@example.org","email":"b@example.org","password":"` + password + `"}`, []string{"email"}},
		"wrong type":       {map[string]any{"name": 7, "email": "a@example.org", "password": password}, []string{"name"}},
		"NUL":              {`{"name":"A\u0000","email":"a@example.org","password":"` + password + `"}`, []string{"name"}},
		"not JSON":         {`name=Ada`, []string{""}},
		"foreign callback": {map[string]any{"name": "Ada", "email": "a@example.org", "password": password, "callbackURL": "https://evil.test/"}, []string{"callbackURL"}},
		"schemeless":       {map[string]any{"name": "Ada", "email": "a@example.org", "password": password, "callbackURL": "//evil.test/"}, []string{"callbackURL"}},
	} {
		t.Run(name, func(t *testing.T) { b.post(t, "/api/auth/sign-up/email", c.body).wantFields(t, c.fields...) })
	}
	if n := w.rows(t); n != 0 {
		t.Errorf("%d rows were left behind", n)
	}
}

func TestTheMailedLinkVerifiesSignsInAndWorksOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{production: true})
	b := w.browser(t)
	id := b.post(t, "/api/auth/sign-up/email", map[string]any{
		"name": "Ada", "email": "ada@example.org", "password": password, "callbackURL": "/library?new=1",
	}).want(t, http.StatusOK).text("user.id")
	link := w.links(t, "ada@example.org")[0]

	got := b.get(t, link).want(t, http.StatusFound)
	if got.header.Get("Location") != "/library?new=1" {
		t.Errorf("leads to %s", got.header.Get("Location"))
	}
	cookie := got.cookie()
	if cookie == nil || !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 86400 || len(cookie.Value) != 43 {
		t.Fatalf("cookie %+v", cookie)
	}
	if n := w.count(t, `SELECT count(*) FROM sessions WHERE token_hash = sha256(convert_to($1, 'UTF8'))`, cookie.Value); n != 1 {
		t.Error("the session is not stored by the hash of its token")
	}
	if n := w.count(t, `SELECT count(*) FROM users WHERE id = $1 AND email_verified AND version = 2`, id); n != 1 {
		t.Error("the address is not verified")
	}
	if story := w.story(t, id); story != "user.registered v1, user.email_verified v2" {
		t.Errorf("events: %s", story)
	}
	var session string
	if err := w.pool.QueryRow(t.Context(), `SELECT id FROM sessions`).Scan(&session); err != nil {
		t.Fatal(err)
	}
	if story := w.story(t, session); story != "session.started v1" {
		t.Errorf("events of the session: %s", story)
	}

	before := w.rows(t)
	w.browser(t).get(t, link).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	if after := w.rows(t); after != before {
		t.Errorf("a used link changed %d rows to %d", before, after)
	}
}

// Programs that look at mails ask for the head of the links in them.
func TestLookingAtALinkLeavesItUnused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{production: true})
	scanner, b := w.browser(t), w.browser(t)
	b.signUp(t, "ada@example.org")
	link := w.links(t, "ada@example.org")[0]
	before := w.rows(t)
	for range 2 {
		got := scanner.call(t, http.MethodHead, link, nil).want(t, http.StatusFound)
		if got.cookie() != nil || got.header.Get("Location") != "/" || len(got.body) > 0 {
			t.Errorf("%v %s", got.header, got.body)
		}
	}
	if w.rows(t) != before || w.count(t, `SELECT count(*) FROM users WHERE email_verified`) != 0 || w.count(t, `SELECT count(*) FROM verification`) != 1 {
		t.Error("a look changed something")
	}
	scanner.call(t, http.MethodHead, "/api/auth/verify-email?token="+strings.Repeat("A", 43), nil).want(t, http.StatusUnauthorized)
	scanner.call(t, http.MethodHead, link+"&callbackURL=https%3A%2F%2Fevil.test", nil).want(t, http.StatusBadRequest)
	b.get(t, link).want(t, http.StatusFound)
	if !b.signedIn(t) {
		t.Error("the link signs nobody in any more")
	}
	scanner.call(t, http.MethodHead, link, nil).want(t, http.StatusUnauthorized)

	b.patch(t, map[string]any{"email": "new@example.org"}).want(t, http.StatusOK)
	move := w.mailedLinks(t, "change-email", "new@example.org")[0]
	scanner.call(t, http.MethodHead, move, nil).want(t, http.StatusFound)
	if n := w.count(t, `SELECT count(*) FROM users WHERE email = 'ada@example.org' AND pending_email = 'new@example.org'`); n != 1 {
		t.Error("a look changed the address")
	}
	b.get(t, move).want(t, http.StatusFound)
}

func TestALinkThatIsWrongOrTooOldSignsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	b := w.browser(t)
	b.signUp(t, "ada@example.org")
	link := w.links(t, "ada@example.org")[0]
	b.get(t, "/api/auth/verify-email").wantFields(t, "token")
	b.get(t, "/api/auth/verify-email?token=a&token=b").wantFields(t, "token")
	b.get(t, link+"&callbackURL=https%3A%2F%2Fevil.test").wantFields(t, "callbackURL")
	for _, token := range []string{"x", strings.Repeat("A", 43), strings.Repeat("A", 44), "../../etc", "%00"} {
		if got := b.get(t, "/api/auth/verify-email?token="+token); got.status != http.StatusUnauthorized && got.status != http.StatusBadRequest {
			t.Errorf("token %q: %d %s", token, got.status, got.body)
		}
	}
	w.later(24*time.Hour + time.Second)
	b.get(t, link).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	if b.signedIn(t) || w.count(t, `SELECT count(*) FROM users WHERE email_verified`) != 0 {
		t.Error("somebody was verified or signed in")
	}
}

func TestAVerificationLeadsOnlyToThisSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{production: true})
	b := w.browser(t)
	for callback, allowed := range map[string]bool{
		"": true, "/": true, "/library": true, "/a?b=https://x.test": true, w.url: true, w.url + "/library": true,
		"https://evil.test": false, "//evil.test": false, "/\\evil.test": false, "\\\\evil.test": false, "/\t/evil.test": false,
		"javascript:alert(1)": false, "library": false, "https:evil.test": false, "http:///evil.test": false,
		w.url + "@evil.test": false, w.url + ".evil.test": false, "http://localhost:3000/": false, " /x": false,
	} {
		got := b.post(t, "/api/auth/send-verification-email", map[string]any{"email": strings.Trim(strings.ToLower(callbackName(callback)), "-") + "x@example.org", "callbackURL": callback})
		if want := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[allowed]; got.status != want {
			t.Errorf("%q: status %d, want %d: %s", callback, got.status, want, got.body)
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

func TestAnotherVerificationMailIsSentOnceInAWhileAndTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	b := w.browser(t)
	b.signUp(t, "ada@example.org")
	known := b.post(t, "/api/auth/send-verification-email", map[string]any{"email": "ada@example.org"}).want(t, http.StatusOK)
	unknown := b.post(t, "/api/auth/send-verification-email", map[string]any{"email": "bob@example.org"}).want(t, http.StatusOK)
	if string(known.body) != string(unknown.body) {
		t.Errorf("%s and %s differ", known.body, unknown.body)
	}
	if links := w.links(t, "ada@example.org"); len(links) != 2 || links[0] == links[1] {
		t.Fatalf("links: %v", links)
	}
	for _, email := range []string{"ada@example.org", "bob@example.org"} {
		for range 4 {
			b.post(t, "/api/auth/send-verification-email", map[string]any{"email": email}).want(t, http.StatusOK)
		}
		got := b.post(t, "/api/auth/send-verification-email", map[string]any{"email": email}).wantError(t, http.StatusTooManyRequests, "RATE_LIMITED")
		if got.header.Get("Retry-After") == "" {
			t.Error("Retry-After is missing")
		}
	}
	b.get(t, w.links(t, "ada@example.org")[3]).want(t, http.StatusFound)
	w.later(16 * time.Minute)
	before := len(w.links(t, "ada@example.org"))
	b.post(t, "/api/auth/send-verification-email", map[string]any{"email": "ada@example.org"}).want(t, http.StatusOK)
	if after := len(w.links(t, "ada@example.org")); after != before {
		t.Error("a verified address gets another link")
	}
	b.post(t, "/api/auth/send-verification-email", map[string]any{"email": "nobody"}).wantFields(t, "email")
}
