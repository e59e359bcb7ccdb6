package publishing_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/picture"
	"github.com/codex-platform/codex/handlers/handlertest"
)

type shown struct {
	ThumbnailURL string  `json:"thumbnailUrl"`
	AvatarURL    string  `json:"avatarUrl"`
	LogoURL      *string `json:"logoUrl"`
	Size         int     `json:"size"`
	MimeType     string  `json:"mimeType"`
}

// widths fetches a picture in its three sizes and returns how wide they are.
func (w *harness) widths(address string) (list []int) {
	w.Helper()
	for _, name := range []string{"sm", "md", "lg"} {
		a := w.get(strings.Replace(address, "lg.webp", name+".webp", 1)).Want(http.StatusOK, "")
		info, err := picture.Inspect([]byte(a.Body))
		if err != nil || info.MIME != picture.WebP || a.Header.Get("Content-Type") != picture.WebP {
			w.Fatalf("%s is %+v of type %s, %v", name, info, a.Header.Get("Content-Type"), err)
		}
		list = append(list, info.Width)
	}
	return list
}

func TestAThumbnailIsMadeInThreeWidthsAndServed(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c := w.creator()
	id := c.create(article(nil))
	before := w.Number(`SELECT version FROM content WHERE id = $1`, id)
	got := data[shown](c.upload("/api/content/"+id+"/thumbnail", part{"thumbnail", "image/png", painting(t, 1000, 500, 90)}).Want(http.StatusOK, ""))
	prefix := w.URL + "/assets/" + c.id + "/content-thumbnails/" + id + "/"
	if !strings.HasPrefix(got.ThumbnailURL, prefix) || !strings.HasSuffix(got.ThumbnailURL, "/lg.webp") || got.MimeType != "image/webp" {
		t.Fatalf("%+v", got)
	}
	if list := w.widths(got.ThumbnailURL); !slices.Equal(list, []int{200, 400, 800}) {
		t.Errorf("widths %v", list)
	}
	a := w.get(got.ThumbnailURL)
	if len(a.Body) != got.Size {
		t.Errorf("%d bytes, said to be %d", len(a.Body), got.Size)
	}
	for name, want := range map[string]string{
		"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'",
	} {
		if a.Header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, a.Header.Get(name), want)
		}
	}
	if again := w.get(got.ThumbnailURL, "If-None-Match", a.Header.Get("ETag")); again.Status != http.StatusNotModified || again.Body != "" {
		t.Errorf("asked whether it changed: %d with %d bytes", again.Status, len(again.Body))
	}
	if head := (user{harness: w}).ask(http.MethodHead, got.ThumbnailURL, nil); head.Status != http.StatusOK || head.Body != "" || head.Header.Get("Content-Type") != "image/webp" {
		t.Errorf("HEAD: %d %v", head.Status, head.Header)
	}
	item := data[shown](c.ask(http.MethodGet, "/api/content/"+id, nil))
	if item.ThumbnailURL != got.ThumbnailURL {
		t.Errorf("the item shows %s", item.ThumbnailURL)
	}
	if n := w.Number(`SELECT version FROM content WHERE id = $1`, id); n != before+1 {
		t.Errorf("version %d after %d", n, before)
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = 'content.revised' AND data->>'fields' = '["thumbnailUrl"]'`, id); n != 1 {
		t.Errorf("%d revisions were told", n)
	}
	c.ask(http.MethodDelete, "/api/content/"+id+"/thumbnail", nil).Want(http.StatusNoContent, "")
	c.ask(http.MethodDelete, "/api/content/"+id+"/thumbnail", nil).Want(http.StatusNoContent, "")
	if item := data[shown](c.ask(http.MethodGet, "/api/content/"+id, nil)); item.ThumbnailURL != "" {
		t.Errorf("the item still shows %s", item.ThumbnailURL)
	}
}

func TestAPictureIsNeverMadeWiderThanItCame(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u := w.signIn("customer")
	got := data[shown](u.upload("/api/user/avatar", part{"avatar", "image/png", painting(t, 300, 300, 10)}).Want(http.StatusOK, ""))
	if !strings.HasPrefix(got.AvatarURL, w.URL+"/assets/avatars/"+u.id+"/") || got.MimeType != "image/webp" {
		t.Fatalf("%+v", got)
	}
	if list := w.widths(got.AvatarURL); !slices.Equal(list, []int{200, 300, 300}) {
		t.Errorf("widths %v", list)
	}
	if address := handlertest.Value[string](w.Harness, `SELECT avatar_url FROM users WHERE id = $1`, u.id); address != got.AvatarURL {
		t.Errorf("the profile shows %s", address)
	}
	u.ask(http.MethodDelete, "/api/user/avatar", nil).Want(http.StatusNoContent, "")
	if n := w.Number(`SELECT count(*) FROM users WHERE id = $1 AND avatar_url IS NULL`, u.id); n != 1 {
		t.Error("the profile still shows a picture")
	}
}

const drawing = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script>alert(1)</script><path onclick="alert(1)" d="M0 0h9v9z"/></svg>`

func TestALogoMayBeADrawingThatCannotAct(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	organization := w.Organization()
	path := "/api/organizations/" + organization + "/settings/branding/logo"
	admin := w.signIn("customer").join(organization, "admin", "active")
	got := data[shown](admin.upload(path, part{"logo", "image/svg+xml", []byte(drawing)}).Want(http.StatusOK, ""))
	if got.LogoURL == nil || !strings.HasSuffix(*got.LogoURL, "/logo.svg") || !strings.HasPrefix(*got.LogoURL, w.URL+"/assets/logos/"+organization+"/") {
		t.Fatalf("%+v", got)
	}
	a := w.get(*got.LogoURL).Want(http.StatusOK, "")
	if strings.Contains(a.Body, "alert") || !strings.Contains(a.Body, "M0 0h9v9z") {
		t.Errorf("served %s", a.Body)
	}
	policy := a.Header.Get("Content-Security-Policy")
	if a.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(policy, "sandbox") || !strings.Contains(policy, "default-src 'none'") ||
		a.Header.Get("Cache-Control") != "public, max-age=3600" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", a.Header)
	}
	got = data[shown](admin.upload(path, part{"logo", "image/png", painting(t, 900, 300, 0)}).Want(http.StatusOK, ""))
	if list := w.widths(*got.LogoURL); !slices.Equal(list, []int{200, 400, 800}) {
		t.Errorf("widths %v", list)
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = 'organization.branding_changed'`, organization); n != 2 {
		t.Errorf("%d changes were told, want 2", n)
	}
	got = data[shown](admin.ask(http.MethodDelete, path, nil).Want(http.StatusOK, ""))
	if got.LogoURL != nil {
		t.Errorf("still shows %s", *got.LogoURL)
	}
}

func TestOnlyTheManagementChangesALogo(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	organization := w.Organization()
	for _, c := range []struct {
		name         string
		who          user
		organization string
		status       int
		code         string
	}{
		{"owner", w.signIn("creator").join(organization, "owner", "active"), organization, 200, ""},
		{"admin", w.signIn("creator").join(organization, "admin", "active"), organization, 200, ""},
		{"creator", w.signIn("creator").join(organization, "creator", "active"), organization, 403, "FORBIDDEN"},
		{"member", w.signIn("customer").join(organization, "member", "active"), organization, 403, "FORBIDDEN"},
		{"removed admin", w.signIn("creator").join(organization, "admin", "inactive"), organization, 403, "FORBIDDEN"},
		{"stranger", w.signIn("creator"), organization, 403, "FORBIDDEN"},
		{"an organization that is not there", w.signIn("creator"), uuid.NewString(), 403, "FORBIDDEN"},
		{"the platform's owner", w.signIn("platform_owner"), organization, 200, ""},
		{"the platform's owner, nowhere", w.signIn("platform_owner"), uuid.NewString(), 404, "NOT_FOUND"},
		{"nobody", user{harness: w}, organization, 401, "UNAUTHORIZED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			who, path := c.who.in(t), "/api/organizations/"+c.organization+"/settings/branding/logo"
			who.upload(path, part{"logo", "image/svg+xml", []byte(drawing)}).Want(c.status, c.code)
			who.ask(http.MethodDelete, path, nil).Want(c.status, c.code)
		})
	}
}

func TestOnlyTheCreatorChangesAThumbnail(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c, organization := w.creator(), w.Organization()
	c.join(organization, "creator", "active")
	id := c.create(article(order{"organizationId": organization}))
	deleted := c.create(article(nil))
	c.ask(http.MethodDelete, "/api/content/"+deleted, nil).Want(http.StatusNoContent, "")
	for _, try := range []struct {
		name   string
		who    user
		id     string
		status int
		code   string
	}{
		{"another creator", w.creator(), id, 404, "CONTENT_NOT_FOUND"},
		{"the organization's owner", w.creator().join(organization, "owner", "active"), id, 404, "CONTENT_NOT_FOUND"},
		{"a customer", w.signIn("customer"), id, 403, "FORBIDDEN"},
		{"nobody", user{harness: w}, id, 401, "UNAUTHORIZED"},
		{"an item that is not there", c, uuid.NewString(), 404, "CONTENT_NOT_FOUND"},
		{"a deleted item", c, deleted, 404, "CONTENT_NOT_FOUND"},
		{"no id", c, "x", 400, "VALIDATION_ERROR"},
	} {
		path := "/api/content/" + try.id + "/thumbnail"
		t.Run(try.name, func(t *testing.T) {
			who := try.who.in(t)
			who.upload(path, part{"thumbnail", "image/png", painting(t, 9, 9, 1)}).Want(try.status, try.code)
			who.ask(http.MethodDelete, path, nil).Want(try.status, try.code)
		})
	}
	if n := w.Number(`SELECT count(*) FROM images`); n != 0 {
		t.Errorf("%d pictures were recorded", n)
	}
}

// gif is the smallest one there is.
var gif = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

func TestWhatIsNoUsablePictureIsRefused(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u, organization := w.creator(), w.Organization()
	u.join(organization, "owner", "active")
	good := painting(t, 9, 9, 1)
	logo := "/api/organizations/" + organization + "/settings/branding/logo"
	for _, c := range []struct {
		name, path string
		part       part
		code       string
	}{
		{"another type than declared", "/api/user/avatar", part{"avatar", "image/jpeg", good}, "INVALID_CONTENT_TYPE"},
		{"a page that is said to be a picture", "/api/user/avatar", part{"avatar", "image/png", []byte("<html><script>alert(1)</script></html>")}, "INVALID_CONTENT_TYPE"},
		{"a type that is no picture", "/api/user/avatar", part{"avatar", "text/html", good}, "INVALID_CONTENT_TYPE"},
		{"no type", "/api/user/avatar", part{"avatar", "", good}, "INVALID_CONTENT_TYPE"},
		{"a drawing as an avatar", "/api/user/avatar", part{"avatar", "image/svg+xml", []byte(drawing)}, "INVALID_CONTENT_TYPE"},
		{"a picture that moves as a logo", logo, part{"logo", "image/gif", gif}, "INVALID_CONTENT_TYPE"},
		{"a bitmap that is said to be a drawing", logo, part{"logo", "image/svg+xml", good}, "INVALID_IMAGE"},
		{"a drawing with entities", logo, part{"logo", "image/svg+xml", []byte(`<!DOCTYPE svg [<!ENTITY a "b">]>` + drawing)}, "INVALID_IMAGE"},
		{"half a picture", "/api/user/avatar", part{"avatar", "image/png", good[:40]}, "INVALID_IMAGE"},
		{"nothing", "/api/user/avatar", part{"avatar", "image/png", nil}, "EMPTY_BODY"},
		{"more than 5 MiB", "/api/user/avatar", part{"avatar", "image/png", append(bytes.Clone(good), make([]byte, 5<<20)...)}, "FILE_TOO_LARGE"},
		{"far more than 5 MiB", "/api/user/avatar", part{"avatar", "image/png", make([]byte, 9<<20)}, "FILE_TOO_LARGE"},
	} {
		t.Run(c.name, func(t *testing.T) { u.in(t).upload(c.path, c.part).Want(http.StatusBadRequest, c.code) })
	}
	u.upload("/api/user/avatar", part{"picture", "image/png", good}).Names("picture")
	body, contentType := form(t, part{"avatar", "image/png", good}, part{"avatar", "image/png", good})
	u.ask(http.MethodPost, "/api/user/avatar", body, "Content-Type", contentType).Names("avatar")
	body, contentType = form(t)
	u.ask(http.MethodPost, "/api/user/avatar", body, "Content-Type", contentType).Want(http.StatusBadRequest, "EMPTY_BODY")
	u.ask(http.MethodPost, "/api/user/avatar", good, "Content-Type", "image/png").Names("Content-Type")
	u.ask(http.MethodPost, "/api/user/avatar", []byte("--x\r\nContent-Disposition: form-data; name=avatar\r\nContent-Type: image/png\r\n\r\ncut"), "Content-Type", "multipart/form-data; boundary=x").Want(http.StatusBadRequest, "VALIDATION_ERROR")
	if n := w.Number(`SELECT count(*) FROM images`); n != 0 {
		t.Errorf("%d pictures were recorded", n)
	}
	u.upload("/api/user/avatar", part{"avatar", "image/gif", gif}).Want(http.StatusOK, "")
	u.upload("/api/user/avatar", part{"avatar", "application/octet-stream", good}).Want(http.StatusOK, "")
}

func TestAnEdgeWithoutFFmpegTakesNoPictures(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{noMaker: true})
	a := w.signIn("customer").upload("/api/user/avatar", part{"avatar", "image/png", painting(t, 9, 9, 1)}).Want(http.StatusServiceUnavailable, "IMAGES_UNAVAILABLE")
	if !strings.Contains(a.Body, "ffmpeg") {
		t.Errorf("the operator is told %s", a.Body)
	}
}

// stubborn is a maker that fails in one way.
type stubborn struct{ err error }

func (s stubborn) Picture(context.Context, []byte) (map[string][]byte, error) { return nil, s.err }

func TestTroubleOfOursIsNotBlamedOnThePicture(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{&ffmpeg.RejectError{Code: ffmpeg.TimedOut}, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE"},
		{&ffmpeg.RejectError{Code: ffmpeg.TooLarge}, http.StatusBadRequest, "FILE_TOO_LARGE"},
		{&ffmpeg.RejectError{Code: ffmpeg.Undecodable}, http.StatusBadRequest, "INVALID_IMAGE"},
		{errors.New("no space left on device"), http.StatusInternalServerError, "INTERNAL_ERROR"},
	} {
		t.Run(c.err.Error(), func(t *testing.T) {
			t.Parallel()
			w := newHarness(t, options{maker: stubborn{c.err}})
			w.signIn("customer").upload("/api/user/avatar", part{"avatar", "image/png", painting(t, 9, 9, 1)}).Want(c.status, c.code)
		})
	}
}

func TestAReplacedPictureIsSweptWhenNobodyShowsItAnyMore(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u := w.signIn("customer")
	upload := func(shade uint8) string {
		return data[shown](u.upload("/api/user/avatar", part{"avatar", "image/png", painting(t, 50, 50, shade)}).Want(http.StatusOK, "")).AvatarURL
	}
	first := upload(1)
	second := upload(2)
	if first == second {
		t.Fatal("two pictures under one address")
	}
	if n := w.sweep(); n != 0 {
		t.Fatalf("%d pictures were swept at once", n)
	}
	w.get(first).Want(http.StatusOK, "")
	w.Pass(media.ImageRetired)
	if n := w.sweep(); n != 1 {
		t.Fatalf("%d pictures were swept, want 1", n)
	}
	w.get(first).Want(http.StatusNotFound, "NOT_FOUND")
	w.get(second).Want(http.StatusOK, "")
	// The sweep finds also what was dropped by other ways than ours.
	w.Exec(`UPDATE users SET avatar_url = NULL WHERE id = $1`, u.id)
	w.Pass(25 * time.Hour)
	if n := w.sweep(); n != 1 {
		t.Fatalf("%d pictures were swept, want 1", n)
	}
	if keys := w.objects("avatars/" + u.id + "/"); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}
	if n := w.Number(`SELECT count(*) FROM images`); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

func TestAPictureInUseIsNeverSwept(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	c := w.creator()
	id := c.create(article(nil))
	address := data[shown](c.upload("/api/content/"+id+"/thumbnail", part{"thumbnail", "image/png", painting(t, 50, 50, 3)}).Want(http.StatusOK, "")).ThumbnailURL
	c.ask(http.MethodDelete, "/api/content/"+id, nil).Want(http.StatusNoContent, "") // its buyers still see it
	for range 5 {
		w.Pass(25 * time.Hour)
		if n := w.sweep(); n != 0 {
			t.Fatalf("%d pictures were swept", n)
		}
	}
	w.get(address).Want(http.StatusOK, "")
}

// An upload that ends between its record and its command, whatever ends it, leaves
// objects with a record; nothing shows them, and the sweep removes them.
func TestAnAbandonedUploadIsSwept(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{deaf: true, wait: 50 * time.Millisecond})
	u := w.signIn("customer")
	u.upload("/api/user/avatar", part{"avatar", "image/png", painting(t, 50, 50, 1)}).Want(http.StatusAccepted, "")
	if keys := w.objects("avatars/" + u.id + "/"); len(keys) != 3 {
		t.Fatalf("objects %v", keys)
	}
	if n := w.sweep(); n != 0 {
		t.Fatalf("%d pictures were swept while their command was on its way", n)
	}
	w.Pass(media.ImageAbandoned)
	if n := w.sweep(); n != 1 {
		t.Fatalf("%d pictures were swept, want 1", n)
	}
	if keys := w.objects("avatars/" + u.id + "/"); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}
}

func TestACommandThatComesAfterTheSweepIsRefused(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u := w.signIn("customer")
	key := []string{"Idempotency-Key", "one"}
	address := data[shown](u.upload("/api/user/avatar", part{"avatar", "image/png", painting(t, 50, 50, 1)}, key...).Want(http.StatusOK, "")).AvatarURL
	// As if the command had never been applied, and the sweep had just begun with it.
	w.Exec(`UPDATE users SET avatar_url = NULL`)
	w.Exec(`DELETE FROM commands`)
	w.Exec(`UPDATE images SET status = 'sweeping'`)
	u.upload("/api/user/avatar", part{"avatar", "image/png", painting(t, 50, 50, 1)}, key...).Want(http.StatusConflict, "IMAGE_GONE")
	w.Exec(`UPDATE images SET due_at = $1`, w.Now())
	if n := w.sweep(); n != 1 { // a sweep that died is taken up by the next
		t.Fatalf("%d pictures were swept, want 1", n)
	}
	again := data[shown](u.upload("/api/user/avatar", part{"avatar", "image/png", painting(t, 50, 50, 1)}, "Idempotency-Key", "two").Want(http.StatusOK, "")).AvatarURL
	if again == address {
		t.Error("a name was used twice")
	}
}

func TestOneKeyStandsForOnePicture(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u := w.signIn("customer")
	send := func(shade uint8) answer {
		return u.upload("/api/user/avatar", part{"avatar", "image/png", painting(t, 50, 50, shade)}, "Idempotency-Key", "k")
	}
	first := send(1).Want(http.StatusOK, "")
	if again := send(1).Want(http.StatusOK, ""); again.Body != first.Body {
		t.Errorf("%s, then %s", first.Body, again.Body)
	}
	send(2).Want(http.StatusUnprocessableEntity, "IDEMPOTENCY_KEY_REUSED")
	if n := w.Number(`SELECT count(*) FROM images`); n != 1 {
		t.Errorf("%d pictures were recorded", n)
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE type = 'user.profile_updated'`); n != 1 {
		t.Errorf("%d changes were told", n)
	}
}

