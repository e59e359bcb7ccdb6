package accounts_test

import (
	"encoding/json"
	"net/http"
	"testing"
)

type listedSession struct {
	ID, Token, UserID, UserAgent string
	Current                      bool
}

func (b *browser) sessions() []listedSession {
	b.Helper()
	var list []listedSession
	if err := json.Unmarshal([]byte(b.get("/api/auth/list-sessions").Want(http.StatusOK, "").Body), &list); err != nil {
		b.Fatal(err)
	}
	return list
}

// TestSessions shares one installation: every sub-test has an account of its own.
func TestSessions(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	t.Run("are listed for their owner only", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		here := w.member("list@example.org")
		there := w.browser()
		there.signIn("list@example.org", password).Want(http.StatusOK, "")
		w.member("stranger@example.org")
		list := here.sessions()
		if len(list) != 2 || list[0].Current == list[1].Current {
			t.Fatalf("%+v", list)
		}
		for _, s := range list {
			if s.ID == "" || s.Token != s.ID || s.UserID != list[0].UserID || s.UserAgent == "" {
				t.Errorf("%+v", s)
			}
			if probe := w.browser().
				call(http.MethodGet, "/api/auth/get-session", nil, "Cookie", "codex-session="+s.Token); probe.Body != "null" {
				t.Error("what the list calls token opens the session")
			}
		}
		w.browser().get("/api/auth/list-sessions").Want(http.StatusUnauthorized, "UNAUTHORIZED")
	})
	t.Run("end at once, by id, by token and by cookie", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		here := w.member("one@example.org")
		for _, name := range []string{"id", "token", "cookie"} {
			there := w.browser()
			cookie := sessionCookie(there.signIn("one@example.org", password).Want(http.StatusOK, ""))
			id := there.get("/api/auth/get-session").Text("session.id")
			body := map[string]any{
				"id": map[string]any{"id": id}, "token": map[string]any{"token": id},
				"cookie": map[string]any{"token": cookie.Value},
			}[name]
			for range 2 {
				if got := here.post("/api/auth/revoke-session", body).Want(http.StatusOK, ""); got.At("status") != true {
					t.Errorf("%s", got.Body)
				}
			}
			if there.signedIn() || !here.signedIn() {
				t.Errorf("by %s: the session lives, or the other one does not", name)
			}
			there.get("/api/user/profile").Want(http.StatusUnauthorized, "UNAUTHORIZED")
			if story := w.history(id); story != "session.started v1, session.revoked v2" {
				t.Errorf("events: %s", story)
			}
		}
	})
	t.Run("of others cannot be ended, nor told from none", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		victim, thief := w.member("victim@example.org"), w.member("thief2@example.org")
		id := victim.get("/api/auth/get-session").Text("session.id")
		theirs := thief.post("/api/auth/revoke-session", map[string]any{"id": id}).Want(http.StatusOK, "")
		missing := thief.post("/api/auth/revoke-session", map[string]any{"id": "nothing"}).Want(http.StatusOK, "")
		if theirs.Body != missing.Body || !victim.signedIn() {
			t.Errorf("%s, %s", theirs.Body, missing.Body)
		}
	})
	t.Run("end all but one, or all", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		here := w.member("all@example.org")
		var others []*browser
		for range 3 {
			other := w.browser()
			other.signIn("all@example.org", password).Want(http.StatusOK, "")
			others = append(others, other)
		}
		bystander := w.member("bystander@example.org")
		here.post("/api/auth/revoke-other-sessions", nil).Want(http.StatusOK, "")
		for _, other := range others {
			if other.signedIn() {
				t.Error("another session lives")
			}
		}
		if !here.signedIn() || len(here.sessions()) != 1 {
			t.Error("this session ended, or is not alone")
		}
		got := here.post("/api/auth/revoke-sessions", map[string]any{}).Want(http.StatusOK, "")
		if cleared := sessionCookie(got); cleared == nil || cleared.MaxAge != -1 {
			t.Errorf("cookie %+v", cleared)
		}
		if here.signedIn() || !bystander.signedIn() {
			t.Error("this session lives, or a stranger's ended")
		}
		here.post("/api/auth/revoke-sessions", nil).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	})
	t.Run("are named by one name", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.member("names2@example.org")
		b.post("/api/auth/revoke-session", map[string]any{}).WantFields("token")
		b.post("/api/auth/revoke-session", map[string]any{"id": "a", "token": "b"}).WantFields("token")
		b.post("/api/auth/revoke-other-sessions", map[string]any{"except": "x"}).WantFields("except")
	})
}
