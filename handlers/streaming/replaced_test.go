package streaming_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestWhoPlaysMediaThatIsReplacedGoesOn(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true})
	f := w.film("")
	w.upload(f)
	v := w.signIn()
	f.grantTo(v)
	w.Exec(`UPDATE sessions SET expires_at = now() + interval '30 days'`)
	began := v.opened(f, "?expirySeconds=7200")
	rendition, segment := w.files(began)

	// The creator's other film takes the place of this one.
	other := w.film("")
	w.Exec(`UPDATE media_items SET creator_id = $2, hls_master_playlist_key = $3 WHERE id = $1`, other.media, f.creator,
		f.creator+"/hls/"+other.media+"/master.m3u8")
	other.creator = f.creator
	w.upload(other)
	replace := func(media, replaced string, at time.Time) {
		w.Exec(`UPDATE content SET media_item_id = $2, replaced_media_id = $3, replaced_at = $4 WHERE id = $1`,
			f.id, media, replaced, at)
	}
	replace(other.media, f.media, w.Now())

	w.Pass(6 * time.Second) // an admission is remembered for 5 s
	for _, address := range []string{*began.StreamingURL, rendition} {
		w.get(address).Want(http.StatusOK, "")
	}
	if got := w.redirected(segment); !strings.Contains(got, f.media) {
		t.Errorf("the segment is at %s, which is not of the media that is played", got)
	}
	_, segmentNow := w.files(v.opened(f, ""))
	if got := w.redirected(segmentNow); !strings.Contains(got, other.media) {
		t.Errorf("who begins now gets %s", got)
	}

	refused := func(what string) {
		t.Helper()
		w.Pass(6 * time.Second)
		if got := w.get(segment); got.Status != http.StatusForbidden {
			t.Errorf("%s: %d", what, got.Status)
		}
	}
	w.Exec(`UPDATE media_items SET deleted_at = now() WHERE id = $1`, f.media)
	refused("media that was deleted")
	w.Exec(`UPDATE media_items SET deleted_at = NULL WHERE id = $1`, f.media)
	replace(other.media, f.media, w.Now().Add(-27*time.Hour))
	refused("media that was replaced before the last token died")
	replace(other.media, other.media, w.Now())
	refused("media that the item never had")
}
