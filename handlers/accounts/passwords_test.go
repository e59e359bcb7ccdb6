package accounts_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// another is a second password that the rules like.
const another = "a loud summer canyon"

// requestReset asks for a reset mail and returns the tokens that an address has got.
func (w *world) requestReset(t *testing.T, email string) []string {
	t.Helper()
	w.browser(t).post(t, "/api/auth/request-password-reset", map[string]any{"email": email}).want(t, http.StatusOK)
	return w.tokens(t, "password-reset", email)
}

// tokens returns the tokens in the mails of a template to an address, oldest first.
func (w *world) tokens(t *testing.T, template, email string) []string {
	t.Helper()
	var tokens []string
	for _, link := range w.mailedLinks(t, template, email) {
		_, token, _ := strings.Cut(link, "token=")
		tokens = append(tokens, token)
	}
	return tokens
}

func (b *browser) reset(t *testing.T, token, secret string) answer {
	t.Helper()
	return b.post(t, "/api/auth/reset-password", map[string]any{"token": token, "newPassword": secret})
}

// TestPasswords shares one installation: every sub-test has an account of its own.
func TestPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for name, test := range map[string]func(*testing.T, *world){
		"a forgotten password is replaced once by the mailed token":  aForgottenPasswordIsReplacedOnceByTheMailedToken,
		"asking for a reset never tells whether there is an account": askingForAResetNeverTellsWhetherThereIsAnAccount,
		"a wrong token resets nothing":                               aWrongTokenResetsNothing,
		"of many resets with one token one wins":                     ofManyResetsWithOneTokenOneWins,
		"a reset opens an account that was closed by failures":       aResetOpensAnAccountThatWasClosedByFailures,
		"who knows the password changes it and is told by mail":      whoKnowsThePasswordChangesItAndIsToldByMail,
		"a change may sign everybody else out":                       aChangeMaySignEverybodyElseOut,
		"wrong current passwords are counted like sign-ins":          wrongCurrentPasswordsAreCountedLikeSignIns,
		"a change makes tokens in mails useless":                     aChangeMakesTokensInMailsUseless,
		"bad requests name their fields":                             badPasswordRequestsNameTheirFields,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

func aForgottenPasswordIsReplacedOnceByTheMailedToken(t *testing.T, w *world) {
	thief := w.member(t, "forgot@example.org")
	id := thief.get(t, "/api/user/profile").text("data.id")
	owner := w.browser(t)
	owner.post(t, "/api/auth/request-password-reset", map[string]any{"email": "Forgot@Example.org", "redirectTo": "/reset?x=1"}).want(t, http.StatusOK)
	links := w.mailedLinks(t, "password-reset", "forgot@example.org")
	if len(links) != 1 || !strings.HasPrefix(links[0], "/reset?x=1&token=") {
		t.Fatalf("links %v", links)
	}
	token := w.tokens(t, "password-reset", "forgot@example.org")[0]
	if n := w.count(t, `SELECT count(*) FROM verification WHERE value = sha256(convert_to($1, 'UTF8')) AND purpose = 'password-reset'`, token); n != 1 {
		t.Error("the token is not stored as its hash")
	}
	if body := owner.reset(t, token, another).want(t, http.StatusOK); body.at("status") != true {
		t.Errorf("%s", body.body)
	}
	if thief.signedIn(t) || owner.signedIn(t) {
		t.Error("a session outlived the reset, or began with it")
	}
	if n := len(w.mailedLinks(t, "password-changed", "forgot@example.org")); n != 0 {
		t.Errorf("%d confirmations were sent", n)
	}
	w.browser(t).signIn(t, "forgot@example.org", password).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	owner.signIn(t, "forgot@example.org", another).want(t, http.StatusOK)
	if got := owner.reset(t, token, "a third one for luck").wantError(t, http.StatusBadRequest, "VALIDATION_ERROR"); got.text("error.details.context.code") != "INVALID_TOKEN" {
		t.Errorf("%s", got.body)
	}
	if story := w.story(t, id); story != "user.registered v1, user.email_verified v2, user.password_changed v3" {
		t.Errorf("events: %s", story)
	}
}

func askingForAResetNeverTellsWhetherThereIsAnAccount(t *testing.T, w *world) {
	w.member(t, "known@example.org")
	b := w.browser(t)
	for range 6 {
		known := b.post(t, "/api/auth/request-password-reset", map[string]any{"email": "known@example.org"}).want(t, http.StatusOK)
		unknown := b.post(t, "/api/auth/request-password-reset", map[string]any{"email": "unknown@example.org"}).want(t, http.StatusOK)
		if string(known.body) != string(unknown.body) || len(known.header) != len(unknown.header) {
			t.Fatalf("%s and %s differ", known.body, unknown.body)
		}
	}
	if n := len(w.tokens(t, "password-reset", "known@example.org")); n != 3 {
		t.Errorf("%d mails in a quarter of an hour", n)
	}
	if n := w.count(t, `SELECT count(*) FROM mails WHERE recipient = 'unknown@example.org'`); n != 0 {
		t.Errorf("a stranger got %d mails", n)
	}
}

// TestAResetLeadsOnlyToThisSite: who asks for a reset is not who gets the mail, and
// must not be able to have its token sent elsewhere.
func TestAResetLeadsOnlyToThisSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{production: true})
	w.member(t, "ada@example.org")
	for _, address := range []string{"https://evil.test/reset", "//evil.test", "http://evil.test"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/auth/request-password-reset",
			strings.NewReader(`{"email":"ada@example.org","redirectTo":"`+address+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "evil.test"
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Forwarded-Host", "evil.test")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d", address, response.StatusCode)
		}
	}
	for _, page := range []string{"/new-password", w.url + "/new-password"} {
		w.browser(t).post(t, "/api/auth/request-password-reset", map[string]any{"email": "ada@example.org", "redirectTo": page}).want(t, http.StatusOK)
	}
	if links := w.mailedLinks(t, "password-reset", "ada@example.org"); len(links) != 2 || !strings.HasPrefix(links[0], "/new-password?token=") || !strings.HasPrefix(links[1], "/new-password?token=") {
		t.Errorf("links %v", links)
	}
}

