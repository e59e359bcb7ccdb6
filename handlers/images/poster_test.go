package images_test

import (
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// film inserts a video of six seconds, black for four and then white, that can be shown.
func (u user) film() (id string) {
	u.Helper()
	id = uuid.NewString()
	folder := u.id + "/hls/" + id
	u.Exec(`INSERT INTO media_items (id, creator_id, title, media_type, mime_type, file_size_bytes, status, r2_key,
			hls_master_playlist_key, duration_seconds, ready_variants)
		VALUES ($1, $2, 'A film', 'video', 'video/mp4', 2048, 'ready', 'o', $3 || '/master.m3u8', 6, '["720p"]')`,
		id, u.id, folder)
	u.PutRendition(folder + "/720p")
	return id
}

// shade returns the brightness of the picture at a URL, 0 to 255.
func (u user) shade(address string) int {
	u.Helper()
	parsed := handlertest.Must(url.Parse(address))(u)
	got := u.get(parsed.Path).Want(http.StatusOK, "")
	cmd := exec.CommandContext(u.Context(), "ffmpeg", "-v", "error", "-f", "webp_pipe", "-i", "pipe:0",
		"-vf", "scale=1:1,format=gray", "-frames:v", "1", "-f", "rawvideo", "pipe:1")
	cmd.Stdin = strings.NewReader(got.Body)
	grey, err := cmd.Output()
	if err != nil || len(grey) != 1 {
		u.Fatalf("decode %s: %v", address, err)
	}
	return int(grey[0])
}

func TestAPosterIsTheChosenPicture(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.signIn("creator")
	id := u.film()
	path := "/api/media/" + id + "/poster"
	choose := func(seconds float64) answer {
		return u.ask(http.MethodPut, path, map[string]any{"timeSeconds": seconds})
	}
	seen := map[string]bool{}
	for _, c := range []struct {
		seconds float64
		white   bool
	}{{0, false}, {3.8, false}, {4, true}, {3.9, false}, {6, true}} {
		address := choose(c.seconds).Want(http.StatusOK, "").Text("data.posterUrl")
		if got := u.shade(address); got > 128 != c.white {
			t.Errorf("at %g s: brightness %d", c.seconds, got)
		}
		if seen[address] {
			t.Errorf("the address %s is used again", address)
		}
		seen[address] = true
		// Postgres has the choice, and no older one.
		got := handlertest.Value[string](h.Harness, `SELECT poster_url FROM media_items WHERE id = $1`, id)
		if got != address {
			t.Errorf("shown is %s, chosen %s", got, address)
		}
	}

	uploaded := u.upload(path, part{"poster", "image/png", painting(t, 300, 200, 90)}).Want(http.StatusOK, "")
	if got := u.shade(uploaded.Text("data.posterUrl")); got < 60 || got > 120 {
		t.Errorf("uploaded: brightness %d", got)
	}
	u.ask(http.MethodDelete, path, nil).Want(http.StatusNoContent, "")
	if n := h.Number(`SELECT count(*) FROM media_items WHERE poster_url IS NULL`); n != 1 {
		t.Error("the poster was not removed")
	}
	if n := h.CountEvents(id, "media.revised"); n != 7 {
		t.Errorf("%d events", n)
	}
	// Pictures that are not shown any more are swept.
	h.Pass(25 * time.Hour)
	h.wantSwept(6)
	if left := h.Keys(h.Assets, u.id+"/media-thumbnails/"); left != "[]" {
		t.Errorf("left: %s", left)
	}
}

func TestAPosterNeedsAFilmWithThisTime(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.signIn("creator")
	id := u.film()
	path := "/api/media/" + id + "/poster"
	for body, field := range map[string]string{
		`{"timeSeconds":6.5}`: "timeSeconds",
		`{"timeSeconds":-1}`:  "timeSeconds",
		`{}`:                  "timeSeconds",
	} {
		a := u.ask(http.MethodPut, path, []byte(body), "Content-Type", "application/json")
		if a.Want(http.StatusBadRequest, "VALIDATION_ERROR"); !strings.Contains(a.Body, field) {
			t.Errorf("%s: %s", body, a.Body)
		}
	}
	at := map[string]any{"timeSeconds": 1}
	h.signIn("creator").ask(http.MethodPut, path, at).Want(http.StatusNotFound, "MEDIA_NOT_FOUND")
	h.Exec(`UPDATE media_items SET ready_variants = '["480p"]'`)
	u.ask(http.MethodPut, path, at).Want(http.StatusUnprocessableEntity, "NO_FRAME")
	h.Exec(`UPDATE media_items SET status = 'failed'`)
	u.ask(http.MethodPut, path, at).Want(http.StatusUnprocessableEntity, "INVALID_MEDIA_STATE")
}
