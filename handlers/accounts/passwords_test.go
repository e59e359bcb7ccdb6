package accounts_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// requestReset asks for a reset mail and returns the tokens that an address has got.
func (w *harness) requestReset(email string) []string {
	w.Helper()
	w.browser().post("/api/auth/request-password-reset", map[string]any{"email": email}).Want(http.StatusOK, "")
	return w.tokens("password-reset", email)
}

// tokens returns the tokens in the mails of a template to an address, oldest first.
func (w *harness) tokens(template, email string) []string {
	w.Helper()
	var tokens []string
	for _, link := range w.mailedLinks(template, email) {
		_, token, _ := strings.Cut(link, "token=")
		tokens = append(tokens, token)
	}
	return tokens
}

func (b *browser) reset(token, secret string) handlertest.Answer {
	b.Helper()
	return b.post("/api/auth/reset-password", map[string]any{"token": token, "newPassword": secret})
}

// TestPasswords shares one installation: every sub-test has an account of its own.
func TestPasswords(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	for name, test := range map[string]func(*testing.T, *harness){
		"a forgotten password is replaced once by the mailed token": aForgottenPasswordIsReplacedOnceByTheMailedToken,
		"a reset never reveals whether there is an account":         aResetNeverRevealsWhetherThereIsAnAccount,
		"a wrong token resets nothing":                              aWrongTokenResetsNothing,
		"of concurrent resets with one token one succeeds":          ofConcurrentResetsWithOneTokenOneSucceeds,
		"a reset clears the failures of the account":                aResetClearsTheFailuresOfTheAccount,
		"a change of the password notifies the owner":               aChangeOfThePasswordNotifiesTheOwner,
		"a change can end all other sessions":                       aChangeCanEndAllOtherSessions,
		"wrong current passwords are counted like sign-ins":         wrongCurrentPasswordsAreCountedLikeSignIns,
		"a change invalidates mailed tokens":                        aChangeInvalidatesMailedTokens,
		"invalid requests name their fields":                        invalidPasswordRequestsNameTheirFields,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w.in(t))
		})
	}
}

func aForgottenPasswordIsReplacedOnceByTheMailedToken(t *testing.T, w *harness) {
	thief := w.member("forgot@example.org")
	id := thief.get("/api/user/profile").Text("data.id")
	owner := w.browser()
	owner.post("/api/auth/request-password-reset", map[string]any{
		"email":      "Forgot@Example.org",
		"redirectTo": "/reset?x=1",
	}).
		Want(http.StatusOK, "")
	links := w.mailedLinks("password-reset", "forgot@example.org")
	if len(links) != 1 || !strings.HasPrefix(links[0], "/reset?x=1&token=") {
		t.Fatalf("links %v", links)
	}
	token := w.tokens("password-reset", "forgot@example.org")[0]
	if n := w.Number(
		`SELECT count(*) FROM verification WHERE value = sha256(convert_to($1, 'UTF8')) AND purpose = 'password-reset'`,
		token,
	); n != 1 {
		t.Error("the token is not stored as its hash")
	}
	if body := owner.reset(token, another).Want(http.StatusOK, ""); body.At("status") != true {
		t.Errorf("%s", body.Body)
	}
	if thief.signedIn() || owner.signedIn() {
		t.Error("a session outlived the reset, or began with it")
	}
	if n := len(w.mailedLinks("password-changed", "forgot@example.org")); n != 0 {
		t.Errorf("%d confirmations were sent", n)
	}
	w.browser().signIn("forgot@example.org", password).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	owner.signIn("forgot@example.org", another).Want(http.StatusOK, "")
	owner.reset(token, "a third one for luck").Want(http.StatusBadRequest, "INVALID_TOKEN")
	if story := w.history(id); story != "user.registered v1, user.email_verified v2, user.password_changed v3" {
		t.Errorf("events: %s", story)
	}
}

func aResetNeverRevealsWhetherThereIsAnAccount(t *testing.T, w *harness) {
	w.member("known@example.org")
	b := w.browser()
	for range 6 {
		known := b.post("/api/auth/request-password-reset", map[string]any{"email": "known@example.org"}).
			Want(http.StatusOK, "")
		unknown := b.post("/api/auth/request-password-reset", map[string]any{"email": "unknown@example.org"}).
			Want(http.StatusOK, "")
		if known.Body != unknown.Body || len(known.Header) != len(unknown.Header) {
			t.Fatalf("%s and %s differ", known.Body, unknown.Body)
		}
	}
	if n := len(w.tokens("password-reset", "known@example.org")); n != 3 {
		t.Errorf("%d mails in a quarter of an hour", n)
	}
	if n := w.Number(`SELECT count(*) FROM mails WHERE recipient = 'unknown@example.org'`); n != 0 {
		t.Errorf("a stranger got %d mails", n)
	}
}