func aWrongTokenResetsNothing(t *testing.T, w *world) {
	b := w.member(t, "wrong@example.org")
	verification := w.browser(t)
	verification.signUp(t, "wrong2@example.org")
	for name, token := range map[string]string{
		"no token at all": "x", "one that was never mailed": strings.Repeat("A", 43), "one for another purpose": w.tokens(t, "verify-email", "wrong2@example.org")[0],
	} {
		t.Run(name, func(t *testing.T) {
			w.browser(t).reset(t, token, another).wantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		})
	}
	token := w.requestReset(t, "wrong@example.org")[0]
	w.browser(t).get(t, "/api/auth/verify-email?token="+token).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	if !b.signedIn(t) {
		t.Error("signed out by a wrong token")
	}
	w.browser(t).signIn(t, "wrong@example.org", password).want(t, http.StatusOK)
}

func TestAResetTokenWorksForAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.member(t, "ada@example.org")
	tokens := w.requestReset(t, "ada@example.org")
	w.later(time.Hour - time.Minute)
	tokens = append(tokens, w.requestReset(t, "ada@example.org")[1])
	w.later(time.Minute + time.Second)
	b := w.browser(t)
	b.reset(t, tokens[0], another).wantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
	b.reset(t, tokens[1], another).want(t, http.StatusOK)
	b.signIn(t, "ada@example.org", another).want(t, http.StatusOK)
}

func ofManyResetsWithOneTokenOneWins(t *testing.T, w *world) {
	w.member(t, "race@example.org")
	token := w.requestReset(t, "race@example.org")[0]
	statuses := make(chan int, 6)
	var wg sync.WaitGroup
	for range cap(statuses) {
		b := w.browser(t)
		wg.Go(func() { statuses <- b.reset(t, token, another).status })
	}
	wg.Wait()
	close(statuses)
	seen := map[int]int{}
	for status := range statuses {
		seen[status]++
	}
	if seen[http.StatusOK] != 1 || seen[http.StatusBadRequest] != cap(statuses)-1 {
		t.Errorf("answers %v", seen)
	}
}

func aResetOpensAnAccountThatWasClosedByFailures(t *testing.T, w *world) {
	w.member(t, "closed@example.org")
	b := w.browser(t)
	for range 5 {
		b.signIn(t, "closed@example.org", "not the password").want(t, http.StatusUnauthorized)
	}
	b.signIn(t, "closed@example.org", password).want(t, http.StatusTooManyRequests)
	b.reset(t, w.requestReset(t, "closed@example.org")[0], another).want(t, http.StatusOK)
	b.signIn(t, "closed@example.org", another).want(t, http.StatusOK)
}

