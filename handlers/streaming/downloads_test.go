package streaming_test

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// offer has the creator of a film offer its original for download.
func (w *harness) offer(f film, content string) {
	w.Helper()
	key := f.creator + "/originals/" + f.media + "/source.mp4"
	w.put(key, []byte(content))
	w.Exec(`UPDATE media_items SET r2_key = $2, mime_type = 'video/mp4', file_size_bytes = $3 WHERE id = $1`,
		f.media, key, len(content))
	w.Exec(`UPDATE content SET download = 'original', title = 'Été / "rain"' WHERE id = $1`, f.id)
}

// download begins the download of an item.
func (v viewer) download(f film) answer {
	v.Helper()
	return v.ask(http.MethodPost, "/api/access/content/"+f.id+"/download", "")
}

// fetch follows the redirect of a download to the store.
func (w *harness) fetch(address string, header map[string]string) answer {
	w.Helper()
	redirect := w.get(address).Want(http.StatusFound, "")
	return w.Send(handlertest.Request{Path: redirect.Header.Get("Location"), Header: header})
}

func TestAViewerDownloadsTheOriginalUnderItsTitle(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	f := w.film("")
	w.offer(f, "0123456789")
	v := w.signIn()
	f.grantTo(v)

	begun := v.download(f).Want(http.StatusCreated, "")
	if begun.Text("data.filename") != "Été - -rain.mp4" || begun.At("data.sizeBytes") != 10.0 {
		t.Errorf("begun %s", begun.Body)
	}
	address := begun.Text("data.url")
	file := w.fetch(address, nil).Want(http.StatusOK, "")
	_, params, err := mime.ParseMediaType(file.Header.Get("Content-Disposition"))
	if file.Body != "0123456789" || err != nil || params["filename"] != "Été - -rain.mp4" ||
		file.Header.Get("Content-Type") != "video/mp4" {
		t.Errorf("file %q %v", file.Body, file.Header)
	}
	// A browser continues a download with a range, at the same URL.
	part := w.fetch(address, handlertest.Pairs("Range", "bytes=4-6"))
	if part.Status != http.StatusPartialContent || part.Body != "456" ||
		part.Header.Get("Content-Range") != "bytes 4-6/10" {
		t.Errorf("range: %d %q %v", part.Status, part.Body, part.Header)
	}

	event := handlertest.Value[string](w.Harness, `SELECT concat_ws(' ', data->>'content_id', data->>'media_id',
		data->>'user_id', data->>'size_bytes') FROM outbox WHERE type = 'media.downloaded'`)
	if event != strings.Join([]string{f.id, f.media, v.id, "10"}, " ") {
		t.Errorf("event %q", event)
	}
	if n := w.Number(`SELECT count(*) FROM commands
		WHERE response_body::text LIKE ANY (ARRAY['%token=%', '%rain%'])`); n != 0 {
		t.Errorf("%d commands hold a token or a title", n)
	}
}

func TestARepeatedRequestIsOneDownload(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	f := w.film("")
	w.offer(f, "0123456789")
	v := w.signIn()
	f.grantTo(v)
	for range 2 {
		v.Send(handlertest.Request{
			Method:  http.MethodPost,
			Path:    "/api/access/content/" + f.id + "/download",
			Session: v.session,
			Header:  handlertest.Pairs("Idempotency-Key", "once"),
		}).Want(http.StatusCreated, "")
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type = 'media.downloaded'`); n != 1 {
		t.Errorf("counted %d times", n)
	}
}

func TestADownloadNeedsTheOfferAndAccess(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	f := w.film("")
	v, stranger := w.signIn(), w.signIn()
	f.grantTo(v)
	v.download(f).Want(http.StatusForbidden, "DOWNLOAD_NOT_OFFERED")
	w.offer(f, "0123456789")
	stranger.download(f).Want(http.StatusForbidden, "ACCESS_DENIED")
	address := v.download(f).Want(http.StatusCreated, "").Text("data.url")
	refused := func(what, address string) {
		t.Helper()
		if got := w.get(address); got.Status != http.StatusForbidden || got.Header.Get("Location") != "" {
			t.Errorf("%s: %d %s", what, got.Status, got.Body)
		}
	}

	// A token of the one is none of the other: downloads are counted, and play nothing.
	stream := *v.opened(f, "").StreamingURL
	token := func(address string) string { return handlertest.Must(url.Parse(address))(t).RawQuery }
	base, _, _ := strings.Cut(address, "?")
	refused("the token of a stream", base+"?"+token(stream))
	master, _, _ := strings.Cut(stream, "?")
	refused("the token of a download", master+"?"+token(address))
	refused("a token of another", base+"?"+token(address)+"x")

	w.fetch(address, nil).Want(http.StatusOK, "")
	w.Exec(`UPDATE content SET download = 'none' WHERE id = $1`, f.id)
	w.Pass(6 * time.Second) // an admission is remembered for 5 s
	refused("an offer that ended", address)
	w.Exec(`UPDATE content SET download = 'original' WHERE id = $1`, f.id)
	w.Pass(6 * time.Second)
	w.fetch(address, nil).Want(http.StatusOK, "")
	w.Exec(`DELETE FROM content_access WHERE user_id = $1`, v.id)
	w.Pass(6 * time.Second)
	refused("access that ended", address)
	f.grantTo(v)
	w.Exec(`UPDATE sessions SET expires_at = now() + interval '1 year'`)
	w.Pass(23 * time.Hour)
	w.fetch(address, nil).Want(http.StatusOK, "")
	w.Pass(time.Hour)
	refused("a day later", address)
}