// TestAResetLinksToThisSiteOnly: who asks for a reset is not who gets the mail, and
// must not be able to have its token sent elsewhere.
func TestAResetLinksToThisSiteOnly(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{production: true})
	w.member("ada@example.org")
	for _, address := range []string{"https://evil.test/reset", "//evil.test", "http://evil.test"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/api/auth/request-password-reset",
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
	for _, page := range []string{"/new-password", w.URL + "/new-password"} {
		w.browser().
			post("/api/auth/request-password-reset", map[string]any{"email": "ada@example.org", "redirectTo": page}).
			Want(http.StatusOK, "")
	}
	if links := w.mailedLinks(
		"password-reset", "ada@example.org"); len(links) != 2 || !strings.HasPrefix(links[0], "/new-password?token=") ||
		!strings.HasPrefix(links[1], "/new-password?token=") {
		t.Errorf("links %v", links)
	}
}

func aWrongTokenResetsNothing(t *testing.T, w *harness) {
	b := w.member("wrong@example.org")
	verification := w.browser()
	verification.signUp("wrong2@example.org")
	for name, token := range map[string]string{
		"no token at all": "x", "one that was never mailed": strings.Repeat("A", 43),
		"one for another purpose": w.tokens("verify-email", "wrong2@example.org")[0],
	} {
		t.Run(name, func(t *testing.T) {
			w.in(t).browser().reset(token, another).Want(http.StatusBadRequest, "VALIDATION_ERROR")
		})
	}
	token := w.requestReset("wrong@example.org")[0]
	w.browser().get("/api/auth/verify-email?token="+token).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	if !b.signedIn() {
		t.Error("signed out by a wrong token")
	}
	w.browser().signIn("wrong@example.org", password).Want(http.StatusOK, "")
}

func TestAResetTokenWorksForAnHour(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	w.member("ada@example.org")
	tokens := w.requestReset("ada@example.org")
	w.Pass(time.Hour - time.Minute)
	tokens = append(tokens, w.requestReset("ada@example.org")[1])
	w.Pass(time.Minute + time.Second)
	b := w.browser()
	b.reset(tokens[0], another).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	b.reset(tokens[1], another).Want(http.StatusOK, "")
	b.signIn("ada@example.org", another).Want(http.StatusOK, "")
}

