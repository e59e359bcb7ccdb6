package images_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

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
func (h *harness) widths(address string) (list []int) {
	h.Helper()
	for _, name := range []string{"sm", "md", "lg"} {
		a := h.get(strings.Replace(address, "lg.webp", name+".webp", 1)).Want(http.StatusOK, "")
		info, err := picture.Inspect([]byte(a.Body))
		if err != nil || info.MIME != picture.WebP || a.Header.Get("Content-Type") != picture.WebP {
			h.Fatalf("%s is %+v of type %s, %v", name, info, a.Header.Get("Content-Type"), err)
		}
		list = append(list, info.Width)
	}
	return list
}

func TestAThumbnailIsStoredInThreeWidthsAndServed(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	c := h.signIn("creator")
	id := c.article("")
	before := h.Number(`SELECT version FROM content WHERE id = $1`, id)
	path := "/api/content/" + id + "/thumbnail"
	got := data[shown](c.upload(path, part{"thumbnail", "image/png", painting(t, 1000, 500, 90)}).Want(http.StatusOK, ""))
	prefix := h.URL + "/assets/" + c.id + "/content-thumbnails/" + id + "/"
	hasAddress := strings.HasPrefix(got.ThumbnailURL, prefix) && strings.HasSuffix(got.ThumbnailURL, "/lg.webp")
	if !hasAddress || got.MimeType != "image/webp" {
		t.Fatalf("%+v", got)
	}
	if list := h.widths(got.ThumbnailURL); !slices.Equal(list, []int{200, 400, 800}) {
		t.Errorf("widths %v", list)
	}
	a := h.get(got.ThumbnailURL)
	if len(a.Body) != got.Size {
		t.Errorf("%d bytes, declared are %d", len(a.Body), got.Size)
	}
	for name, want := range map[string]string{
		"Cache-Control":           "public, max-age=31536000, immutable",
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": "default-src 'none'",
	} {
		if a.Header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, a.Header.Get(name), want)
		}
	}
	again := h.get(got.ThumbnailURL, "If-None-Match", a.Header.Get("ETag"))
	if again.Status != http.StatusNotModified || again.Body != "" {
		t.Errorf("conditional request: %d with %d bytes", again.Status, len(again.Body))
	}
	head := (user{harness: h}).ask(http.MethodHead, got.ThumbnailURL, nil)
	if head.Status != http.StatusOK || head.Body != "" || head.Header.Get("Content-Type") != "image/webp" {
		t.Errorf("HEAD: %d %v", head.Status, head.Header)
	}
	item := data[shown](c.ask(http.MethodGet, "/api/content/"+id, nil))
	if item.ThumbnailURL != got.ThumbnailURL {
		t.Errorf("the item shows %s", item.ThumbnailURL)
	}
	if n := h.Number(`SELECT version FROM content WHERE id = $1`, id); n != before+1 {
		t.Errorf("version %d after %d", n, before)
	}
	if n := h.Number(`SELECT count(*) FROM outbox
		WHERE aggregate_id = $1 AND type = 'content.revised' AND data->>'fields' = '["thumbnailUrl"]'`, id); n != 1 {
		t.Errorf("%d events", n)
	}
	c.ask(http.MethodDelete, path, nil).Want(http.StatusNoContent, "")
	c.ask(http.MethodDelete, path, nil).Want(http.StatusNoContent, "")
	if item := data[shown](c.ask(http.MethodGet, "/api/content/"+id, nil)); item.ThumbnailURL != "" {
		t.Errorf("the item still shows %s", item.ThumbnailURL)
	}
}

func TestAPictureIsNeverEnlarged(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.signIn("customer")
	picture := part{"avatar", "image/png", painting(t, 300, 300, 10)}
	got := data[shown](u.upload(avatarPath, picture).Want(http.StatusOK, ""))
	if !strings.HasPrefix(got.AvatarURL, h.URL+"/assets/avatars/"+u.id+"/") || got.MimeType != "image/webp" {
		t.Fatalf("%+v", got)
	}
	if list := h.widths(got.AvatarURL); !slices.Equal(list, []int{200, 300, 300}) {
		t.Errorf("widths %v", list)
	}
	address := handlertest.Value[string](h.Harness, `SELECT avatar_url FROM users WHERE id = $1`, u.id)
	if address != got.AvatarURL {
		t.Errorf("the profile shows %s", address)
	}
	u.ask(http.MethodDelete, avatarPath, nil).Want(http.StatusNoContent, "")
	if n := h.Number(`SELECT count(*) FROM users WHERE id = $1 AND avatar_url IS NULL`, u.id); n != 1 {
		t.Error("the profile still shows a picture")
	}
}

