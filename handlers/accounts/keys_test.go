package accounts_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

func (b *browser) keyed(t *testing.T, method, path, key string, body any) answer {
	t.Helper()
	return b.call(t, method, path, body, "Idempotency-Key", key)
}

// TestAKeyMakesARepetitionTheSameRequest shares one installation: every sub-test has
// keys and accounts of its own.
func TestAKeyMakesARepetitionTheSameRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	t.Run("a sign-up", func(t *testing.T) {
		t.Parallel()
		body := map[string]any{"name": "Ada", "email": "key@example.org", "password": password}
		first := w.browser(t).keyed(t, http.MethodPost, "/api/auth/sign-up/email", "sign-up-1", body).want(t, http.StatusOK)
		again := w.browser(t).keyed(t, http.MethodPost, "/api/auth/sign-up/email", "sign-up-1", body).want(t, http.StatusOK)
		if string(first.body) != string(again.body) {
			t.Errorf("%s and then %s", first.body, again.body)
		}
		if n := len(w.links(t, "key@example.org")); n != 1 {
			t.Errorf("%d mails", n)
		}
		for name, other := range map[string]map[string]any{
			"another password": {"name": "Ada", "email": "key@example.org", "password": another},
			"another address":  {"name": "Ada", "email": "key2@example.org", "password": password},
			"another name":     {"name": "Eve", "email": "key@example.org", "password": password},
		} {
			got := w.browser(t).keyed(t, http.MethodPost, "/api/auth/sign-up/email", "sign-up-1", other).wantError(t, http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
			if got.text("error.details.context.code") != "IDEMPOTENCY_KEY_REUSED" {
				t.Errorf("%s: %s", name, got.body)
			}
		}
		w.browser(t).keyed(t, http.MethodPost, "/api/auth/reset-password", "sign-up-1", map[string]any{"token": strings.Repeat("A", 43), "newPassword": password}).
			wantError(t, http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
		if n := w.count(t, `SELECT count(*) FROM commands WHERE type = 'account.sign_up' AND (payload_hash NOT LIKE '$argon2id$%' OR response_body::text LIKE '%'||$1||'%')`, password); n != 0 {
			t.Error("the record of a password is not a slow hash")
		}
	})
	t.Run("a refused sign-up", func(t *testing.T) {
		t.Parallel()
		w.member(t, "taken@example.org")
		body := map[string]any{"name": "Ada", "email": "taken@example.org", "password": password}
		first := w.browser(t).keyed(t, http.MethodPost, "/api/auth/sign-up/email", "refused-1", body).want(t, http.StatusUnprocessableEntity)
		w.exec(t, `DELETE FROM users WHERE email = 'taken@example.org'`)
		again := w.browser(t).keyed(t, http.MethodPost, "/api/auth/sign-up/email", "refused-1", body).want(t, http.StatusUnprocessableEntity)
		if string(first.body) != string(again.body) {
			t.Errorf("%s and then %s", first.body, again.body)
		}
	})
	t.Run("sign-ups at the same moment", func(t *testing.T) {
		t.Parallel()
		bodies := make(chan string, 6)
		var wg sync.WaitGroup
		for range cap(bodies) {
			b := w.browser(t)
			wg.Go(func() {
				got := b.keyed(t, http.MethodPost, "/api/auth/sign-up/email", "moment-1", map[string]any{"name": "Ada", "email": "moment@example.org", "password": password})
				if got.status != http.StatusOK {
					t.Errorf("%d %s", got.status, got.body)
				}
				bodies <- string(got.body)
			})
		}
		wg.Wait()
		close(bodies)
		first := <-bodies
		for body := range bodies {
			if body != first {
				t.Errorf("%s and %s", first, body)
			}
		}
	})
	t.Run("a reset", func(t *testing.T) {
		t.Parallel()
		w.member(t, "keyreset@example.org")
		body := map[string]any{"token": w.requestReset(t, "keyreset@example.org")[0], "newPassword": another}
		for range 2 {
			w.browser(t).keyed(t, http.MethodPost, "/api/auth/reset-password", "reset-1", body).want(t, http.StatusOK)
		}
	})
	t.Run("a change of password", func(t *testing.T) {
		t.Parallel()
		b := w.member(t, "keychange@example.org")
		body := map[string]any{"currentPassword": password, "newPassword": another, "revokeOtherSessions": true}
		first := b.keyed(t, http.MethodPost, "/api/auth/change-password", "change-1", body).want(t, http.StatusOK)
		again := b.keyed(t, http.MethodPost, "/api/auth/change-password", "change-1", body).want(t, http.StatusOK)
		if string(first.body) != string(again.body) || w.count(t, `SELECT count(*) FROM mails WHERE template = 'password-changed' AND recipient = 'keychange@example.org'`) != 1 {
			t.Errorf("%s and then %s", first.body, again.body)
		}
	})
	t.Run("a profile, per user", func(t *testing.T) {
		t.Parallel()
		ada, bob := w.member(t, "keyada@example.org"), w.member(t, "keybob@example.org")
		first := ada.keyed(t, http.MethodPatch, "/api/user/profile", "profile-1", map[string]any{"bio": "one"}).want(t, http.StatusOK)
		ada.patch(t, map[string]any{"bio": "two"}).want(t, http.StatusOK)
		again := ada.keyed(t, http.MethodPatch, "/api/user/profile", "profile-1", map[string]any{"bio": "one"}).want(t, http.StatusOK)
		if string(first.body) != string(again.body) || ada.get(t, "/api/user/profile").text("data.bio") != "two" {
			t.Errorf("%s and then %s", first.body, again.body)
		}
		ada.keyed(t, http.MethodPatch, "/api/user/profile", "profile-1", map[string]any{"bio": "three"}).wantError(t, http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
		ada.keyed(t, http.MethodPost, "/api/auth/update-user", "profile-1", map[string]any{}).wantError(t, http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
		if got := bob.keyed(t, http.MethodPatch, "/api/user/profile", "profile-1", map[string]any{"bio": "bob"}).want(t, http.StatusOK); got.text("data.bio") != "bob" {
			t.Errorf("%s", got.body)
		}
		ada.keyed(t, http.MethodPatch, "/api/user/profile", "a key", map[string]any{"bio": "x"}).wantFields(t, "Idempotency-Key")
	})
	t.Run("a creator", func(t *testing.T) {
		t.Parallel()
		b := w.member(t, "keycreator@example.org")
		for range 2 {
			got := b.keyed(t, http.MethodPost, "/api/user/upgrade-to-creator", "creator-1", map[string]any{"username": "key-creator"}).want(t, http.StatusOK)
			if got.text("data.role") != "creator" {
				t.Errorf("%s", got.body)
			}
		}
	})
}
