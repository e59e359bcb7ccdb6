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

func (b *browser) sessions(t *testing.T) []listedSession {
	t.Helper()
	var list []listedSession
	if err := json.Unmarshal(b.get(t, "/api/auth/list-sessions").want(t, http.StatusOK).body, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestSessions shares one installation: every sub-test has an account of its own.
func TestSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	t.Run("are listed for their owner only", func(t *testing.T) {
		t.Parallel()
		here := w.member(t, "list@example.org")
		there := w.browser(t)
		there.signIn(t, "list@example.org", password).want(t, http.StatusOK)
		w.member(t, "stranger@example.org")
		list := here.sessions(t)
		if len(list) != 2 || list[0].Current == list[1].Current {
			t.Fatalf("%+v", list)
		}
		for _, s := range list {
			if s.ID == "" || s.Token != s.ID || s.UserID != list[0].UserID || s.UserAgent == "" {
				t.Errorf("%+v", s)
			}
			if probe := w.browser(t).call(t, http.MethodGet, "/api/auth/get-session", nil, "Cookie", "codex-session="+s.Token); string(probe.body) != "null" {
				t.Error("what the list calls token opens the session")
			}
		}
		w.browser(t).get(t, "/api/auth/list-sessions").wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	})
	t.Run("end at once, by id, by token and by cookie", func(t *testing.T) {
		t.Parallel()
		here := w.member(t, "one@example.org")
		for _, name := range []string{"id", "token", "cookie"} {
			there := w.browser(t)
			cookie := there.signIn(t, "one@example.org", password).want(t, http.StatusOK).cookie()
			id := there.get(t, "/api/auth/get-session").text("session.id")
			body := map[string]any{
				"id": map[string]any{"id": id}, "token": map[string]any{"token": id}, "cookie": map[string]any{"token": cookie.Value},
			}[name]
			for range 2 {
				if got := here.post(t, "/api/auth/revoke-session", body).want(t, http.StatusOK); got.at("status") != true {
					t.Errorf("%s", got.body)
				}
			}
			if there.signedIn(t) || !here.signedIn(t) {
				t.Errorf("by %s: the session lives, or the other one does not", name)
			}
			there.get(t, "/api/user/profile").wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
			if story := w.story(t, id); story != "session.started v1, session.revoked v2" {
				t.Errorf("events: %s", story)
			}
		}
	})
	t.Run("of others cannot be ended, nor told from none", func(t *testing.T) {
		t.Parallel()
		victim, thief := w.member(t, "victim@example.org"), w.member(t, "thief2@example.org")
		id := victim.get(t, "/api/auth/get-session").text("session.id")
		theirs := thief.post(t, "/api/auth/revoke-session", map[string]any{"id": id}).want(t, http.StatusOK)
		nobodys := thief.post(t, "/api/auth/revoke-session", map[string]any{"id": "nothing"}).want(t, http.StatusOK)
		if string(theirs.body) != string(nobodys.body) || !victim.signedIn(t) {
			t.Errorf("%s, %s", theirs.body, nobodys.body)
		}
	})
	t.Run("end all but one, or all", func(t *testing.T) {
		t.Parallel()
		here := w.member(t, "all@example.org")
		var others []*browser
		for range 3 {
			other := w.browser(t)
			other.signIn(t, "all@example.org", password).want(t, http.StatusOK)
			others = append(others, other)
		}
		bystander := w.member(t, "bystander@example.org")
		here.post(t, "/api/auth/revoke-other-sessions", nil).want(t, http.StatusOK)
		for _, other := range others {
			if other.signedIn(t) {
				t.Error("another session lives")
			}
		}
		if !here.signedIn(t) || len(here.sessions(t)) != 1 {
			t.Error("this session ended, or is not alone")
		}
		got := here.post(t, "/api/auth/revoke-sessions", map[string]any{}).want(t, http.StatusOK)
		if cleared := got.cookie(); cleared == nil || cleared.MaxAge != -1 {
			t.Errorf("cookie %+v", cleared)
		}
		if here.signedIn(t) || !bystander.signedIn(t) {
			t.Error("this session lives, or a stranger's ended")
		}
		here.post(t, "/api/auth/revoke-sessions", nil).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	})
	t.Run("are named by one name", func(t *testing.T) {
		t.Parallel()
		b := w.member(t, "names2@example.org")
		b.post(t, "/api/auth/revoke-session", map[string]any{}).wantFields(t, "token")
		b.post(t, "/api/auth/revoke-session", map[string]any{"id": "a", "token": "b"}).wantFields(t, "token")
		b.post(t, "/api/auth/revoke-other-sessions", map[string]any{"except": "x"}).wantFields(t, "except")
	})
}