// svgLogo is an SVG that would run a script.
const svgLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">
<script>alert(1)</script><path onclick="alert(1)" d="M0 0h9v9z"/></svg>`

func TestAnSVGLogoIsSanitized(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	organization := h.Organization()
	path := "/api/organizations/" + organization + "/settings/branding/logo"
	admin := h.signIn("customer").join(organization, "admin", "active")
	got := data[shown](admin.upload(path, part{"logo", "image/svg+xml", []byte(svgLogo)}).Want(http.StatusOK, ""))
	prefix := h.URL + "/assets/logos/" + organization + "/"
	if got.LogoURL == nil || !strings.HasSuffix(*got.LogoURL, "/logo.svg") || !strings.HasPrefix(*got.LogoURL, prefix) {
		t.Fatalf("%+v", got)
	}
	a := h.get(*got.LogoURL).Want(http.StatusOK, "")
	if strings.Contains(a.Body, "alert") || !strings.Contains(a.Body, "M0 0h9v9z") {
		t.Errorf("served %s", a.Body)
	}
	for name, want := range map[string]string{
		"Content-Type":            "image/svg+xml",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
		"Cache-Control":           "public, max-age=3600",
		"X-Content-Type-Options":  "nosniff",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	got = data[shown](admin.upload(path, part{"logo", "image/png", painting(t, 900, 300, 0)}).Want(http.StatusOK, ""))
	if list := h.widths(*got.LogoURL); !slices.Equal(list, []int{200, 400, 800}) {
		t.Errorf("widths %v", list)
	}
	if n := h.CountEvents(organization, "organization.branding_changed"); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
	got = data[shown](admin.ask(http.MethodDelete, path, nil).Want(http.StatusOK, ""))
	if got.LogoURL != nil {
		t.Errorf("still shows %s", *got.LogoURL)
	}
}

func TestOnlyOwnersAndAdminsChangeALogo(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	organization := h.Organization()
	for _, c := range []struct {
		name         string
		who          user
		organization string
		status       int
		code         string
	}{
		{"owner", h.signIn("creator").join(organization, "owner", "active"), organization, 200, ""},
		{"admin", h.signIn("creator").join(organization, "admin", "active"), organization, 200, ""},
		{"creator", h.signIn("creator").join(organization, "creator", "active"), organization, 403, "FORBIDDEN"},
		{"member", h.signIn("customer").join(organization, "member", "active"), organization, 403, "FORBIDDEN"},
		{"removed admin", h.signIn("creator").join(organization, "admin", "inactive"), organization, 403, "FORBIDDEN"},
		{"stranger", h.signIn("creator"), organization, 403, "FORBIDDEN"},
		{"a missing organization", h.signIn("creator"), uuid.NewString(), 403, "FORBIDDEN"},
		{"the platform's owner", h.signIn("platform_owner"), organization, 200, ""},
		{"the platform's owner, of a missing organization", h.signIn("platform_owner"), uuid.NewString(), 404, "NOT_FOUND"},
		{"anonymous", user{harness: h}, organization, 401, "UNAUTHORIZED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			who, path := c.who.in(t), "/api/organizations/"+c.organization+"/settings/branding/logo"
			who.upload(path, part{"logo", "image/svg+xml", []byte(svgLogo)}).Want(c.status, c.code)
			who.ask(http.MethodDelete, path, nil).Want(c.status, c.code)
		})
	}
}

func TestOnlyTheCreatorChangesAThumbnail(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	c, organization := h.signIn("creator"), h.Organization()
	c.join(organization, "creator", "active")
	id := c.article(organization)
	deleted := c.article("")
	c.ask(http.MethodDelete, "/api/content/"+deleted, nil).Want(http.StatusNoContent, "")
	for _, try := range []struct {
		name   string
		who    user
		id     string
		status int
		code   string
	}{
		{"another creator", h.signIn("creator"), id, 404, "CONTENT_NOT_FOUND"},
		{"the organization's owner", h.signIn("creator").join(organization, "owner", "active"), id, 404, "CONTENT_NOT_FOUND"},
		{"a customer", h.signIn("customer"), id, 403, "FORBIDDEN"},
		{"anonymous", user{harness: h}, id, 401, "UNAUTHORIZED"},
		{"a missing item", c, uuid.NewString(), 404, "CONTENT_NOT_FOUND"},
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
	if n := h.Number(`SELECT count(*) FROM images`); n != 0 {
		t.Errorf("%d pictures were recorded", n)
	}
}

// gif is a GIF of one pixel.
var gif = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00," +
	"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

func TestUnusablePicturesAreRejected(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u, organization := h.signIn("creator"), h.Organization()
	u.join(organization, "owner", "active")
	good := painting(t, 9, 9, 1)
	logo := "/api/organizations/" + organization + "/settings/branding/logo"
	page := []byte("<html><script>alert(1)</script></html>")
	entities := []byte(`<!DOCTYPE svg [<!ENTITY a "b">]>` + svgLogo)
	tooLarge := append(bytes.Clone(good), make([]byte, 5<<20)...)
	for _, c := range []struct {
		name, path string
		part       part
		code       string
	}{
		{"another type than declared", avatarPath, part{"avatar", "image/jpeg", good}, "INVALID_CONTENT_TYPE"},
		{"an HTML page declared as a picture", avatarPath, part{"avatar", "image/png", page}, "INVALID_CONTENT_TYPE"},
		{"a type that is not a picture", avatarPath, part{"avatar", "text/html", good}, "INVALID_CONTENT_TYPE"},
		{"no type", avatarPath, part{"avatar", "", good}, "INVALID_CONTENT_TYPE"},
		{"an SVG avatar", avatarPath, part{"avatar", "image/svg+xml", []byte(svgLogo)}, "INVALID_CONTENT_TYPE"},
		{"a GIF logo", logo, part{"logo", "image/gif", gif}, "INVALID_CONTENT_TYPE"},
		{"a bitmap declared as SVG", logo, part{"logo", "image/svg+xml", good}, "INVALID_IMAGE"},
		{"an SVG with entities", logo, part{"logo", "image/svg+xml", entities}, "INVALID_IMAGE"},
		{"half a picture", avatarPath, part{"avatar", "image/png", good[:40]}, "INVALID_IMAGE"},
		{"an empty file", avatarPath, part{"avatar", "image/png", nil}, "EMPTY_BODY"},
		{"more than 5 MiB", avatarPath, part{"avatar", "image/png", tooLarge}, "FILE_TOO_LARGE"},
		{"far more than 5 MiB", avatarPath, part{"avatar", "image/png", make([]byte, 9<<20)}, "FILE_TOO_LARGE"},
	} {
		t.Run(c.name, func(t *testing.T) { u.in(t).upload(c.path, c.part).Want(http.StatusBadRequest, c.code) })
	}

	u.upload(avatarPath, part{"picture", "image/png", good}).Names("picture")
	body, contentType := form(t, part{"avatar", "image/png", good}, part{"avatar", "image/png", good})
	u.ask(http.MethodPost, avatarPath, body, "Content-Type", contentType).Names("avatar")
	body, contentType = form(t)
	u.ask(http.MethodPost, avatarPath, body, "Content-Type", contentType).Want(http.StatusBadRequest, "EMPTY_BODY")
	u.ask(http.MethodPost, avatarPath, good, "Content-Type", "image/png").Names("Content-Type")
	cut := []byte("--x\r\nContent-Disposition: form-data; name=avatar\r\nContent-Type: image/png\r\n\r\ncut")
	u.ask(http.MethodPost, avatarPath, cut, "Content-Type", "multipart/form-data; boundary=x").
		Want(http.StatusBadRequest, "VALIDATION_ERROR")
	if n := h.Number(`SELECT count(*) FROM images`); n != 0 {
		t.Errorf("%d pictures were recorded", n)
	}
	u.upload(avatarPath, part{"avatar", "image/gif", gif}).Want(http.StatusOK, "")
	u.upload(avatarPath, part{"avatar", "application/octet-stream", good}).Want(http.StatusOK, "")
}

func TestWithoutFFmpegUploadsAreUnavailable(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{noMaker: true})
	a := h.signIn("customer").avatar(1).Want(http.StatusServiceUnavailable, "IMAGES_UNAVAILABLE")
	if !strings.Contains(a.Body, "ffmpeg") {
		t.Errorf("response %s", a.Body)
	}
}

// failingMaker fails with an error.
type failingMaker struct{ err error }

func (f failingMaker) Picture(context.Context, []byte) (map[string][]byte, error) { return nil, f.err }

func TestOnlyADamagedPictureIsTheClientsFault(t *testing.T) {
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
			h := newHarness(t, options{maker: failingMaker{c.err}})
			h.signIn("customer").avatar(1).Want(c.status, c.code)
		})
	}
}

func TestOnlyPicturesAreServed(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	for _, key := range []string{
		"u1/originals/m1/source.mp4",
		"u1/waveforms/m1/waveform.json",
		"avatars/u1/v1/lg.html",
		"private/lg.webp",
	} {
		h.PutObject(h.Assets, key, "secret", "image/webp")
		h.get("/assets/"+key).Want(http.StatusNotFound, "NOT_FOUND")
	}
	for _, path := range []string{
		"/assets/",
		"/assets",
		"/assets/avatars/u1/v1/lg.webp",
		"/assets/avatars/../u1/originals/m1/source.mp4",
		"/assets/avatars/%2e%2e/u1/originals/m1/source.mp4",
		"/assets/avatars%2fu1%2fv1%2flg.html",
		"/assets//private/lg.webp",
	} {
		if a := h.get(path); a.Status != http.StatusNotFound || strings.Contains(a.Body, "secret") {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	h.get("/assets/avatars/u1/v1/lg.webp%00").Names("path")
}
