package media_test

import (
	"testing"

	"github.com/codex-platform/codex/domain/media"
)

func TestOnlyPublicPicturesAreAssets(t *testing.T) {
	t.Parallel()
	const id = "0197a3c4-5d6e-7f80-9a1b-2c3d4e5f6071"
	for key, want := range map[string]string{
		"avatars/u1/" + id + "/lg.webp":                   media.WebP,
		"logos/" + id + "/" + id + "/logo.svg":            media.SVG,
		"u1/content-thumbnails/" + id + "/v1/sm.webp":     media.WebP,
		"u1/media-thumbnails/" + id + "/md.webp":          media.WebP,
		"categories/" + id + "/cover/lg.webp":             media.WebP,
		"avatars/u1/v1/lg.svg":                            "",
		"u1/originals/" + id + "/upload/source.mp4":       "",
		"u1/hls/" + id + "/720p/stream.mp4":               "",
		"u1/thumbnails/" + id + "/auto-generated.jpg":     "",
		"u1/content-thumbnails/../originals/x/lg.webp":    "",
		"u1/content-thumbnails/" + id + "/%2e%2e/lg.webp": "",
		"avatars/u1/":             "",
		"avatars/u1/v1/x/lg.webp": "",
		"/avatars/u1/v1/lg.webp":  "",
		"avatars//v1/lg.webp":     "",
		"avatars/u1/v1/lg.webp\n": "",
		"avatars/u1/v1/lg.html":   "",
		"":                        "",
	} {
		if got, ok := media.AssetType(key); got != want || ok != (want != "") {
			if want != "" || ok {
				t.Errorf("%q is %q, %v, want %q", key, got, ok, want)
			}
		}
	}
	for _, kind := range []media.ImageKind{media.Avatar, media.Logo, media.Thumbnail} {
		key := media.ImagePrefix(kind, "u1", id, id) + "lg.webp"
		if _, ok := media.AssetType(key); !ok {
			t.Errorf("%s, which is made for a %s, is no asset", key, kind)
		}
	}
}