func TestTheEdgeServesNothingButPictures(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	content := []byte("secret")
	for _, key := range []string{"u1/originals/m1/source.mp4", "u1/waveforms/m1/waveform.json", "avatars/u1/v1/lg.html", "private/lg.webp"} {
		if _, err := w.Assets.Put(context.Background(), key, bytes.NewReader(content), int64(len(content)), "image/webp"); err != nil {
			t.Fatal(err)
		}
		w.get("/assets/"+key).Want(http.StatusNotFound, "NOT_FOUND")
	}
	for _, path := range []string{
		"/assets/", "/assets", "/assets/avatars/u1/v1/lg.webp", "/assets/avatars/../u1/originals/m1/source.mp4", "/assets/avatars/%2e%2e/u1/originals/m1/source.mp4",
		"/assets/avatars%2fu1%2fv1%2flg.html", "/assets//private/lg.webp", "/assets/avatars/u1/v1/lg.webp%00",
	} {
		if a := w.get(path); a.Status != http.StatusNotFound || strings.Contains(a.Body, "secret") {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}

func TestAnErasedAccountTakesItsPictureWithIt(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u := w.signIn("customer")
	u.upload("/api/user/avatar", part{"avatar", "image/png", painting(t, 50, 50, 1)}).Want(http.StatusOK, "")
	w.Exec(`UPDATE users SET avatar_url = NULL, deleted_at = now() WHERE id = $1`, u.id)
	w.tell(u.id, u.id, 2, userDeleted(u.id))
	w.Eventually(1, `SELECT count(*)::int FROM images WHERE due_at <= $1`, w.Now())
	if n := w.sweep(); n != 1 || len(w.objects("avatars/"+u.id+"/")) != 0 {
		t.Errorf("%d pictures were swept", n)
	}
}
