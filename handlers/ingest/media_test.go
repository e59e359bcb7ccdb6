package ingest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestAnUploadIsExaminedBeforeItCounts(t *testing.T) {
	t.Parallel()
	tool, err := ffmpeg.New(ffmpeg.Config{Threads: 1, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, options{prober: tool})
	u := h.Uploader("creator")

	t.Run("a missing file leaves the item waiting", func(t *testing.T) {
		h, u := h.In(t), u.In(t)
		id, address := u.Register("video/mp4", len(mp4Header))
		u.Complete(id).Want(http.StatusUnprocessableEntity, "UPLOAD_MISSING")
		if got := h.MediaStatus(id); got != media.Uploading {
			t.Errorf("status %s", got)
		}
		if got := h.Upload(address, "video/mp4", mp4Header[:100]); got.Status != http.StatusForbidden {
			t.Errorf("a shorter file was stored: %d", got.Status)
		}
	})
	t.Run("a file of another size or type leaves the item waiting", func(t *testing.T) {
		h, u := h.In(t), u.In(t)
		id, _ := u.Register("video/mp4", 10)
		key := handlertest.Value[string](h, `SELECT r2_key FROM media_items WHERE id = $1`, id)
		h.PutObject(h.Media, key, "eleven byte", "video/mp4")
		u.Complete(id).Want(http.StatusUnprocessableEntity, "UPLOAD_SIZE_MISMATCH")
		h.PutObject(h.Media, key, "just ten b", "text/html")
		u.Complete(id).Want(http.StatusUnprocessableEntity, "UPLOAD_TYPE_MISMATCH")
		if got := h.MediaEvents(id); len(got) != 1 {
			t.Errorf("events %v", got)
		}
	})
	sound := handlertest.Clip(t, "a.mp4", "-f lavfi -i sine=d=1 -c:a aac")
	for name, c := range map[string]struct{ content, code string }{
		"a text declared as video":           {strings.Repeat("Dear diary, ", 100), "INVALID_CONTENT_TYPE"},
		"a page with the first bytes of MP4": {string(mp4Header) + "<script>", "INVALID_CONTENT_TYPE"},
		"audio declared as video":            {string(sound), "INVALID_CONTENT_TYPE"},
		"only the first bytes of MP4":        {string(mp4Header), "UNDECODABLE"},
	} {
		t.Run(name+" fails the item with a reason", func(t *testing.T) {
			h, u := h.In(t), u.In(t)
			id, address := u.Register("video/mp4", len(c.content))
			h.Upload(address, "video/mp4", []byte(c.content)).Want(http.StatusOK, "")
			a := u.Complete(id).Want(http.StatusUnprocessableEntity, c.code)
			got := u.Ask(http.MethodGet, "/api/media/"+id, nil)
			if got.Text("data.status") != "failed" || got.Text("data.transcodingError") != a.Text("error.message") {
				t.Errorf("response %s, item %s", a.Body, got.Body)
			}
			event := handlertest.Value[string](h,
				`SELECT data->>'code' FROM outbox WHERE aggregate_id = $1 AND type = 'media.failed'`, id)
			if event != c.code {
				t.Errorf("event code %q", event)
			}
			u.Complete(id).Want(http.StatusConflict, "CONFLICT")
			u.Ask(http.MethodPost, "/api/transcoding/retry/"+id, nil).Want(http.StatusUnprocessableEntity, "UPLOAD_NOT_ACCEPTED")
		})
	}
}

func TestWithoutTheStoreAnUploadWaits(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{store: func(*s3.Bucket) *s3.Bucket {
		stopped, err := s3.Open(s3.Config{Endpoint: "http://127.0.0.1:1", AccessKey: "a", SecretKey: "b"})
		if err != nil {
			t.Fatal(err)
		}
		return stopped.Bucket(s3test.MediaBucket)
	}})
	u := h.Uploader("creator")
	id, address := u.Register("video/mp4", 10)
	if !strings.HasPrefix(address, "http://127.0.0.1:1/") {
		t.Errorf("address %q", address)
	}
	u.Complete(id).Want(http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE")
	if got := h.MediaStatus(id); got != media.Uploading {
		t.Errorf("status %s", got)
	}
}

func TestPresignedURLsAreNotStored(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	header := map[string]string{"Idempotency-Key": "once", "Content-Type": "application/json"}
	body := []byte(`{"title":"A piece","mediaType":"audio","mimeType":"audio/ogg","fileSizeBytes":1000,"r2Key":"a.ogg"}`)
	first := send(u, http.MethodPost, "/api/media", header, body).Want(http.StatusCreated, "")
	again := send(u, http.MethodPost, "/api/media", header, body).Want(http.StatusCreated, "")
	if first.Text("data.id") != again.Text("data.id") || again.Text("data.presignedUrl") == "" {
		t.Errorf("first %s, again %s", first.Body, again.Body)
	}
	id, key := first.Text("data.id"), first.Text("data.r2Key")
	if !strings.HasPrefix(key, u.ID+"/originals/"+id+"/") || !strings.HasSuffix(key, "/source.ogg") {
		t.Errorf("key %q", key)
	}
	renewed := u.Ask(http.MethodPost, "/api/media/"+id+"/upload-url", nil).Want(http.StatusOK, "")
	if !strings.Contains(renewed.Text("data.presignedUrl"), "X-Amz-Expires=3600") {
		t.Errorf("renewed %s", renewed.Body)
	}
	wantNoPresignedURLs(h)
	async := send(u, http.MethodPost, "/api/media", map[string]string{"Prefer": "respond-async"}, body)
	if async.Status != http.StatusAccepted || async.Header.Get("Location") == "" || strings.Contains(async.Body, "Amz") {
		t.Errorf("asynchronous: %d %s", async.Status, async.Body)
	}
}

// registration is the body that registers a video.
func registration(title string) fields {
	return fields{
		"title":         title,
		"mediaType":     "video",
		"mimeType":      "video/mp4",
		"fileSizeBytes": 1,
	}
}

func TestOnlyTheOwnerReadsAndChangesMedia(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u, stranger, customer := h.Uploader("creator"), h.Uploader("creator"), h.Uploader("customer")
	var ids []string
	for _, mime := range []string{"video/mp4", "audio/ogg", "video/webm"} {
		id, _ := u.Register(mime, 10)
		ids = append(ids, id)
	}
	stranger.Register("video/mp4", 10)
	u.Ask(http.MethodPatch, "/api/media/"+ids[0], fields{"title": "Zebra"}).Want(http.StatusOK, "")
	u.Ask(http.MethodPatch, "/api/media/"+ids[1], fields{"title": "Ant"}).Want(http.StatusOK, "")

	for query, want := range map[string][]string{
		"":                               {ids[2], ids[1], ids[0]},
		"?sortOrder=asc":                 {ids[0], ids[1], ids[2]},
		"?sortBy=title&sortOrder=asc":    {ids[2], ids[1], ids[0]}, // A piece, Ant, Zebra
		"?mediaType=audio":               {ids[1]},
		"?status=ready":                  {},
		"?limit=2":                       {ids[2], ids[1]},
		"?limit=2&page=2":                {ids[0]},
		"?limit=2&page=9":                {},
		"?mediaType=video&sortOrder=asc": {ids[0], ids[2]},
	} {
		a := u.Ask(http.MethodGet, "/api/media"+query, nil).Want(http.StatusOK, "")
		items, _ := a.At("items").([]any)
		var got []string
		for _, item := range items {
			got = append(got, item.(map[string]any)["id"].(string))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("list%s = %v, want %v", query, got, want)
		}
	}
	page := u.Ask(http.MethodGet, "/api/media?limit=2", nil)
	if page.At("pagination.total") != 3.0 || page.At("pagination.totalPages") != 2.0 {
		t.Errorf("pagination %s", page.Body)
	}
	u.Ask(http.MethodGet, "/api/media?status=lost", nil).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	for _, c := range []struct {
		who          user
		method, path string
		body         any
		status       int
	}{
		{stranger, http.MethodGet, "/api/media/" + ids[0], nil, 404},
		{stranger, http.MethodPatch, "/api/media/" + ids[0], fields{"title": "x"}, 404},
		{stranger, http.MethodDelete, "/api/media/" + ids[0], nil, 404},
		{stranger, http.MethodPost, "/api/media/" + ids[0] + "/upload-complete", nil, 404},
		{stranger, http.MethodPost, "/api/media/" + ids[0] + "/upload-url", nil, 404},
		{stranger, http.MethodGet, "/api/transcoding/status/" + ids[0], nil, 403},
		{stranger, http.MethodPost, "/api/transcoding/retry/" + ids[0], nil, 403},
		{customer, http.MethodPost, "/api/media", registration("x"), 403},
		{customer, http.MethodDelete, "/api/media/" + ids[0], nil, 403},
		{user{Harness: h}, http.MethodGet, "/api/media", nil, 401},
		{u, http.MethodGet, "/api/media/01900000-0000-7000-8000-000000000000", nil, 404},
		{u, http.MethodGet, "/api/transcoding/status/01900000-0000-7000-8000-000000000000", nil, 404},
		{u, http.MethodPost, "/api/transcoding/retry/01900000-0000-7000-8000-000000000000", nil, 404},
		{u, http.MethodGet, "/api/media/not-an-id", nil, 400},
		{u, http.MethodPost, "/api/media", registration(""), 400},
		{u, http.MethodPatch, "/api/media/" + ids[0], fields{"status": "ready"}, 400},
		{u, http.MethodPatch, "/api/media/" + ids[0], fields{"colour": "red"}, 400},
		{u, http.MethodGet, "/api/media/" + ids[0], nil, 200},
	} {
		if a := c.who.Ask(c.method, c.path, c.body); a.Status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, a.Status, a.Body, c.status)
		}
	}

	h.Exec(`INSERT INTO content (id, creator_id, media_item_id, title, slug, content_type, status, published_at)
		VALUES (gen_random_uuid(), $1, $2, 'x', 'x', 'video', 'published', now())`, u.ID, ids[0])
	u.Ask(http.MethodDelete, "/api/media/"+ids[0], nil).Want(http.StatusUnprocessableEntity, "MEDIA_IN_USE")
	h.Exec(`UPDATE content SET status = 'draft'`)
	u.Ask(http.MethodDelete, "/api/media/"+ids[0], nil).Want(http.StatusNoContent, "")
	u.Ask(http.MethodDelete, "/api/media/"+ids[0], nil).Want(http.StatusNotFound, "NOT_FOUND")
	u.Ask(http.MethodGet, "/api/media/"+ids[0], nil).Want(http.StatusNotFound, "NOT_FOUND")
}

