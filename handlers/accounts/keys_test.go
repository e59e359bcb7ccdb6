package accounts_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestARepeatedKeyGetsTheSameResponse shares one installation: every sub-test has
// keys and accounts of its own.
func TestARepeatedKeyGetsTheSameResponse(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	t.Run("a sign-up", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		body := map[string]any{"name": "Ada", "email": "key@example.org", "password": password}
		first := w.browser().keyed(http.MethodPost, "/api/auth/sign-up/email", "sign-up-1", body).Want(http.StatusOK, "")
		again := w.browser().keyed(http.MethodPost, "/api/auth/sign-up/email", "sign-up-1", body).Want(http.StatusOK, "")
		if first.Body != again.Body {
			t.Errorf("%s and then %s", first.Body, again.Body)
		}
		if n := len(w.links("key@example.org")); n != 1 {
			t.Errorf("%d mails", n)
		}
		for _, other := range []map[string]any{
			{"name": "Ada", "email": "key@example.org", "password": another},
			{"name": "Ada", "email": "key2@example.org", "password": password},
			{"name": "Eve", "email": "key@example.org", "password": password},
		} {
			w.browser().
				keyed(http.MethodPost, "/api/auth/sign-up/email", "sign-up-1", other).
				Want(http.StatusUnprocessableEntity, "IDEMPOTENCY_KEY_REUSED")
		}
		w.browser().
			keyed(http.MethodPost, "/api/auth/reset-password", "sign-up-1",
				map[string]any{"token": strings.Repeat("A", 43), "newPassword": password}).
			Want(http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
		if n := w.Number(
			`SELECT count(*) FROM commands WHERE type = 'account.sign_up'
				AND (payload_hash NOT LIKE '$argon2id$%' OR response_body::text LIKE '%'||$1||'%')`,
			password,
		); n != 0 {
			t.Error("the record of a password is not a slow hash")
		}
	})
	t.Run("a refused sign-up", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.member("taken@example.org")
		body := map[string]any{"name": "Ada", "email": "taken@example.org", "password": password}
		first := w.browser().
			keyed(http.MethodPost, "/api/auth/sign-up/email", "refused-1", body).
			Want(http.StatusUnprocessableEntity, "EMAIL_IN_USE")
		w.Exec(`DELETE FROM users WHERE email = 'taken@example.org'`)
		again := w.browser().
			keyed(http.MethodPost, "/api/auth/sign-up/email", "refused-1", body).
			Want(http.StatusUnprocessableEntity, "EMAIL_IN_USE")
		if first.Body != again.Body {
			t.Errorf("%s and then %s", first.Body, again.Body)
		}
	})
	t.Run("sign-ups at the same moment", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		bodies := make(chan string, 6)
		var wg sync.WaitGroup
		for range cap(bodies) {
			b := w.browser()
			wg.Go(func() {
				got := b.keyed(
					http.MethodPost,
					"/api/auth/sign-up/email",
					"moment-1",
					map[string]any{"name": "Ada", "email": "moment@example.org", "password": password},
				)
				if got.Status != http.StatusOK {
					t.Errorf("%d %s", got.Status, got.Body)
				}
				bodies <- got.Body
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
		w := w.in(t)
		w.member("keyreset@example.org")
		body := map[string]any{"token": w.requestReset("keyreset@example.org")[0], "newPassword": another}
		for range 2 {
			w.browser().keyed(http.MethodPost, "/api/auth/reset-password", "reset-1", body).Want(http.StatusOK, "")
		}
	})
	t.Run("a change of password", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.member("keychange@example.org")
		body := map[string]any{"currentPassword": password, "newPassword": another, "revokeOtherSessions": true}
		first := b.keyed(http.MethodPost, "/api/auth/change-password", "change-1", body).Want(http.StatusOK, "")
		again := b.keyed(http.MethodPost, "/api/auth/change-password", "change-1", body).Want(http.StatusOK, "")
		if first.Body != again.Body ||
			w.Number(
				`SELECT count(*) FROM mails WHERE template = 'password-changed' AND recipient = 'keychange@example.org'`) != 1 {
			t.Errorf("%s and then %s", first.Body, again.Body)
		}
	})
	t.Run("a profile, per user", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		ada, bob := w.member("keyada@example.org"), w.member("keybob@example.org")
		first := ada.keyed(http.MethodPatch, "/api/user/profile", "profile-1", map[string]any{"bio": "one"}).
			Want(http.StatusOK, "")
		ada.patch(map[string]any{"bio": "two"}).Want(http.StatusOK, "")
		again := ada.keyed(http.MethodPatch, "/api/user/profile", "profile-1", map[string]any{"bio": "one"}).
			Want(http.StatusOK, "")
		// The record has no profile: the response shows the one of now.
		if again.Body != ada.get("/api/user/profile").Body || again.Text("data.bio") != "two" {
			t.Errorf("%s and then %s", first.Body, again.Body)
		}
		ada.keyed(http.MethodPatch, "/api/user/profile", "profile-1", map[string]any{"bio": "three"}).
			Want(http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
		ada.keyed(http.MethodPost, "/api/auth/update-user", "profile-1", map[string]any{}).
			Want(http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
		if got := bob.keyed(http.MethodPatch, "/api/user/profile", "profile-1", map[string]any{"bio": "bob"}).
			Want(http.StatusOK, ""); got.Text("data.bio") != "bob" {
			t.Errorf("%s", got.Body)
		}
		ada.keyed(http.MethodPatch, "/api/user/profile", "a key", map[string]any{"bio": "x"}).WantFields("Idempotency-Key")
	})
	t.Run("a creator", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.member("keycreator@example.org")
		for range 2 {
			got := b.keyed(http.MethodPost, "/api/user/upgrade-to-creator", "creator-1",
				map[string]any{"username": "key-creator"}).
				Want(http.StatusOK, "")
			if got.Text("data.role") != "creator" {
				t.Errorf("%s", got.Body)
			}
		}
	})
}
