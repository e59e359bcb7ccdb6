package images_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// wantSwept runs the sweep, which must remove so many pictures.
func (h *harness) wantSwept(want int) {
	h.Helper()
	if n := handlertest.Run(h, h.module, "images.sweep"); n != want {
		h.Fatalf("%d pictures were removed, want %d", n, want)
	}
}

// avatars lists the objects of a user's avatars.
func (h *harness) avatars(u user) []string {
	h.Helper()
	return strings.Fields(strings.Trim(h.Keys(h.Assets, "avatars/"+u.id+"/"), "[]"))
}

func TestAReplacedPictureIsRemovedWhenNothingRefersToIt(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.signIn("customer")
	upload := func(shade uint8) string {
		return data[shown](u.avatar(shade).Want(http.StatusOK, "")).AvatarURL
	}
	first := upload(1)
	second := upload(2)
	if first == second {
		t.Fatal("two pictures have one address")
	}
	h.wantSwept(0)
	h.get(first).Want(http.StatusOK, "")
	h.Pass(media.ImageRetired)
	h.wantSwept(1)
	h.get(first).Want(http.StatusNotFound, "NOT_FOUND")
	h.get(second).Want(http.StatusOK, "")
	// A reference that no command removed.
	h.Exec(`UPDATE users SET avatar_url = NULL WHERE id = $1`, u.id)
	h.Pass(25 * time.Hour)
	h.wantSwept(1)
	if left := h.avatars(u); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	if n := h.Number(`SELECT count(*) FROM images`); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

func TestAPictureInUseIsNeverRemoved(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	c := h.signIn("creator")
	id := c.article("")
	picture := part{"thumbnail", "image/png", painting(t, 50, 50, 3)}
	address := data[shown](c.upload("/api/content/"+id+"/thumbnail", picture).Want(http.StatusOK, "")).ThumbnailURL
	c.ask(http.MethodDelete, "/api/content/"+id, nil).Want(http.StatusNoContent, "") // its buyers still see the picture
	for range 5 {
		h.Pass(25 * time.Hour)
		h.wantSwept(0)
	}
	h.get(address).Want(http.StatusOK, "")
}

// An upload that is interrupted between its record and its command leaves objects with a
// record that nothing refers to.
func TestThePictureOfAnAbandonedUploadIsRemoved(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{noCommands: true, wait: 50 * time.Millisecond})
	u := h.signIn("customer")
	u.avatar(1).Want(http.StatusAccepted, "")
	if stored := h.avatars(u); len(stored) != 3 {
		t.Fatalf("objects %v", stored)
	}
	h.wantSwept(0)
	h.Pass(media.ImageAbandoned)
	h.wantSwept(1)
	if left := h.avatars(u); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

func TestACommandAfterTheSweepIsRejected(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.signIn("customer")
	key := []string{"Idempotency-Key", "one"}
	address := data[shown](u.avatar(1, key...).Want(http.StatusOK, "")).AvatarURL
	// As if the command had not been applied yet, and the sweep had claimed the picture.
	h.Exec(`UPDATE users SET avatar_url = NULL`)
	h.Exec(`DELETE FROM commands`)
	h.Exec(`UPDATE images SET status = 'sweeping'`)
	u.avatar(1, key...).Want(http.StatusConflict, "IMAGE_GONE")
	h.Exec(`UPDATE images SET due_at = $1`, h.Now())
	h.wantSwept(1) // of a sweep that crashed, another takes over
	again := data[shown](u.avatar(1, "Idempotency-Key", "two").Want(http.StatusOK, "")).AvatarURL
	if again == address {
		t.Error("an address was used twice")
	}
}

func TestAnIdempotencyKeyStandsForOnePicture(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.signIn("customer")
	send := func(shade uint8) answer {
		return u.avatar(shade, "Idempotency-Key", "k")
	}
	first := send(1).Want(http.StatusOK, "")
	if again := send(1).Want(http.StatusOK, ""); again.Body != first.Body {
		t.Errorf("%s, then %s", first.Body, again.Body)
	}
	send(2).Want(http.StatusUnprocessableEntity, "IDEMPOTENCY_KEY_REUSED")
	if n := h.Number(`SELECT count(*) FROM images`); n != 1 {
		t.Errorf("%d pictures were recorded", n)
	}
	if n := h.Number(`SELECT count(*) FROM outbox WHERE type = 'user.profile_updated'`); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestThePictureOfADeletedUserIsRemovedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.signIn("customer")
	u.avatar(1).Want(http.StatusOK, "")
	h.Exec(`UPDATE users SET avatar_url = NULL, deleted_at = now() WHERE id = $1`, u.id)
	h.Tell(h.Event(u.id, u.id, 2, events.UserDeleted{UserID: u.id}))
	h.Eventually(1, `SELECT count(*)::int FROM images WHERE due_at <= $1`, h.Now())
	h.wantSwept(1)
	if left := h.avatars(u); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}
