package cleanup_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/handlertest"
)

const (
	statusPath   = "/internal/orphan-cleanup/status"
	triggerPath  = "/internal/orphan-cleanup/trigger"
	schedulePath = "/internal/orphan-cleanup/schedule"

	orphanJob = "cleanup.orphans"
)

func TestOrphanedObjectsAreRemovedAndNoOthers(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 0)
	u := h.Uploader("creator")
	id := u.Deliver("video/mp4", handlertest.MP4Header)
	missing := uuid.NewString()
	own, lost := media.PrefixesOf(u.ID, id), media.PrefixesOf(u.ID, missing)
	foreign := media.PrefixesOf(strings.Repeat("f", 32), id) // the id of an item below another creator

	// In development a client may have chosen a key of an item's form.
	chosen, _ := u.Register("video/mp4", 4)
	h.Exec(`UPDATE media_items SET r2_key = $2 WHERE id = $1`, chosen, lost.Originals+"chosen.mp4")
	for _, key := range []string{
		own.HLS + "master.m3u8",
		lost.Originals + "chosen.mp4",
		"avatars/" + u.ID + "/sm.webp",
		"tests/originals/" + missing + "/film.mp4",
	} {
		h.PutObject(h.Media, key, "kept", "text/plain")
	}
	h.PutObject(h.Assets, u.ID+"/content-thumbnails/"+missing+"/sm.webp", "kept", "image/webp")
	kept := h.Keys(h.Media, "") + h.Keys(h.Assets, "")

	for _, key := range []string{
		lost.HLS + "master.m3u8",
		lost.Originals + "x/source.mp4",
		lost.Waveforms + "waveform.json",
		foreign.HLS + "master.m3u8",
	} {
		h.PutObject(h.Media, key, "lost", "text/plain")
	}
	h.PutObject(h.Assets, lost.MediaThumbnails+"sm.webp", "lost", "image/webp")
	if _, err := h.Media.StartParts(t.Context(), lost.Originals+"y/source.mp4", "video/mp4"); err != nil {
		t.Fatal(err)
	}

	before := h.signed(http.MethodGet, statusPath).Want(http.StatusOK, "")
	if before.At("data.last") != nil || before.At("data.running") != false {
		t.Errorf("status before any search: %s", before.Body)
	}
	young := h.signed(http.MethodPost, triggerPath).Want(http.StatusOK, "")
	if young.At("data.orphans") != 0.0 || young.At("data.complete") != true {
		t.Errorf("objects younger than a day: %s", young.Body)
	}

	h.passCleanup(10 * 24 * time.Hour)
	a := h.signed(http.MethodPost, triggerPath).Want(http.StatusOK, "")
	for field, want := range map[string]any{
		"orphans":        5.0,
		"removed":        5.0,
		"removedBytes":   20.0,
		"abortedUploads": 1.0,
		"complete":       true,
		"failed":         false,
	} {
		if got := a.At("data." + field); got != want {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	if got := h.Keys(h.Media, "") + h.Keys(h.Assets, ""); got != kept {
		t.Errorf("left are %s, want %s", got, kept)
	}
	status := h.signed(http.MethodGet, statusPath).Want(http.StatusOK, "")
	if status.At("data.last.removed") != 5.0 || status.At("data.scheduledAt") != nil {
		t.Errorf("status %s", status.Body)
	}
}

func TestOnlyProgramsOfTheInstallationControlTheSearch(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 0)
	h.Send(handlertest.Request{Path: statusPath}).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	owner := h.Uploader("platform_owner")
	owner.Ask(http.MethodPost, triggerPath, nil).Want(http.StatusUnauthorized, "UNAUTHORIZED")
	owner.Ask(http.MethodPost, schedulePath, nil).Want(http.StatusUnauthorized, "UNAUTHORIZED")
}

func TestAScheduledSearchRunsOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 0)
	u := h.Uploader("creator")
	h.PutObject(h.Media, media.PrefixesOf(u.ID, uuid.NewString()).HLS+"master.m3u8", "lost", "text/plain")
	runTwice := func(want int) {
		t.Helper()
		h.run(orphanJob)
		h.run(orphanJob)
		if got := h.Number(`SELECT count(*) FROM orphan_cleanups WHERE finished_at IS NOT NULL`); got != want {
			t.Fatalf("%d searches ran, want %d", got, want)
		}
	}

	runTwice(1) // none has run before
	for range 2 {
		if a := h.signed(http.MethodPost, schedulePath).Want(http.StatusOK, ""); a.Text("data.scheduledAt") == "" {
			t.Errorf("scheduled %s", a.Body)
		}
	}
	runTwice(2)

	h.passCleanup(25 * time.Hour)
	runTwice(3)
	if got := h.Keys(h.Media, ""); got != "[]" {
		t.Errorf("left are %s", got)
	}
}

func TestASearchThatTimesOutIsContinued(t *testing.T) {
	t.Parallel()
	h := newHarness(t, time.Nanosecond)
	u := h.Uploader("creator")
	for range 3 {
		h.PutObject(h.Media, media.PrefixesOf(u.ID, uuid.NewString()).HLS+"master.m3u8", "lost", "text/plain")
	}
	h.passCleanup(25 * time.Hour)

	a := h.signed(http.MethodPost, triggerPath).Want(http.StatusOK, "")
	if a.At("data.complete") != false || a.At("data.failed") != false {
		t.Errorf("a search that timed out: %s", a.Body)
	}
	if removed := h.run(orphanJob); removed != 3 {
		t.Errorf("the next search removed %d objects, want 3", removed)
	}
	a = h.signed(http.MethodGet, statusPath).Want(http.StatusOK, "")
	if a.At("data.last.complete") != true {
		t.Errorf("status %s", a.Body)
	}
}