func ofConcurrentResetsWithOneTokenOneSucceeds(t *testing.T, w *harness) {
	w.member("race@example.org")
	token := w.requestReset("race@example.org")[0]
	statuses := make(chan int, 6)
	var wg sync.WaitGroup
	for range cap(statuses) {
		b := w.browser()
		wg.Go(func() { statuses <- b.reset(token, another).Status })
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

func aResetClearsTheFailuresOfTheAccount(t *testing.T, w *harness) {
	w.member("closed@example.org")
	b := w.browser()
	for range 5 {
		b.signIn("closed@example.org", "not the password").Want(http.StatusUnauthorized, "UNAUTHORIZED")
	}
	b.signIn("closed@example.org", password).Want(http.StatusTooManyRequests, "RATE_LIMITED")
	b.reset(w.requestReset("closed@example.org")[0], another).Want(http.StatusOK, "")
	b.signIn("closed@example.org", another).Want(http.StatusOK, "")
}

func (b *browser) change(current, next string, more ...any) handlertest.Answer {
	b.Helper()
	body := map[string]any{"currentPassword": current, "newPassword": next}
	if len(more) > 0 {
		body["revokeOtherSessions"] = more[0]
	}
	return b.post("/api/auth/change-password", body)
}

func aChangeOfThePasswordNotifiesTheOwner(t *testing.T, w *harness) {
	b := w.member("change@example.org")
	elsewhere := w.browser()
	elsewhere.signIn("change@example.org", password).Want(http.StatusOK, "")
	got := b.change(password, another).Want(http.StatusOK, "")
	if got.Text("user.email") != "change@example.org" || got.At("token") != nil || sessionCookie(got) != nil {
		t.Errorf("%s", got.Body)
	}
	if !b.signedIn() || !elsewhere.signedIn() {
		t.Error("a session has ended")
	}
	if n := w.Number(
		`SELECT count(*) FROM mails WHERE template = 'password-changed' AND recipient = 'change@example.org'`); n != 1 {
		t.Errorf("%d confirmations", n)
	}
	w.browser().signIn("change@example.org", password).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	w.browser().signIn("change@example.org", another).Want(http.StatusOK, "")
	w.browser().change(another, password).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	if story := w.history(got.Text("user.id")); !strings.HasSuffix(story, "user.password_changed v3") {
		t.Errorf("events: %s", story)
	}
}

func aChangeCanEndAllOtherSessions(t *testing.T, w *harness) {
	b := w.member("alone@example.org")
	elsewhere := w.browser()
	elsewhere.signIn("alone@example.org", password).Want(http.StatusOK, "")
	session := b.get("/api/auth/get-session").Text("session.id")
	stolen := sessionCookie(w.browser().signIn("alone@example.org", password))

	got := b.change(password, another, true).Want(http.StatusOK, "")
	if sessionCookie(got) == nil || sessionCookie(got).Value == stolen.Value {
		t.Error("the session kept its key")
	}
	if elsewhere.signedIn() || !b.signedIn() {
		t.Error("the other session lives, or this one does not")
	}
	if id := b.get("/api/auth/get-session").Text("session.id"); id != session {
		t.Error("this session is another one")
	}
	if n := w.Number(
		`SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = 'alone@example.org'`); n != 1 {
		t.Errorf("%d sessions are left", n)
	}
}

func wrongCurrentPasswordsAreCountedLikeSignIns(t *testing.T, w *harness) {
	b := w.member("guess@example.org")
	for range 5 {
		b.change("not the password", another).Want(http.StatusBadRequest, "INVALID_PASSWORD")
	}
	b.change(password, another).Want(http.StatusTooManyRequests, "RATE_LIMITED")
	w.browser().signIn("guess@example.org", password).Want(http.StatusTooManyRequests, "RATE_LIMITED")
	if !b.signedIn() {
		t.Error("signed out by wrong passwords")
	}
}

func aChangeInvalidatesMailedTokens(t *testing.T, w *harness) {
	b := w.member("useless@example.org")
	reset := w.requestReset("useless@example.org")[0]
	b.call(http.MethodPatch, "/api/user/profile", map[string]any{"email": "thief@example.org"}).Want(http.StatusOK, "")
	move := w.mailedLinks("change-email", "thief@example.org")[0]
	b.change(password, another).Want(http.StatusOK, "")
	w.browser().reset(reset, password).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	w.browser().get(move).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	if profile := b.get("/api/user/profile"); profile.Text("data.email") != "useless@example.org" ||
		profile.At("data.pendingEmail") != nil {
		t.Errorf("%s", profile.Body)
	}
}

func invalidPasswordRequestsNameTheirFields(t *testing.T, w *harness) {
	b := w.member("badfields@example.org")
	b.post("/api/auth/request-password-reset", map[string]any{}).WantFields("email")
	b.post("/api/auth/request-password-reset", map[string]any{
		"email":      "a@example.org",
		"redirectTo": "https://evil.test",
	}).
		WantFields("redirectTo")
	b.post("/api/auth/reset-password", map[string]any{}).WantFields("token", "newPassword")
	b.reset(w.requestReset("badfields@example.org")[0], "badfields@example.org").WantFields("newPassword")
	b.post("/api/auth/change-password", map[string]any{}).WantFields("currentPassword", "newPassword")
	b.change(password, "password123").WantFields("newPassword")
	b.change(password, "badfields@example.org").WantFields("newPassword")
}

// TestRequestsForMailDoTheSameWorkForEveryAddress watches the database: for an address that
// has an account, one that has none, and one that needs no such mail, the same statements
// are sent and the same rows written, before the commit.
func TestRequestsForMailDoTheSameWorkForEveryAddress(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	w.member("proven@example.org")
	w.browser().signUp("unproven@example.org")
	w.Exec(`CREATE TABLE work (transaction xid8, what text);
		CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO work VALUES (pg_current_xact_id(), TG_OP||' '||TG_TABLE_NAME); RETURN NULL; END $$;
		CREATE TRIGGER note AFTER INSERT ON mails FOR EACH ROW EXECUTE FUNCTION note();
		CREATE TRIGGER note AFTER INSERT ON verification FOR EACH ROW EXECUTE FUNCTION note();
		CREATE TRIGGER note AFTER INSERT ON rate_limits FOR EACH ROW EXECUTE FUNCTION note()`)
	for path, served := range map[string]map[string]bool{
		"/api/auth/request-password-reset": {
			"proven@example.org": true, "unproven@example.org": true,
			"nobody@example.org": false,
		},
		"/api/auth/send-verification-email": {
			"proven@example.org": false, "unproven@example.org": true,
			"nobody@example.org": false,
		},
	} {
		var first string
		for email, mailed := range served {
			mails, proofs := w.Number(`SELECT count(*) FROM mails`), w.Number(`SELECT count(*) FROM verification`)
			w.Exec(`TRUNCATE work`)
			w.statements.begin()
			woken := w.committed.Load()
			w.browser().post(path, map[string]any{"email": email}).Want(http.StatusOK, "")
			sent := w.statements.end()
			var written string
			if err := w.Pool.QueryRow(t.Context(), `
SELECT string_agg(what, ', ' ORDER BY what)||' in '||count(DISTINCT transaction) FROM work`).
				Scan(&written); err != nil {
				t.Fatal(err)
			}
			done := fmt.Sprintf("%s; %d woken; %s", written, w.committed.Load()-woken, strings.Join(sent, "\n"))
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
			if n, m := w.Number(
				`SELECT count(*) FROM mails`,
			)-mails, w.Number(
				`SELECT count(*) FROM verification`,
			)-proofs; n != want ||
				m != want {
				t.Errorf("%s for %s: %d mails and %d proofs, want %d", path, email, n, m, want)
			}
		}
	}
	if n := w.Number(
		`SELECT count(*) FROM mails WHERE recipient NOT IN ('proven@example.org', 'unproven@example.org') OR user_id IS NULL`,
	); n != 0 {
		t.Errorf("%d mails without an account", n)
	}
}