func (b *browser) change(t *testing.T, current, next string, more ...any) answer {
	t.Helper()
	body := map[string]any{"currentPassword": current, "newPassword": next}
	if len(more) > 0 {
		body["revokeOtherSessions"] = more[0]
	}
	return b.post(t, "/api/auth/change-password", body)
}

func whoKnowsThePasswordChangesItAndIsToldByMail(t *testing.T, w *world) {
	b := w.member(t, "change@example.org")
	elsewhere := w.browser(t)
	elsewhere.signIn(t, "change@example.org", password).want(t, http.StatusOK)
	got := b.change(t, password, another).want(t, http.StatusOK)
	if got.text("user.email") != "change@example.org" || got.at("token") != nil || got.cookie() != nil {
		t.Errorf("%s", got.body)
	}
	if !b.signedIn(t) || !elsewhere.signedIn(t) {
		t.Error("somebody was signed out")
	}
	if n := w.count(t, `SELECT count(*) FROM mails WHERE template = 'password-changed' AND recipient = 'change@example.org'`); n != 1 {
		t.Errorf("%d confirmations", n)
	}
	w.browser(t).signIn(t, "change@example.org", password).want(t, http.StatusUnauthorized)
	w.browser(t).signIn(t, "change@example.org", another).want(t, http.StatusOK)
	w.browser(t).change(t, another, password).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	if story := w.story(t, got.text("user.id")); !strings.HasSuffix(story, "user.password_changed v3") {
		t.Errorf("events: %s", story)
	}
}

func aChangeMaySignEverybodyElseOut(t *testing.T, w *world) {
	b := w.member(t, "alone@example.org")
	elsewhere := w.browser(t)
	elsewhere.signIn(t, "alone@example.org", password).want(t, http.StatusOK)
	session := b.get(t, "/api/auth/get-session").text("session.id")
	stolen := w.browser(t).signIn(t, "alone@example.org", password).cookie()

	got := b.change(t, password, another, true).want(t, http.StatusOK)
	if got.cookie() == nil || got.cookie().Value == stolen.Value {
		t.Error("the session kept its key")
	}
	if elsewhere.signedIn(t) || !b.signedIn(t) {
		t.Error("the other session lives, or this one does not")
	}
	if id := b.get(t, "/api/auth/get-session").text("session.id"); id != session {
		t.Error("this session is another one")
	}
	if n := w.count(t, `SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = 'alone@example.org'`); n != 1 {
		t.Errorf("%d sessions are left", n)
	}
}

func wrongCurrentPasswordsAreCountedLikeSignIns(t *testing.T, w *world) {
	b := w.member(t, "guess@example.org")
	for range 5 {
		got := b.change(t, "not the password", another).wantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		if got.text("error.details.context.code") != "INVALID_PASSWORD" {
			t.Errorf("%s", got.body)
		}
	}
	b.change(t, password, another).wantError(t, http.StatusTooManyRequests, "RATE_LIMITED")
	w.browser(t).signIn(t, "guess@example.org", password).wantError(t, http.StatusTooManyRequests, "RATE_LIMITED")
	if !b.signedIn(t) {
		t.Error("signed out by wrong passwords")
	}
}

func aChangeMakesTokensInMailsUseless(t *testing.T, w *world) {
	b := w.member(t, "useless@example.org")
	reset := w.requestReset(t, "useless@example.org")[0]
	b.call(t, http.MethodPatch, "/api/user/profile", map[string]any{"email": "thief@example.org"}).want(t, http.StatusOK)
	move := w.mailedLinks(t, "change-email", "thief@example.org")[0]
	b.change(t, password, another).want(t, http.StatusOK)
	w.browser(t).reset(t, reset, password).wantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
	w.browser(t).get(t, move).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	if profile := b.get(t, "/api/user/profile"); profile.text("data.email") != "useless@example.org" || profile.at("data.pendingEmail") != nil {
		t.Errorf("%s", profile.body)
	}
}

func badPasswordRequestsNameTheirFields(t *testing.T, w *world) {
	b := w.member(t, "badfields@example.org")
	b.post(t, "/api/auth/request-password-reset", map[string]any{}).wantFields(t, "email")
	b.post(t, "/api/auth/request-password-reset", map[string]any{"email": "a@example.org", "redirectTo": "https://evil.test"}).wantFields(t, "redirectTo")
	b.post(t, "/api/auth/reset-password", map[string]any{}).wantFields(t, "token", "newPassword")
	b.reset(t, w.requestReset(t, "badfields@example.org")[0], "badfields@example.org").wantFields(t, "newPassword")
	b.post(t, "/api/auth/change-password", map[string]any{}).wantFields(t, "currentPassword", "newPassword")
	b.change(t, password, "password123").wantFields(t, "newPassword")
	b.change(t, password, "badfields@example.org").wantFields(t, "newPassword")
}

