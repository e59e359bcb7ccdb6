package media_test

import (
	"testing"

	"github.com/codex-platform/codex/domain/media"
)

func TestTypesAreAcceptedAsBrowsersNameThem(t *testing.T) {
	t.Parallel()
	for declared, want := range map[string]string{
		"audio/x-m4a":                  "audio/mp4",
		"audio/x-wav":                  "audio/wav",
		"audio/wave":                   "audio/wav",
		"audio/mp3":                    "audio/mpeg",
		"video/x-m4v":                  "video/mp4",
		"video/avi":                    "video/x-msvideo",
		"VIDEO/MP4":                    "video/mp4",
		"video/webm;codecs=\"vp9\"":    "video/webm",
		" Video/3GPP ; codecs=\"x,y\"": "video/mp4",
		"audio/x-flac":                 "audio/flac",
		"audio/x-aiff":                 "audio/aiff",
		"application/ogg":              "video/ogg",
	} {
		kind := media.Video
		if want[:5] == "audio" {
			kind = media.Audio
		}
		r := media.Register{Title: "A piece", MediaType: kind, MimeType: declared, FileSizeBytes: 5000}
		if bad := r.Validate(); len(bad) > 0 || r.MimeType != want {
			t.Errorf("%q became %q, %v; want %q", declared, r.MimeType, bad, want)
		}
	}
}