func TestAFileIsUploadedThroughTheEdge(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	id, _ := u.Register("video/mp4", len(mp4Header))
	upload := func(contentType string, content []byte) answer {
		return send(u, http.MethodPost, "/api/media/"+id+"/upload", map[string]string{"Content-Type": contentType}, content)
	}
	upload("video/webm", mp4Header).Want(http.StatusBadRequest, "INVALID_CONTENT_TYPE")
	upload("video/mp4", nil).Want(http.StatusBadRequest, "EMPTY_BODY")
	upload("video/mp4", mp4Header[:1000]).Want(http.StatusBadRequest, "FILE_TOO_SMALL")
	upload("video/mp4", mp4Header[:1500]).Want(http.StatusUnprocessableEntity, "UPLOAD_SIZE_MISMATCH")
	a := upload("video/mp4", mp4Header).Want(http.StatusOK, "")
	if a.Text("data.status") != "uploading" {
		t.Errorf("response %s", a.Body)
	}
	u.Complete(id).Want(http.StatusOK, "")
	upload("video/mp4", mp4Header).Want(http.StatusConflict, "CONFLICT")
}

func TestInDevelopmentClientsSetEveryField(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{development: true})
	u := h.Uploader("creator")
	a := u.Ask(http.MethodPost, "/api/media", fields{
		"title": "A piece", "mediaType": "video", "mimeType": "video/mp4", "fileSizeBytes": 10, "r2Key": "tests/one.mp4",
	}).Want(http.StatusCreated, "")
	if a.Text("data.r2Key") != "tests/one.mp4" || !strings.Contains(a.Text("data.presignedUrl"), "/tests/one.mp4?") {
		t.Errorf("registered %s", a.Body)
	}
	id := a.Text("data.id")
	a = u.Ask(http.MethodPatch, "/api/media/"+id, fields{
		"status": "ready", "hlsMasterPlaylistKey": "tests/hls/master.m3u8", "thumbnailKey": "tests/t.jpg",
		"durationSeconds": 120, "width": 1920, "height": 1080, "uploadedAt": "2026-05-01T12:00:00Z",
	}).Want(http.StatusOK, "")
	if a.Text("data.status") != "ready" || a.At("data.durationSeconds") != 120.0 ||
		a.Text("data.hlsMasterPlaylistKey") != "tests/hls/master.m3u8" {
		t.Errorf("forced %s", a.Body)
	}
	if got := strings.Join(h.MediaEvents(id), " "); got != "media.registered media.revised media.ready" {
		t.Errorf("events %s", got)
	}
}

func TestARepeatedCompletionGetsTheSameResponse(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	content := []byte(strings.Repeat("Dear diary, ", 100))
	for name, file := range map[string][]byte{"false": content, "true": mp4Header} {
		id, address := u.Register("video/mp4", len(file))
		h.Upload(address, "video/mp4", file).Want(http.StatusOK, "")
		header := map[string]string{"Idempotency-Key": "complete-" + name}
		first := send(u, http.MethodPost, "/api/media/"+id+"/upload-complete", header, nil)
		again := send(u, http.MethodPost, "/api/media/"+id+"/upload-complete", header, nil)
		if first.Status != again.Status || first.Body != again.Body {
			t.Errorf("a %s file: first %d %s, again %d %s", name, first.Status, first.Body, again.Status, again.Body)
		}
		if n := h.CountEvents(id, "media.uploaded") + h.CountEvents(id, "media.failed"); n != 1 {
			t.Errorf("a %s file: %d events", name, n)
		}
	}
}
