package accounts_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestCreators(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{bus: true})
	t.Run("a customer becomes a creator once", func(t *testing.T) {
		t.Parallel()
		b := w.member(t, "ada@example.org")
		got := b.post(t, "/api/user/upgrade-to-creator", map[string]any{
			"username": "ada", "bio": "Films about trains", "socialLinks": map[string]any{"website": "https://ada.test", "twitter": ""},
		}).want(t, http.StatusOK)
		if got.text("data.role") != "creator" || got.text("data.username") != "ada" || got.text("data.bio") != "Films about trains" ||
			got.text("data.socialLinks.website") != "https://ada.test" || got.at("data.socialLinks.twitter") != nil {
			t.Errorf("%s", got.body)
		}
		if profile := b.get(t, "/api/user/profile").want(t, http.StatusOK); string(profile.body) != string(got.body) {
			t.Errorf("profile %s, answer %s", profile.body, got.body)
		}
		if story := w.story(t, got.text("data.id")); story != "user.registered v1, user.email_verified v2, user.became_creator v3" {
			t.Errorf("events: %s", story)
		}
		again := b.post(t, "/api/user/upgrade-to-creator", map[string]any{"username": "ada-2"}).wantError(t, http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
		if again.text("error.details.context.code") != "ALREADY_CREATOR" {
			t.Errorf("%s", again.body)
		}
		b.post(t, "/api/organizations", map[string]any{"name": "Ada's", "slug": "adas"}).want(t, http.StatusCreated)
	})
	t.Run("a username belongs to one", func(t *testing.T) {
		t.Parallel()
		w.member(t, "first@example.org").post(t, "/api/user/upgrade-to-creator", map[string]any{"username": "taken"}).want(t, http.StatusOK)
		b := w.member(t, "second@example.org")
		got := b.post(t, "/api/user/upgrade-to-creator", map[string]any{"username": "taken"}).wantError(t, http.StatusConflict, "CONFLICT")
		if got.text("error.details.context.code") != "USERNAME_TAKEN" {
			t.Errorf("%s", got.body)
		}
		if role := b.get(t, "/api/user/profile").text("data.role"); role != "customer" {
			t.Errorf("became %s all the same", role)
		}
	})
	t.Run("bad input names its fields", func(t *testing.T) {
		t.Parallel()
		b := w.member(t, "bad@example.org")
		b.post(t, "/api/user/upgrade-to-creator", map[string]any{}).wantFields(t, "username")
		b.post(t, "/api/user/upgrade-to-creator", map[string]any{
			"username": "Bad Name", "bio": strings.Repeat("x", 501), "socialLinks": map[string]any{"youtube": "nope"},
		}).wantFields(t, "username", "bio", "socialLinks.youtube")
		b.post(t, "/api/user/upgrade-to-creator", map[string]any{"username": "fine", "role": "admin"}).wantFields(t, "role")
		b.post(t, "/api/user/upgrade-to-creator", map[string]any{"username": "fine", "socialLinks": map[string]any{"myspace": "https://x.test"}}).
			wantFields(t, "socialLinks.myspace")
		if role := b.get(t, "/api/user/profile").text("data.role"); role != "customer" {
			t.Errorf("became %s", role)
		}
	})
	t.Run("nobody has no profile", func(t *testing.T) {
		t.Parallel()
		b := w.browser(t)
		b.get(t, "/api/user/profile").wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
		b.post(t, "/api/user/upgrade-to-creator", map[string]any{"username": "x"}).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
	})
}
