package cleanup_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// wantNoUploads fails the test when the store has uploads in parts.
func (h *harness) wantNoUploads() {
	h.Helper()
	if n, err := h.Media.AbortUploads(h.Context(), "", time.Time{}); n != 0 || err != nil {
		h.Errorf("%d uploads are left in the store, %v", n, err)
	}
}

func TestStaleUploadsAreAborted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 0)
	u := h.Uploader("creator")
	sweep := func(want int) {
		t.Helper()
		if n := h.run("cleanup.uploads"); n != want {
			t.Fatalf("%d uploads aborted, want %d", n, want)
		}
	}

	forgotten, _ := u.Register("video/mp4", 2000)
	path := u.OpenParts(forgotten)
	u.SendPart(path, 1, make([]byte, 2000))
	// And one whose client went away in the middle of a part.
	cut := u.OpenParts(forgotten)
	u.Send(handlertest.Request{
		Method:  http.MethodPatch,
		Path:    u.Ask(http.MethodGet, cut, nil).Text("data.tusUrl"),
		Session: u.ID,
		Header: handlertest.Pairs("Tus-Resumable", "1.0.0", "Upload-Offset", "0",
			"Content-Type", "application/offset+octet-stream"),
		Body: make([]byte, 100),
	}).Want(http.StatusNoContent, "")
	// The file of this item arrives by its presigned URL, although an upload in parts is open.
	other, address := u.Register("video/mp4", len(handlertest.MP4Header))
	u.OpenParts(other)
	sweep(0)
	h.Upload(address, "video/mp4", handlertest.MP4Header).Want(http.StatusOK, "")
	u.Complete(other).Want(http.StatusOK, "")
	sweep(1)

	h.passCleanup(media.PartsLife - time.Minute)
	sweep(0)
	h.passCleanup(2 * time.Minute)
	sweep(2)
	if left := h.Keys(h.Media, media.PrefixesOf(u.ID, forgotten).Originals); left != "[]" {
		t.Errorf("left in the store: %s", left)
	}
	u.Ask(http.MethodGet, path, nil).Want(http.StatusNotFound, "NOT_FOUND")
	h.wantNoUploads()
}

func TestADeletionRemovesOpenUploadsAndEveryObject(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 0)
	u := h.Uploader("creator")
	id := u.Deliver("video/mp4", handlertest.MP4Header)
	p := media.PrefixesOf(u.ID, id)
	for _, key := range []string{
		p.HLS + "master.m3u8",
		p.HLS + "720p/stream.mp4",
		p.Thumbnails + "auto-generated.jpg",
		p.Waveforms + "waveform.json",
	} {
		h.PutObject(h.Media, key, "made", "text/plain")
	}
	h.PutObject(h.Assets, p.MediaThumbnails+"sm.webp", "made", "image/webp")

	waiting, address := u.Register("video/mp4", len(handlertest.MP4Header))
	h.Upload(address, "video/mp4", handlertest.MP4Header).Want(http.StatusOK, "")
	path := u.OpenParts(waiting)
	u.SendPart(path, 1, handlertest.MP4Header)
	// An upload without a row: the response of the store was lost.
	unknown := media.PrefixesOf(u.ID, waiting).Originals + "source.mp4"
	if _, err := h.Media.StartParts(t.Context(), unknown, "video/mp4"); err != nil {
		t.Fatal(err)
	}

	u.Ask(http.MethodDelete, "/api/media/"+id, nil).Want(http.StatusNoContent, "")
	u.Ask(http.MethodDelete, "/api/media/"+waiting, nil).Want(http.StatusNoContent, "")
	h.Until("every object is removed", func() bool { return h.Keys(h.Media, "")+h.Keys(h.Assets, "") == "[][]" })
	u.Ask(http.MethodGet, path, nil).Want(http.StatusNotFound, "NOT_FOUND")
	h.wantNoUploads()
	u.Ask(http.MethodDelete, "/api/media/"+id, nil).Want(http.StatusNotFound, "NOT_FOUND")
}

func TestLateOutputsOfADeletedItemAreRemoved(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 0)
	u := h.Uploader("creator")
	id, job := u.Transcoding()
	neighbour, _ := u.Transcoding()
	u.Ask(http.MethodDelete, "/api/media/"+id, nil).Want(http.StatusNoContent, "")
	p := media.PrefixesOf(u.ID, id)
	h.Until("the original is removed", func() bool { return h.Keys(h.Media, p.Originals) == "[]" })

	h.PutObject(h.Media, p.HLS+"master.m3u8", "late", "text/plain")
	h.PutObject(h.Media, p.Thumbnails+"auto-generated.jpg", "late", "text/plain")
	h.PutObject(h.Media, p.Waveforms+"waveform.json", "late", "text/plain")
	h.PutObject(h.Assets, p.MediaThumbnails+"sm.webp", "late", "text/plain")
	h.Callback(u.Completed(id, job)).Want(http.StatusOK, "")
	h.Until("the late outputs are removed", func() bool {
		left := h.Keys(h.Media, p.HLS) + h.Keys(h.Media, p.Thumbnails) + h.Keys(h.Media, p.Waveforms)
		return left+h.Keys(h.Assets, p.MediaThumbnails) == "[][][][]"
	})
	if h.Keys(h.Media, media.PrefixesOf(u.ID, neighbour).Originals) == "[]" {
		t.Error("the neighbour's original was removed")
	}
}
