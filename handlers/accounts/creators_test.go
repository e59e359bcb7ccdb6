package accounts_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestCreators(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	t.Run("a customer becomes a creator once", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.member("ada@example.org")
		got := b.post("/api/user/upgrade-to-creator", map[string]any{
			"username": "ada", "bio": "Films about trains", "socialLinks": map[string]any{"website": "https://ada.test", "twitter": ""},
		}).want(http.StatusOK)
		if got.Text("data.role") != "creator" || got.Text("data.username") != "ada" || got.Text("data.bio") != "Films about trains" ||
			got.Text("data.socialLinks.website") != "https://ada.test" || got.At("data.socialLinks.twitter") != nil {
			t.Errorf("%s", got.Body)
		}
		if profile := b.get("/api/user/profile").want(http.StatusOK); profile.Body != got.Body {
			t.Errorf("profile %s, answer %s", profile.Body, got.Body)
		}
		if story := w.story(got.Text("data.id")); story != "user.registered v1, user.email_verified v2, user.became_creator v3" {
			t.Errorf("events: %s", story)
		}
		again := b.post("/api/user/upgrade-to-creator", map[string]any{"username": "ada-2"}).wantError(http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
		if again.Text("error.details.context.code") != "ALREADY_CREATOR" {
			t.Errorf("%s", again.Body)
		}
		b.post("/api/organizations", map[string]any{"name": "Ada's", "slug": "adas"}).want(http.StatusCreated)
	})
	t.Run("a username belongs to one", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.member("first@example.org").post("/api/user/upgrade-to-creator", map[string]any{"username": "taken"}).want(http.StatusOK)
		b := w.member("second@example.org")
		got := b.post("/api/user/upgrade-to-creator", map[string]any{"username": "taken"}).wantError(http.StatusConflict, "CONFLICT")
		if got.Text("error.details.context.code") != "USERNAME_TAKEN" {
			t.Errorf("%s", got.Body)
		}
		if role := b.get("/api/user/profile").Text("data.role"); role != "customer" {
			t.Errorf("became %s all the same", role)
		}
	})
	t.Run("bad input names its fields", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.member("bad@example.org")
		b.post("/api/user/upgrade-to-creator", map[string]any{}).wantFields("username")
		b.post("/api/user/upgrade-to-creator", map[string]any{
			"username": "Bad Name", "bio": strings.Repeat("x", 501), "socialLinks": map[string]any{"youtube": "nope"},
		}).wantFields("username", "bio", "socialLinks.youtube")
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "fine", "role": "admin"}).wantFields("role")
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "fine", "socialLinks": map[string]any{"myspace": "https://x.test"}}).
			wantFields("socialLinks.myspace")
		if role := b.get("/api/user/profile").Text("data.role"); role != "customer" {
			t.Errorf("became %s", role)
		}
	})
	t.Run("nobody has no profile", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.browser()
		b.get("/api/user/profile").wantError(http.StatusUnauthorized, "UNAUTHORIZED")
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "x"}).wantError(http.StatusUnauthorized, "UNAUTHORIZED")
	})
}
