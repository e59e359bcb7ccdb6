package accounts_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestCreators(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	t.Run("a customer becomes a creator once", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.member("ada@example.org")
		got := b.post("/api/user/upgrade-to-creator", map[string]any{
			"username":    "ada",
			"bio":         "Films about trains",
			"socialLinks": map[string]any{"website": "https://ada.test", "twitter": ""},
		}).Want(http.StatusOK, "")
		if got.Text("data.role") != "creator" || got.Text("data.username") != "ada" ||
			got.Text("data.bio") != "Films about trains" ||
			got.Text("data.socialLinks.website") != "https://ada.test" ||
			got.At("data.socialLinks.twitter") != nil {
			t.Errorf("%s", got.Body)
		}
		if profile := b.get("/api/user/profile").Want(http.StatusOK, ""); profile.Body != got.Body {
			t.Errorf("profile %s, answer %s", profile.Body, got.Body)
		}
		if story := w.history(got.Text("data.id")); story !=
			"user.registered v1, user.email_verified v2, user.became_creator v3" {
			t.Errorf("events: %s", story)
		}
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "ada-2"}).
			Want(http.StatusUnprocessableEntity, "ALREADY_CREATOR")
	})
	t.Run("a username belongs to one", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.member("first@example.org").
			post("/api/user/upgrade-to-creator", map[string]any{"username": "taken"}).
			Want(http.StatusOK, "")
		b := w.member("second@example.org")
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "taken"}).
			Want(http.StatusConflict, "USERNAME_TAKEN")
		if role := b.get("/api/user/profile").Text("data.role"); role != "customer" {
			t.Errorf("became %s all the same", role)
		}
	})
	t.Run("bad input names its fields", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.member("bad@example.org")
		b.post("/api/user/upgrade-to-creator", map[string]any{}).WantFields("username")
		b.post("/api/user/upgrade-to-creator", map[string]any{
			"username": "Bad Name", "bio": strings.Repeat("x", 501), "socialLinks": map[string]any{"youtube": "nope"},
		}).WantFields("username", "bio", "socialLinks.youtube")
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "fine", "role": "admin"}).WantFields("role")
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "fine",
			"socialLinks": map[string]any{"myspace": "https://x.test"}}).
			WantFields("socialLinks.myspace")
		if role := b.get("/api/user/profile").Text("data.role"); role != "customer" {
			t.Errorf("became %s", role)
		}
	})
	t.Run("nobody has no profile", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		b := w.browser()
		b.get("/api/user/profile").Want(http.StatusUnauthorized, "UNAUTHORIZED")
		b.post("/api/user/upgrade-to-creator", map[string]any{"username": "x"}).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	})
}