// TestAskingForMailDoesTheSameWorkForEverybody watches the database: for an address that
// has an account, one that has none, and one that needs no such mail, the same statements
// are sent and the same rows written, before the commit.
func TestAskingForMailDoesTheSameWorkForEverybody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.member(t, "proven@example.org")
	w.browser(t).signUp(t, "unproven@example.org")
	w.exec(t, `CREATE TABLE work (transaction xid8, what text);
		CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO work VALUES (pg_current_xact_id(), TG_OP||' '||TG_TABLE_NAME); RETURN NULL; END $$;
		CREATE TRIGGER note AFTER INSERT ON mails FOR EACH ROW EXECUTE FUNCTION note();
		CREATE TRIGGER note AFTER INSERT ON verification FOR EACH ROW EXECUTE FUNCTION note();
		CREATE TRIGGER note AFTER INSERT ON rate_limits FOR EACH ROW EXECUTE FUNCTION note()`)
	for path, served := range map[string]map[string]bool{
		"/api/auth/request-password-reset":  {"proven@example.org": true, "unproven@example.org": true, "nobody@example.org": false},
		"/api/auth/send-verification-email": {"proven@example.org": false, "unproven@example.org": true, "nobody@example.org": false},
	} {
		var first string
		for email, mailed := range served {
			mails, proofs := w.count(t, `SELECT count(*) FROM mails`), w.count(t, `SELECT count(*) FROM verification`)
			w.exec(t, `TRUNCATE work`)
			w.statements.begin()
			woken := w.woken.Load()
			w.browser(t).post(t, path, map[string]any{"email": email}).want(t, http.StatusOK)
			sent := w.statements.end()
			var written string
			if err := w.pool.QueryRow(t.Context(), `SELECT string_agg(what, ', ' ORDER BY what)||' in '||count(DISTINCT transaction) FROM work`).Scan(&written); err != nil {
				t.Fatal(err)
			}
			done := fmt.Sprintf("%s; %d woken; %s", written, w.woken.Load()-woken, strings.Join(sent, "\n"))
			if first == "" {
				first = done
			}
			if done != first || written != "INSERT mails, INSERT rate_limits, INSERT verification in 2" || len(sent) < 5 {
				t.Errorf("%s for %s:\n%s\nand for another:\n%s", path, email, done, first)
			}
			want := 0
			if mailed {
				want = 1
			}
			if n, m := w.count(t, `SELECT count(*) FROM mails`)-mails, w.count(t, `SELECT count(*) FROM verification`)-proofs; n != want || m != want {
				t.Errorf("%s for %s: %d mails and %d proofs, want %d", path, email, n, m, want)
			}
		}
	}
	if n := w.count(t, `SELECT count(*) FROM mails WHERE recipient NOT IN ('proven@example.org', 'unproven@example.org') OR user_id IS NULL`); n != 0 {
		t.Errorf("%d mails to nobody", n)
	}
}

func TestTheMailedLinkLeadsToAPageThatAsksForAnotherPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{production: true})
	w.member(t, "ada@example.org")
	w.requestReset(t, "ada@example.org")
	link := w.mailedLinks(t, "password-reset", "ada@example.org")[0]
	token := w.tokens(t, "password-reset", "ada@example.org")[0]
	if !strings.HasPrefix(link, "/reset-password?token=") {
		t.Fatalf("the link leads to %s", link)
	}
	before := w.rows(t)
	page := w.browser(t).get(t, link).want(t, http.StatusOK)
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "form-action 'none'") || strings.Contains(policy, "unsafe") ||
		page.header.Get("Referrer-Policy") != "no-referrer" || page.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", page.header)
	}
	body := string(page.body)
	if strings.Contains(body, token) || strings.Contains(body, "style=") || strings.Contains(body, "://") || !strings.Contains(body, `autocomplete="new-password"`) {
		t.Errorf("%s", body)
	}
	for _, asset := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(body, -1) {
		w.browser(t).get(t, asset[1]).want(t, http.StatusOK)
	}
	if w.rows(t) != before {
		t.Error("looking at the page changed something")
	}
	w.browser(t).reset(t, token, another).want(t, http.StatusOK)
}
